"""Histories against a definition in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.events import DAY
from recsys.data.histories import Histories, ad_hoc_profile, history_text
from recsys.data.schema import TimeKind
from tests.data.test_events import ITEMS, USERS, events_of, rows
from tests.shops import events_of as shop_events
from tests.shops import facts_of, tables

PROPERTY = settings(max_examples=100)


@given(rows, st.sampled_from(list(TimeKind)), st.sampled_from([0.5, 8.0]))
@PROPERTY
def test_one_row_for_each_distinct_item_from_oldest_to_latest(data, kind, half_life):
    events = events_of(data, kind)
    now = events.end + 2 * DAY
    histories = Histories.build(events, now, half_life)
    assert len(histories) == len(USERS)
    for user in range(len(USERS)):
        own = slice(histories.indptr[user], histories.indptr[user + 1])
        mine = [(i, t, w) for u, i, t, w in zip(*columns(events), strict=True) if u == user]
        latest = {i: max(t for j, t, _ in mine if j == i) for i, _, _ in mine}
        items = histories.items[own].tolist()
        assert sorted(items) == sorted(latest)
        times = [latest[i] for i in items]
        assert times == sorted(times)
        visits = sorted({t for _, t, _ in mine}, reverse=True)
        assert histories.steps[own].tolist() == [visits.index(t) for t in times]
        expected = [sum(w for j, _, w in mine if j == i) for i in items]
        np.testing.assert_allclose(histories.weights[own], expected, rtol=1e-6)
        ages = [(now - t) / DAY if kind is TimeKind.ABSOLUTE else 0 for t in times]
        np.testing.assert_allclose(histories.ages[own], ages, rtol=1e-6)
        share = np.array([0.5 ** (visits.index(t) / half_life) for t in times])
        np.testing.assert_allclose(histories.recency[own], share / share.sum() if len(share) else share, rtol=1e-5)


def columns(events):
    return events.user.tolist(), events.item.tolist(), events.time.tolist(), events.weight.astype(float).tolist()


def test_a_robot_keeps_its_latest_items_only():
    n = Histories.LIMIT + 40
    data = [("u0", ITEMS[k % 5], k, 1.0) for k in range(5)]
    events = events_of(data)
    many = type(events)(
        user=np.zeros(n, np.int32),
        item=np.arange(n, dtype=np.int32),
        time=np.arange(n) * DAY,
        weight=np.ones(n, np.float32),
        n_users=2,
        n_items=n,
        kind=TimeKind.ABSOLUTE,
    )
    histories = Histories.build(many, n * DAY, 0.01)  # weights of old visits underflow to zero, not to NaN
    assert np.diff(histories.indptr).tolist() == [Histories.LIMIT, 0]
    assert histories.items.tolist() == list(range(40, n))
    assert histories.recency.sum() == pytest.approx(1)
    assert np.isfinite(histories.recency).all()


@pytest.fixture(scope="module")
def shop():
    items, events = tables(n_users=20)
    return facts_of(items), Histories.build(shop_events(items, events), 2e9, 8.0)


def test_a_profile_is_the_history_with_its_facts(shop):
    facts, histories = shop
    text = np.zeros(facts.vectors.shape[1], np.float32)
    for user in range(len(histories)):
        profile = histories.profile(user, facts, text)
        assert len(profile) == len(profile.facts) == np.diff(histories.indptr)[user]
        np.testing.assert_array_equal(profile.facts.vectors, facts.vectors[profile.items])
        expected = (profile.recency[:, None] * facts.vectors[profile.items]).sum(axis=0)
        np.testing.assert_allclose(profile.mean, expected, atol=1e-6)


def test_without_an_item_is_as_if_it_had_never_been(shop):
    facts, histories = shop
    text = np.zeros(facts.vectors.shape[1], np.float32)
    profile = histories.profile(0, facts, text)
    for row in range(len(profile)):
        rest = profile.without(row)
        keep = np.delete(np.arange(len(profile)), row)
        np.testing.assert_array_equal(rest.items, profile.items[keep])
        np.testing.assert_array_equal(rest.facts.brand, profile.facts.brand[keep])
        assert rest.recency.sum() == pytest.approx(1)
        ratio = rest.recency / profile.recency[keep]
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)  # the others keep their proportions
    alone = profile
    while len(alone) > 1:
        alone = alone.without(0)
    empty = alone.without(0)
    assert len(empty) == len(empty.recency) == 0
    np.testing.assert_array_equal(empty.mean, 0)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_an_ad_hoc_profile_weighs_the_latest_most(shop, n):
    facts, _ = shop
    items = np.arange(n)
    profile = ad_hoc_profile(facts.take(items), items, np.zeros(12, np.float32), 2.0)
    assert profile.steps.tolist() == list(range(n))[::-1]
    assert (np.diff(profile.recency) > 0).all()
    assert profile.recency.sum() == pytest.approx(1 if n else 0)
    assert profile.mean.shape == (12,)
    together = ad_hoc_profile(facts.take(items), items, np.zeros(12, np.float32), 2.0, one_visit=True)
    assert set(together.steps.tolist()) <= {0}
    np.testing.assert_allclose(together.recency, 1 / max(n, 1))


@given(st.lists(st.text(max_size=30), max_size=30), st.integers(1, 40))
@PROPERTY
def test_a_history_text_is_the_latest_titles_first_and_no_longer_than_needed(titles, max_words):
    text = history_text(titles, max_words)
    latest = titles[::-1]
    lengths = [max(len(t.split()), len(t) // 8) for t in latest]
    needed = next((n for n in range(1, len(latest) + 1) if sum(lengths[:n]) >= max_words), len(latest))
    assert text == "; ".join(latest[:needed])


def test_texts_are_those_of_the_users_asked_for(shop):
    _, histories = shop
    titles = [f"thing {n}" for n in range(60)]
    every = histories.texts(titles, 96)
    assert histories.texts(titles, 96, [3, 1]) == [every[3], every[1]]
    assert every[0].split("; ")[0] == titles[histories.items[histories.indptr[1] - 1]]


def test_nobody_and_nothing():
    histories = Histories.build(events_of([]), 0.0, 8.0)
    assert len(histories) == len(USERS)
    assert histories.texts([], 10) == [""] * len(USERS)
