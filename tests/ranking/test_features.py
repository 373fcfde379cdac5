from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recsys.data.catalogue import Candidates
from recsys.data.dislikes import Dislikes
from recsys.data.histories import ad_hoc_profile
from recsys.data.reviews import Opinions
from recsys.data.schema import TimeKind
from recsys.forecast.prices import DAY, PriceHistory
from recsys.ranking import visit_training
from recsys.ranking.features import BLOCKS
from recsys.ranking.features.content import Similarity
from recsys.ranking.features.new_products import NewProducts
from tests.shops import context_of, events_of, facts_of, mean_texts, tables


@pytest.fixture(scope="module")
def shop():
    items, rows = tables()
    events = events_of(items, rows)
    disliked = np.array([0, 0, 1], np.int32)  # the first shopper two things, the second one
    said = Dislikes(disliked, np.array([3, 7, 5], np.int32), np.full(3, events.end - 1), np.ones(3, bool))
    facts = facts_of(items)
    pictures = np.random.default_rng(5).normal(size=(len(facts), 6)).astype(np.float32)
    pictures /= np.linalg.norm(pictures, axis=1, keepdims=True)
    pictures[::4] = 0  # these have none
    rng = np.random.default_rng(6)  # half of the items were written of
    item = rng.integers(0, len(facts) // 2, 40).astype(np.int32)
    written = Opinions(item, rng.uniform(0, events.end, 40), rng.random(40).astype(np.float32))
    today = int(events.end // DAY)
    step = np.repeat(np.arange(2), 2)  # two items with prices, the first of them on sale now
    prices = PriceHistory(step, today - np.array([200, 3, 200, 100]), np.array([10.0, 8.0, 5.0, 5.0]), len(items))
    known = context_of(replace(events, dislikes=said, opinions=written), replace(facts, pictures=pictures))
    return replace(
        known,
        prices=prices,
        network=visit_training.train(known.events, known.catalogue, passes=2, seed=known.seed),
    )


@pytest.fixture(scope="module")
def fitted(shop):
    blocks = [kind() for kind in BLOCKS if kind.applies(shop)]
    for block in blocks:
        block.fit(shop)
    return blocks


def profile(shop, user: int = 0):
    text = mean_texts(shop.catalogue)(shop.histories, np.array([user]))[0]
    return shop.histories.profile(user, shop.catalogue, text)


def by_name(blocks, name):
    return next(b for b in blocks if b.name == name)


def test_every_block_says_what_it_means_and_names_are_unique(fitted):
    assert len({b.name for b in fitted}) == len(BLOCKS)
    assert all(len(b.meaning) > 20 for b in BLOCKS)
    columns = [c for b in fitted for c in b.columns]
    assert len(set(columns)) == len(columns)


@pytest.mark.parametrize("kind", BLOCKS, ids=lambda k: k.name)
def test_a_block_gives_finite_columns_for_anyone_and_anything(kind, shop, fitted):
    block = by_name(fitted, kind.name)
    sentence = ad_hoc_profile(shop.catalogue.take([3]), np.array([-1]), shop.catalogue.vectors[3], 8.0)
    nobody = ad_hoc_profile(shop.catalogue.take([]), np.array([], np.int64), shop.catalogue.vectors[3] * 0, 8.0)
    stranger = ad_hoc_profile(shop.catalogue.take([1, 2]), np.array([1, 2]), shop.catalogue.vectors[1], 8.0)
    unknown = Candidates(np.array([-1, -1, 5]), shop.catalogue.take([0, 4, 5]))
    for who in (profile(shop), profile(shop, 1), sentence, nobody, stranger):
        for what in (Candidates.of(shop.catalogue), unknown, unknown.take([])):
            values = block.transform(who, what)
            assert values.shape == (len(what), len(block.columns))
            assert values.dtype == np.float32
            assert np.isfinite(values).all()


@pytest.mark.parametrize("kind", BLOCKS, ids=lambda k: k.name)
def test_one_by_one_equals_the_list_and_score_equals_transform(kind, shop, fitted):
    block, who, everything = by_name(fitted, kind.name), profile(shop), Candidates.of(shop.catalogue)
    whole = block.transform(who, everything)
    for code in (0, 7, 31):
        np.testing.assert_allclose(block.transform(who, everything.take([code]))[0], whole[code], rtol=1e-5, atol=1e-6)
    weights = np.random.default_rng(0).normal(size=len(block.columns))
    np.testing.assert_allclose(block.score(who, everything, weights), whole @ weights, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", BLOCKS, ids=lambda k: k.name)
def test_a_block_comes_back_from_its_state(kind, shop, fitted):
    block, again = by_name(fitted, kind.name), kind()
    again.restore(block.state())
    assert again.columns == block.columns
    everything = Candidates.of(shop.catalogue)
    np.testing.assert_array_equal(
        again.transform(profile(shop), everything), block.transform(profile(shop), everything)
    )


def test_the_folded_query_is_the_score(shop, fitted):
    who, everything = profile(shop), Candidates.of(shop.catalogue)
    folded = 0
    for block in fitted:
        weights = np.random.default_rng(1).normal(size=len(block.columns))
        if (query := block.linear_query(who, weights)) is not None:
            folded += 1
            got = shop.catalogue.vectors @ query[0] + query[1]
            np.testing.assert_allclose(got, block.score(who, everything, weights), rtol=1e-4, atol=1e-4)
    assert folded >= 2


def test_blocks_whose_columns_do_not_exist_are_absent():
    items, rows = tables(columns=())
    bare = context_of(events_of(items, rows, TimeKind.ORDER), facts_of(items))
    names = {kind.name for kind in BLOCKS if kind.applies(bare)}
    assert not names & {"price", "category", "newness", "their time", "bought together lately"}
    assert {"text vectors", "popularity", "taste", "shared words"} <= names


def test_an_unknown_product_looks_like_one_nobody_bought(shop, fitted):
    never = int(np.flatnonzero(np.bincount(shop.events.item, minlength=len(shop.catalogue)) == 0)[0])
    facts = shop.catalogue.take([never, never])
    both = Candidates(np.array([never, -1]), facts)
    for block in fitted:
        known, unknown = block.transform(profile(shop), both)
        if block.name == "bought with its like":  # the like of what is not in the catalogue are not looked up
            assert not unknown.any()
            continue
        np.testing.assert_allclose(known, unknown, rtol=1e-5, atol=1e-6, err_msg=block.name)


def test_what_nobody_bought_is_bought_with_its_like(shop, fitted):
    """A new product of the shopper's own taste gets more from what its likes sold with than one of another taste."""
    never = np.flatnonzero(np.bincount(shop.events.item, minlength=len(shop.catalogue)) == 0)
    block = by_name(fitted, "bought with its like")
    got = block.transform(profile(shop), Candidates.of(shop.catalogue, never))[:, 0]
    assert got.max() > 0
    facts = shop.catalogue
    bought = profile(shop).items
    like = np.asarray((facts.terms[never] @ facts.terms[bought].T).sum(axis=1))
    assert np.corrcoef(got, like)[0, 1] > 0.2


def test_tastes_differ(shop, fitted):
    """Two shoppers with different tastes get different orders from everything that looks at the history."""
    everything = Candidates.of(shop.catalogue)
    for name in ("text agreement", "similarity", "shared words", "bought together", "bought next", "taste", "category"):
        block = by_name(fitted, name)
        assert not np.allclose(
            block.transform(profile(shop, 0), everything), block.transform(profile(shop, 1), everything)
        )


def test_text_counts_on_its_own_only_where_little_else_is_known(shop, fitted):
    """Each sale takes a share of the coldness: none 1, one a half, ten nothing."""
    block, who = by_name(fitted, "new products"), profile(shop)
    events = shop.events
    few = events.where(
        (events.item != 2) & ((events.item != 3) | (np.arange(len(events)) == np.argmax(events.item == 3)))
    )
    fresh = NewProducts()
    fresh.fit(shop.earlier(few, events.end, 8.0))
    assert fresh.coldness[[2, 3]].tolist() == [1.0, 0.5]
    some = Candidates.of(shop.catalogue, np.array([2, 3]))
    read = Similarity().transform(who, some)[:, Similarity.columns.index("cosine_mean")]
    np.testing.assert_allclose(fresh.transform(who, some)[:, 0], read * [1.0, 0.5], rtol=1e-5)
    sold = np.flatnonzero(np.bincount(events.item, minlength=len(shop.catalogue)) >= 10)
    assert len(sold)
    assert not block.transform(who, Candidates.of(shop.catalogue, sold)).any()
    # What the catalogue does not have is as new as can be.
    unknown = replace(some, codes=np.array([-1, -1]))
    np.testing.assert_allclose(fresh.transform(who, unknown)[:, 0], read, rtol=1e-5)
