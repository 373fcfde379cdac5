"""Ratings are opinions: what was disliked is not listed again, and what is like it falls."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys import Recommender
from recsys.data import snapshot
from recsys.data.forgotten import without_users
from recsys.data.schema import check_interactions
from recsys.ranking.recipe import impressions_of
from recsys.settings import load_settings

KINDS = ["soap", "brush", "cream", "scent", "comb"]
START, DAY = 1_700_000_000, 86_400


def reviews() -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """A shop of reviews: each of 200 reviewers dislikes one kind of product, says so twice, and buys any other."""
    rng = np.random.default_rng(11)
    items = pd.DataFrame(
        {
            "item_id": [f"B{n:02d}" for n in range(50)],
            "title": [f"{KINDS[n % 5]} {n // 5}" for n in range(50)],
            "category": [KINDS[n % 5] for n in range(50)],
        }
    )
    rows, bad = [], {}
    for user in range(200):
        name, dislikes = f"R{user:03d}", int(rng.integers(5))
        bad[name] = KINDS[dislikes]
        begin = START + DAY * int(rng.integers(0, 60))
        for step, n in enumerate(rng.choice([n for n in range(50) if n % 5 == dislikes], 2, replace=False)):
            rows.append((name, f"B{n:02d}", begin + DAY * step, 1.0))
        for step, n in enumerate(rng.choice([n for n in range(50) if n % 5 != dislikes], 3, replace=False)):
            rows.append((name, f"B{n:02d}", begin + DAY * (5 + 12 * step), 5.0))
    return items, pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "rating"]), bad


@pytest.fixture(scope="module")
def shop(tiny_environment, tmp_path_factory):
    items, events, bad = reviews()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        rec = Recommender.build(items, events, artifacts=tmp_path_factory.mktemp("reviews"), settings=load_settings())
        deaf = Recommender.build(items, events[events.rating > 2])
        yield rec, deaf, items, events, bad


def share_of_disliked(rec, items, bad) -> float:
    """Share of the first ten places that go to the kind that the shopper dislikes; a fifth would be chance."""
    kind = items.set_index("item_id").category
    return float(np.mean([(kind[rec.recommend(user, k=10).item_id] == bad[user]).mean() for user in sorted(bad)[::2]]))


def test_items_like_the_disliked_ones_fall(shop):
    rec, deaf, items, _, bad = shop
    heard, unheard = share_of_disliked(rec, items, bad), share_of_disliked(deaf, items, bad)
    assert unheard > 0.1
    assert heard < unheard / 2


def test_what_was_disliked_is_never_listed_again_and_is_no_history(shop):
    rec, _, _, events, _ = shop
    for user in ("R000", "R017", "R099"):
        mine = events[events.user_id == user]
        disliked = set(mine[mine.rating == 1].item_id)
        assert len(disliked) == 2
        assert not disliked & set(rec.recommend(user, k=50).item_id)
        for how in ({"exclude_seen": False}, {"rules": {"repeat": "always"}}, {"rules": {"repeat": 1}}):
            assert not disliked & set(rec.recommend(user, k=50, **how).item_id)
        batch = rec.recommend_many([user], 50, exclude_seen=False)
        assert not disliked & set(batch.item_id)
        assert not disliked & set(rec.buy_again(user, 50).item_id)
        assert not disliked & set(rec.recently_viewed(user, 50).item_id)
        profile = rec.lookup.shopper(user).profile
        assert not disliked & set(rec.shop.item_ids[profile.items])
        assert len(profile.disliked) == 2
        given = rec.recommend(user, items=sorted(disliked))
        assert len(given) == 2  # items that are given are all ranked


def test_dislikes_are_negatives_that_training_takes_first(shop):
    rec, deaf, _, events, _ = shop
    said = impressions_of(rec.shop)
    assert len(said.user) == int((events.rating == 1).sum())
    assert not said.clicked.any()
    assert impressions_of(deaf.shop) is None
    assert "disliked" in [block.name for block in rec.ranker.blocks]
    assert "disliked" not in [block.name for block in deaf.ranker.blocks]


def test_a_version_keeps_dislikes_and_forgets_them_with_their_shopper(shop):
    rec, *_ = shop
    again = snapshot.load(rec.version.path)
    np.testing.assert_array_equal(again.barred(3), rec.shop.barred(3))
    assert len(again.barred(3)) == 2
    tables, gone = without_users(again.tables.value, {"R003"})
    assert "R003" not in set(tables.dislikes.user_id)
    assert gone == 5


def test_what_is_a_dislike_is_read_from_ratings_events_and_returns():
    rows = [
        ("a", "x", 1, "purchase", 5, 1),
        ("a", "y", 2, "purchase", 1, 1),  # rated low
        ("a", "z", 3, "dislike", None, 1),
        ("a", "v", 4, "purchase", None, 2),
        ("a", "v", 5, "purchase", None, -2),  # sent back
        ("a", "w", 6, "cart", None, 1),
        ("a", "w", 7, "remove_from_cart", None, 1),
        ("a", "u", 8, "purchase", None, 0),  # says nothing
    ]
    names = ["user_id", "item_id", "timestamp", "event", "rating", "quantity"]
    table = pd.DataFrame(rows, columns=names)
    table["timestamp"] = START + DAY * table.timestamp
    checked = check_interactions(table)
    said = checked.dislikes.set_index("item_id").kind.to_dict()
    assert said == {"y": "low_ratings", "z": "disliked", "v": "returns", "w": "removed"}
    assert checked.table.item_id.tolist() == ["x"]
    assert check_interactions(table[:1]).dislikes is None
    assert check_interactions(table, ["x", "y"]).dislikes.item_id.tolist() == ["y"]


def test_who_comes_back_to_an_item_has_taken_the_dislike_back(tiny, tiny_tables):
    items, events = tiny_tables
    end = int(events.timestamp.max())
    more = pd.DataFrame(
        [
            ("000", "K001", end - 9 * DAY, 1.0),
            ("000", "K001", end - 2 * DAY, 5.0),
            ("000", "K002", end - 9 * DAY, 5.0),
            ("000", "K002", end - 2 * DAY, 1.0),
        ],
        columns=["user_id", "item_id", "timestamp", "rating"],
    )
    rec = Recommender.build(items, pd.concat([events.assign(rating=5.0), more]))
    listed = set(rec.recommend("000", k=100, exclude_seen=False).item_id)
    assert "K001" in listed
    assert "K002" not in listed
