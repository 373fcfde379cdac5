"""Variants: eight colours of one tea are one product in every list, and their sales are sales of one thing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys import Recommender
from recsys.data import snapshot
from recsys.data.products import one_of_each, product_codes
from recsys.data.schema import check_items
from recsys.settings import load_settings

COLOURS = ["Grey", "Pink", "Red", "Blue", "Green", "Black", "White", "Brown"]
KINDS = ["tea", "lamp", "towel", "mug"]


def shop_tables(parent: str = "parent_id") -> tuple[pd.DataFrame, pd.DataFrame]:
    """20 products in 8 colours; 90 shoppers who keep to two kinds and buy a product in any of its colours."""
    rng = np.random.default_rng(5)
    items = pd.DataFrame(
        [
            (f"P{n:02d}-{colour}", f"P{n:02d}", f"{KINDS[n % 4]} number {n} - {colour}", KINDS[n % 4], 10.0 + n)
            for n in range(20)
            for colour in COLOURS
        ],
        columns=["item_id", parent, "title", "category", "price"],
    )
    rows = []
    for user in range(90):
        own = [n for n in range(20) if n % 4 in (user % 4, (user + 1) % 4)]
        for visit, n in enumerate(rng.choice(own, 6, replace=False)):
            rows.append(
                (f"U{user:02d}", f"P{n:02d}-{rng.choice(COLOURS)}", 1_700_000_000 + 86_400 * (9 * visit + user))
            )
    return items, pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])


@pytest.fixture(scope="module")
def shop(tiny_environment, tmp_path_factory):
    items, events = shop_tables()
    folder = tmp_path_factory.mktemp("variants")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        yield Recommender.build(items, events, artifacts=folder, settings=load_settings()), items, events


def product(ids) -> list[str]:
    return [str(item).split("-")[0] for item in ids]


def test_a_list_holds_one_variant_of_each_product_and_none_of_what_was_bought(shop):
    rec, _, events = shop
    batch = rec.recommend_many(sorted(events.user_id.unique()), 10).groupby("user_id").item_id.agg(list)
    for user in sorted(events.user_id.unique()):
        listed = product(rec.recommend(user, k=10).item_id)
        assert len(set(listed)) == len(listed) == 10
        assert not set(listed) & set(product(events[events.user_id == user].item_id))
        assert product(batch[user]) == listed
    assert len(rec.recommend("U00", k=100)) == 14  # 20 products less the 6 that were bought


def test_similar_and_complete_never_answer_with_the_same_product(shop):
    rec, items, _ = shop
    for item in items.item_id[::9]:
        for found in (rec.similar(item, 10), rec.complete([item], 10)):
            listed = product(found.item_id)
            assert product([item])[0] not in listed
            assert len(set(listed)) == len(listed) == 10


def test_sales_of_all_colours_are_pooled(shop):
    """A colour that nobody has bought scores as its product sells, not as something new."""
    rec, items, events = shop
    tastes = events.assign(kind=[int(i[1:3]) % 4 for i in events.item_id])
    assert rec.ranker.products is not None
    assert len(rec.ranker.products) == len(items) == 160
    popularity = next(b for b in rec.ranker.blocks if b.name == "popularity")
    assert len(popularity._table) == 20 + 1
    unsold = sorted(set(items.item_id) - set(events.item_id))
    assert unsold
    for item in unsold:
        kind, own = int(item[1:3]) % 4, product([item])[0]
        fans = [u for u, g in tastes.groupby("user_id") if kind in set(g.kind) and own not in product(g.item_id)]
        strangers = [u for u, g in tastes.groupby("user_id") if kind not in set(g.kind)]
        scores = rec.score_pairs(pd.DataFrame({"user_id": fans + strangers, "item_id": item}))
        assert scores[: len(fans)].mean() > 1.3 * scores[len(fans) :].mean()


def test_buying_again_offers_the_colour_that_was_taken(shop):
    rec, _, events = shop
    mine = set(events[events.user_id == "U03"].item_id)
    assert set(rec.buy_again("U03", 10).item_id) == mine
    everything = rec.recommend("U03", k=100, exclude_seen=False).item_id
    assert len(set(product(everything))) == len(everything) == 20
    assert mine <= set(everything)
    for shelf in (rec.trending(30), rec.new_arrivals("U03", 30), rec.recently_viewed("U03", 30)):
        assert len(set(product(shelf.item_id))) == len(shelf)


def test_rules_hold_and_a_pinned_colour_is_the_one_that_is_listed(shop):
    rec, _, _ = shop
    best = rec.recommend("U05", k=20).item_id.tolist()
    colour = next(c for c in COLOURS if f"{product(best)[7]}-{c}" != best[7])
    pinned = f"{product(best)[7]}-{colour}"
    found = rec.recommend("U05", k=10, rules={"pinned": [pinned], "exclude_items": [best[0]]}).item_id.tolist()
    assert found[0] == pinned
    assert len(set(product(found))) == 10
    assert best[0] not in found
    assert product(best)[0] in product(found)  # another colour of it stands in
    given = rec.recommend("U05", items=[f"P01-{c}" for c in COLOURS])
    assert len(given) == 8  # items that are given are all ranked


def test_a_version_keeps_its_products_and_its_figures_are_of_products(shop):
    rec, *_ = shop
    again = snapshot.load(rec.version.path)
    np.testing.assert_array_equal(again.products, rec.shop.products)
    whole = rec.shop.by_product
    assert len(whole.item_ids) == 20
    assert len(whole.events) == len(rec.shop.events)
    assert np.diff(rec.shop.histories.indptr).max() == 6
    assert set(whole.tables.value.interactions.item_id) <= set(whole.item_ids)
    assert rec.evaluate(users=50).table.loc["ranker"].filter(like="auc").iloc[0] > 0.6


@pytest.mark.parametrize("name", ["variant_of", "item_group_id", "parent_sku"])
def test_other_names_of_the_column_are_read_and_said(name):
    items, _ = shop_tables(name)
    checked = check_items(items)
    assert checked.report.columns[name] == "parent_id"
    assert any("160 items are variants of 20 products" in note for note in checked.report.notes)
    assert len(set(product_codes(checked.table))) == 20


def test_a_parent_that_is_sold_itself_is_one_of_its_variants():
    table = pd.DataFrame({"item_id": ["a", "a1", "b", "c"], "parent_id": ["", "a", None, "c"]})
    assert product_codes(table).tolist() == [0, 0, 1, 2]
    assert product_codes(table.assign(parent_id=None)) is None
    assert product_codes(table.drop(columns="parent_id")) is None


def test_the_best_possible_variant_stands_for_its_product_unless_another_is_preferred():
    order = np.array([1.0, 3.0, -np.inf, 2.0, 5.0])
    products = np.array([0, 0, 0, 1, 1])
    none = np.zeros(5)
    assert one_of_each(order, products, none).tolist() == [-np.inf, 3.0, -np.inf, -np.inf, 5.0]
    first = np.array([1, 0, 1, 0, 0])
    assert one_of_each(order, products, first).tolist() == [1.0, -np.inf, -np.inf, -np.inf, 5.0]
    assert one_of_each(np.full(5, -np.inf), products, none).max() == -np.inf


def test_a_shop_that_wants_several_colours_gets_them(shop):
    rec, _, _ = shop
    listed = rec.recommend("U00", k=20, rules={"max_per_group": 2}).item_id
    assert max(pd.Series(product(listed)).value_counts()) == 2
    one = rec.recommend("U00", k=10).item_id
    assert product(one) == list(dict.fromkeys(product(listed)))[:10]
