"""Popularity fallback: candidates that need no history, prepared when a version is made.

Vectors and co-purchase find nothing for a shopper of whom nothing is known, and what is popular or new is a candidate
for everybody else too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsys.data.catalogue import ItemFeatures
from recsys.data.events import DAY
from recsys.data.histories import Profile, ad_hoc_profile
from recsys.data.snapshot import Snapshot
from recsys.ranking.ranker import Ranker
from recsys.ranking.topk import top_k

#: Items kept for each time since the last visit, how many such times, and items first bought last.
POPULAR, GAPS, NEWEST = 400, 8, 200


@dataclass(frozen=True)
class PopularityFallback:
    """Best items for shoppers of whom only the time of their last visit is known, and the newest items.

    Attributes
    ----------
    gaps
        Days since the last visit, ascending, shape ``(g,)``.
    popular
        Codes of what such a shopper would get, best first, shape ``(g, POPULAR)`` or less.
    newest
        Codes of the items first bought last.
    """

    gaps: NDArray[np.float32]
    popular: NDArray[np.int32]
    newest: NDArray[np.int32]

    @classmethod
    def of(cls, shop: Snapshot, ranker: Ranker | None) -> PopularityFallback:
        """Score the catalogue for a few such shoppers."""
        n = len(shop.item_ids)
        first = np.full(n, -np.inf)
        first[shop.events.item] = np.inf
        np.minimum.at(first, shop.events.item, shop.events.time)
        newest = top_k(np.where(shop.available, first, -np.inf), NEWEST)
        gaps = _gaps(shop)
        if ranker is None:
            scores = [np.bincount(shop.events.item, minlength=n).astype(np.float64)] * len(gaps)
        else:
            scores = [catalogue_scores(shop, ranker, _somebody(shop, gap)) for gap in gaps]
        best = [top_k(np.where(shop.available, s, -np.inf), POPULAR).astype(np.int32) for s in scores]
        return cls(gaps, np.stack(best), newest.astype(np.int32))

    def of_gap(self, days: float) -> NDArray[np.int32]:
        """`popular` for the nearest time since the last visit, compared as ratios."""
        return self.popular[int(np.argmin(np.abs(np.log1p(self.gaps) - np.log1p(max(days, 0.0)))))]

    def save(self, directory: Path) -> None:
        """Write the arrays."""
        directory.mkdir(parents=True, exist_ok=True)
        for name in _ARRAYS:
            np.save(directory / f"{name}.npy", getattr(self, name))

    @classmethod
    def load(cls, directory: Path) -> PopularityFallback:
        """Read what `save` wrote."""
        return cls(*(np.load(directory / f"{n}.npy", allow_pickle=False) for n in _ARRAYS))


_ARRAYS = ("gaps", "popular", "newest")


def recent_popularity(
    shop: Snapshot, seen: NDArray[np.integer], k: int, *, days: float = 30.0
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """What sold most lately, for whoever has had `seen`: codes and shares of all event weight in the last `days`.

    The rival that every version is compared with; without global time it is what sold most overall.
    """
    events = shop.events
    if events.absolute:
        events = events.where(events.time >= events.end - days * DAY)
    weights = np.bincount(events.item, events.weight, minlength=len(shop.item_ids)).astype(np.float64)
    weights /= max(weights.sum(), 1e-12)
    possible = shop.available & (weights > 0)
    possible[seen] = False
    codes = top_k(np.where(possible, weights, -np.inf), min(k, int(possible.sum())))
    return codes, weights[codes]


def _gaps(shop: Snapshot) -> NDArray[np.float32]:
    """Typical days since a shopper's last visit: evenly spread over the shoppers."""
    h = shop.histories
    last = h.ages[h.indptr[1:][np.diff(h.indptr) > 0] - 1]
    return np.unique(np.quantile(last, np.linspace(0, 1, GAPS)).astype(np.float32)) if len(last) else np.zeros(1, "f4")


def _somebody(shop: Snapshot, gap: float) -> Profile:
    """An anonymous profile: as many items as most shoppers have, all at their last visit, of which nothing is known."""
    lengths = np.diff(shop.histories.indptr)
    h = int(np.median(lengths[lengths > 0])) if (lengths > 0).any() else 0
    facts = ItemFeatures(
        vectors=np.zeros((h, shop.facts.vectors.shape[1]), np.float32),
        terms=sparse.csr_array((h, shop.facts.terms.shape[1]), dtype=np.float32),
        brand=np.full(h, -1, np.int32),
        category=np.full(h, -1, np.int32),
        price=np.full(h, np.nan, np.float32),
    )
    vector = np.zeros(shop.facts.vectors.shape[1], np.float32)
    alike = ad_hoc_profile(facts, np.full(h, -1, np.int64), vector, 1.0)
    return replace(alike, ages=np.full(h, gap, np.float32))


def catalogue_scores(shop: Snapshot, ranker: Ranker, profile: Profile, block: int = 50_000) -> NDArray[np.float64]:
    """The whole catalogue's log-odds, a block of items at a time."""
    n = len(shop.item_ids)
    if n <= block:
        return ranker.logit(profile, shop.catalogue)
    rows = (np.arange(start, min(start + block, n)) for start in range(0, n, block))
    return np.concatenate([ranker.logit(profile, shop.catalogue.take(r)) for r in rows])
