"""Groups of shoppers and items, and whether a gap between segments is more than chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.evaluation import metrics, subgroups
from recsys.evaluation.splits import hold_out, measure
from recsys.settings import EvaluationSettings
from tests import shops

SETTINGS = EvaluationSettings(resamples=100, min_history=1)


@pytest.fixture(scope="module")
def holdout():
    items, rows = shops.tables(n_users=400)
    return hold_out(shops.events_of(items, rows), SETTINGS, 7)


@pytest.fixture(scope="module")
def measured(holdout):
    noise = np.random.default_rng(0).random((holdout.train.n_users, holdout.train.n_items))
    return measure(lambda user: noise[user], holdout)


def test_every_shopper_has_one_activity_and_it_is_true(holdout):
    labels = subgroups.activity(holdout)
    train = holdout.train
    for label, user in zip(labels, holdout.users, strict=True):
        had = len(np.unique(train.item[train.indptr[user] : train.indptr[user + 1]]))
        numbers = [int(n) for n in label.removesuffix(" items").split("-")]
        assert numbers[0] <= had <= numbers[-1]
    assert subgroups.ordered(labels)[0].startswith("1")


def test_head_middle_and_tail_take_a_third_of_the_events_each(holdout):
    groups = subgroups.item_groups(holdout)
    counts = np.bincount(holdout.train.item, minlength=len(groups))
    assert (counts[groups == "new"] == 0).all()
    assert (counts[groups != "new"] > 0).all()
    largest = counts.max() / counts.sum()
    for name in ("tail", "middle", "head"):
        assert counts[groups == name].sum() / counts.sum() == pytest.approx(1 / 3, abs=largest + 1e-9)
    assert counts[groups == "head"].min() >= counts[groups == "middle"].max()


def test_slices_of_items_count_only_their_items(holdout, measured):
    groups = subgroups.item_groups(holdout)
    found = subgroups.by_items("item popularity", groups, holdout, measured, 100, 7)
    assert found
    for part in found:
        relevant = [
            ranks[groups[items] == part.name] for ranks, items in zip(measured.ranks, holdout.positives, strict=True)
        ]
        expected = np.mean([(r <= 20).mean() for r in relevant if len(r)])
        assert part.figures["recall@20"].value == pytest.approx(expected)
        assert part.users == sum(len(r) > 0 for r in relevant)


def test_slices_of_users_are_means_of_their_users(holdout, measured):
    labels = subgroups.activity(holdout)
    for part in subgroups.by_users("activity", labels, measured, 100, 7):
        assert part.figures["auc"].value == pytest.approx(np.nanmean(measured.per_user["auc"][labels == part.name]))
        assert part.users >= subgroups.SMALLEST


def test_a_planted_gap_is_found_and_named():
    rng = np.random.default_rng(0)
    labels = np.array(["a", "b", "c", ""], dtype=object)[rng.integers(0, 4, 600)]
    auc = rng.normal(0.8, 0.1, 600) - 0.1 * (labels == "b")
    found = subgroups.gap(labels, auc, 7)
    assert found is not None
    assert found.worst == "b"
    assert found.p < 0.01
    assert found.gap.low > found.chance


def test_equal_segments_show_no_more_than_chance():
    rng = np.random.default_rng(1)
    labels = np.array(list("abcdef"), dtype=object)[rng.integers(0, 6, 600)]
    ps = [subgroups.gap(labels, rng.normal(0.8, 0.1, 600), seed, shuffles=100).p for seed in range(20)]
    assert np.mean(np.array(ps) < 0.05) < 0.3


@pytest.mark.parametrize("labels", [["a"] * 50, [""] * 50, ["a"] * 45 + ["b"] * 5])
def test_fewer_than_two_segments_have_no_gap(labels):
    assert subgroups.gap(np.array(labels, dtype=object), np.full(50, 0.8), 7) is None


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_shares_of_places_add_up(seed):
    items, rows = shops.tables(n_users=30, n_items=40)
    held = hold_out(shops.events_of(items, rows), SETTINGS, 7)
    rng = np.random.default_rng(seed)
    lists = [rng.choice(40, 10, replace=False) for _ in range(5)]
    assert subgroups.places_by_popularity(lists, held).sum() == pytest.approx(1)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=30).filter(any))
def test_gini_is_half_the_mean_difference_over_the_mean(counts):
    x = np.array(counts, float)
    assert metrics.gini(np.array(counts)) == pytest.approx(np.abs(x[:, None] - x).mean() / (2 * x.mean()), abs=1e-9)


def test_diversity_is_the_mean_distance_of_pairs():
    vectors = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = [1 - vectors[i] @ vectors[j] for i in (0, 2, 5) for j in (0, 2, 5) if i < j]
    found = metrics.diversity([np.array([0, 2, 5]), np.array([1])], vectors)
    assert found[0] == pytest.approx(np.mean(pairs), rel=1e-5)
    assert np.isnan(found[1])


def test_novelty_is_the_surprise_of_an_item():
    owners = np.array([7, 0])
    assert metrics.novelty([np.array([0]), np.array([1])], owners, 7).tolist() == [0.0, 3.0]
