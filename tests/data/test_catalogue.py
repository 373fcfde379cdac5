"""Words, texts and facts of products: known, unknown, and in any script."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data import catalogue
from recsys.data.catalogue import Candidates, ItemFeatures, Vocabulary, render

PROPERTY = settings(max_examples=40)
TEMPLATE = ("title", "brand", "category", "text")

prices = st.none() | st.floats(-10, 1e6)
products = st.lists(
    st.fixed_dictionaries(
        {
            "title": st.none() | st.text(max_size=12) | st.sampled_from(["red teapot", "blue mug", "红色茶壶"]),
            "brand": st.none() | st.sampled_from(["Acme", " Acme ", "Bolt", ""]),
            "category": st.none() | st.sampled_from(["kitchen", "toys"]),
            "price": prices,
        }
    ),
    min_size=1,
    max_size=8,
)


def table_of(rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["title", "brand", "category", "price"]).astype(
        {"title": object, "brand": object, "category": object, "price": "float64"}
    )


def test_a_text_is_the_filled_columns_of_the_template_in_its_order():
    table = pd.DataFrame(
        {"title": ["Mug", None, "Acme"], "brand": ["Acme", "Bolt", "Acme"], "year": [1999, None, 2001]}
    )
    assert render(table, ("title", "brand", "missing")) == ["Mug. Acme", "Bolt", "Acme"]
    assert render(table, ("brand", "title")) == ["Acme. Mug", "Bolt", "Acme"]
    assert render(table, ("missing",)) == ["", "", ""]
    assert [t.split(".")[0] for t in render(table, ("year",))] == ["1999", "", "2001"]


@given(products, products)
@PROPERTY
def test_facts_of_known_and_unknown_products(known, others):
    catalogue = table_of(known)
    vocabulary = Vocabulary.fit(catalogue, TEMPLATE)
    for table in (catalogue, table_of(others)):
        facts = vocabulary.facts(table, np.zeros((len(table), 3), np.float32))
        assert len(facts) == len(table)
        assert facts.terms.dtype == np.float32
        norms = np.sqrt(np.asarray(facts.terms.multiply(facts.terms).sum(axis=1))).ravel()
        assert (np.isclose(norms, 1, atol=1e-5) | (norms == 0)).all()
        brands = {b.strip() for b in catalogue.brand.dropna()} - {""}
        for row, brand in enumerate(table.brand):
            named = brand.strip() if isinstance(brand, str) else ""
            code = facts.brand[row]
            assert code == -1 if named not in brands else vocabulary.brands[code] == named
        good = table.price.notna() & (table.price >= 0)
        np.testing.assert_array_equal(np.isnan(facts.price), ~good)
        np.testing.assert_allclose(np.expm1(facts.price[good].astype(float)), table.price[good], rtol=1e-4, atol=1e-5)


@given(products, products)
@PROPERTY
def test_a_restored_vocabulary_gives_the_same_facts(known, others):
    vocabulary = Vocabulary.fit(table_of(known), TEMPLATE)
    state = vocabulary.state()
    idf = np.asarray(state.pop("idf"))
    again = Vocabulary.restore(idf=idf, **json.loads(json.dumps(state)))
    table = table_of(others)
    vectors = np.zeros((len(table), 3), np.float32)
    assert same(vocabulary.facts(table, vectors), again.facts(table, vectors))
    assert again.template == vocabulary.template


def same(one: ItemFeatures, two: ItemFeatures) -> bool:
    return (
        np.array_equal(one.vectors, two.vectors)
        and (one.terms != two.terms).nnz == 0
        and one.terms.shape == two.terms.shape
        and np.array_equal(one.brand, two.brand)
        and np.array_equal(one.category, two.category)
        and np.array_equal(one.price, two.price, equal_nan=True)
    )


@given(products, products, st.data())
@PROPERTY
def test_taking_and_joining_rows(known, others, data):
    vocabulary = Vocabulary.fit(table_of(known), TEMPLATE)
    rng = np.random.default_rng(0)
    one, two = (
        vocabulary.facts(table_of(rows), rng.normal(size=(len(rows), 3)).astype(np.float32)) for rows in (known, others)
    )
    both = ItemFeatures.concat(one, two)
    assert same(both.take(range(len(one))), one)
    assert same(both.take(np.arange(len(one), len(both))), two)
    rows = data.draw(st.lists(st.integers(0, len(both) - 1), max_size=6))
    taken = both.take(rows)
    assert same(taken.take(range(len(rows))), taken)
    candidates = Candidates(np.arange(len(both)), both).take(rows)
    assert candidates.codes.tolist() == rows
    assert same(candidates.facts, taken)


@pytest.mark.parametrize("titles", [["", "", ""], ["...", "!", "?"], [None, None, None]])
def test_a_catalogue_without_a_word_still_works(titles):
    table = pd.DataFrame({"title": titles})
    facts = Vocabulary.fit(table, TEMPLATE).facts(table, np.zeros((3, 2), np.float32))
    assert facts.terms.nnz == 0
    assert (facts.brand == -1).all()
    assert np.isnan(facts.price).all()


def test_similar_words_are_nearer():
    table = pd.DataFrame({"title": ["red enamel teapot", "blue enamel teapot", "garden hose 20m"]})
    rows = Vocabulary.fit(table, TEMPLATE).facts(table, np.zeros((3, 2), np.float32)).terms
    cosine = (rows @ rows.T).toarray()
    assert cosine[0, 1] > 0.2 > cosine[0, 2] == 0
    np.testing.assert_allclose(np.diag(cosine), 1, rtol=1e-5)


def test_directions_are_orthonormal_strongest_first_and_the_same_every_time():
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(300, 5)) * [5, 3, 1, 0.5, 0.1]).astype(np.float32)
    vocabulary = Vocabulary.fit(pd.DataFrame({"title": ["x"]}), TEMPLATE)
    facts = vocabulary.facts(pd.DataFrame({"title": ["x"] * 300}), vectors)
    axes = facts.directions
    np.testing.assert_allclose(axes.T @ axes, np.eye(5), atol=1e-5)
    spread = (vectors @ axes).std(axis=0)
    assert (np.diff(spread) < 0).all()
    np.testing.assert_array_equal(facts.take(np.arange(300)).directions, axes)


@given(products)
@PROPERTY
def test_alike_are_the_nearest_others_by_words(rows):
    table = table_of(rows)
    vocabulary = Vocabulary.fit(table, TEMPLATE)
    facts = vocabulary.facts(table, np.zeros((len(table), 2), np.float32))
    dense = (facts.terms @ facts.terms.T).toarray()
    np.fill_diagonal(dense, 0)
    np.testing.assert_allclose(facts.alike.toarray(), dense, atol=1e-6)  # fewer items than are kept of each row


def test_a_word_that_many_share_makes_nothing_alike(monkeypatch):
    monkeypatch.setattr(catalogue, "COMMON", 2)
    table = table_of([{"title": "red mug"}, {"title": "red pan"}, {"title": "red oak pan"}])
    facts = Vocabulary.fit(table, TEMPLATE).facts(table, np.zeros((3, 2), np.float32))
    found = facts.alike.toarray() > 0
    assert found.tolist() == [[False] * 3, [False, False, True], [False, True, False]]


def test_no_products_have_no_facts():
    table = table_of([{"title": "red mug"}, {"title": "blue pan"}])
    vocabulary = Vocabulary.fit(table, TEMPLATE)
    facts = vocabulary.facts(table, np.zeros((2, 3), np.float32))
    none = vocabulary.facts(table[:0], np.zeros((0, 3), np.float32))
    assert (len(none), none.terms.shape) == (0, (0, facts.terms.shape[1]))
    assert len(ItemFeatures.concat(facts, none)) == 2
