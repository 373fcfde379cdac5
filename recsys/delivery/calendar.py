"""The delivery calendar: which weekdays and holidays parcels are not delivered on, as the table itself shows.

Counted in delivery days, a Friday's order to Monday takes as long as a Tuesday's to Wednesday.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel

from recsys.delivery.parcels import COUNTRY, DELIVERED

Days = npt.NDArray[np.int64]

#: A weekday, or holidays, with less than this part of the deliveries that an even week would have are days of rest.
RESTS_BELOW = 0.2
#: Years after the last order whose holidays are known.
AHEAD = 2
_EPOCH = np.datetime64("1970-01-01", "D")


class Calendar(BaseModel):
    """Days of delivery.

    Attributes
    ----------
    week
        Whether parcels are delivered on Monday, ..., Sunday.
    holidays
        For each country, as the table spells it, its days without delivery, in days since 1970.
    """

    week: tuple[bool, ...] = (True,) * 7
    holidays: Mapping[str, tuple[int, ...]] = {}

    @classmethod
    def of(cls, parcels: pd.DataFrame) -> Calendar:
        """The calendar that delivered parcels show; holidays where the package `holidays` knows their countries."""
        arrived = parcels[parcels[DELIVERED].notna()]
        days = arrived[DELIVERED].to_numpy(np.int64)
        shares = np.bincount((days + 3) % 7, minlength=7) / max(len(days), 1)
        week = tuple(bool(share >= RESTS_BELOW / 7) for share in shares) if len(days) else (True,) * 7
        found = {}
        if len(days):
            for country in sorted(arrived[COUNTRY].unique()):
                there = days[(arrived[COUNTRY] == country).to_numpy()]
                feasts = _holidays(country, int(days.min()), int(days.max()))
                past = [d for d in feasts if there.min() <= d <= there.max() and week[(d + 3) % 7]]
                expected = len(there) / max(np.ptp(there) + 1, 1) * len(past) * 7 / sum(week)
                if past and np.isin(there, past).sum() < RESTS_BELOW * expected:
                    found[country] = tuple(feasts)
        return cls(week=week, holidays=found)

    @cached_property
    def _calendars(self) -> dict[str, np.busdaycalendar]:
        return {
            country: np.busdaycalendar(weekmask=list(self.week), holidays=[_EPOCH + d for d in days])
            for country, days in {"": (), **self.holidays}.items()
        }

    def _at(self, country: str) -> np.busdaycalendar:
        return self._calendars.get(country, self._calendars[""])

    def between(self, start: Days, end: Days, country: str) -> Days:
        """Delivery days after `start` up to and with `end`."""
        begins, ends = (_EPOCH + (days + 1) for days in (start, end))
        counted: Days = np.busday_count(begins, ends, busdaycal=self._at(country)).astype(np.int64)
        return counted

    def after(self, start: int, count: int, country: str) -> int:
        """The day that is the `count`-th delivery day after `start`; `start` itself for 0."""
        if count <= 0:
            return start
        day: np.datetime64 = np.busday_offset(_EPOCH + start, count, roll="backward", busdaycal=self._at(country))
        return int((day - _EPOCH) / np.timedelta64(1, "D"))


def _holidays(country: str, first: int, last: int) -> list[int]:
    """Public holidays of a country, by its code or English name; none where it or the package is not known."""
    if not country or find_spec("holidays") is None:
        return []
    import holidays
    from holidays.registry import COUNTRIES

    years = range((_EPOCH + first).astype(object).year, (_EPOCH + last).astype(object).year + AHEAD + 1)
    wanted = country.replace(" ", "").upper()
    codes = (names[1] for names in COUNTRIES.values() if wanted in {name.upper() for name in names})
    code = next(codes, None)
    known = holidays.country_holidays(code, years=years) if code else ()
    return sorted(int((np.datetime64(day, "D") - _EPOCH) / np.timedelta64(1, "D")) for day in known)
