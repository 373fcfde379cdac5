"""Shoppers to look at: a few whose tastes differ, for a first look at what lists are like."""

from __future__ import annotations

import numpy as np

from recsys.data.snapshot import Snapshot

#: The most active shoppers, among whom it is chosen.
POOL = 200


def different_shoppers(shop: Snapshot, n: int, *, history: int = 3) -> list[int]:
    """Codes of users by farthest-first traversal of their mean vectors, the most active first.

    Parameters
    ----------
    n
        How many, at most.
    history
        Distinct items that each has had, or as many as anybody has.
    """
    sizes = np.diff(shop.histories.indptr)
    pool = np.argsort(-sizes, kind="stable")[:POOL]
    pool = pool[sizes[pool] >= min(history, sizes.max(initial=0))]
    if not len(pool):
        return []
    means = np.stack([shop.profile(int(u)).mean for u in pool])
    chosen = [0]
    while len(chosen) < min(n, len(pool)):
        nearest = (means @ means[chosen].T).max(axis=1)
        nearest[chosen] = np.inf
        chosen.append(int(np.argmin(nearest)))
    return [int(pool[i]) for i in chosen]
