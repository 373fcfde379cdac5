"""The shop's own prices over time: what each item usually costs, how far below that it is now, and its past sales.

A price holds until the next one that the table names. What single shoppers paid is no price of the shop (of twelve
pieces a dozen is cheaper), so all of this needs a table of prices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.data.columns import ITEM, PRICE, TIME
from recsys.data.snapshot import Snapshot
from recsys.data.times import as_times
from recsys.data.validation import Checked, Dialect, Sieve

DAY = 86_400.0
USUAL_DAYS = 90
"""Days before today whose prices make the usual one."""
KNOWN_DAYS = 30
"""Of these, days with a known price below which nothing is usual."""
LEAST_DROP = 0.05
"""Part of the usual price from which an item is called below it."""

Days = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


def check_prices(raw: pd.DataFrame, source: str = "prices", *, dialect: Dialect | None = None) -> Checked:
    """Validate a table of prices: ``item_id, timestamp, price``; a row where a price began, or one a day.

    Returns
    -------
    Checked
        Sorted by item and time: UTC seconds, prices above zero; of one item and day the last row is kept.

    Raises
    ------
    BadInput
        A column is missing, or no row can be used.
    """
    sieve = Sieve(raw, "prices", [ITEM, TIME, PRICE], source, dialect)
    sieve.ids(ITEM)
    times = as_times(sieve.table[TIME])
    sieve.unread(TIME, times.unreadable)
    sieve.table[TIME] = times.seconds
    sieve.amounts([PRICE])
    sieve.reject(np.isnan(times.seconds), "bad_timestamp", "no time that can be read")
    sieve.reject(~(sieve.table[PRICE] > 0).to_numpy(), "bad_price", "no price above zero")
    checked = sieve.result([ITEM, TIME])
    table = checked.table[[ITEM, TIME, PRICE]]
    last = ~table.assign(day=table[TIME] // DAY).duplicated([ITEM, "day"], keep="last")
    return Checked(table[last].reset_index(drop=True), checked.quarantine, checked.notes, report=checked.report)


def prices_of(shop: Snapshot) -> PriceHistory | None:
    """Price history of a shop, row = item code; None without a table of prices, or without global time."""
    tables = shop.tables.value
    if tables.prices is None or not shop.events.absolute:
        return None
    return PriceHistory.of(tables.prices, tables.items, shop.now)


@dataclass(frozen=True)
class PriceHistory:
    """Prices of all items, as steps.

    Attributes
    ----------
    item, day, price
        Code of the item, day since 1970 and price from that day on, sorted by both; shape ``(n,)``.
    n_items
        Items of the catalogue; those without a row have no known price.
    """

    item: Days
    day: Days
    price: Numbers
    n_items: int

    @classmethod
    def of(cls, prices: pd.DataFrame, items: pd.DataFrame, now: float) -> PriceHistory:
        """From a checked table; the catalogue's price is that from `now` on, where it differs."""
        index = pd.Index(items[ITEM], dtype=object)
        code = index.get_indexer(pd.Index(prices[ITEM], dtype=object))
        day = (prices[TIME].to_numpy(np.float64) // DAY).astype(np.int64)
        price = prices[PRICE].to_numpy(np.float64)
        known = (code >= 0) & (day <= now // DAY)
        found = cls._sorted(code[known], day[known], price[known], len(items))
        if PRICE not in items:
            return found
        today = items[PRICE].to_numpy(np.float64)
        before = found.at(int(now // DAY))
        changed = np.flatnonzero(np.isfinite(today) & np.isfinite(before) & (today > 0) & (today != before))
        return cls._sorted(
            np.concatenate([found.item, changed]),
            np.concatenate([found.day, np.full(len(changed), int(now // DAY))]),
            np.concatenate([found.price, today[changed]]),
            len(items),
        )

    @classmethod
    def _sorted(cls, item: Days, day: Days, price: Numbers, n_items: int) -> PriceHistory:
        order = np.lexsort((day, item))
        return cls(item[order].astype(np.int64), day[order], price[order], n_items)

    @cached_property
    def _keys(self) -> Days:
        return self.item * _FAR + self.day

    def at(self, day: int, items: Days | None = None) -> Numbers:
        """Price of each item on a day, shape ``(n_items,)``; NaN where none is known yet."""
        codes = np.arange(self.n_items) if items is None else items
        place = np.searchsorted(self._keys, codes * _FAR + day, side="right") - 1
        known = (place >= 0) & (len(self.item) > 0)
        known[known] &= self.item[place[known]] == codes[known]
        prices = np.full(len(codes), np.nan)
        prices[known] = self.price[place[known]]
        return prices

    def usual(self, today: int) -> Numbers:
        """Median of each item's prices on the days before `today`; of an even number the lower of the middle two.

        NaN where fewer than 30 of the last 90 days have a known price.
        """
        days = np.stack([self.at(today - back) for back in range(1, USUAL_DAYS + 1)], axis=1)
        known = np.isfinite(days).sum(axis=1)
        ordered = np.sort(days, axis=1)  # NaN last
        middle = ordered[np.arange(self.n_items), np.maximum(known - 1, 0) // 2]
        return np.where(known >= KNOWN_DAYS, middle, np.nan)

    def below_usual(self, today: int) -> Numbers:
        """How far below its usual price each item is, as a part of that; 0 where it is not, or not by 5%."""
        with np.errstate(invalid="ignore"):
            part = 1.0 - self.at(today) / self.usual(today)
        return np.where(part >= LEAST_DROP - 1e-9, part, 0.0)


_FAR = 1_000_000
"""Days by which the keys of two items differ; 2,700 years."""


@dataclass(frozen=True)
class Sale:
    """A stretch of days on which an item cost at least 5% less than usual."""

    start: int
    end: int
    """Its last day; -1 where it lasts."""
    price: float
    """The lowest price in it."""
    part: float
    """How far below the usual price that was."""


def sales_of(history: PriceHistory, code: int, today: int) -> list[Sale]:
    """Sales of an item, oldest first; each is measured against what was usual when it began."""
    mine = history.item == code
    if not mine.any():
        return []
    own = PriceHistory(np.zeros(int(mine.sum()), np.int64), history.day[mine], history.price[mine], 1)
    found: list[Sale] = []
    start, usual, low = -1, np.nan, np.inf
    for day, price in zip(own.day.tolist(), own.price.tolist(), strict=True):
        if day > today:
            break
        if start < 0:
            usual = float(own.usual(day)[0])
        cheap = np.isfinite(usual) and 1.0 - price / usual >= LEAST_DROP - 1e-9
        if cheap:
            start, low = (day if start < 0 else start), min(low, price)
        elif start >= 0:
            found.append(Sale(start, day - 1, low, 1.0 - low / usual))
            start, low = -1, np.inf
    if start >= 0:
        found.append(Sale(start, -1, low, 1.0 - low / usual))
    return found


def percent(part: float) -> int:
    """A part as whole per cent, rounded down: nothing is called cheaper than it is."""
    return int(np.floor(100.0 * part + 1e-9))
