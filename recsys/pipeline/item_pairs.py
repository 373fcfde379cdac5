"""Pairs of items that one shopper bought together, as lessons for an encoder: drawn fairly, false negatives known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data.events import Events
from recsys.errors import BadInput


@dataclass(frozen=True)
class ItemPairs:
    """Pairs of texts whose items were bought together.

    Attributes
    ----------
    texts
        The different texts; items with equal texts are one.
    left, right
        Codes into `texts`, int64, shape ``(n,)``, in the order they are to be learnt.
    """

    texts: list[str]
    left: NDArray[np.int64]
    right: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.left)

    @cached_property
    def _known(self) -> NDArray[np.int64]:
        n = len(self.texts)
        return np.unique(np.r_[self.left * n + self.right, self.right * n + self.left])

    def not_negatives(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which left row and right row of a batch must not be pushed apart, shape ``(n, n)``; the diagonal is False.

        Those that share a text with each other or with each other's partner, and those that are a pair elsewhere.
        """
        across = left[:, None] * len(self.texts) + right[None, :]
        at = np.searchsorted(self._known, across).clip(max=len(self._known) - 1)
        same = (left[:, None] == left) | (right[:, None] == right) | (left[:, None] == right)
        return (same | (self._known[at] == across)) & ~np.eye(len(left), dtype=bool)


DRAWS_PER_TEXT = 50
MOST_DRAWS = 2_000_000


def sample_pairs(events: Events, texts: Sequence[str], count: int, *, seed: int) -> ItemPairs:
    """Draw at least `count` pairs of different texts that one shopper bought in the same visit or in neighbouring ones.

    Popular items and large baskets are drawn less than they occur: an event with the inverse square root of its item's
    events, and each visit about as often as its items' number has logarithms, whatever squares of pairs it holds.

    Parameters
    ----------
    texts
        Text of each item, row = code.

    Raises
    ------
    BadInput
        No shopper has two different items in neighbouring visits.
    """
    code, names = pd.factorize(np.asarray(texts, dtype=object))
    # More than are learnt where that is cheap: those drawn are also those that must not be pushed apart.
    count = max(count, min(DRAWS_PER_TEXT * len(names), MOST_DRAWS))
    events = events.where(events.weight > 0)
    if not len(events):
        raise BadInput("interactions: no events before the inner cut to learn from")
    rng = np.random.default_rng(seed)
    item = code[events.item].astype(np.int64)
    rare = 1 / np.sqrt(np.bincount(item, minlength=len(names)).clip(1))[item]
    starts = np.r_[np.flatnonzero(np.diff(events.visit, prepend=-1)), len(events)]
    owner = events.user[starts[:-1]]
    joined = np.r_[False, owner[1:] == owner[:-1], False]  # whether the visit before is the same shopper's
    size = np.diff(starts)[events.visit]
    chance = np.cumsum(events.weight * rare * np.log2(1 + size) / size)
    # Half of the partners come from the visit itself, the others from a window with those beside it.
    low = starts[np.arange(len(owner)) - joined[:-1]]
    high = starts[np.arange(len(owner)) + 1 + joined[1:]]
    left, right = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    found, rows = 0, max(4 * count, 1_000)
    for _ in range(50):
        first = np.searchsorted(chance, rng.random(rows) * chance[-1], side="right").clip(max=len(events) - 1)
        visit = events.visit[first]
        wide = rng.random(rows) < 0.5
        begin, end = np.where(wide, low[visit], starts[visit]), np.where(wide, high[visit], starts[visit + 1])
        second = rng.integers(begin, end)
        good = (item[first] != item[second]) & (rng.random(rows) < rare[second] / rare.max())
        left.append(item[first[good]])
        right.append(item[second[good]])
        found += int(good.sum())
        if found >= count:
            break
    if not found:
        raise BadInput("interactions: no shopper has two different items in one visit or neighbouring ones")
    # Few events may give less than was asked for; then they are learnt more than once.
    turn = np.resize(np.arange(found), count)
    return ItemPairs([str(name) for name in names], np.concatenate(left)[turn], np.concatenate(right)[turn])
