"""Negative sampling: labelled pairs of training windows, purchases beside items drawn from the rest of the catalogue.

Every pair is seen with blocks fitted on its window's own past, so features never know their labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recsys.data.catalogue import Candidates
from recsys.data.histories import Histories
from recsys.ranking.features.base import Block
from recsys.ranking.features.fitting import block_features
from recsys.ranking.windows import TrainingWindow
from recsys.settings import TrainingConfig

#: A column whose spread is no more than this share of its largest value, or of 1, is taken for a constant: float32
#: sums of unit vectors are rounded at 1e-7, and a weight in the millions would make scores of the rounding.
FLAT = 1e-5

#: ``(histories, users) -> (len(users), dim)``: the vectors of these users' history texts.
HistoryVectors = Callable[[Histories, NDArray[np.int64]], NDArray[np.float32]]


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

    def with_more(self, other: Impressions) -> Impressions:
        """These and those of `other`."""
        names = ("user", "item", "time", "clicked")
        return Impressions(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))


@dataclass(frozen=True)
class CandidateSample:
    """Positives and sampled negatives of one shopper of a window, positives first.

    Attributes
    ----------
    place
        The shopper's place in the window's `users`.
    codes
        Items, shape ``(m,)``; the first `bought` of them were bought.
    weights
        Sample weights, from which the order is learnt.
    importance_weight
        How many of the shopper's items in the whole catalogue each was drawn to represent.
    """

    place: int
    codes: NDArray[np.int64]
    bought: int
    weights: NDArray[np.float32]
    importance_weight: NDArray[np.float32]


@dataclass
class Pairs:
    """Labelled pairs of shoppers and items, as one feature matrix.

    Attributes
    ----------
    features
        float32, shape ``(n, len(columns))``.
    bought
        The label.
    weights
        Sample weights, mean 1; those of a window sum to its `share`.
    importance_weight
        How many of the shopper's candidates in the whole catalogue a row was drawn to represent: weighted by it, the
        rows are what a score is a probability of.
    window, shopper
        Number of the window (0 is the first) and of the shopper (within all pairs) of each row.
    later
        Whether the row's window is a stretch of later time.
    """

    columns: tuple[str, ...]
    features: NDArray[np.float32]
    bought: NDArray[np.bool_]
    weights: NDArray[np.float32]
    importance_weight: NDArray[np.float32]
    window: NDArray[np.int32]
    shopper: NDArray[np.int32]
    later: NDArray[np.bool_]

    def standardise(self, batch: int = 65_536) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Centre and scale the features in place, batch by batch; returns the old means and standard deviations."""
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


def sample_candidates(
    window: TrainingWindow,
    config: TrainingConfig,
    rng: np.random.Generator,
    limit: int,
    shown: NDArray[np.int64] | None = None,
) -> list[CandidateSample]:
    """Uniform negative sampling over the shoppers of a window, at most about `limit` candidates in all.

    Each shopper keeps at most `config.positives` purchases and gets `config.negatives` items of the catalogue, less
    those of their history and purchases. Products shown to them and not clicked (`shown`: sorted
    ``user * n_items + item``) take the place of up to half of the draws.
    """
    n = len(window.context.catalogue)
    histories = window.context.histories
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
        had = histories.items[histories.indptr[user] : histories.indptr[user + 1]]
        pick = rng.permutation(len(bought))[: config.positives]
        others = dealt[turn * config.negatives : (turn + 1) * config.negatives].copy()
        uniform = np.ones(len(others), bool)
        if shown is not None:
            low, high = np.searchsorted(shown, [user * n, (user + 1) * n])
            passed_over = shown[low:high][: len(others) // 2] - user * n
            others[: len(passed_over)] = passed_over
            uniform[: len(passed_over)] = False
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
            CandidateSample(
                int(place), codes, len(pick), weights.astype(np.float32), importance_weight.astype(np.float32)
            )
        )
    return out


def training_pairs(
    windows: Sequence[TrainingWindow],
    fitted: Iterator[tuple[Block, ...]],
    text_vectors: HistoryVectors,
    config: TrainingConfig,
    *,
    seed: int,
    impressions: Impressions | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Pairs:
    """Features and labels of all windows, each seen with blocks `fitted` on its own past, which come in that order."""
    rng = np.random.default_rng(seed)
    shown = [_shown(window, impressions) for window in windows]
    limit = config.pairs // len(windows)
    samples = [sample_candidates(w, config, rng, limit, s) for w, s in zip(windows, shown, strict=True)]
    total = sum(len(sample.codes) for group in samples for sample in group)
    columns: tuple[str, ...] = ()
    features = np.empty((0, 0), np.float32)
    start = shopper = 0
    bought, row_window = np.zeros(total, bool), np.empty(total, np.int32)
    weights, importance_weight = np.empty(total, np.float32), np.empty(total, np.float32)
    row_shopper, later = np.empty(total, np.int32), np.empty(total, bool)
    for number, (window, group, blocks) in enumerate(zip(windows, samples, fitted, strict=False)):
        progress(f"features of window {number + 1} of {len(windows)}: {len(group):,} shoppers")
        catalogue = window.context.catalogue
        if not columns:
            columns = tuple(c for b in blocks for c in b.columns)
            features = np.empty((total, len(columns)), np.float32)
        users = window.users[[sample.place for sample in group]]
        texts = text_vectors(window.context.histories, users)
        begin = start
        # Many small products: more threads would only wait for each other.
        with threadpool_limits(1):
            for sample, user, text in zip(group, users, texts, strict=True):
                rows = slice(start, start + len(sample.codes))
                profile = window.context.histories.profile(int(user), catalogue, text)
                candidates = Candidates.of(catalogue, sample.codes)
                features[rows] = block_features(blocks, profile, candidates)
                bought[start : start + sample.bought] = True
                weights[rows], importance_weight[rows] = sample.weights, sample.importance_weight
                row_shopper[rows] = shopper
                start, shopper = rows.stop, shopper + 1
        mine = slice(begin, start)
        row_window[mine], later[mine] = number, window.kind == "later"
        weights[mine] *= window.share / max(float(weights[mine].sum()), 1e-9)
    weights /= max(float(weights.mean()), 1e-30)
    return Pairs(columns, features, bought, weights, importance_weight, row_window, row_shopper, later)


def _shown(window: TrainingWindow, impressions: Impressions | None) -> NDArray[np.int64] | None:
    """Sorted ``user * n_items + item`` of what was shown to the window's shoppers in its time and not clicked."""
    if impressions is None:
        return None
    own = ~impressions.clicked & np.isin(impressions.user, window.users)
    if window.kind == "later":
        own &= (impressions.time >= window.context.now) & (impressions.time < window.until)
    return np.unique(impressions.user[own].astype(np.int64) * len(window.context.catalogue) + impressions.item[own])
