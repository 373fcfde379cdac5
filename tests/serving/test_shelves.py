"""Shelves: what to buy again, what rises, what is new, what was met last."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys import Recommender
from recsys.data.events import DAY
from recsys.errors import BadInput

START = 1_700_000_000.0


@pytest.fixture(scope="module")
def shop(tiny_tables, tiny_environment):
    """The tiny shop for 200 days with looks; G020 came ten days ago and sells to gardeners, K010 sells out at the end.

    Shopper 000 buys K001 every 20 days, has looked at K002 yesterday, and bought the unavailable K007 once.
    """
    items, events = tiny_tables
    events = events[~events.item_id.isin(["G020", "K010"])].assign(event="purchase")
    end = START + 200 * DAY
    events = events[events.timestamp < end]
    more = [("000", "K001", START + 20 * DAY * n, "purchase") for n in range(1, 10)]
    more += [("000", "K002", end - DAY, "view"), ("000", "K007", START + 5 * DAY, "purchase")]
    more += [(f"{u:03d}", "G020", end - DAY * (1 + u % 9), "purchase") for u in range(1, 40, 4)]
    more += [(f"{u:03d}", "K010", START + DAY * 3 * u, "purchase") for u in (2, 4)]
    more += [(f"{u:03d}", "K010", end - DAY * (u % 5) - 60, "purchase") for u in range(40, 70, 2)]
    table = pd.concat([events, pd.DataFrame(more, columns=["user_id", "item_id", "timestamp", "event"])])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        yield Recommender.build(items, table), items, table


def test_buy_again_holds_what_was_bought_and_is_available_and_no_mere_look(shop):
    rec, items, table = shop
    found = rec.buy_again("000", 50)
    bought = set(table[(table.user_id == "000") & (table.event == "purchase")].item_id)
    bought_and_here = bought & set(items[items.available].item_id)
    assert set(found.item_id) == bought_and_here
    assert "K007" in bought
    assert "K007" not in bought_and_here
    again = rec.recommend("000", k=100, exclude_seen=False).set_index("item_id").score
    np.testing.assert_allclose(found.score, again.reindex(found.item_id), rtol=1e-9)
    assert len(rec.buy_again({"history": []}, 5)) == 0
    assert rec.buy_again({"history": ["K003", "K004"]}, 5).item_id.tolist().__len__() == 2


def test_trending_is_led_by_what_rose_and_holds_nothing_that_fell(shop):
    rec, *_ = shop
    found = rec.trending(60)
    assert set(found.item_id[:2]) == {"G020", "K010"}
    assert (found.score > 0).all()
    assert (np.diff(found.score) <= 0).all()
    assert "G007" not in set(found.item_id)  # not available


def test_new_arrivals_are_new_and_unseen(shop):
    rec, items, table = shop
    first = table.groupby("item_id").timestamp.min().reindex(items.item_id).fillna(np.inf)
    new = set(first.index[first >= table.timestamp.max() - 30 * DAY])
    assert "G020" in set(rec.new_arrivals("003", 50).item_id)
    for user in ("000", "001", "003"):
        found = rec.new_arrivals(user, 50)
        assert set(found.item_id) <= new - set(table[table.user_id == user].item_id)
    assert "G020" not in set(rec.new_arrivals("001", 50).item_id)  # bought already


def test_recently_viewed_is_in_order_of_time(shop):
    rec, items, table = shop
    mine = table[(table.user_id == "000") & table.item_id.isin(items[items.available].item_id)]
    wanted = mine.groupby("item_id").timestamp.max().sort_values(ascending=False)
    found = rec.recently_viewed("000", 50, columns=["category"])
    assert found.item_id.tolist()[0] == "K002"
    assert found.item_id.tolist() == wanted.index.tolist()
    assert {"title", "category"} <= set(found)
    assert rec.recently_viewed({"history": ["K003", "K004"]}, 1).item_id.tolist() == ["K004"]


def test_rules_say_when_what_was_met_may_be_listed_again(shop):
    rec, items, table = shop
    mine = table[table.user_id == "000"]
    last = mine.groupby("item_id").timestamp.max()
    seen = set(mine.item_id) & set(items[items.available].item_id)
    everything = set(items[items.available].item_id)

    def listed(**rules):
        return set(rec.recommend("000", k=100, rules=rules).item_id)

    assert listed(repeat="never") == listed() == everything - seen
    assert listed(repeat="always") == everything
    days = 60
    recent = {i for i in seen if table.timestamp.max() - last[i] < days * DAY}
    assert 0 < len(recent) < len(seen)
    assert listed(repeat=days) == everything - recent
    same = rec.recommend("000", k=100, exclude_seen=False, rules={"repeat": "never"})
    assert set(same.item_id) == everything - seen
    with pytest.raises(BadInput, match="repeat"):
        rec.recommend("000", rules={"repeat": "sometimes"})


def test_search_keeps_to_what_a_sentence_limits_and_sorts_where_it_asks(shop):
    rec, items, _ = shop
    found = rec.search("garden things under 12, not blue", 50)
    assert len(found) > 0
    kept = items.set_index("item_id").loc[found.item_id]
    assert set(kept.category) == {"garden"}
    assert kept.price.max() <= 12
    assert kept.available.all()
    assert not kept.title.str.contains("blue").any()
    cheapest = rec.search("cheapest KitchenCo1 pan", 3)
    own = items[(items.brand == "KitchenCo1") & items.title.str.contains("pan") & items.available]
    assert cheapest.item_id.iloc[0] == own.sort_values("price").item_id.iloc[0]
    assert rec.search("garden rake under 1", 5).empty
    assert rec.search("large kitchen knife", 1).title.iloc[0] == "large kitchen knife"


def test_a_length_that_is_none_is_refused(shop):
    rec, *_ = shop
    for shelf in (rec.buy_again, rec.new_arrivals, rec.recently_viewed):
        with pytest.raises(BadInput):
            shelf("000", 0)
        with pytest.raises(KeyError):
            shelf("nobody")
    with pytest.raises(BadInput):
        rec.trending(0)
    with pytest.raises(BadInput):
        rec.search("rake", 0)
