"""Figures against definitions written out in plain Python, and intervals that cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score, roc_auc_score

from recsys.evaluation.metrics import (
    auc,
    difference,
    diversity,
    gini,
    interval,
    ndcg,
    novelty,
    pooled,
    pooled_auc,
    recall,
)

scores = st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]) | st.floats(-3, 3), max_size=12).map(np.array)


@given(scores, scores)
def test_auc_is_the_chance_that_a_positive_is_above_a_negative(positive, negative):
    got = auc(positive, negative)
    if not len(positive) or not len(negative):
        assert math.isnan(got)
        return
    pairs = [(p > n) + (p == n) / 2 for p in positive for n in negative]
    assert got == pytest.approx(sum(pairs) / len(pairs))
    assert got == pytest.approx(1 - auc(negative, positive))
    assert got == pytest.approx(roc_auc_score([1] * len(positive) + [0] * len(negative), np.r_[positive, negative]))


@given(st.sets(st.integers(1, 30), min_size=1, max_size=8), st.integers(1, 20))
def test_ndcg_and_recall(places, k):
    ranks = np.array(sorted(places))
    gains = sum(1 / math.log2(r + 1) for r in places if r <= k)
    ideal = sum(1 / math.log2(r + 1) for r in range(1, min(len(places), k) + 1))
    assert ndcg(ranks, len(places), k) == pytest.approx(gains / ideal)
    assert recall(ranks, len(places), k) == pytest.approx(sum(r <= k for r in places) / len(places))
    relevance = np.isin(np.arange(1, 31), ranks).astype(float)
    assert ndcg(ranks, len(places), k) == pytest.approx(ndcg_score([relevance], [-np.arange(30.0)], k=k))
    assert ndcg(np.arange(1, len(places) + 1), len(places), k) == pytest.approx(1)


def test_nobody_to_find_has_no_figure():
    assert math.isnan(ndcg(np.zeros(0, np.int64), 0, 10))
    assert math.isnan(recall(np.zeros(0, np.int64), 0, 10))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.integers(0, 5))
def test_an_interval_is_about_the_mean_and_leaves_out_what_has_no_figure(values, holes):
    data = np.array(values + [np.nan] * holes)
    found = interval(data, resamples=200)
    assert found.value == pytest.approx(np.mean(values))
    assert found.low - 1e-12 <= found.high
    assert min(values) - 1e-12 <= found.low
    assert found.high <= max(values) + 1e-12
    assert interval(data, resamples=200) == found


def test_intervals_cover_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        found = interval(rng.exponential(size=120), resamples=300, seed=int(rng.integers(1e9)))
        covered += found.low <= 1 <= found.high
    assert 0.88 <= covered / 200 <= 0.99
    assert math.isnan(interval(np.full(3, np.nan)).value)


def test_a_paired_difference_is_narrower_than_what_is_compared():
    rng = np.random.default_rng(0)
    theirs = rng.random(400)
    ours = theirs + rng.normal(0.02, 0.05, 400)
    found = difference(ours, theirs)
    assert found.low > 0
    assert found.high - found.low < 0.3 * (interval(ours).high - interval(ours).low)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.sampled_from([0.1, 0.5, 0.9])), min_size=2, max_size=30),
    st.lists(st.integers(0, 3), min_size=5, max_size=5),
)
def test_pooled_auc_is_the_auc_of_the_rows_repeated(rows, times):
    user, label, score = (np.array(column) for column in zip(*rows, strict=True))
    statistic = pooled_auc(user.astype(np.int64), label.astype(bool), score.astype(float))
    repeated = np.repeat(np.arange(len(rows)), np.array(times)[user])
    expected = auc(score[repeated][label[repeated]], score[repeated][~label[repeated]])
    got = statistic(np.array(times))
    assert (math.isnan(got) and math.isnan(expected)) or got == pytest.approx(expected)


def test_pooled_resamples_users_not_rows():
    # One user with a thousand rows must not make the interval narrow.
    user = np.repeat(np.arange(10), [1_000] + [2] * 9)
    label = np.arange(len(user)) % 2 == 0
    score = np.where(label, 1.0, 0.0) + np.random.default_rng(0).normal(0, 1, len(user))
    found = pooled(pooled_auc(user, label, score), 10)
    assert found.low <= found.value <= found.high
    assert found.high - found.low > 0.01


def test_beyond_accuracy():
    vectors = np.eye(3, dtype=np.float32)
    lists = [np.array([0, 1, 2]), np.array([0, 0]), np.array([1]), np.zeros(0, np.int64)]
    np.testing.assert_allclose(diversity(lists, vectors), [1, 0, np.nan, np.nan])
    surprise = novelty(lists, np.array([9, 4, 0]), 9)
    np.testing.assert_allclose(surprise[1:3], [0, 1])
    assert surprise[0] == pytest.approx((0 + 1 + math.log2(10)) / 3)
    assert math.isnan(surprise[3])
    assert gini(np.array([5, 5, 5])) == pytest.approx(0)
    assert gini(np.array([0, 0, 0, 8])) == pytest.approx(0.75)
    assert math.isnan(gini(np.zeros(4, np.int64)))
