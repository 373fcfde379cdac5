"""Delivery times: quantiles by method, place and weekday with shrinkage, and conformal intervals around them.

Counts of delivery days are shrunk towards those of the next wider group (empirical Bayes with a fixed prior weight), so
that a small region borrows from its country. The interval is that of distributional conformal prediction
(Chernozhukov, Wüthrich and Zhu, 2021): days whose place in the distribution is no further from its middle than that of
a given part of later parcels was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict

from recsys.delivery.calendar import Calendar
from recsys.delivery.parcels import COUNTRY, DELIVERED, METHOD, ORDERED, REGION
from recsys.errors import NothingToLearn

FEWEST = 30
"""Parcels below which nothing is promised."""
LONGEST = 60
"""Delivery days that are told apart; longer ones count as this."""
PRIOR = 20.0
"""Parcels that the wider group counts for."""
CALIBRATION = 0.3
"""Part of the parcels, the latest, by which intervals are calibrated."""
SETTLED = 0.995
"""Part of the parcels after whose time an order without a delivery says something."""
LEVELS = (0.8, 0.9)
"""What part of parcels an interval holds: the usual range, and the wide one."""

Key = tuple[str, ...]
Pmf = npt.NDArray[np.float64]
_SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Span:
    """When a parcel comes: days since 1970, earliest and latest, as often as `level` says, from `parcels` like it."""

    earliest: int
    latest: int
    level: float
    parcels: int


class Group(BaseModel):
    """Delivered parcels of one group by their delivery days: ``counts[d]`` took ``d``."""

    counts: list[int]

    @property
    def size(self) -> int:
        """How many."""
        return sum(self.counts)


class DeliveryTimes(BaseModel):
    """Distribution of the delivery days from one moment (ordered, or shipped) to delivery.

    Attributes
    ----------
    groups
        Groups from wide to narrow: all, a method, its country, its region, and of that each weekday of the start.
    radii
        For each of `LEVELS`, how far from the middle of its distribution a parcel may be.
    """

    model_config = ConfigDict(frozen=True)

    calendar: Calendar
    groups: Mapping[str, Group]
    radii: tuple[float, ...]

    @classmethod
    def fit(cls, parcels: pd.DataFrame, calendar: Calendar, start: str = ORDERED) -> DeliveryTimes:
        """Learn from parcels that were delivered; of the latest only so many as nearly all have arrived of.

        Raises
        ------
        NothingToLearn
            Fewer than 30 parcels have both moments.
        """
        known = settled(parcels, start)
        if len(known) < FEWEST:
            raise NothingToLearn(
                f"orders: {len(known):,} parcels have both `{start}` and `{DELIVERED}`; a promise needs {FEWEST}"
            )
        cut = round(len(known) * (1 - CALIBRATION))
        early, late = known.iloc[:cut], known.iloc[cut:]
        first = cls(calendar=calendar, groups=_counted(early, calendar, start), radii=(0.5,) * len(LEVELS))
        radii = first._calibrated(late, start)
        return cls(calendar=calendar, groups=_counted(known, calendar, start), radii=radii)

    def _calibrated(self, parcels: pd.DataFrame, start: str) -> tuple[float, ...]:
        taken = days_taken(parcels, self.calendar, start)
        middle = cache(lambda key, weekday: _middles(self.distribution(*key, weekday=weekday)))
        rows = zip(_keys(parcels), _weekdays(parcels, start), taken, strict=True)
        scores = np.sort([abs(middle(key, weekday)[days] - 0.5) for key, weekday, days in rows])
        ranks = [min(int(np.ceil((len(scores) + 1) * level)), len(scores)) for level in LEVELS]
        return tuple(float(scores[rank - 1]) for rank in ranks)

    def parcels(self, method: str = "", country: str = "", region: str = "") -> int:
        """Parcels that what is said of this method and place rests on."""
        return self._of(_names(method, country, region)[-1]).size

    def _of(self, name: str) -> Group:
        return self.groups.get(name, Group(counts=[]))

    def distribution(self, method: str = "", country: str = "", region: str = "", *, weekday: int | None = None) -> Pmf:
        """Probability of each number of delivery days, shape ``(LONGEST + 1,)``."""
        names = _names(method, country, region, weekday)
        pmf = np.full(LONGEST + 1, 1.0 / (LONGEST + 1))
        for name in names:
            counts = np.zeros(LONGEST + 1)
            there = self._of(name).counts
            counts[: len(there)] = there
            # The widest group has nothing to borrow from: one parcel's worth of "anything" keeps tails above zero.
            weight = PRIOR if name else 1.0
            pmf = (counts + weight * pmf) / (counts.sum() + weight)
        return pmf

    def span(
        self,
        start: int,
        method: str = "",
        country: str = "",
        region: str = "",
        *,
        level: float = LEVELS[-1],
        today: int | None = None,
    ) -> Span | None:
        """When a parcel of that start comes; None where fewer than 30 like it were delivered.

        Parameters
        ----------
        start
            Day of the order (or of the dispatch), since 1970.
        today
            Where the parcel has not come yet: only days from then on are possible. None, too, where fewer than one in
            two hundred parcels took so long: it may be lost.
        """
        size = self.parcels(method, country, region)
        if size < FEWEST:
            return None
        pmf = self._left(start, method, country, region, today)
        if pmf.sum() < 1 - SETTLED:
            return None
        pmf = pmf / pmf.sum()
        held = np.flatnonzero(np.abs(_middles(pmf) - 0.5) <= self.radii[LEVELS.index(level)])
        if not len(held):  # one day has nearly all of it
            held = np.array([int(np.argmin(np.abs(_middles(pmf) - 0.5)))])
        ends = [self.calendar.after(start, int(days), country) for days in (held[0], held[-1])]
        return Span(max(ends[0], today or ends[0]), max(ends[1], today or ends[1]), level, size)

    def risk(
        self, start: int, promised: int, today: int, method: str = "", country: str = "", region: str = ""
    ) -> float | None:
        """Probability that a parcel which has not come by the end of `today` comes after the day it was promised."""
        if today >= promised:
            return 1.0
        if self.parcels(method, country, region) < FEWEST:
            return None
        pmf = self._left(start, method, country, region, today + 1)
        pmf = pmf / pmf.sum()
        within = int(self.calendar.between(np.array([start]), np.array([promised]), country)[0])
        return float(pmf[min(within, LONGEST) + 1 :].sum())

    def _left(self, start: int, method: str, country: str, region: str, today: int | None) -> Pmf:
        """The distribution without the days that have gone by before `today`."""
        pmf = self.distribution(method, country, region, weekday=(start + 3) % 7)
        if today is not None and today > start:
            gone = int(self.calendar.between(np.array([start]), np.array([today - 1]), country)[0])
            pmf = np.where(np.arange(LONGEST + 1) <= min(gone, LONGEST - 1), 0.0, pmf)
        return pmf


def settled(parcels: pd.DataFrame, start: str = ORDERED) -> pd.DataFrame:
    """Delivered parcels that are old enough: of the latest days only the fast ones have come, which would flatter."""
    known = parcels[parcels[DELIVERED].notna() & parcels[start].notna()]
    if not len(known):
        return known
    took = known[DELIVERED] - known[start]
    end = parcels[DELIVERED].max()
    return known[known[start] <= end - took.quantile(SETTLED)].sort_values(start, kind="stable")


def days_taken(parcels: pd.DataFrame, calendar: Calendar, start: str = ORDERED) -> npt.NDArray[np.int64]:
    """Delivery days of delivered parcels, at most `LONGEST`."""
    taken = np.zeros(len(parcels), np.int64)
    countries = parcels[COUNTRY].to_numpy(object)
    begins, ends = (parcels[name].to_numpy(np.float64).astype(np.int64) for name in (start, DELIVERED))
    for country in set(countries):
        mine = countries == country
        taken[mine] = calendar.between(begins[mine], ends[mine], country)
    return np.minimum(taken, LONGEST)


def _counted(parcels: pd.DataFrame, calendar: Calendar, start: str) -> dict[str, Group]:
    counts: dict[str, npt.NDArray[np.int64]] = {}
    rows = zip(_keys(parcels), _weekdays(parcels, start), days_taken(parcels, calendar, start), strict=True)
    for key, weekday, days in rows:
        for name in _every_name(key, weekday):
            counts.setdefault(name, np.zeros(LONGEST + 1, np.int64))[days] += 1
    return {name: Group(counts=np.trim_zeros(found, "b").tolist()) for name, found in counts.items()}


def _keys(parcels: pd.DataFrame) -> Iterator[Key]:
    return zip(*(parcels[name].tolist() for name in (METHOD, COUNTRY, REGION)), strict=True)


def _weekdays(parcels: pd.DataFrame, start: str) -> list[int]:
    days: list[int] = ((parcels[start].to_numpy(np.int64) + 3) % 7).tolist()
    return days


def _every_name(key: Key, weekday: int) -> set[str]:
    """Every group that a parcel is counted in: also those of questions that name no method or no region."""
    method, country, region = key
    asked = {(m, c, r) for m in (method, "") for c, r in ((country, region), (country, ""), ("", ""))}
    return {name for one in asked for name in _names(*one, weekday)}


def _names(method: str, country: str, region: str, weekday: int | None = None) -> list[str]:
    """Names of the groups of a question, wide to narrow; what it leaves out makes no group of its own."""
    names = [""]
    steps = [("m", method), ("c", country), ("r", region)]
    if weekday is not None:
        steps.append(("d", str(weekday)))
    for mark, value in steps:
        if value:
            names.append(f"{names[-1]}{_SEPARATOR}{mark}{value}")
    return names


def _middles(pmf: Pmf) -> Pmf:
    """Middle of each day's step of the cumulative distribution."""
    middles: Pmf = np.cumsum(pmf) - pmf / 2
    return middles
