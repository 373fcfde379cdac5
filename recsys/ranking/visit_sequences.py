"""Sequences of visits, as the visit transformer is trained on them: first meetings, split at random, in batches.

Rows of about the same length share a batch, so that short histories cost what they hold and not what the longest holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.data.events import DAY, Events
from recsys.ranking.visit_transformer import VISITS

#: Padded visits of an update, and updates at most: a large shop trains as long as one of 20,000 visits.
BATCH, UPDATES = 512, 1_000
#: Share of visits that are split in two.
SPLIT = 0.5
#: Days of a stretch of time, whose popularity is given; and the share of popularity that is everlasting.
STRETCH, EVER = 30.0, 0.2


@dataclass(frozen=True)
class Sequences:
    """First meetings by visit: user, item, visit and stretch of time of each, in the events' order."""

    user: NDArray[np.int64]
    item: NDArray[np.int64]
    visit: NDArray[np.int64]
    stretch: NDArray[np.int64]
    n_items: int

    @classmethod
    def of(cls, events: Events) -> Sequences:
        """The first event of each shopper with each item."""
        pair = events.user.astype(np.int64) * max(events.n_items, 1) + events.item
        rows = np.sort(np.unique(pair, return_index=True)[1])
        time = events.time[rows]
        stretch = ((time - time.min(initial=np.inf)) // (STRETCH * DAY)).astype(np.int64) * events.absolute
        user, item = events.user[rows].astype(np.int64), events.item[rows].astype(np.int64)
        return cls(user, item, events.visit[rows], stretch, events.n_items)

    def chances(self) -> NDArray[np.float32]:
        """Log frequency of each item in each stretch of time, some of it as ever; shape ``(s, n_items)``."""
        stretches = int(self.stretch.max(initial=0)) + 1
        counts = np.bincount(self.stretch * self.n_items + self.item, minlength=stretches * self.n_items)
        counts = counts.reshape(stretches, self.n_items)
        ever = counts.sum(axis=0) + 0.5
        now = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        return np.log((1 - EVER) * now + EVER * ever / ever.sum()).astype(np.float32)

    def __len__(self) -> int:
        """Visits in which something new was met and that another such visit follows."""
        visits, first = np.unique(self.visit, return_index=True)
        return len(visits) - len(np.unique(self.user[first]))

    def split(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], ...]:
        """Items by token; where each token begins (and the last ends); where each row does; each token's stretch.

        A row is at most `VISITS` tokens of one shopper; a token is a visit or, at random, one of two parts of it.
        """
        _, place = np.unique(self.visit, return_inverse=True)
        parted = rng.random(place.max(initial=-1) + 1) < SPLIT
        share = rng.random(len(parted))
        part = parted[place] & (rng.random(len(place)) > share[place])
        order = np.lexsort((part, place))
        token = place[order] * 2 + part[order]
        starts = np.flatnonzero(np.r_[True, np.diff(token) != 0])
        user = self.user[order][starts]
        first = np.searchsorted(user, user)
        row = (np.arange(len(user)) - first + rng.integers(0, VISITS, user.max(initial=-1) + 1)[user]) // VISITS
        rows = np.flatnonzero(np.r_[True, (np.diff(user) != 0) | (np.diff(row) != 0)])
        return self.item[order], np.r_[starts, len(order)], np.r_[rows, len(user)], self.stretch[order][starts]

    def updates(self, passes: int, rng: np.random.Generator) -> Iterator[tuple[float, Batch]]:
        """Batches of all passes, at most `UPDATES`, each with the share that was done before it."""
        done, total = 0, UPDATES
        for number in range(passes if len(self) else 0):
            batches = list(self.batches(rng))
            if not number:
                total = max(min(passes * len(batches), UPDATES), 1)
            for batch in batches:
                yield min(done / total, 1.0), batch
                done += 1
                if done == UPDATES:
                    return

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        """All sequences once, in batches of about `BATCH` tokens of sequences about as long, in random order."""
        items, tokens, rows, stretch = self.split(rng)
        length = np.diff(rows)
        usable = np.flatnonzero(length > 1)
        if not len(usable):
            return
        by_length = usable[np.argsort(length[usable] + 2 * rng.random(len(usable)), kind="stable")]
        groups: list[list[int]] = [[]]
        for row in by_length.tolist():
            if groups[-1] and (len(groups[-1]) + 1) * length[row] > BATCH:
                groups.append([])
            groups[-1].append(row)
        for group in rng.permutation(len(groups)):
            yield Batch.of(items, tokens, rows, stretch, np.array(groups[group], np.int64))


@dataclass(frozen=True)
class Batch:
    """Tokens of some rows, and what each was followed by.

    Attributes
    ----------
    items, starts
        Items of the tokens, and where each token's begin.
    place
        Of each token in the padded matrix of shape ``(rows, longest)``.
    asks
        Places of the tokens that another follows, and the `stretch` of time in which it does.
    targets, asked
        Items that followed, and by number the asking token; beside them `weights`.
    """

    items: NDArray[np.int64]
    starts: NDArray[np.int64]
    place: NDArray[np.int64]
    shape: tuple[int, int]
    asks: NDArray[np.int64]
    stretch: NDArray[np.int64]
    targets: NDArray[np.int64]
    asked: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        items: NDArray[np.int64],
        tokens: NDArray[np.int64],
        rows: NDArray[np.int64],
        stretch: NDArray[np.int64],
        chosen: NDArray[np.int64],
    ) -> Batch:
        """The `chosen` rows of what `Sequences.split` makes."""
        length = rows[chosen + 1] - rows[chosen]
        flat = _ranges(rows[chosen], length)
        number = np.repeat(np.arange(len(chosen)), length)
        at = flat - rows[chosen][number]
        longest = int(length.max())
        sizes = tokens[flat + 1] - tokens[flat]
        follows = at > 0
        after = sizes[follows]
        return cls(
            items=items[_ranges(tokens[flat], sizes)],
            starts=np.cumsum(sizes) - sizes,
            place=number * longest + at,
            shape=(len(chosen), longest),
            asks=(number * longest + at)[follows] - 1,
            stretch=stretch[flat[follows]],
            targets=items[_ranges(tokens[flat[follows]], after)],
            asked=np.repeat(np.arange(len(after)), after),
            # A basket of n says more than one of 1, and less than n times as much.
            weights=np.repeat(1 / np.sqrt(after), after).astype(np.float32),
        )


def _ranges(starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """``starts[0], starts[0] + 1, ...`` for `sizes[0]` numbers, and so on for each."""
    ends = np.cumsum(sizes)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + sizes, sizes)
