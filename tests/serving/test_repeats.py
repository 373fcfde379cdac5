"""A grocer's lists: what is bought every week comes first where it may be listed again, and nowhere else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys import Recommender
from recsys.data import snapshot
from recsys.pipeline.engine import Engine

START, WEEK = 1_700_000_000, 7 * 86_400
WEEKS = 16


@pytest.fixture(scope="module")
def grocer(tiny_environment):
    """60 households with five staples each, in nine of ten weekly baskets, and some other thing now and then."""
    rng = np.random.default_rng(3)
    kinds = ["tea", "coffee", "bread", "cheese", "soap", "jam"]
    items = pd.DataFrame(
        {
            "item_id": [f"P{n:02d}" for n in range(60)],
            "title": [f"{colour} {kinds[n % 6]} {n}" for n, colour in enumerate(["green", "black", "mint"] * 20)],
            "category": [kinds[n % 6] for n in range(60)],
        }
    )
    rows = []
    for user in range(60):
        own = rng.choice(60, 5, replace=False)
        for week in range(WEEKS):
            basket = [item for item in own if rng.random() < 0.9]
            basket += [int(rng.integers(60))] if rng.random() < 0.3 else []
            when = START + week * WEEK + user * 600
            rows += [(f"U{user:02d}", f"P{item:02d}", when) for item in dict.fromkeys(basket)]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    last = (events.timestamp - START) // WEEK == WEEKS - 1
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        yield Recommender.build(items, events[~last]), events[~last], events[last]


def recall(lists: pd.DataFrame, basket: pd.DataFrame) -> float:
    got = lists.groupby("user_id").item_id.agg(set)
    wanted = basket.groupby("user_id").item_id.agg(set)
    return float(np.mean([len(want & got[user]) / len(want) for user, want in wanted.items()]))


def test_next_weeks_basket_is_as_good_as_the_shoppers_own_most_bought(grocer):
    rec, past, basket = grocer
    users = sorted(past.user_id.unique())
    own = past.groupby("user_id").item_id.value_counts().groupby(level=0).head(5).reset_index()
    again = rec.recommend_many(users, 5, exclude_seen=False)
    assert recall(own, basket) > 0.85
    assert recall(again, basket) >= recall(own, basket) - 0.01
    fresh = rec.recommend_many(users, 5)
    met = set(zip(past.user_id, past.item_id, strict=True))
    assert not met & set(zip(fresh.user_id, fresh.item_id, strict=True))


def test_a_staple_is_likely_and_what_was_bought_once_is_not(grocer):
    rec, past, _ = grocer
    staples, once = [], []
    for user in sorted(past.user_id.unique())[:20]:
        times = past[past.user_id == user].item_id.value_counts()
        score = rec.recommend(user, k=60, exclude_seen=False).set_index("item_id").score
        staples += score[times.index[times >= 10]].tolist()
        once += score[times.index[times == 1]].tolist()
    assert np.median(staples) > 0.85
    assert max(once) < 0.3 < min(staples)


def test_the_batch_engine_lists_repeats_where_asked(grocer, tmp_path):
    rec, *_ = grocer
    users = ["U01", "U02"]
    for again in (True, False):
        Engine().lists(rec, users, 5, tmp_path / "lists.parquet", exclude_seen=not again)
        found = pd.read_parquet(tmp_path / "lists.parquet")
        wanted = rec.recommend_many(users, 5, exclude_seen=not again)
        assert found.item_id.tolist() == wanted.item_id.tolist()


def test_a_reason_tells_the_interval_and_never_names_the_item_for_itself(grocer):
    rec, *_ = grocer
    told = 0
    for user in ("U01", "U07", "U30"):
        listed = rec.recommend(user, k=5, exclude_seen=False).item_id.tolist()
        for item, why in zip(listed, rec.explain_list(user, listed), strict=True):
            assert item not in why.evidence.because
            parts = {part.block: part.value for part in why.evidence.parts}
            np.testing.assert_allclose(sum(parts.values()), why.evidence.logit - why.evidence.baseline, atol=1e-6)
            assert max(parts, key=parts.get) == "buying again"
            told += "something you buy about every" in why.sentence
    assert told >= 10


def test_a_version_of_before_counts_its_histories_again(grocer, tmp_path):
    rec, *_ = grocer

    snapshot.save(rec.shop, tmp_path)
    for name in ("counts", "purchases", "first_ages", "first_steps"):
        (tmp_path / "histories" / f"{name}.npy").unlink()
    (tmp_path / "events" / "bought.npy").unlink()
    old = snapshot.load(tmp_path)
    for name in ("counts", "purchases", "first_ages", "first_steps"):
        np.testing.assert_array_equal(getattr(old.histories, name), getattr(rec.shop.histories, name))
