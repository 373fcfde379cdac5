"""The protocol: nothing after the cut is known before it, negatives are frozen, every item is a candidate."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recsys.data.events import Events
from recsys.data.schema import TimeKind
from recsys.errors import BadInput
from recsys.evaluation import metrics
from recsys.evaluation.splits import Holdout, hold_out, measure, within
from recsys.settings import EvaluationSettings
from tests.data.test_events import events_of

PROPERTY = settings(max_examples=60)
RULES = EvaluationSettings(negatives=4, resamples=100)


@st.composite
def shops(draw):
    """Events of a dozen users with a dozen items at few distinct times, in either kind of time."""
    n = draw(st.integers(10, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    user = np.sort(rng.integers(0, 12, n)).astype(np.int32)
    time = rng.integers(0, 10, n).astype(float)
    order = np.lexsort((time, user))
    return Events(
        user=user,
        item=rng.integers(0, 12, n).astype(np.int32),
        time=time[order],
        weight=np.ones(n, np.float32),
        n_users=12,
        n_items=12,
        kind=draw(st.sampled_from(list(TimeKind))),
    )


def split(events: Events, rules: EvaluationSettings = RULES, seed: int = 7) -> Holdout:
    try:
        return hold_out(events, rules, seed)
    except BadInput:
        assume(False)
        raise


def had(events: Events, user: int) -> set[int]:
    return set(events.item[events.user == user].tolist())


@given(shops())
@PROPERTY
def test_nothing_after_the_cut_is_known_and_nothing_known_is_a_candidate(events):
    held = split(events)
    for user, positive, negative in zip(held.users, held.positives, held.negatives, strict=True):
        before = had(held.train, user)
        assert before
        assert len(positive)
        assert not before & set(positive)
        assert not (before | set(positive)) & set(negative)
        assert len(set(negative)) == len(negative) == min(4, 12 - len(before | set(positive)))
        rest = had(events, user) - before
        assert set(positive) == rest
    if events.absolute:
        assert (held.train.time < held.now).all()
        later = events.time >= held.now
        assert later.sum() + len(held.train) == len(events)
        assert later.sum() >= RULES.test_fraction * len(events) - 1
    else:
        for user in held.users:  # the whole last visit is out
            assert held.train.time[held.train.user == user].max() < events.time[events.user == user].max()


@given(shops())
@PROPERTY
def test_the_same_seed_gives_the_same_protocol_whatever_the_models_do(events):
    one, two = split(events), split(events)
    np.testing.assert_array_equal(one.users, two.users)
    for a, b in zip(one.negatives, two.negatives, strict=True):
        np.testing.assert_array_equal(a, b)
    few = split(events, replace_rules(max_users=2))
    assert len(few.users) == min(2, len(one.users))
    assert set(few.users) <= set(one.users)


def replace_rules(**changes) -> EvaluationSettings:
    return RULES.model_copy(update=changes)


@given(shops(), st.integers(0, 2**32 - 1))
@PROPERTY
def test_figures_are_those_of_ranking_every_unmet_item(events, seed):
    held = split(events)
    table = np.random.default_rng(seed).integers(0, 5, (12, 12)).astype(float)  # many ties
    got = measure(lambda user: table[user], held)
    for row, user in enumerate(held.users):
        unmet = [i for i in range(12) if i not in had(held.train, user)]
        ranking = sorted(unmet, key=lambda i: (-table[user, i], i))
        ranks = np.array([1 + ranking.index(i) for i in held.positives[row]])
        np.testing.assert_array_equal(got.ranks[row], ranks)
        assert got.lists[row].tolist() == ranking[:10]
        expected = {
            "auc": metrics.auc(table[user, held.positives[row]], table[user, held.negatives[row]]),
            "ndcg@10": metrics.ndcg(ranks, len(ranks), 10),
            "recall@10": metrics.recall(ranks, len(ranks), 10),
            "recall@20": metrics.recall(ranks, len(ranks), 20),
        }
        for name, value in expected.items():
            assert got.per_user[name][row] == pytest.approx(value, nan_ok=True)
    assert len(got.row_user) == len(got.row_label) == len(got.row_score)
    label_count = sum(len(p) for p in held.positives)
    assert got.row_label.sum() == label_count
    everything = got.of_items([np.ones(len(p), bool) for p in held.positives])
    for name, values in everything.items():
        np.testing.assert_allclose(values, got.per_user[name])


@given(shops())
@PROPERTY
def test_knowing_the_future_is_perfect_and_its_opposite_is_worst(events):
    held = split(events)
    future = np.zeros((12, 12))
    for user, positive in zip(held.users, held.positives, strict=True):
        future[user, positive] = 1
    best, worst = (measure(lambda u, s=s: s * future[u], held) for s in (1, -1))
    sure = np.array([len(n) > 0 for n in held.negatives])
    assert (best.per_user["auc"][sure] == 1).all()
    assert (worst.per_user["auc"][sure] == 0).all()
    np.testing.assert_allclose(best.per_user["ndcg@10"], 1)
    figures = best.estimates(12, 100, 7)
    assert figures["ndcg@10"].value == pytest.approx(1)
    assert 0 < figures["coverage@10"].value <= 1
    curves = best.at([1, 5, 20])
    assert curves["recall"] == sorted(curves["recall"])
    assert curves["recall"][-1] == pytest.approx(1)


@given(shops(), st.integers(1, 20))
@PROPERTY
def test_within_keeps_the_first_events_after_the_cut(events, count):
    held = split(replace(events, kind=TimeKind.ABSOLUTE))
    near = within(events, held, count)
    assert set(near.users) <= set(held.users)
    place = {user: row for row, user in enumerate(held.users)}
    for user, positive, negative in zip(near.users, near.positives, near.negatives, strict=True):
        assert len(positive)
        assert set(positive) <= set(held.positives[place[user]])
        np.testing.assert_array_equal(negative, held.negatives[place[user]])


def test_negatives_are_uniform_over_what_was_never_met():
    n_users, n_items = 4_000, 20
    user = np.repeat(np.arange(n_users), 2).astype(np.int32)
    item = np.tile([3, 11], n_users).astype(np.int32)
    time = np.tile([0.0, 1.0], n_users)
    events = Events(user, item, time, np.ones(2 * n_users, np.float32), n_users, n_items, TimeKind.ORDER)
    held = hold_out(events, replace_rules(max_users=n_users), 7)
    counts = np.bincount(np.concatenate(held.negatives), minlength=n_items)
    assert counts[[3, 11]].sum() == 0
    expected = 4 * n_users / 18
    assert np.abs(counts[[i for i in range(20) if i not in (3, 11)]] / expected - 1).max() < 0.15


@pytest.mark.parametrize(
    "data",
    [
        [("u0", "a", 1, 1.0)],
        [("u0", "a", 1, 1.0), ("u1", "b", 1, 1.0)],
        [("u0", "a", 1, 1.0), ("u0", "a", 2, 1.0)],
        [("u0", "a", 1, 1.0), ("u1", "b", 2, 1.0)],
    ],
    ids=["one event", "one time", "nothing new", "nobody comes back"],
)
@pytest.mark.parametrize("kind", list(TimeKind))
def test_a_shop_that_cannot_be_evaluated_says_why(data, kind):
    with pytest.raises(BadInput, match=r"^evaluation: "):
        hold_out(events_of(data, kind), RULES, 7)


def test_a_user_without_negatives_has_no_auc_and_does_not_count():
    values = np.array([math.nan, 1.0])
    assert metrics.interval(values, resamples=100).value == 1
