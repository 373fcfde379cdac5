from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.events import DAY
from recsys.data.schema import TimeKind
from recsys.errors import BadInput
from recsys.ranking.features import BLOCKS
from recsys.ranking.features.fitting import fitted_ahead
from recsys.ranking.sampling import Impressions, sample_candidates, training_pairs
from recsys.ranking.windows import training_windows
from recsys.settings import TrainingConfig
from tests.shops import context_of, events_of, facts_of, mean_texts, tables

CONFIG = TrainingConfig(negatives=20, slices=2)
ITEMS, ROWS = tables()
FACTS = facts_of(ITEMS)


def fitted_pairs(windows, kinds, **more):
    fitted = fitted_ahead(kinds, [window.context for window in windows])
    return training_pairs(windows, fitted, mean_texts(FACTS), seed=0, **more)


def pairs_of(rows: pd.DataFrame, config: TrainingConfig = CONFIG, **more):
    events = events_of(ITEMS, rows)
    windows = training_windows(context_of(events, FACTS), config)
    kinds = [k for k in BLOCKS if k.applies(windows[0].context)]
    return windows, fitted_pairs(windows, kinds, config=config, **more)


def test_labels_come_after_and_are_new_to_the_shopper():
    events = events_of(ITEMS, ROWS)
    for window in training_windows(context_of(events, FACTS), CONFIG):
        past = set(zip(window.context.events.user, window.context.events.item, strict=True))
        for j, user in enumerate(window.users):
            bought = window.items[window.indptr[j] : window.indptr[j + 1]]
            assert len(bought) == len(set(bought)) > 0
            assert not {(user, item) for item in bought} & past
        if window.kind == "later":
            assert window.context.events.time.max() < window.context.now < window.until


def test_a_leak_planted_after_the_cut_changes_no_feature_before_it():
    """Events after every cut, however telling, leave the features of the pairs as they were."""
    events = events_of(ITEMS, ROWS)
    windows = training_windows(context_of(events, FACTS), CONFIG)
    later = next(o for o in windows if o.kind == "later")
    kinds = [k for k in BLOCKS if k.applies(later.context)]
    before = fitted_pairs([later], kinds, config=CONFIG)
    # The same shoppers buy the same labelled items again, many times over, at and after the cut.
    leak = pd.DataFrame(
        [
            (f"u{user:03d}", f"i{item:03d}", later.context.now + hour * 3600.0, 1.0)
            for j, user in enumerate(later.users)
            for item in later.items[later.indptr[j] : later.indptr[j + 1]]
            for hour in range(3)
        ],
        columns=ROWS.columns,
    )
    planted = events_of(ITEMS, pd.concat([ROWS, leak]))
    cut = planted.before(later.context.now)
    assert len(cut) == len(later.context.events)
    again = replace(later, context=later.context.earlier(cut, later.context.now, CONFIG.half_life))
    after = fitted_pairs([again], kinds, config=CONFIG)
    np.testing.assert_array_equal(before.features, after.features)
    # And a leak before the cut is seen: the test can tell.
    early = leak.assign(timestamp=later.context.now - DAY)
    seen = events_of(ITEMS, pd.concat([ROWS, early])).before(later.context.now)
    leaky = replace(later, context=later.context.earlier(seen, later.context.now, CONFIG.half_life))
    assert not np.array_equal(
        before.features[: len(before.bought) // 2],
        fitted_pairs([leaky], kinds, config=CONFIG).features[: len(before.bought) // 2],
    )


def test_the_held_out_event_is_not_in_the_past_of_its_shopper():
    events = events_of(ITEMS, ROWS)
    nexts = [o for o in training_windows(context_of(events, FACTS), CONFIG) if o.kind == "next"]
    assert len(nexts) == 1
    for j, user in enumerate(nexts[0].users):
        profile = nexts[0].context.histories
        had = profile.items[profile.indptr[user] : profile.indptr[user + 1]]
        (item,) = nexts[0].items[nexts[0].indptr[j] : nexts[0].indptr[j + 1]]
        assert item not in had
        assert len(had) > 0


def test_order_only_tables_have_only_last_events():
    rows = ROWS.assign(timestamp=ROWS.groupby("user_id").cumcount().astype(float))
    windows = training_windows(context_of(events_of(ITEMS, rows, TimeKind.ORDER), FACTS), CONFIG)
    assert [o.kind for o in windows] == ["next", "next"]


def test_nothing_to_learn_is_an_error():
    once = ROWS.drop_duplicates("user_id").assign(timestamp=ROWS.timestamp.min())
    with pytest.raises(BadInput, match="no user has two different items"):
        training_windows(context_of(events_of(ITEMS, once), FACTS), CONFIG)


@settings(max_examples=10)
@given(st.integers(1, 30), st.integers(0, 5), st.integers(1, 3))
def test_drawn_items_are_in_neither_history_nor_purchases(negatives: int, seed: int, positives: int):
    config = TrainingConfig(negatives=negatives, positives=positives, slices=2)
    for window in training_windows(replace(context_of(events_of(ITEMS, ROWS), FACTS), seed=seed), config):
        histories = window.context.histories
        for drawn in sample_candidates(window, config, np.random.default_rng(seed), 10**9):
            user = window.users[drawn.place]
            bought = window.items[window.indptr[drawn.place] : window.indptr[drawn.place + 1]]
            had = histories.items[histories.indptr[user] : histories.indptr[user + 1]]
            assert set(drawn.codes[: drawn.bought]) <= set(bought)
            assert drawn.bought <= positives
            assert not set(drawn.codes[drawn.bought :]) & (set(bought) | set(had))


@pytest.mark.parametrize("negatives", [7, len(ITEMS) // 2, len(ITEMS)])
def test_every_item_is_drawn_as_often_as_every_other(negatives: int):
    config = TrainingConfig(negatives=negatives, slices=1)
    for window in training_windows(context_of(events_of(ITEMS, ROWS), FACTS), config):
        drawn = sample_candidates(window, config, np.random.default_rng(0), 10**9)
        codes = np.concatenate([d.codes[d.bought :] for d in drawn])
        histories = window.context.histories
        had = [histories.items[histories.indptr[u] : histories.indptr[u + 1]] for u in window.users]
        nobodys = np.setdiff1d(np.arange(len(ITEMS)), np.concatenate([*had, window.items]))
        often = np.bincount(codes, minlength=len(ITEMS))[nobodys]
        assert len(nobodys)
        assert set(often) <= {len(drawn) * negatives // len(ITEMS), -(-len(drawn) * negatives // len(ITEMS))}


def test_shown_and_not_clicked_are_preferred_as_negatives():
    events = events_of(ITEMS, ROWS)
    window = next(o for o in training_windows(context_of(events, FACTS), CONFIG) if o.kind == "later")
    user = int(window.users[0])
    never = len(ITEMS) - 1
    shown = np.sort(np.array([user * len(ITEMS) + never]))
    drawn = sample_candidates(window, CONFIG, np.random.default_rng(0), 10**9, shown)[0]
    assert never in drawn.codes[drawn.bought :]
    impressions = Impressions(
        np.array([user], np.int32), np.array([never], np.int32), np.array([window.context.now]), np.array([False])
    )
    _, pairs = pairs_of(ROWS, impressions=impressions)
    assert len(pairs.bought) == len(pairs.features)


def test_the_number_of_pairs_is_bounded_and_a_window_counts_as_its_purchases():
    windows, pairs = pairs_of(ROWS, TrainingConfig(negatives=50, slices=2, pairs=3_000))
    assert len(pairs.bought) < 4_500
    by_window = [pairs.weights[pairs.window == k].sum() for k in range(len(windows))]
    np.testing.assert_allclose(
        np.array(by_window) / by_window[0], [o.share / windows[0].share for o in windows], rtol=1e-3
    )
    assert pairs.weights.mean() == pytest.approx(1, rel=1e-3)


def test_standardise_in_place():
    _, pairs = pairs_of(ROWS)
    raw = pairs.features.copy()
    means, spread = pairs.standardise(batch=100)
    alive = np.isfinite(spread)
    assert not pairs.features[:, ~alive].any()
    np.testing.assert_allclose(pairs.features[:, alive].std(axis=0), 1, rtol=1e-3)
    np.testing.assert_allclose(pairs.features[:, alive] * spread[alive] + means[alive], raw[:, alive], atol=1e-3)
