"""Ranking figures per user, and their intervals.

Every figure is one number per user (or a pair of arrays for pooled figures); means and intervals come from resampling
users, because one user's rows are not independent of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95% bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


def auc(positive: Floats, negative: Floats) -> float:
    """Chance that a positive scores above a negative, ties counting half (Mann–Whitney U); NaN if one side is empty."""
    from scipy.stats import rankdata  # half a second to import, for a process that may never measure

    p, n = len(positive), len(negative)
    if not p or not n:
        return float("nan")
    ranks = rankdata(np.concatenate([positive, negative]))
    return float((ranks[:p].sum() - p * (p + 1) / 2) / (p * n))


def ndcg(hit_ranks: NDArray[np.int64], relevant: int, k: int) -> float:
    """Binary nDCG@k from the 1-based ranks of the relevant items (Järvelin and Kekäläinen, 2002)."""
    if not relevant:
        return float("nan")
    ideal = (1 / np.log2(np.arange(2, min(relevant, k) + 2))).sum()
    return float((1 / np.log2(hit_ranks[hit_ranks <= k] + 1.0)).sum() / ideal)


def recall(hit_ranks: NDArray[np.int64], relevant: int, k: int) -> float:
    """Share of the relevant items within the first `k` ranks."""
    return float((hit_ranks <= k).sum() / relevant) if relevant else float("nan")


def novelty(lists: Sequence[NDArray[np.int64]], owners: NDArray[np.integer], n_users: int) -> Floats:
    """Mean surprise of each list in bits, ``-log2`` of the share of users who have the item (Zhou et al., 2010).

    Parameters
    ----------
    owners
        Users who have each item, shape ``(n_items,)``; one is added, so that an item nobody has is finite.
    """
    bits = -np.log2((owners + 1) / (n_users + 1))
    return np.array([bits[items].mean() if len(items) else np.nan for items in lists])


def diversity(lists: Sequence[NDArray[np.int64]], vectors: NDArray[np.float32]) -> Floats:
    """Mean of ``1 - cosine`` over the pairs of each list (Ziegler et al., 2005); NaN for lists shorter than two.

    `vectors` have unit length, row = item code.
    """
    out = np.full(len(lists), np.nan)
    for row, items in enumerate(lists):
        n = len(items)
        if n > 1:
            own = vectors[items].astype(np.float64)
            total = own.sum(axis=0)
            # The squared length of the sum holds every ordered pair once, and each vector with itself.
            out[row] = 1 - (total @ total - (own**2).sum()) / (n * (n - 1))
    return out


def gini(counts: NDArray[np.integer]) -> float:
    """Inequality of how often each item is shown: 0 all alike, towards 1 a few items take every place."""
    ordered = np.sort(counts).astype(np.float64)
    n, total = len(ordered), ordered.sum()
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total)) if total else float("nan")


def interval(values: Floats, *, resamples: int = 1_000, seed: int = 7) -> Estimate:
    """Mean over users with a 95% percentile bootstrap interval; users without a figure (NaN) are left out."""
    values = values[~np.isnan(values)]
    if not len(values):
        return Estimate(float("nan"), float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    block = max(1, 4_000_000 // len(values))
    means = np.concatenate(
        [
            values[rng.integers(0, len(values), (min(block, resamples - done), len(values)))].mean(axis=1)
            for done in range(0, resamples, block)
        ]
    )
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(float(values.mean()), float(low), float(high))


def difference(ours: Floats, theirs: Floats, *, resamples: int = 1_000, seed: int = 7) -> Estimate:
    """Paired mean difference over the same users, with its interval."""
    return interval(ours - theirs, resamples=resamples, seed=seed)


Statistic = Callable[[NDArray[np.int64]], float]
"""A figure over all rows at once, given how often each user was drawn, shape ``(n_users,)``."""


def draws(n_users: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """How often each user is drawn in each bootstrap resample, shape ``(resamples, n_users)``."""
    return np.random.default_rng(seed).multinomial(n_users, np.full(n_users, 1 / n_users), size=resamples)


def pooled(
    statistic: Statistic, n_users: int, *, resamples: int = 200, seed: int = 7, centred: bool = False
) -> Estimate:
    """A figure over all rows at once, with its interval over users.

    `centred` is for figures that grow with the number of *different* users, such as coverage: every resample repeats
    some users and so falls short. The spread of the resamples is then laid around the value.
    """
    value = statistic(np.ones(n_users, np.int64))
    low, middle, high = np.nanpercentile(
        [statistic(times) for times in draws(n_users, resamples, seed)], [2.5, 50.0, 97.5]
    )
    shift = value - middle if centred else 0.0
    return Estimate(value, float(low + shift), float(high + shift))


def pooled_auc(user: NDArray[np.int64], label: NDArray[np.bool_], score: Floats) -> Statistic:
    """AUC over all rows as a statistic for `pooled`: rows are sorted once, resampled by their users' weights."""
    order = np.argsort(score, kind="stable")
    user, y = user[order], label[order]
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])

    def statistic(times: NDArray[np.int64]) -> float:
        weight = times[user].astype(np.float64)
        positive = np.add.reduceat(weight * y, starts)
        negative = np.add.reduceat(weight * ~y, starts)
        below = np.cumsum(negative) - negative / 2
        total = positive.sum() * negative.sum()
        return float((positive * below).sum() / total) if total else float("nan")

    return statistic
