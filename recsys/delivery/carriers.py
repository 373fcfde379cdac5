"""The carrier report: how fast, how punctual and how reliable each carrier is, with intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pydantic import BaseModel

from recsys.delivery.calendar import Calendar
from recsys.delivery.parcels import CARRIER, DELIVERED, ORDERED, PROMISED, SHIPPED
from recsys.delivery.times import FEWEST, SETTLED, days_taken


class CarrierFigures(BaseModel):
    """One carrier's parcels; a figure is None where too few parcels tell it."""

    carrier: str
    parcels: int
    """Delivered ones."""
    median_days: float | None = None
    slow_days: float | None = None
    """Delivery days from dispatch (from the order where that is not known) that nine of ten parcels keep within."""
    on_time: float | None = None
    """Part of the parcels that came by the day that was promised."""
    on_time_interval: tuple[float, float] | None = None
    """Its 95% interval (Wilson)."""
    days_late: float | None = None
    """Mean days after the promised one, of those that came after it."""
    missing: int = 0
    """Parcels that have not come although 99.5% of parcels take less long."""


def carrier_report(parcels: pd.DataFrame, calendar: Calendar) -> list[CarrierFigures]:
    """Figures of each carrier, the one with most parcels first; what has no carrier is called ''."""
    start = SHIPPED if parcels[SHIPPED].notna().any() else ORDERED
    arrived = parcels[parcels[DELIVERED].notna() & parcels[start].notna()]
    if not len(arrived):
        return []
    end, longest = parcels[DELIVERED].max(), (arrived[DELIVERED] - arrived[start]).quantile(SETTLED)
    overdue = parcels[parcels[DELIVERED].isna() & (parcels[start] < end - longest)]
    lost = overdue[CARRIER].value_counts()
    found = []
    for carrier, mine in arrived.groupby(CARRIER, sort=True):
        figures = CarrierFigures(carrier=str(carrier), parcels=len(mine), missing=int(lost.get(carrier, 0)))
        if len(mine) >= FEWEST:
            taken = days_taken(mine, calendar, start)
            figures.median_days = float(np.quantile(taken, 0.5, method="inverted_cdf"))
            figures.slow_days = float(np.quantile(taken, 0.9, method="inverted_cdf"))
        promised = mine[mine[PROMISED].notna()]
        if len(promised) >= FEWEST:
            late = (promised[DELIVERED] - promised[PROMISED]).to_numpy()
            figures.on_time = float((late <= 0).mean())
            figures.on_time_interval = _interval(int((late <= 0).sum()), len(late))
            figures.days_late = float(late[late > 0].mean()) if (late > 0).any() else None
        found.append(figures)
    return sorted(found, key=lambda one: -one.parcels)


def _interval(hits: int, of: int) -> tuple[float, float]:
    from scipy.stats import binomtest  # half a second to import, for a process that may never report

    low, high = binomtest(hits, of).proportion_ci(0.95, method="wilson")
    return float(low), float(high)
