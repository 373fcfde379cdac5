"""Re-ranking: a list filled place by place from a ranking, under pins, exploration, caps and diversity.

What the rules of a shop mean is said in `rules`; here is how places are filled so that caps are exact and a list is
never shorter than it has to be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


def pool_size(k: int) -> int:
    """How many of the best remaining items diversity chooses among, for a list of `k`."""
    return max(200, 10 * k)


def scale(scores: NDArray[np.float64], pool: int) -> tuple[float, float]:
    """The score of relevance 0 (the last of the pool), and how far above it relevance 1 (the best) is."""
    depth = min(pool, len(scores))
    if not depth:
        return 0.0, 1.0
    low = float(np.partition(scores, -depth)[-depth])
    return low, float(scores.max()) - low or 1.0


class Place(NamedTuple):
    """A row and how it got its place: ``pinned``, ``explore``, or '' for the ranking."""

    row: int
    how: str


class _CapCounts:
    """Counts what caps allow; rows without a value (code -1) are never capped."""

    def __init__(self, caps: Sequence[tuple[NDArray[np.int32], int]]) -> None:
        self._caps = [(codes, cap, Counter[int]()) for codes, cap in caps]

    def fits(self, row: int) -> bool:
        return all(codes[row] < 0 or count[int(codes[row])] < cap for codes, cap, count in self._caps)

    def add(self, row: int) -> None:
        for codes, _, count in self._caps:
            count[int(codes[row])] += 1


@dataclass(frozen=True)
class Reranker:
    """Greedy re-ranking of scored rows; what their list must look like is in the attributes.

    Attributes
    ----------
    ids
        Ids of the rows, which break ties of score; shape ``(n,)``.
    scores
        Score of each row, shape ``(n,)``.
    possible
        Rows that may be in the list, shape ``(n,)``.
    vectors
        Unit vectors of the rows, shape ``(n, dim)``; read only for diversity.
    pins
        Possible row for each pinned place, in order of place.
    explore
        Share of places that goes to new rows.
    new
        Possible new rows in the order in which they get those places.
    caps
        Group code of each row (-1 for none) and the most rows of one group, for each kind of group.
    diversity
        Weight of being unlike the list so far against relevance, 0 to 1.
    scale
        The scores of relevance 0, and from there to relevance 1.
    pool
        Best remaining rows among which diversity chooses.
    """

    ids: NDArray[np.object_]
    scores: NDArray[np.float64]
    possible: NDArray[np.bool_]
    vectors: NDArray[np.float32]
    pins: Mapping[int, int]
    explore: float
    new: NDArray[np.int64]
    caps: Sequence[tuple[NDArray[np.int32], int]]
    diversity: float
    scale: tuple[float, float]
    pool: int

    def fill(self, length: int) -> list[Place]:
        """The first `length` places; fewer when no possible row fits any more."""
        room = _CapCounts(self.caps)
        pins: dict[int, int] = {}
        for at, row in self.pins.items():
            if room.fits(row):
                pins[at] = row
                room.add(row)
        used = set(pins.values())

        def free(row: int) -> bool:
            return row not in used and room.fits(row)

        # A row that is not free once never is again, so one pass over each order is enough.
        ranked, new = filter(free, self.by_score()), filter(free, iter(self.new.tolist()))
        pool: list[int] = []
        places: list[Place] = []
        for at in range(1, length + 1):
            if at in pins:
                places.append(Place(pins[at], "pinned"))
                continue
            explored = next(new, None) if self._explores(at) else None
            if explored is None:
                pool = list(filter(free, pool))
                pool += islice(ranked, (self.pool if self.diversity else 1) - len(pool))
                if not pool:
                    continue  # pins of later places move up
            row = self._most_relevant(pool, used) if explored is None else explored
            used.add(row)
            room.add(row)
            places.append(Place(row, "" if explored is None else "explore"))
        return places

    def by_score(self) -> Iterator[int]:
        """Possible rows, best first, ties by id; only as many are sorted as a list is likely to need."""
        rows = np.flatnonzero(self.possible)
        head = 4 * self.pool
        if len(rows) > 2 * head:
            scores = self.scores[rows]
            above = scores >= np.partition(scores, len(rows) - head)[len(rows) - head]
            yield from self._sorted(rows[above])
            rows = rows[~above]
        yield from self._sorted(rows)

    def _sorted(self, rows: NDArray[np.int64]) -> list[int]:
        scores = self.scores[rows]
        order = np.argsort(-scores, kind="stable")
        rows, scores = rows[order], scores[order]
        if np.any(scores[1:] == scores[:-1]):
            rows = rows[np.lexsort((self.ids[rows].astype(str), -scores))]
        out: list[int] = rows.tolist()
        return out

    def _explores(self, at: int) -> bool:
        """Whether the share of exploration passes a whole number at this place (.2: places 5, 10, 15, ...)."""
        return int(at * self.explore + 1e-9) > int((at - 1) * self.explore + 1e-9)

    def _most_relevant(self, pool: list[int], used: set[int]) -> int:
        """Maximal marginal relevance against the list so far and its pins; the best row where diversity is off."""
        if not self.diversity:
            return pool[0]
        low, spread = self.scale
        gain = (1 - self.diversity) * (self.scores[pool] - low) / spread
        if used:
            gain -= self.diversity * (self.vectors[pool] @ self.vectors[sorted(used)].T).max(axis=1)
        return pool[int(np.argmax(gain))]
