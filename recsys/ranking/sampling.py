"""Labelled pairs: what shoppers bought next, told from what they might have bought, using only what was known before.

A `TrainingWindow` is a moment with its own view of the past. Two kinds are used, because a shop asks both questions:
what a shopper adds to the visit they are in (their last event is held out), and what they come back for (a stretch of
later time is held out). A table without global time has only the first kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recsys.data.catalogue import Candidates
from recsys.data.events import Events
from recsys.data.histories import Histories
from recsys.errors import BadInput
from recsys.ranking.features.base import Block, TrainingContext
from recsys.settings import TrainingConfig

#: A column whose spread is no more than this share of its largest value, or of 1, is taken for a constant: float32
#: sums of unit vectors are rounded at 1e-7, and a weight in the millions would make scores of the rounding.
FLAT = 1e-5

#: ``(histories, users) -> (len(users), dim)``: the vectors of these users' history texts.
TextVectors = Callable[[Histories, NDArray[np.int64]], NDArray[np.float32]]


@dataclass(frozen=True)
class TrainingWindow:
    """A moment, what was known before it, and what some shoppers bought after it.

    Attributes
    ----------
    kind
        ``"later"``: a stretch of time was held out; ``"next"``: each shopper's last event was.
    context
        What was known.
    until
        End of the stretch of time (infinity for ``"next"``).
    share
        How much the window counts in training: the purchases it stands for, those of shoppers not sampled included.
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


@dataclass(frozen=True)
class Impressions:
    """What was shown: parallel arrays of user and item codes, times (as in `Events`) and whether it was clicked."""

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    time: NDArray[np.float64]
    clicked: NDArray[np.bool_]

    def where(self, keep: NDArray[np.bool_]) -> Impressions:
        """The impressions of a boolean mask."""
        return Impressions(self.user[keep], self.item[keep], self.time[keep], self.clicked[keep])


@dataclass(frozen=True)
class Drawn:
    """Candidates drawn for one shopper of an window: what they bought first, then what they did not.

    `weights` teach the order; `importance_weight` counts the catalogue's items that each candidate was drawn from.
    """

    place: int
    codes: NDArray[np.int64]
    bought: int
    weights: NDArray[np.float32]
    importance_weight: NDArray[np.float32]


@dataclass
class Pairs:
    """Labelled pairs as one matrix.

    Attributes
    ----------
    features
        float32, shape ``(n, len(columns))``.
    bought
        The label.
    weights
        Sample weights, mean 1; an window counts as much as the purchases it stands for.
    importance_weight
        How many of the shopper's candidates in the whole catalogue a row was drawn to represent: weighted by it, the
        rows are what a score is a probability of.
    moment, shopper
        Number of the window and of the shopper (within all pairs) of each row.
    later
        Whether the row's window is a stretch of later time.
    """

    columns: tuple[str, ...]
    features: NDArray[np.float32]
    bought: NDArray[np.bool_]
    weights: NDArray[np.float32]
    importance_weight: NDArray[np.float32]
    moment: NDArray[np.int32]
    shopper: NDArray[np.int32]
    later: NDArray[np.bool_]

    def standardise(self, batch: int = 65_536) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Centre and scale the features in place, batch by batch; returns the old means and deviations."""
        n = max(len(self.bought), 1)
        means = (
            sum(
                (self.features[at : at + batch].sum(axis=0, dtype=np.float64) for at in range(0, n, batch)),
                np.zeros(len(self.columns)),
            )
            / n
        )
        squares, peak = np.zeros(len(self.columns)), np.zeros(len(self.columns))
        for at in range(0, n, batch):
            part = self.features[at : at + batch]
            peak = np.maximum(peak, np.abs(part).max(axis=0, initial=0))
            part -= means.astype(np.float32)
            squares += np.square(part, dtype=np.float64).sum(axis=0)
        spread = np.sqrt(squares / n)
        # A column that never changes, but for rounding, teaches nothing; divided by its spread the rounding would.
        spread[spread <= FLAT * np.maximum(peak, 1.0)] = np.inf
        for at in range(0, n, batch):
            self.features[at : at + batch] /= spread.astype(np.float32)
        return means, spread


def training_windows(context: TrainingContext, config: TrainingConfig) -> list[TrainingWindow]:
    """The moments before `context` to learn from, latest first.

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
    if events.absolute and len(events):
        edges = np.quantile(events.time, 1 - config.slice_share * np.arange(config.slices + 1), method="lower")
        edges[0] = np.inf
        for start, end in zip(edges[1:], edges[:-1], strict=True):
            before = events.before(start)
            if len(before):
                after = events.where((events.time >= start) & (events.time < end))
                past = context.earlier(before, float(start), config.half_life)
                found.append(TrainingWindow.of("later", past, float(end), after, config.users, rng))
    usable = [window for window in found if window is not None]
    if not usable:
        raise BadInput("interactions: no user has two different items; a ranker cannot be trained from these events.")
    return usable


def _last_events(
    context: TrainingContext, events: Events, config: TrainingConfig, rng: np.random.Generator
) -> TrainingWindow | None:
    """Each shopper's last event held out, for as many shoppers as are used."""
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


def draw(
    window: TrainingWindow,
    config: TrainingConfig,
    rng: np.random.Generator,
    limit: int,
    shown: NDArray[np.int64] | None = None,
) -> list[Drawn]:
    """Draw the candidates of an window, at most about `limit` of them.

    Each shopper keeps at most `config.positives` purchases and is dealt `config.negatives` items of the catalogue, less
    those of their history and purchases. Products shown to them and not clicked (`shown`: sorted
    ``user * n_items + item``) take the place of up to half of the draws.
    """
    n = len(window.context.catalogue)
    profiles = window.context.histories
    counts = np.diff(window.indptr)
    rows = int((np.minimum(counts, config.positives) + config.negatives).sum())
    places = np.flatnonzero(rng.random(len(counts)) < limit / max(rows, 1))
    # Every item is drawn as often as every other: chance would favour some, and the weights would learn it.
    deals = -(-len(places) * config.negatives // max(n, 1))
    dealt = np.concatenate([rng.permutation(n) for _ in range(deals)]) if deals else np.zeros(0, np.int64)
    out = []
    for turn, place in enumerate(places):
        user = int(window.users[place])
        mine = slice(window.indptr[place], window.indptr[place + 1])
        bought, strength = window.items[mine], window.weights[mine]
        had = profiles.items[profiles.indptr[user] : profiles.indptr[user + 1]]
        pick = rng.permutation(len(bought))[: config.positives]
        others = dealt[turn * config.negatives : (turn + 1) * config.negatives].copy()
        uniform = np.ones(len(others), bool)
        if shown is not None:
            low, high = np.searchsorted(shown, [user * n, (user + 1) * n])
            seen = shown[low:high][: len(others) // 2] - user * n
            others[: len(seen)] = seen
            uniform[: len(seen)] = False
        fresh = ~np.isin(others, bought) & ~np.isin(others, had)
        others, uniform = others[fresh], uniform[fresh]
        # Each purchase stands against `config.negatives` draws, whether it has them for itself or shares them.
        each = len(pick) * config.negatives / max(len(others), 1)
        weights = np.r_[strength[pick], np.full(len(others), each)]
        # An item that was shown was chosen for itself; the uniform draws share all the rest.
        rest = max(n - len(np.unique(had)) - len(bought) - (~uniform).sum(), 0) / max(uniform.sum(), 1)
        importance_weight = np.r_[np.full(len(pick), len(bought) / max(len(pick), 1)), np.where(uniform, rest, 1)]
        codes = np.r_[bought[pick], others].astype(np.int64)
        out.append(
            Drawn(int(place), codes, len(pick), weights.astype(np.float32), importance_weight.astype(np.float32))
        )
    return out


def training_pairs(
    moments: Sequence[TrainingWindow],
    kinds: Sequence[type[Block]],
    text_vectors: TextVectors,
    config: TrainingConfig,
    *,
    seed: int,
    impressions: Impressions | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Pairs:
    """Features and labels of all training_windows, each seen with blocks fitted on its own past."""
    rng = np.random.default_rng(seed)
    shown = [_shown(o, impressions) for o in moments]
    drawn = [draw(o, config, rng, config.pairs // len(moments), s) for o, s in zip(moments, shown, strict=True)]
    total = sum(len(d.codes) for group in drawn for d in group)
    columns: tuple[str, ...] = ()
    features = np.empty((0, 0), np.float32)
    start = shopper = 0
    bought, moment = np.zeros(total, bool), np.empty(total, np.int32)
    weights, importance_weight = np.empty(total, np.float32), np.empty(total, np.float32)
    person, later = np.empty(total, np.int32), np.empty(total, bool)
    for number, (window, group) in enumerate(zip(moments, drawn, strict=True)):
        progress(f"features of moment {number + 1} of {len(moments)}: {len(group):,} shoppers")
        catalogue = window.context.catalogue
        blocks = [kind() for kind in kinds]
        for block in blocks:
            block.fit(window.context)
        if not columns:
            columns = tuple(c for b in blocks for c in b.columns)
            features = np.empty((total, len(columns)), np.float32)
        users = window.users[[d.place for d in group]]
        texts = text_vectors(window.context.histories, users)
        begin = start
        # Many small products: more threads would only wait for each other.
        with threadpool_limits(1):
            for d, user, text in zip(group, users, texts, strict=True):
                rows = slice(start, start + len(d.codes))
                profile = window.context.histories.profile(int(user), catalogue, text)
                candidates = Candidates.of(catalogue, d.codes)
                at = 0
                for block in blocks:
                    features[rows, at : at + len(block.columns)] = block.transform(profile, candidates)
                    at += len(block.columns)
                bought[start : start + d.bought] = True
                weights[rows], importance_weight[rows], person[rows] = d.weights, d.importance_weight, shopper
                start, shopper = rows.stop, shopper + 1
        mine = slice(begin, start)
        moment[mine], later[mine] = number, window.kind == "later"
        weights[mine] *= window.share / max(float(weights[mine].sum()), 1e-9)
    weights /= max(float(weights.mean()), 1e-30)
    return Pairs(columns, features, bought, weights, importance_weight, moment, person, later)


def _shown(window: TrainingWindow, impressions: Impressions | None) -> NDArray[np.int64] | None:
    """Sorted ``user * n_items + item`` of what was shown to the window's shoppers in its time and not clicked."""
    if impressions is None:
        return None
    own = ~impressions.clicked & np.isin(impressions.user, window.users)
    if window.kind == "later":
        own &= (impressions.time >= window.context.now) & (impressions.time < window.until)
    return np.unique(impressions.user[own].astype(np.int64) * len(window.context.catalogue) + impressions.item[own])
