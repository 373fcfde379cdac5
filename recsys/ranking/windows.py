"""Training windows: cuts into the shop's past, with what was known before each and what was bought after it.

Two kinds are used, because a shop asks both questions: what a shopper adds to the visit they are in (their last event
is held out), and what they come back for (a stretch of later time is held out). Several windows, each with its own
past, keep features from seeing their own labels. A table without global time has only the first kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recsys.data.events import Events
from recsys.errors import NothingToLearn
from recsys.ranking.features.base import TrainingContext
from recsys.settings import TrainingConfig


@dataclass(frozen=True)
class TrainingWindow:
    """A moment of the past: what was known before it, and what some shoppers bought after it.

    Attributes
    ----------
    kind
        ``"later"``: a stretch of time was held out; ``"next"``: each shopper's last event was.
    context
        What was known.
    until
        End of the stretch of time (infinity for ``"next"``).
    share
        Weight of the window in training: the purchases after it, those of shoppers who were not sampled included.
    users
        Shoppers with at least one new item afterwards, int64, shape ``(k,)``.
    indptr, items, weights
        Items of shopper ``users[j]`` after the moment are ``items[indptr[j]:indptr[j + 1]]``, distinct and new to them.
    """

    kind: Literal["later", "next"]
    context: TrainingContext
    until: float
    share: float
    users: NDArray[np.int64]
    indptr: NDArray[np.int64]
    items: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        kind: Literal["later", "next"],
        context: TrainingContext,
        until: float,
        after: Events,
        limit: int,
        rng: np.random.Generator,
        share: float | None = None,
    ) -> TrainingWindow | None:
        """Label with the events in `after` that are new to their shopper; None where nothing is left."""
        n = max(after.n_items, 1)
        had = np.unique(context.events.user.astype(np.int64) * n + context.events.item)
        known = np.diff(context.histories.indptr) > 0
        keep = known[after.user] & ~np.isin(after.user.astype(np.int64) * n + after.item, had)
        pair, group = np.unique(after.user[keep].astype(np.int64) * n + after.item[keep], return_inverse=True)
        weights = np.zeros(len(pair), np.float32)
        np.maximum.at(weights, group, after.weight[keep])
        pair, weights = pair[weights > 0], weights[weights > 0]
        users = np.unique(pair // n)
        share = float(len(pair)) if share is None else share
        if len(users) > limit:
            users = np.sort(rng.choice(users, limit, replace=False))
        chosen = np.isin(pair // n, users)
        pair, weights = pair[chosen], weights[chosen]
        if not len(users):
            return None
        indptr = np.r_[np.searchsorted(pair // n, users), len(pair)]
        return cls(kind, context, until, share, users, indptr, pair % n, weights)


def training_windows(context: TrainingContext, config: TrainingConfig) -> list[TrainingWindow]:
    """The windows to learn from, latest first; none sees an event that `context` does not.

    Raises
    ------
    BadInput
        No shopper has two different items, so there is nothing to learn an order from.
    """
    rng = np.random.default_rng(context.seed)
    events = context.events
    # Where there is no global time, the last event, the last but one, and so on stand in for stretches of time.
    found, rest = [], events
    for _ in range(1 if events.absolute else config.slices):
        found.append(_last_events(context, rest, config, rng))
        rest = rest.where(np.arange(len(rest)) < _last_new(rest)[rest.user])
    for past, after, end in later_windows(context, config) if events.absolute else ():
        found.append(TrainingWindow.of("later", past, end, after, config.users, rng))
    usable = [window for window in found if window is not None]
    if not usable:
        raise NothingToLearn(
            "interactions: no user has two different items; no ranker can be trained from these events."
        )
    return usable


def later_windows(context: TrainingContext, config: TrainingConfig) -> Iterator[tuple[TrainingContext, Events, float]]:
    """Stretches of later time, latest first: what was known before each, what happened in it, and its end."""
    events = context.events
    if not len(events):
        return
    edges = np.quantile(events.time, 1 - config.slice_share * np.arange(config.slices + 1), method="lower")
    edges[0] = np.inf
    for start, end in zip(edges[1:], edges[:-1], strict=True):
        before = events.before(start)
        if len(before):
            after = events.where((events.time >= start) & (events.time < end))
            yield context.earlier(before, float(start), config.half_life), after, float(end)


def _last_events(
    context: TrainingContext, events: Events, config: TrainingConfig, rng: np.random.Generator
) -> TrainingWindow | None:
    """Leave-last-out: each shopper's last event held out, for as many shoppers as are used."""
    last = _last_new(events)
    users = np.flatnonzero(last < len(events))
    # An item held out of a basket of n is an nth of a visit: what completes a large basket is easy to tell and says
    # little about what the shopper comes back for, so it must not drown the later purchases.
    size = np.bincount(events.visit)[events.visit]
    share = float((1.0 / size[last[users]]).sum())
    if len(users) > config.users:
        users = np.sort(rng.choice(users, config.users, replace=False))
    cut = np.full(events.n_users, len(events))  # shoppers not sampled keep everything
    cut[users] = last[users]
    before = events.where(np.arange(len(events)) < cut[events.user])
    after = events.where(np.isin(np.arange(len(events)), last[users]))
    past = context.earlier(before, events.end, config.half_life)
    return TrainingWindow.of("next", past, np.inf, after, config.users, rng, share)


def _last_new(events: Events) -> NDArray[np.int64]:
    """Row of each user's last event with an item that is new to them, ``len(events)`` for those without a past.

    A repeat purchase is no news, so whatever follows that row is a repeat.
    """
    pair = events.user.astype(np.int64) * max(events.n_items, 1) + events.item
    fresh = np.unique(pair, return_index=True)[1]
    last = np.full(events.n_users, -1)
    np.maximum.at(last, events.user[fresh], fresh)
    return np.where(last > events.indptr[:-1], last, len(events))
