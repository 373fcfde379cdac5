"""Rules as properties: whatever is asked for, filters are absolute, caps hold, lists are as long as they can be."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from recsys import Recommender
from recsys.data.catalogue import ItemFeatures
from recsys.errors import BadInput
from recsys.serving.rule_items import RuleItems, apply
from recsys.serving.rules import Rules

BRANDS = ["Acme", "Bolt", "Coil"]
CATEGORIES = ["kitchen", "toys"]
PROPERTY = settings(max_examples=100)


def make_shelf(n: int, rng: np.random.Generator, dim: int = 8) -> RuleItems:
    vectors = rng.normal(size=(n, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    price = np.where(rng.random(n) < 0.2, np.nan, rng.integers(1, 10, n))
    return RuleItems(
        ids=np.array([f"i{row:02d}" for row in rng.permutation(n)], dtype=object),
        facts=ItemFeatures(
            vectors=vectors,
            terms=sparse.csr_array((n, 1), dtype=np.float32),
            brand=rng.integers(-1, len(BRANDS), n).astype(np.int32),
            category=rng.integers(-1, len(CATEGORIES), n).astype(np.int32),
            price=np.log1p(price).astype(np.float32),
        ),
        brands=BRANDS,
        categories=CATEGORIES,
        available=rng.random(n) < 0.8,
        is_new=rng.random(n) < 0.3,
    )


@st.composite
def cases(draw, **fixed):
    """A shelf, scores with ties and gaps, rules of every kind, and a length."""
    n = draw(st.integers(1, 14))
    shelf = make_shelf(n, np.random.default_rng(draw(st.integers(0, 2**32 - 1))))
    scores = np.array(draw(st.lists(st.sampled_from([-3.0, -1.0, 0.0, 0.5, 2.0, -np.inf]), min_size=n, max_size=n)))
    items = st.sampled_from([*sorted(shelf.ids), "unknown"])
    some_brands, some_categories = st.sampled_from([*BRANDS, "Nobody"]), st.sampled_from(CATEGORIES)
    boost = st.floats(-3, 3).map(lambda x: round(x, 2))
    spec = {
        "categories": st.none() | st.sets(some_categories, min_size=1),
        "exclude_categories": st.sets(some_categories, max_size=1),
        "brands": st.none() | st.sets(some_brands, min_size=1),
        "exclude_brands": st.sets(some_brands, max_size=2),
        "price_min": st.none() | st.integers(0, 5),
        "price_max": st.none() | st.integers(5, 10),
        "include_items": st.none() | st.sets(items, min_size=min(n, 5)),
        "exclude_items": st.sets(items, max_size=3),
        "include_unavailable": st.booleans(),
        "max_per_brand": st.none() | st.integers(1, 3),
        "max_per_category": st.none() | st.integers(1, 3),
        "diversity": st.sampled_from([0.0, 0.0, 0.3, 1.0]),
        "pinned": st.lists(items, unique=True, max_size=4).flatmap(
            lambda ids: st.lists(st.integers(1, 12), unique=True, min_size=len(ids), max_size=len(ids)).map(
                lambda places: dict(zip(places, ids, strict=True))
            )
        ),
        "boost_items": st.dictionaries(items, boost, max_size=3),
        "boost_brands": st.dictionaries(some_brands, boost, max_size=2),
        "boost_categories": st.dictionaries(some_categories, boost, max_size=2),
        "explore": st.sampled_from([0.0, 0.0, 0.2, 0.5, 1.0]),
    }
    # A few rules at a time: a list that is nearly always empty would test little.
    on = draw(st.sets(st.sampled_from(sorted(spec)), max_size=6)) | set(fixed)
    asked = {name: fixed[name] if name in fixed else draw(spec[name]) for name in sorted(on)}
    return Rules(**asked), scores, shelf, draw(st.integers(1, 12))


def name_of(codes, row: int, names: list[str]) -> str | None:
    return None if codes[row] < 0 else names[codes[row]]


def allowed(rules: Rules, scores, shelf: RuleItems, row: int) -> bool:
    """The filters, said again in the plainest way."""
    brand = name_of(shelf.facts.brand, row, BRANDS)
    category = name_of(shelf.facts.category, row, CATEGORIES)
    price, item = np.expm1(shelf.facts.price[row].astype(float)), shelf.ids[row]
    return bool(
        np.isfinite(scores[row])
        and (rules.include_unavailable or shelf.available[row])
        and (rules.categories is None or category in rules.categories)
        and category not in rules.exclude_categories
        and (rules.brands is None or brand in rules.brands)
        and brand not in rules.exclude_brands
        and (rules.price_min is None or price >= rules.price_min - 1e-5)
        and (rules.price_max is None or price <= rules.price_max + 1e-5)
        and (rules.include_items is None or item in rules.include_items)
        and item not in rules.exclude_items
    )


def has_room(rules: Rules, shelf: RuleItems, rows, row: int) -> bool:
    for codes, cap in ((shelf.facts.brand, rules.max_per_brand), (shelf.facts.category, rules.max_per_category)):
        if cap is not None and codes[row] >= 0 and (codes[rows] == codes[row]).sum() >= cap:
            return False
    return True


@given(cases())
@PROPERTY
def test_filters_are_absolute_and_caps_hold(case):
    rules, scores, shelf, k = case
    got = apply(rules, scores, shelf, k)
    assert len(got.rows) == len(got.notes) == len(set(got.rows.tolist())) <= k
    assert all(allowed(rules, scores, shelf, row) for row in got.rows)
    for codes, cap in ((shelf.facts.brand, rules.max_per_brand), (shelf.facts.category, rules.max_per_category)):
        counts = Counter(codes[got.rows][codes[got.rows] >= 0].tolist())
        assert cap is None or max(counts.values(), default=0) <= cap


@given(cases())
@PROPERTY
def test_a_short_list_leaves_nothing_that_would_fit(case):
    rules, scores, shelf, k = case
    rows = apply(rules, scores, shelf, k).rows
    rest = [r for r in range(len(scores)) if r not in set(rows.tolist()) and allowed(rules, scores, shelf, r)]
    if len(rows) < k:
        assert not any(has_room(rules, shelf, rows, r) for r in rest)
    if rules.max_per_brand is None and rules.max_per_category is None:
        assert len(rows) == min(k, len(rows) + len(rest))


@given(cases(max_per_category=None))
@PROPERTY
def test_one_kind_of_cap_costs_no_length_it_does_not_have_to(case):
    rules, scores, shelf, k = case
    possible = [r for r in range(len(scores)) if allowed(rules, scores, shelf, r)]
    counts = Counter(shelf.facts.brand[possible].tolist())
    cap = rules.max_per_brand or len(scores)
    longest = sum(n if code < 0 else min(n, cap) for code, n in counts.items())
    assert len(apply(rules, scores, shelf, k).rows) == min(k, longest)


@given(cases())
@PROPERTY
def test_without_rules_it_is_the_score_order_with_ties_by_id(case):
    _, scores, shelf, k = case
    got = apply(Rules(), scores, shelf, k)
    best = sorted((-s, i, r) for r, (s, i) in enumerate(zip(scores, shelf.ids, strict=True)) if np.isfinite(s))
    assert got.rows.tolist() == [r for _, _, r in best if shelf.available[r]][:k]
    assert set(got.notes) <= {""}


@given(cases())
@PROPERTY
def test_pins_take_their_places_where_rules_allow_them(case):
    rules, scores, shelf, k = case
    got = apply(rules, scores, shelf, k)
    ids = shelf.ids[got.rows].tolist()
    row_of = {item: row for row, item in enumerate(shelf.ids)}
    pinned: list[int] = []
    for place, item in sorted(rules.pinned.items()):
        row = row_of.get(item)
        if place > k or row is None or not allowed(rules, scores, shelf, row):
            assert item not in ids or got.notes[ids.index(item)].split("; ")[0] != "pinned"
        elif has_room(rules, shelf, np.array(pinned, int), row):
            pinned.append(row)
            at = ids.index(item)
            assert got.notes[at].startswith("pinned")
            assert at + 1 == place or (at + 1 < place and len(ids) < k)


@given(cases(diversity=0.0), st.integers(0, 13), st.floats(0.01, 5))
@PROPERTY
def test_a_boost_never_lowers_an_item(case, which, more):
    assert_boost_monotone(case, which, more)


@given(cases(diversity=0.4), st.integers(0, 13), st.floats(0.01, 5))
@PROPERTY
def test_a_boost_never_lowers_an_item_of_a_diverse_list(case, which, more):
    assert_boost_monotone(case, which, more)


def assert_boost_monotone(case, which: int, more: float) -> None:
    rules, scores, shelf, k = case
    item = shelf.ids[which % len(scores)]
    boosts = {**rules.boost_items, item: rules.boost_items.get(item, 0.0) + more}
    before = shelf.ids[apply(rules, scores, shelf, k).rows].tolist()
    after = shelf.ids[apply(rules.model_copy(update={"boost_items": boosts}), scores, shelf, k).rows].tolist()
    if item in before:
        assert item in after
        assert after.index(item) <= before.index(item)


@given(cases(), st.randoms(use_true_random=False))
@PROPERTY
def test_neither_the_order_of_rules_nor_of_candidates_matters(case, random):
    rules, scores, shelf, k = case
    fields = [(n, v) for n, v in rules.model_dump(exclude_unset=True).items()]
    random.shuffle(fields)

    def shuffled(value):
        if isinstance(value, frozenset):
            return random.sample(sorted(value), len(value))
        if isinstance(value, dict):
            return dict(random.sample(list(value.items()), len(value)))
        return value

    again = Rules(**{name: shuffled(value) for name, value in fields})
    assert again == rules
    order = np.array(random.sample(range(len(scores)), len(scores)))
    moved = replace(
        shelf,
        ids=shelf.ids[order],
        facts=shelf.facts.take(order),
        available=shelf.available[order],
        is_new=shelf.is_new[order],
    )
    one, two = apply(rules, scores, shelf, k, seed="u"), apply(again, scores[order], moved, k, seed="u")
    assert shelf.ids[one.rows].tolist() == moved.ids[two.rows].tolist()
    assert (one.notes, one.left_out) == (two.notes, two.left_out)


@given(cases(explore=0.2))
@PROPERTY
def test_explored_items_are_new_and_only_in_every_fifth_place(case):
    rules, scores, shelf, k = case
    got = apply(rules, scores, shelf, k, seed="day 1")
    for place, (row, note) in enumerate(zip(got.rows, got.notes, strict=True), start=1):
        if note.split("; ")[0] == "explore":
            assert shelf.is_new[row]
            assert place % 5 == 0


def test_exploration_is_a_draw_by_odds_that_a_seed_decides():
    n = 60
    shelf = replace(make_shelf(n, np.random.default_rng(0)), available=np.ones(n, bool), is_new=np.arange(n) >= 40)
    scores = np.where(shelf.is_new, -6.0, np.linspace(2, 1, n))
    scores[-1] = -4.0  # seven times the odds of the other new items
    first: Counter[int] = Counter()
    for user in range(400):
        got = apply(Rules(explore=0.2), scores, shelf, 10, seed=f"user {user}")
        assert [i for i, note in enumerate(got.notes, start=1) if note == "explore"] == [5, 10]
        assert got.rows.tolist() == apply(Rules(explore=0.2), scores, shelf, 10, seed=f"user {user}").rows.tolist()
        first[int(got.rows[4])] += 1
    odds = np.exp(2)
    assert abs(first[n - 1] / 400 - odds / (odds + 19)) < 0.08
    assert len(first) > 15
    assert apply(Rules(), scores, shelf, 10).rows.max() < 40


def test_diversity_trades_score_for_difference():
    rng = np.random.default_rng(1)
    groups = np.eye(4, dtype=np.float32)[np.repeat(np.arange(4), 10)] + 0.01 * rng.normal(size=(40, 4))
    vectors = (groups / np.linalg.norm(groups, axis=1, keepdims=True)).astype(np.float32)
    shelf = replace(make_shelf(40, rng), available=np.ones(40, bool))
    shelf = replace(shelf, facts=replace(shelf.facts, vectors=vectors))
    scores = -np.arange(40.0)  # the first ten are all of one kind

    def similarity(diversity: float) -> float:
        rows = apply(Rules(diversity=diversity), scores, shelf, 8).rows
        return float((vectors[rows] @ vectors[rows].T).mean())

    measured = [similarity(d) for d in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert measured == sorted(measured, reverse=True)
    assert measured[0] > 0.99
    assert measured[-1] < 0.35
    got = apply(Rules(diversity=0.5), scores, shelf, 3)
    assert got.rows.tolist() == [0, 10, 20]
    assert got.notes == ["", "diversity: 11→2", "diversity: 21→3"]


def test_notes_and_counts_say_what_each_rule_did():
    shelf = replace(
        make_shelf(6, np.random.default_rng(0)),
        ids=np.array(list("abcdef"), dtype=object),
        available=np.array([True, True, True, True, True, False]),
    )
    shelf = replace(
        shelf,
        facts=replace(
            shelf.facts,
            brand=np.array([0, 0, 0, 1, 1, 1], np.int32),
            price=np.log1p(np.array([1, 2, 3, 4, 5, np.nan])).astype(np.float32),
        ),
    )
    scores = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 6.0])
    rules = Rules(max_per_brand=2, pinned={1: "e"}, boost_items={"d": 0.5}, price_max=4, exclude_items=["zzz"])
    got = apply(rules, scores, shelf, 5)
    assert shelf.ids[got.rows].tolist() == ["a", "b", "d"]  # e costs 5: no pin brings it back
    assert got.notes == ["", "", "boosted +0.50; caps: 4→3"]
    assert got.left_out == {"available": 1, "price_max": 2}
    assert apply(Rules(pinned=["c", "b"]), scores, shelf, 4).notes == ["pinned", "pinned", "", ""]


def test_a_price_bound_includes_its_own_price():
    prices = np.round(np.random.default_rng(0).uniform(0, 500, 1_000), 2)
    shelf = make_shelf(1_000, np.random.default_rng(0))
    shelf = replace(
        shelf,
        available=np.ones(1_000, bool),
        facts=replace(shelf.facts, price=np.log1p(prices).astype(np.float32)),
    )
    for bound in prices[:20]:
        rows = apply(Rules(price_min=bound, price_max=bound), np.zeros(1_000), shelf, 1_000).rows
        assert sorted(rows) == np.flatnonzero(prices == bound).tolist()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"diversty": 0.3}, "diversty"),
        ({"diversity": 1.5}, "diversity: Input should be less than or equal to 1"),
        ({"price_min": 9, "price_max": 3}, "price_min is above price_max"),
        ({"pinned": ["a", "b", "a"]}, "pinned to one place only"),
        ({"pinned": {0: "a"}}, "pinned.0"),
        ({"categories": []}, "categories"),
        ({"brands": "Acme"}, "brands"),
        ({"boost_items": {"a": float("nan")}}, "boost_items.a"),
        ({"max_per_brand": 0}, "max_per_brand"),
        (["diversity"], "rules: "),
    ],
)
def test_what_cannot_be_used_is_named(asked, said):
    with pytest.raises(BadInput, match=r"^rules: ") as error:
        Rules.of(asked)
    assert said in str(error.value)


def test_rules_from_mappings_and_numbers():
    assert Rules.of(None) == Rules.of({}) == Rules()
    assert Rules.of({"exclude_items": [12347], "brands": [" Acme "]}) == Rules(exclude_items={"12347"}, brands={"Acme"})
    assert Rules.of(Rules(diversity=0.2)).diversity == 0.2
    assert Rules.model_validate_json(Rules(pinned=["a"], boost_brands={"Acme": 1}).model_dump_json()) == Rules(
        pinned={1: "a"}, boost_brands={"Acme": 1}
    )


def test_a_large_catalogue_is_quick_and_exact():
    n, rng = 100_000, np.random.default_rng(0)
    shelf = make_shelf(n, rng)
    scores = np.round(rng.normal(size=n), 3)  # many ties
    rules = Rules(max_per_brand=5, diversity=0.3, explore=0.1, exclude_brands=["Coil"], boost_categories={"toys": 0.2})
    start = time.process_time()
    got = apply(rules, scores, shelf, 20)
    assert time.process_time() - start < 5  # about 0.1 s; the bound only catches a change of order
    brands = shelf.facts.brand[got.rows]
    assert len(got.rows) == 20
    assert max(Counter(brands[brands >= 0].tolist()).values()) <= 5
    possible = np.flatnonzero(shelf.available)
    exact = possible[np.lexsort((shelf.ids[possible].astype(str), -scores[possible]))][:2_000]
    assert apply(Rules(), scores, shelf, 2_000).rows.tolist() == exact.tolist()
    # The best two thousand are all of one brand: the cap still finds the rest of the list behind them.
    one_brand = np.where(scores >= np.sort(scores)[-20_000], 0, 1).astype(np.int32)
    capped = replace(shelf, facts=replace(shelf.facts, brand=one_brand))
    rows = apply(Rules(max_per_brand=10, diversity=0.3), scores, capped, 20).rows
    assert Counter(one_brand[rows].tolist()) == {0: 10, 1: 10}


def test_pins_and_boosts_reach_items_that_a_search_would_not_find(tiny_version, tiny, monkeypatch):
    monkeypatch.setenv("RECSYS_RETRIEVAL__EXHAUSTIVE_LIMIT", "0")
    monkeypatch.setenv("RECSYS_RETRIEVAL__CANDIDATES", "10")
    rec = Recommender.load(tiny_version)
    cook = {"history": ["K001", "K002", "K003"]}
    for item in ("G004", "G019", "K003", "G007"):  # the last two are in the history, and not available
        for rules, place in (({"pinned": {2: item}}, 2), ({"boost_items": {item: 50}}, 1)):
            found = rec.recommend(cook, k=3, rules=rules)
            assert (item in set(found.item_id)) == (item in ("G004", "G019"))
            assert len(found) == 3
            if item in set(found.item_id):
                assert found["rank"][found.item_id == item].item() == place
