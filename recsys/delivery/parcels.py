"""The orders table as parcels: when each was ordered, shipped, delivered and promised, by whom and to where.

Whose order it was is dropped at the door: how long parcels take is no secret of anybody.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.data.sources import read_table, shown
from recsys.data.times import Times, as_times
from recsys.data.validation import MAX_TITLE, Checked, Dialect, Sieve

ORDER, ORDERED, SHIPPED, DELIVERED, PROMISED = "order_id", "ordered_at", "shipped_at", "delivered_at", "promised_at"
CANCELLED = "cancelled_at"
CARRIER, METHOD, COUNTRY, REGION, STATUS = "carrier", "method", "country", "region", "status"
MOMENTS = (ORDERED, SHIPPED, DELIVERED, PROMISED)
PLACES = (CARRIER, METHOD, COUNTRY, REGION)
#: States of an order of which no parcel is on its way any more.
_CALLED_OFF = ("cancel", "refund", "void", "returned", "unavailable", "failed", "取消")
#: How far the shop's clock is from Greenwich, after a time of day: days are the shop's own.
_OFFSET = r"(:\d{2}(?:\.\d+)?)\s*(?:(?:UTC|GMT)?[+-]\d{2}(?::?\d{2})?(?:\s*\(.+\))?|[A-Z]{3,4})$"
DAY = 86_400.0


def read_orders(place: Path | str, dialect: Dialect | None = None) -> Checked:
    """Read and check an orders table; see `check_orders`."""
    return check_orders(read_table(place, "orders"), shown(place), dialect=dialect)


def check_orders(raw: pd.DataFrame, source: str = "orders", *, dialect: Dialect | None = None) -> Checked:
    """Validate an orders table: one parcel an order, whatever the number of its lines.

    Parameters
    ----------
    raw : pandas.DataFrame
        ``ordered_at``; optional ``order_id, shipped_at, delivered_at, promised_at, cancelled_at, carrier, method,
        country, region, status``, under these names or those of other systems (Olist, Shopify, WooCommerce).

    Returns
    -------
    Checked
        The times as whole days since 1970 (float64, NaN: not yet, or not known), the others as text ('' for unknown);
        sorted by day. `report.columns` says which column of theirs each was read from.

    Raises
    ------
    BadInput
        There is no column that says when orders were placed, or no row has it.
    """
    sieve = Sieve(raw, "orders", [ORDERED], source, dialect)
    sieve.texts([*PLACES, STATUS], MAX_TITLE)
    table = sieve.table
    for name in PLACES:
        table[name] = table[name].str.strip() if name in table else ""
    if ORDER in table:
        sieve.ids(ORDER)
        _join_lines(sieve)
        table = sieve.table
    read = _moments(table)
    for name in MOMENTS:
        if name in read:
            sieve.unread(name, read[name].unreadable)
        # A time of day says more than how long parcels take can be known.
        table[name] = np.floor(read[name].seconds / DAY) if name in read else np.nan
    ordered = table[ORDERED].to_numpy(np.float64)
    sieve.reject(np.isnan(ordered), "bad_ordered_at", "no time of ordering that can be read")
    off = np.zeros(len(table), bool)
    if STATUS in table:
        said = table[STATUS].str.lower()
        off = np.logical_or.reduce([said.str.contains(word, regex=False).to_numpy() for word in _CALLED_OFF])
    if CANCELLED in table:
        off = off | ~np.isnan(as_times(table[CANCELLED]).seconds)
    if off.any():
        sieve.reject(off & table[DELIVERED].isna().to_numpy(), "called_off", "called off", bad=False)
    for late, early in ((DELIVERED, SHIPPED), (DELIVERED, ORDERED), (SHIPPED, ORDERED)):
        before = (table[late] < table[early]).to_numpy()
        sieve.reject(before, f"{late}_before_{early}", f"{late} is before {early}")
    checked = sieve.result([ORDERED])
    kept = [*([ORDER] if ORDER in checked.table else []), *MOMENTS, *PLACES]
    return replace(checked, table=checked.table[kept])


def _join_lines(sieve: Sieve) -> None:
    """Make the lines of one order one row: exports name time and place on its first line only."""
    table = sieve.table
    there = [name for name in (*MOMENTS, CANCELLED, *PLACES, STATUS) if name in table]
    filled = table[there].replace("", np.nan).groupby(table[ORDER].fillna(""), sort=False).bfill()
    for name in there:
        table[name] = filled[name].fillna("") if name in (*PLACES, STATUS) else filled[name]
    again = table[ORDER].duplicated().to_numpy() & table[ORDER].notna().to_numpy()
    sieve.reject(again, "further_lines", "a further line of an order", bad=False)


def _plain(column: pd.Series) -> pd.Series:
    """A column of times without the distance of the shop's clock from Greenwich."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    return column.astype("string").str.replace(_OFFSET, r"\1", regex=True)


def _moments(table: pd.DataFrame) -> dict[str, Times]:
    """Times of the columns that a table has.

    Where a column does not show whether the day or the month comes first, all times of the table together may.
    """
    written = {name: _plain(table[name]) for name in MOMENTS if name in table}
    read = {name: as_times(column) for name, column in written.items()}
    if any(times.undecided for times in read.values()):
        texts = [name for name, column in written.items() if not pd.api.types.is_numeric_dtype(column)]
        together = as_times(pd.concat([written[name] for name in texts], ignore_index=True))
        for at, name in enumerate(texts):
            if read[name].undecided:
                rows = slice(at * len(table), (at + 1) * len(table))
                seconds, unreadable = together.seconds[rows], together.unreadable[rows]
                read[name] = replace(together, seconds=seconds, unreadable=unreadable)
    return read
