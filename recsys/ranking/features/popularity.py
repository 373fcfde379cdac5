"""Popularity features: how much an item sells, when it sold, and how new it is."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from recsys.data.catalogue import Candidates
from recsys.data.events import DAY
from recsys.data.histories import Profile
from recsys.ranking import cooccurrence
from recsys.ranking.cooccurrence import CumulativeCounts
from recsys.ranking.features.base import Array, Block, EvidenceKind, State, TrainingContext, log_gap


class Popularity(Block):
    """Log popularity over all events and, where time is global, over their latest shares."""

    name = "popularity"
    meaning = "how much the item sells, overall and lately"
    evidence_kinds = (EvidenceKind.POPULAR,)
    personal = False

    #: Shares of all events, latest first.
    SHARES: ClassVar[tuple[float, ...]] = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4)
    _table: NDArray[np.float32]

    @override
    def fit(self, context: TrainingContext) -> None:
        events = context.events
        counts = [np.bincount(events.item, events.weight, minlength=events.n_items + 1)]
        if events.absolute and len(events):
            for share in self.SHARES:
                late = events.time >= np.quantile(events.time, 1 - share)
                counts.append(np.bincount(events.item[late], events.weight[late], minlength=events.n_items + 1))
        table = np.log1p(np.stack(counts, axis=1))
        table = np.concatenate([table, np.square(table[:, :1]), table[:, :1] == 0], axis=1)
        self._set(table.astype(np.float32))

    def _set(self, table: NDArray[np.float32]) -> None:
        self._table = table
        lately = [f"popularity_latest_{round(1 / s)}th" for s in self.SHARES[: table.shape[1] - 3]]
        base = ["popularity", *lately, "popularity_squared", "never_bought"]
        self.columns = (*base, "popularity_x_activity", "never_bought_x_activity")

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        own = self._table[candidates.codes]
        activity = np.float32(np.log1p(len(profile)))
        return np.concatenate([own, own[:, [0, -1]] * activity], axis=1)

    @override
    def state(self) -> dict[str, Array]:
        return {"table": self._table}

    @override
    def restore(self, state: State) -> None:
        self._set(state["table"])


class Recency(Block):
    """Item recency: log days since an item was first and last bought."""

    name = "newness"
    meaning = "how new the item is and how long ago it was last bought"
    evidence_kinds = (EvidenceKind.NEW,)
    personal = False

    columns = (
        "days_since_first",
        "days_since_last",
        "days_since_last_squared",
        "days_since_first_x_gap",
        "days_since_last_x_gap",
    )
    #: Logarithm of the days since each item's first and last event, shape ``(n_items + 1, 2)``.
    table: NDArray[np.float32]

    @classmethod
    @override
    def applies(cls, context: TrainingContext) -> bool:
        return context.events.absolute

    @override
    def fit(self, context: TrainingContext) -> None:
        first, last = cooccurrence.first_and_last(context.events, context.now)
        known = ~np.isnan(first)
        table = np.stack([np.log1p(np.maximum(first, 0)), np.log1p(np.maximum(last, 0))], axis=1)
        # An item nobody has bought has no age; the mean says nothing either way, `never_bought` says the rest.
        table[~known] = table[known].mean(axis=0) if known.any() else 0.0
        self.table = table.astype(np.float32)

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        own = self.table[candidates.codes]
        return np.concatenate([own, np.square(own[:, 1:]) / 10, own * log_gap(profile)], axis=1)


class LastVisitPopularity(Block):
    """Popularity around the shopper's latest visit, and what was first sold only after it.

    A shopper who was last here in spring saw the shop of spring; what sold then, and what they cannot have seen yet,
    says more about their next visit than sales of today alone.
    """

    name = "their time"
    meaning = "whether the item sold around the time this shopper was last here"
    evidence_kinds = (EvidenceKind.POPULAR,)

    BINS: ClassVar[int] = 128
    REACH: ClassVar[tuple[int, ...]] = (1, 4, 12)
    _counts: CumulativeCounts
    _now: float
    _first: NDArray[np.float32]

    @classmethod
    @override
    def applies(cls, context: TrainingContext) -> bool:
        return context.events.absolute

    @override
    def fit(self, context: TrainingContext) -> None:
        first, _ = cooccurrence.first_and_last(context.events, context.now)
        self._set(CumulativeCounts.build(context.events, self.BINS), context.now, first)

    def _set(self, counts: CumulativeCounts, now: float, first: NDArray[np.float32]) -> None:
        self._counts, self._now, self._first = counts, now, first
        around = [f"sold_within_{r}_stretches" for r in self.REACH]
        self.columns = (
            *around,
            *(f"{c}_x_gap" for c in around),
            "sold_before",
            "sold_after",
            "first_sold_after",
            "days_first_sold_after",
            "days_first_sold_before",
        )

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        codes = candidates.codes
        gap = float(profile.ages.min(initial=np.inf)) if len(profile) else 0.0
        here = self._counts.bin_of(self._now - gap * DAY)
        end = len(self._counts.edges)
        columns = []
        for reach in self.REACH:
            low, high = max(here - reach, 0), min(here + reach, end - 1)
            # Windows cut short by the end of the table count per bin, not in total.
            rate = self._counts.window(low, high, codes) * ((2 * reach + 1) / (high - low + 1))
            columns.append(np.log1p(rate))
        log_gap = np.log1p(gap)
        columns += [c * log_gap for c in columns]
        columns += [np.log1p(self._counts.window(0, here, codes)), np.log1p(self._counts.window(here + 1, end, codes))]
        later = np.nan_to_num(gap - self._first[codes])  # days from their latest visit to the item's first sale
        columns += [later > 0, np.log1p(np.maximum(later, 0)), np.log1p(np.maximum(-later, 0))]
        return np.stack(columns, axis=1).astype(np.float32)

    @override
    def state(self) -> dict[str, Array]:
        return {
            "edges": self._counts.edges,
            "counts": self._counts.counts,
            "now": np.array([self._now]),
            "first": self._first,
        }

    @override
    def restore(self, state: State) -> None:
        self._set(CumulativeCounts(state["edges"], state["counts"]), float(state["now"][0]), state["first"])
