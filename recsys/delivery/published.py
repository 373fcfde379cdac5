"""What a version knows of deliveries: fitted times, carriers and how well the intervals held, as one JSON file.

It holds counts of parcels and nobody's id, so that erasing a shopper leaves it as it is.
"""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ValidationError

from recsys.data.validation import Checked
from recsys.delivery.calendar import Calendar
from recsys.delivery.carriers import CarrierFigures, carrier_report
from recsys.delivery.parcels import COUNTRY, DAY, DELIVERED, METHOD, MOMENTS, ORDER, ORDERED, PROMISED, REGION, SHIPPED
from recsys.delivery.times import CALIBRATION, FEWEST, LEVELS, DeliveryTimes, Span, settled
from recsys.errors import ArtifactError, NothingToLearn

log = logging.getLogger(__name__)

FILE = "delivery.json"
CURRENT = 14
"""Days after its last event up to which a table is taken for today's."""


class Coverage(BaseModel):
    """How often later parcels came within the interval that was given for them beforehand."""

    level: float
    held: float
    days: float
    """Mean length of the interval, in days."""
    parcels: int


class Delivery(BaseModel):
    """Delivery times of one shop.

    Attributes
    ----------
    as_of
        Last day of the table, since 1970.
    ordered
        From the order to the door.
    shipped
        From dispatch to the door; None where the table does not say when parcels left.
    """

    as_of: int
    ordered: DeliveryTimes
    shipped: DeliveryTimes | None
    carriers: list[CarrierFigures]
    coverage: list[Coverage]
    methods: list[str]
    places: list[tuple[str, str]]
    """Country and region, those with most parcels first."""

    @property
    def today(self) -> int:
        """The day to reckon from: today, where the table is of these days, else its last one."""
        now = int(time.time() // DAY)
        return now if now - self.as_of <= CURRENT else self.as_of

    def times(self, shipped: bool) -> DeliveryTimes:
        """Times since dispatch where a parcel has left and such are known, else since the order."""
        return self.shipped if shipped and self.shipped is not None else self.ordered

    def place(self, country: str, region: str) -> tuple[str, str]:
        """Country and region as the table spells them; '' for what it does not have."""
        wanted = country.strip().lower(), region.strip().lower()
        spelled = [(c.lower(), r.lower(), c, r) for c, r in self.places]
        for c, r, one, two in spelled:
            if wanted[1] and r == wanted[1] and (not wanted[0] or c == wanted[0]):
                return one, two
        return next((one for c, _, one, _ in spelled if wanted[0] and c == wanted[0]), ""), ""

    def save(self, directory: Path) -> None:
        """Write it into a version."""
        target = directory / FILE
        target.unlink(missing_ok=True)  # a hard link to an older version's must not be written through
        target.write_text(self.model_dump_json(), "utf-8")


def learn(parcels: pd.DataFrame) -> Delivery:
    """Fit delivery times, and measure their intervals on the latest parcels by what was known before.

    Raises
    ------
    NothingToLearn
        Fewer than 30 parcels are known to have been delivered.
    """
    calendar = Calendar.of(parcels)
    ordered = DeliveryTimes.fit(parcels, calendar)
    shipped = None
    if (parcels[SHIPPED].notna() & parcels[DELIVERED].notna()).sum() >= FEWEST:
        shipped = DeliveryTimes.fit(parcels, calendar, SHIPPED)
    sizes = parcels.groupby([COUNTRY, REGION], sort=True).size().sort_values(ascending=False, kind="stable")
    seen = parcels[[ORDERED, SHIPPED, DELIVERED]].max().max()
    return Delivery(
        as_of=int(seen),
        ordered=ordered,
        shipped=shipped,
        carriers=carrier_report(parcels, calendar),
        coverage=backtest(parcels),
        methods=[str(name) for name in parcels[METHOD].value_counts().index if name],
        places=[(str(c), str(r)) for c, r in sizes.index if c or r],
    )


def backtest(parcels: pd.DataFrame) -> list[Coverage]:
    """How well intervals hold that are given on the day of the order, for the latest 30% of the parcels.

    They are learnt from what was known on the first of these days: a parcel that was under way then is one of unknown
    length. Empty where that is too little.
    """
    known = settled(parcels)
    if len(known) < FEWEST:
        return []
    cut = known[ORDERED].quantile(1 - CALIBRATION)
    then = parcels[parcels[ORDERED] <= cut]
    then = then.assign(**{DELIVERED: then[DELIVERED].where(then[DELIVERED] <= cut)})
    later = known[known[ORDERED] > cut]
    try:
        learnt = DeliveryTimes.fit(then, Calendar.of(then))
    except NothingToLearn:
        return []
    found = []
    for level in LEVELS:
        spans = [_span(learnt, row, level) for row in later.to_dict("records")]
        pairs = [(s, day) for s, day in zip(spans, later[DELIVERED], strict=True) if s is not None]
        if pairs:
            held = float(np.mean([s.earliest <= day <= s.latest for s, day in pairs]))
            length = float(np.mean([s.latest - s.earliest + 1 for s, _ in pairs]))
            found.append(Coverage(level=level, held=held, days=length, parcels=len(pairs)))
    return found


def _span(times: DeliveryTimes, row: dict[str, object], level: float) -> Span | None:
    return times.span(int(float(str(row[ORDERED]))), *(str(row[n]) for n in (METHOD, COUNTRY, REGION)), level=level)


def open_orders(parcels: pd.DataFrame, delivery: Delivery) -> pd.DataFrame:
    """Parcels under way on the table's last day, the likeliest to be late first.

    Returns
    -------
    pandas.DataFrame
        ``order_id, ordered_at, shipped_at, promised_at, method, country, region, carrier, earliest, latest, late_days,
        late_risk``; days as dates. `late_days` counts from the promised day, or from the end of the wide interval where
        nothing was promised; `late_risk` is the chance to come after that day. Both are missing where nothing was
        promised and fewer than 30 such parcels were delivered; `earliest` and `latest`, too, of what is overdue for so
        long that hardly any parcel took as long.
    """
    waiting = parcels[parcels[DELIVERED].isna()]
    rows = [_waiting(row, delivery) for row in waiting.to_dict("records")]
    columns = [*([ORDER] if ORDER in parcels else []), ORDERED, SHIPPED, PROMISED, METHOD, COUNTRY, REGION, "carrier"]
    table = pd.DataFrame(rows, columns=[*columns, "earliest", "latest", "late_days", "late_risk"])
    order = ["late_risk", "late_days", ORDERED]
    table = table.sort_values(order, ascending=[False, False, True], kind="stable", ignore_index=True)
    for name in (*(m for m in MOMENTS if m in table), "earliest", "latest"):
        table[name] = [dated(day) for day in table[name]]
    return table


def _waiting(row: dict[str, object], delivery: Delivery) -> dict[str, object]:
    today = delivery.as_of
    left = not pd.isna(row[SHIPPED])
    times, start = delivery.times(left), int(float(str(row[SHIPPED if left and delivery.shipped else ORDERED])))
    key = tuple(str(row[name]) for name in (METHOD, COUNTRY, REGION))
    usual = times.span(start, *key)
    due = usual.latest if usual else None
    if not pd.isna(row[PROMISED]):
        due = int(float(str(row[PROMISED])))
    expected = times.span(start, *key, today=today + 1)
    return {
        **row,
        "earliest": expected.earliest if expected else None,
        "latest": expected.latest if expected else None,
        "late_days": None if due is None else max(today - due, 0),
        "late_risk": None if due is None or (risk := times.risk(start, due, today, *key)) is None else round(risk, 3),
    }


def dated(day: object) -> str:
    """A day since 1970 as an ISO date; '' for none."""
    return "" if day is None or pd.isna(day) else str(np.datetime64(int(float(str(day))), "D"))


def histogram(times: DeliveryTimes, method: str, country: str, region: str, start: int) -> list[tuple[int, float]]:
    """Probability of each number of calendar days after `start`, those above one in a thousand."""
    pmf: npt.NDArray[np.float64] = times.distribution(method, country, region, weekday=(start + 3) % 7)
    found: dict[int, float] = {}
    for days, chance in enumerate(pmf):
        after = times.calendar.after(start, days, country) - start
        found[after] = found.get(after, 0.0) + float(chance)
    return [(after, chance) for after, chance in sorted(found.items()) if chance >= 1e-3]


@lru_cache(maxsize=8)
def load(version: Path) -> Delivery | None:
    """What a version knows of deliveries; None where it knows nothing.

    Raises
    ------
    ArtifactError
        The file is damaged.
    """
    path = version / FILE
    if not path.is_file():
        return None
    try:
        return Delivery.model_validate_json(path.read_bytes())
    except ValidationError as error:
        wrong = f"{path}: damaged ({error.error_count()} wrong entries)"
        raise ArtifactError(f"{wrong}; run `recsys nightly --orders F`") from None


def publish(checked: Checked, directory: Path) -> Delivery | None:
    """Learn from an orders table and write it into a version; None, with a warning, where it tells too little."""
    try:
        found = learn(checked.table)
    except NothingToLearn as error:
        log.warning("no delivery times: %s", error)
        return None
    found.save(directory)
    return found
