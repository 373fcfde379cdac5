"""Buying again: features of what was met before, and weights of their own that leave new pairs alone."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from recsys.data.catalogue import Candidates
from recsys.data.events import DAY, Events
from recsys.data.histories import Histories
from recsys.data.schema import TimeKind
from recsys.ranking.features import BuyingAgain
from recsys.ranking.ranker import Ranker, RankerTrainer
from recsys.settings import TrainingConfig
from tests.shops import START, context_of, events_of, facts_of, mean_texts, tables


def staples(n_users: int = 60, weeks: int = 14, seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Weekly baskets: four staples of one's own, each in 9 of 10 baskets, and now and then something else."""
    rng = np.random.default_rng(seed)
    items, _ = tables(seed=seed)
    rows = []
    for user in range(n_users):
        own = rng.choice(len(items), 4, replace=False)
        for week in range(weeks):
            bought = [item for item in own if rng.random() < 0.9]
            if rng.random() < 0.4:
                bought.append(int(rng.integers(len(items))))
            when = START + DAY * (7 * week + user % 5)
            rows += [(f"u{user:03d}", f"i{item:03d}", when, 1.0) for item in dict.fromkeys(bought)]
    return items, pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "weight"])


@pytest.fixture(scope="module")
def grocer():
    items, rows = staples()
    last = rows.groupby("user_id").timestamp.transform("max")
    facts, events = facts_of(items), events_of(items, rows[rows.timestamp < last])
    config = TrainingConfig(negatives=20, users=200)
    trainer = RankerTrainer.prepare(facts, events, mean_texts(facts), config, seed=1)
    return (
        trainer,
        trainer.with_repeats(trainer.ranker()),
        context_of(events, facts),
        rows[rows.timestamp == last],
        items,
    )


def test_a_history_counts_meetings_and_purchases_and_knows_the_first():
    rows = pd.DataFrame(
        [("a", "x", 0.0, "view"), ("a", "x", 10.0, "purchase"), ("a", "y", 10.0, "purchase"), ("a", "x", 30.0, "view")],
        columns=["user_id", "item_id", "timestamp", "event"],
    ).assign(weight=1.0)
    rows["timestamp"] = START + rows.timestamp * DAY
    events = Events.from_table(rows, ["a"], ["x", "y"], TimeKind.ABSOLUTE)
    histories = Histories.build(events, START + 40 * DAY, 8.0)
    assert histories.items.tolist() == [1, 0]  # by the latest meeting: y on day 10, x on day 30
    assert histories.counts.tolist() == [1, 3]
    assert histories.purchases.tolist() == [1, 1]
    np.testing.assert_allclose(histories.ages, [30, 10])
    np.testing.assert_allclose(histories.first_ages, [30, 40])
    assert histories.steps.tolist() == [1, 0]
    assert histories.first_steps.tolist() == [1, 2]


def test_what_was_not_met_has_no_such_features_and_a_history_without_an_item_has_not_met_it(grocer):
    *_, context, _, _ = grocer
    block = BuyingAgain()
    block.fit(context)
    profile = context.histories.profile(0, context.catalogue, np.zeros(12, np.float32))
    everything = Candidates.of(context.catalogue)
    features = block.transform(profile, everything)
    met = np.isin(np.arange(len(everything)), profile.items)
    assert features.shape == (len(everything), len(block.columns))
    assert (features[met, 0] == 1).all()
    assert not features[~met].any()
    row = len(profile) - 1
    code = int(profile.items[row])
    assert not block.transform(profile.without(row), everything)[code].any()
    assert not block.transform(profile, Candidates(np.array([-1]), context.catalogue.take([0]))).any()


def test_a_regular_purchase_is_told_with_its_interval(grocer):
    *_, context, _, _ = grocer
    block = BuyingAgain()
    block.fit(context)
    profile = context.histories.profile(0, context.catalogue, np.zeros(12, np.float32))
    at = int(np.argmax(profile.purchases))
    times = int(profile.purchases[at])
    days = round(float(profile.first_ages[at] - profile.ages[at]) / (times - 1))
    said = block.describe(profile, Candidates.of(context.catalogue, profile.items))
    assert said[at] == f"is something you buy about every {days} days ({times} times so far)"
    assert 7 <= days <= 9
    once = np.flatnonzero(profile.purchases == 1)
    assert all(said[row] is None for row in once)


def test_new_pairs_are_scored_as_if_there_were_no_repeats_and_parts_sum_to_every_score(grocer):
    trainer, ranker, context, _, _ = grocer
    plain = trainer.ranker()
    assert ranker.repeats is not None
    assert plain.repeats is None
    everything = Candidates.of(context.catalogue)
    for user in (0, 7, 31):
        profile = context.histories.profile(user, context.catalogue, np.zeros(12, np.float32))
        met = np.isin(np.arange(len(everything)), profile.items)
        ours, theirs = ranker.logit(profile, everything), plain.logit(profile, everything)
        np.testing.assert_allclose(ours[~met], theirs[~met], rtol=0, atol=1e-12)
        assert (np.abs(ours[met] - theirs[met]) > 1e-3).all()
        parts = ranker.contributions(profile, everything)
        assert parts.shape == (len(everything), len(ranker.blocks))
        np.testing.assert_allclose(parts.sum(axis=1) + ranker.intercept, ours, atol=1e-9)


def test_staples_come_first_and_their_probabilities_are_those_of_the_next_week(grocer):
    _, ranker, context, basket, items = grocer
    code = {item: at for at, item in enumerate(items.item_id)}
    hits, expected, bought = [], 0.0, 0
    for user in range(60):
        profile = context.histories.profile(user, context.catalogue, np.zeros(12, np.float32))
        score = ranker.score(profile, Candidates.of(context.catalogue))
        own = profile.items[np.argsort(-profile.counts, kind="stable")[:4]]
        hits.append(len(set(np.argsort(-score, kind="stable")[:4].tolist()) & set(own.tolist())) / 4)
        wanted = {code[item] for item in basket[basket.user_id == f"u{user:03d}"].item_id}
        expected += score[profile.items].sum()
        bought += len(wanted & set(profile.items.tolist()))
    assert np.mean(hits) >= 0.95
    assert 0.85 <= expected / bought <= 1.25  # a stretch is a little longer than a week, and "something new" is given


def test_a_saved_ranker_scores_the_same_and_one_of_before_repeats_still_opens(grocer, tmp_path):
    _, ranker, context, _, _ = grocer
    info = ranker.save(tmp_path)
    assert info["repeats"]["again"] > 50
    profile = context.histories.profile(3, context.catalogue, np.zeros(12, np.float32))
    everything = Candidates.of(context.catalogue)
    wanted = ranker.logit(profile, everything)
    np.testing.assert_array_equal(Ranker.load(tmp_path).logit(profile, everything), wanted)
    newer = ranker.with_statistics(context)
    np.testing.assert_allclose(newer.logit(profile, everything), wanted, atol=1e-5)  # another seed of the SVD
    meta = json.loads((tmp_path / "ranker.json").read_text())
    del meta["repeats"]
    (tmp_path / "ranker.json").write_text(json.dumps(meta))
    before = Ranker.load(tmp_path)
    assert before.repeats is None
    met = np.isin(np.arange(len(everything)), profile.items)
    np.testing.assert_array_equal(before.logit(profile, everything)[~met], wanted[~met])


def test_without_times_the_last_visit_is_learnt_from():
    items, rows = staples()
    rows["timestamp"] = rows.groupby("user_id").timestamp.rank("dense")
    facts = facts_of(items)
    trainer = RankerTrainer.prepare(
        facts,
        events_of(items, rows, TimeKind.ORDER),
        mean_texts(facts),
        TrainingConfig(negatives=20, users=200),
        seed=1,
    )
    ranker = trainer.with_repeats(trainer.ranker())
    histories = trainer.context.histories
    assert ranker.repeats is not None
    for user in range(0, 60, 7):
        profile = histories.profile(user, facts, np.zeros(12, np.float32))
        own = profile.items[np.argsort(-profile.counts, kind="stable")[:3]]
        best = np.argsort(-ranker.score(profile, Candidates.of(facts)), kind="stable")[:6]
        assert set(own.tolist()) <= set(best.tolist())


def test_a_shop_where_nothing_is_bought_twice_learns_nothing_of_it():
    items, rows = tables()
    rows = rows.drop_duplicates(["user_id", "item_id"])
    facts = facts_of(items)
    trainer = RankerTrainer.prepare(
        facts, events_of(items, rows), mean_texts(facts), TrainingConfig(negatives=10, users=100), seed=1
    )
    ranker = trainer.with_repeats(trainer.ranker())
    assert ranker.repeats is None
    assert "buying again" not in [block.name for block in ranker.blocks]
