"""Co-occurrence counts looked up in the interactions: orders, buyers and viewers of each item.

A claim about two products is only as true as the rows behind it. Nothing here is decayed, capped or smoothed as a
ranker's features are: the counts are those that a person gets who opens the tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data import schema
from recsys.data.events import DAY
from recsys.data.snapshot import Snapshot
from recsys.explain.measures import COUNTED, Kind, Measure, wilson_lower

#: Columns that name an order, the first that is there is used.
ORDER_COLUMNS = ("order_id", "invoice_id", "invoice", "invoice_no", "invoiceno", "basket_id", "transaction_id")

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Incidence:
    """Which orders (or shoppers) hold each item: sorted codes ``members[indptr[i]:indptr[i + 1]]`` of item ``i``.

    Attributes
    ----------
    total
        Distinct orders (or shoppers) of all items.
    """

    indptr: Codes
    members: Codes
    total: int

    @classmethod
    def of(cls, item: Codes, member: Codes, n_items: int) -> Incidence:
        """Distinct pairs of an item and a member."""
        pair = np.unique(np.stack([item, member]), axis=1) if len(item) else np.zeros((2, 0), np.int64)
        return cls(np.searchsorted(pair[0], np.arange(n_items + 1)), pair[1], len(np.unique(pair[1])))

    def __getitem__(self, item: int) -> Codes:
        return self.members[self.indptr[item] : self.indptr[item + 1]]

    def count(self, item: int) -> int:
        """Orders (or shoppers) of one item."""
        return int(self.indptr[item + 1] - self.indptr[item])

    @property
    def counts(self) -> Codes:
        """Orders (or shoppers) of each item, shape ``(n_items,)``."""
        return np.diff(self.indptr)

    def both(self, a: int, b: int) -> int:
        """Orders (or shoppers) of both items."""
        return len(np.intersect1d(self[a], self[b], assume_unique=True))

    def holds(self, item: int, member: int) -> bool:
        """Whether this order (or shopper) has the item."""
        of = self[item]
        at = int(np.searchsorted(of, member))
        return at < len(of) and int(of[at]) == member


class Records:
    """Who bought and looked at what, in which order, of one snapshot's tables.

    Attributes
    ----------
    buyers, viewers
        Shoppers who bought (looked at) each item. In a shop that logs no event kinds every row is a purchase.
    orders
        Orders that hold each item; None where the tables do not tell orders apart (`_order_of`).
    recent
        Shoppers who bought each item in the last `window` days; None where times cannot be compared.
    """

    def __init__(self, snapshot: Snapshot, window: int) -> None:
        table = snapshot.tables.value.interactions
        user = snapshot.user_index.get_indexer(pd.Index(table[schema.USER], dtype=object))
        item = snapshot.item_index.get_indexer(pd.Index(table[schema.ITEM], dtype=object))
        event = (
            table[schema.EVENT].fillna(schema.PURCHASE).to_numpy(object).astype(str)
            if schema.EVENT in table.columns
            else np.full(len(table), schema.PURCHASE)
        )
        time = table[schema.TIME].to_numpy(np.float64)
        known = (user >= 0) & (item >= 0)
        self._n = n = len(snapshot.item_ids)
        bought, looked = known & (event == schema.PURCHASE), known & (event == schema.VIEW)
        self.buyers = Incidence.of(item[bought], user[bought], n)
        self.viewers = Incidence.of(item[looked], user[looked], n)
        order = _order_of(table, user, time, absolute=snapshot.events.absolute)
        self.orders = None if order is None else Incidence.of(item[bought], order[bought], n)
        late = bought & (time >= snapshot.now - window * DAY)
        self.recent = Incidence.of(item[late], user[late], n) if snapshot.events.absolute else None
        self._bought = (item[bought], user[bought], time[bought])
        self.start = float(time[bought].min()) if bought.any() else 0.0

    @cached_property
    def first_sold(self) -> NDArray[np.float64]:
        """Time of each item's first purchase, infinity where there is none, shape ``(n_items,)``."""
        first = np.full(self._n, np.inf)
        np.minimum.at(first, self._bought[0], self._bought[2])
        return first

    @cached_property
    def _first_by(self) -> NDArray[np.float64]:
        """Time of each shopper's first purchase of an item, beside `buyers.members`."""
        item, user, time = self._bought
        order = np.lexsort((time, user, item))
        item, user, time = item[order], user[order], time[order]
        new = np.r_[True, (np.diff(item) != 0) | (np.diff(user) != 0)][: len(item)]
        return time[new]

    def measure(self, kind: Kind, past: int, item: int) -> Measure | None:
        """The figures of a counted kind for a thing of the history and an item (catalogue codes).

        None where the tables cannot tell: no orders, no views, or nobody had either.
        """
        if kind is Kind.AFTER:
            return self._after(past, item)
        held = {Kind.SAME_ORDER: self.orders, Kind.ALSO_BOUGHT: self.buyers, Kind.VIEWED_TOGETHER: self.viewers}[kind]
        if held is None or not min(held.count(past), held.count(item)):
            return None
        of_item = held.count(item) < held.count(past)
        rare, common = (item, past) if of_item else (past, item)
        chance = held.count(common) / held.total
        return Measure(kind, held.both(past, item), held.count(rare), chance, of_item, held.count(common))

    def _after(self, past: int, item: int) -> Measure | None:
        if not min(self.buyers.count(past), self.buyers.count(item)):
            return None
        _, a, b = np.intersect1d(self.buyers[past], self.buyers[item], assume_unique=True, return_indices=True)
        first = self._first_by
        gap = first[self.buyers.indptr[item] + b] - first[self.buyers.indptr[past] + a]
        later, earlier = int((gap > 0).sum()), int((gap < 0).sum())
        if wilson_lower(later, later + earlier) <= 0.5:
            return None
        chance = self.buyers.count(item) / max(self.buyers.total, 1)
        return Measure(Kind.AFTER, later, self.buyers.count(past), chance, False, self.buyers.count(item))

    def measures(self, past: int, item: int) -> dict[Kind, Measure]:
        """Every counted kind by which the two are linked."""
        found = {kind: self.measure(kind, past, item) for kind in COUNTED}
        return {kind: measure for kind, measure in found.items() if measure is not None and measure.band}


def _order_of(table: pd.DataFrame, user: Codes, time: NDArray[np.float64], *, absolute: bool) -> Codes | None:
    """A code for the order of each row, or None where a row's order is not known.

    One id of two shoppers is two orders. Times that are all whole days say on which day something was bought, not in
    which order, so they tell no orders apart.
    """
    by_name = {str(column).lower(): column for column in table.columns}
    column = next((by_name[name] for name in ORDER_COLUMNS if name in by_name), None)
    if column is not None and table[column].notna().any():
        named, _ = pd.factorize(table[column].astype("string"))
        # A row without an id is an order of its own time.
        key = np.where(named >= 0, named.astype(np.float64), -1.0 - pd.factorize(time)[0])
    elif absolute and len(time) and not np.mod(time, DAY).any():
        return None
    else:
        key = time
    return pd.DataFrame({"user": user, "key": key}).groupby(["user", "key"]).ngroup().to_numpy(np.int64)
