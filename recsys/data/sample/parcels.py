"""The sample shop's parcels: a year of orders with regions, carriers, weekends, holidays and late tails.

Dispatch waits for working days and for the cutoff at 14:00; carriers rest at weekends and on the country's holidays,
are slow before Christmas, keep some parcels too long and lose a few.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from recsys.data.sample.products import YEAR

PARCELS = 5_000
START = dt.date(2025, 4, 1)
#: Region -> country, share of orders, further working days.
_REGIONS = {
    "England": ("United Kingdom", 0.46, 0.0),
    "Scotland": ("United Kingdom", 0.12, 0.7),
    "Wales": ("United Kingdom", 0.08, 0.4),
    "Northern Ireland": ("United Kingdom", 0.035, 1.3),
    "Leinster": ("Ireland", 0.09, 1.0),
    "Munster": ("Ireland", 0.055, 1.4),
    "Bavaria": ("Germany", 0.07, 2.2),
    "Berlin": ("Germany", 0.045, 1.8),
    "North Holland": ("Netherlands", 0.04, 1.3),
    "Corsica": ("France", 0.005, 4.0),
}
#: Method -> share, working days under way, days that are promised.
_METHODS = {
    "Standard": (0.66, 1.6, 5),
    "Express": (0.16, 0.3, 1),
    "Parcel locker": (0.12, 1.8, 5),
    "Large items": (0.06, 4.2, 10),
}
#: Carrier -> share, chance of a late tail, further working days.
_CARRIERS = {"Swiftline": (0.42, 0.03, 0.0), "Northpost": (0.38, 0.06, 0.3), "Parcelway": (0.20, 0.13, 0.5)}
_LOST, _LATE_DAYS, _CUTOFF = 0.004, 3.5, 14
_EXPRESS_TO = ("United Kingdom", "Ireland")
_HOLIDAYS = {
    "United Kingdom": "2025-04-18 2025-04-21 2025-05-05 2025-05-26 2025-08-25 2025-12-25 2025-12-26 2026-01-01",
    "Ireland": "2025-04-21 2025-05-05 2025-06-02 2025-08-04 2025-10-27 2025-12-25 2025-12-26 2026-01-01 2026-02-02 "
    "2026-03-17",
    "Germany": "2025-04-18 2025-04-21 2025-05-01 2025-05-29 2025-06-09 2025-10-03 2025-12-25 2025-12-26 2026-01-01",
    "Netherlands": "2025-04-21 2025-05-05 2025-05-29 2025-06-09 2025-12-25 2025-12-26 2026-01-01",
    "France": "2025-04-21 2025-05-01 2025-05-08 2025-05-29 2025-06-09 2025-07-14 2025-08-15 2025-11-11 2025-12-25 "
    "2026-01-01",
}


def make_parcels(seed: int) -> pd.DataFrame:
    """A year's parcels as the carriers' export has them, one row an order; nobody's name is on them."""
    rng = np.random.default_rng([seed, 4])
    days = np.sort(rng.choice(YEAR, PARCELS, p=_traffic()))
    return pd.DataFrame([_parcel(rng, f"P{30_001 + number}", int(day)) for number, day in enumerate(days)])


def _traffic() -> np.ndarray[Any, Any]:
    """Chance of an order on each day: more in the gift season, fewer on Saturdays."""
    dates = [START + dt.timedelta(days=day) for day in range(YEAR)]
    weights = np.array([(1.7 if d.month in (11, 12) else 1.0) * (0.8 if d.weekday() == 5 else 1.0) for d in dates])
    return weights / weights.sum()


def shipping(rng: np.random.Generator) -> dict[str, str]:
    """Where a shopper lives, and what way and by whom their parcels come."""
    region = _drawn(rng, {name: share for name, (_, share, _) in _REGIONS.items()})
    country = _REGIONS[region][0]
    open_to = {name: one[0] for name, one in _METHODS.items() if name != "Express" or country in _EXPRESS_TO}
    carrier = _drawn(rng, {name: one[0] for name, one in _CARRIERS.items()})
    return {"carrier": carrier, "country": country, "region": region, "method": _drawn(rng, open_to)}


def _drawn(rng: np.random.Generator, shares: dict[str, float]) -> str:
    names, weights = list(shares), np.array(list(shares.values()))
    return names[int(np.searchsorted(np.cumsum(weights), rng.random() * weights.sum()))]


def _parcel(rng: np.random.Generator, order_id: str, day: int) -> dict[str, str]:
    how = shipping(rng)
    ordered, hour = START + dt.timedelta(days=day), int(np.clip(rng.normal(17.0, 4.0), 0, 23))
    end = START + dt.timedelta(days=YEAR)
    home = _HOLIDAYS["United Kingdom"].split()
    feasts = _HOLIDAYS[how["country"]].split()
    waits = (0 if hour < _CUTOFF and _works(ordered, home) else 1) + int(rng.random() < 0.15)
    shipped = _later(ordered, waits, home)
    _, transit, promise = _METHODS[how["method"]]
    _, p_late, slower = _CARRIERS[how["carrier"]]
    mean = transit + (_REGIONS[how["region"]][2] + slower) * (0.3 if how["method"] == "Express" else 1.0)
    mean += 0.9 if dt.date(2025, 12, 8) <= shipped <= dt.date(2025, 12, 24) else 0.0
    under_way = 1 + int(rng.poisson(mean * 0.75))
    under_way += int(rng.geometric(1 / _LATE_DAYS)) if rng.random() < p_late else 0
    lost = rng.random() < _LOST
    delivered = _later(shipped, under_way, feasts)
    promised = _later(ordered, promise + round(_REGIONS[how["region"]][2]), feasts)
    return {
        "order_id": order_id,
        "ordered_at": f"{ordered}T{hour:02d}:{int(rng.integers(60)):02d}",
        "shipped_at": str(shipped) if shipped < end else "",
        "delivered_at": str(delivered) if delivered < end and not lost else "",
        "promised_at": str(promised),
        **how,
    }


def _works(day: dt.date, holidays: list[str]) -> bool:
    return day.weekday() < 5 and day.isoformat() not in holidays


def _later(day: dt.date, working_days: int, holidays: list[str]) -> dt.date:
    """The day so many working days later; of 0 the next that is one."""
    while working_days or not _works(day, holidays):
        day += dt.timedelta(days=1)
        working_days -= bool(working_days) and _works(day, holidays)
    return day
