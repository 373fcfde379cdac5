"""Interaction arrays: users, items, times and weights of events.

Everything that learns from behaviour reads this form. Rows are in a canonical order (user, time, a hash of user and
item), so that a version made from shuffled input rows is the same version.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from recsys.data import schema
from recsys.data.attributes import Attributes
from recsys.data.dislikes import Dislikes
from recsys.data.reviews import Opinions
from recsys.data.schema import TimeKind

DAY = 86_400.0


@dataclass(frozen=True)
class Events:
    """Interactions of coded users with coded items.

    Attributes
    ----------
    user, item
        Codes into the user ids and the catalogue, int32, shape ``(n,)``.
    time
        UTC seconds, or per-user ordinals when `kind` is `TimeKind.ORDER`; float64, shape ``(n,)``.
    weight
        Strength of each event (a purchase is 1 by default), float32, shape ``(n,)``.
    n_users, n_items
        Sizes of the two code spaces; codes need not all occur.
    kind
        Whether times of different users can be compared.
    bought
        Which events are purchases, bool, shape ``(n,)``; None where nothing tells them apart: all are.
    dislikes
        What the same users did not like, of all times; None for nothing.
    shoppers
        What the shop's users table says of them, row = user code; None where it says nothing.
    opinions
        What reviews say of the items, of all times; None for nothing.
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    time: NDArray[np.float64]
    weight: NDArray[np.float32]
    n_users: int
    n_items: int
    kind: TimeKind
    bought: NDArray[np.bool_] | None = None
    dislikes: Dislikes | None = None
    shoppers: Attributes | None = None
    opinions: Opinions | None = None

    @classmethod
    def from_table(cls, table: pd.DataFrame, users: ArrayLike, items: ArrayLike, kind: TimeKind) -> Events:
        """Code a checked interactions table; rows of unknown users or items (and searches) are left out.

        What counts is who met what on which day: of one shopper's events of a kind with an item, each day's last one
        is taken, so that nobody makes an item popular by reloading its page.
        """
        user = pd.Index(users, dtype=object).get_indexer(pd.Index(table[schema.USER], dtype=object))
        item = pd.Index(items, dtype=object).get_indexer(pd.Index(table[schema.ITEM], dtype=object))
        known = (user >= 0) & (item >= 0)
        user, item = user[known].astype(np.int32), item[known].astype(np.int32)
        time = table[schema.TIME].to_numpy(np.float64)[known]
        weight = table[schema.WEIGHT].to_numpy(np.float32)[known]
        # Equal times say nothing about order, and ids may encode it (newer products get higher numbers): break ties
        # by a hash of the ids' text, which depends neither on row order nor on what ids mean.
        key = (
            pd.Series(table[schema.USER].to_numpy(object)[known]) + "\x1f" + table[schema.ITEM].to_numpy(object)[known]
        )
        tie = pd.util.hash_array(key.to_numpy(object), categorize=False)
        order = np.lexsort((weight, tie, time, user))
        if kind is TimeKind.ABSOLUTE and len(order):
            what = (
                pd.factorize(table[schema.EVENT])[0][known] if schema.EVENT in table else np.zeros(len(order), np.int64)
            )
            day = (time // DAY).astype(np.int64)
            met = pd.DataFrame({"user": user, "item": item, "what": what, "day": day}).iloc[order]
            order = order[~met.duplicated(keep="last").to_numpy()]
        bought = (
            (table[schema.EVENT] == schema.PURCHASE).to_numpy(bool)[known][order] if schema.EVENT in table else None
        )
        return cls(user[order], item[order], time[order], weight[order], np.size(users), np.size(items), kind, bought)

    def __len__(self) -> int:
        return len(self.user)

    @cached_property
    def indptr(self) -> NDArray[np.int64]:
        """Rows of user ``u`` are ``indptr[u]:indptr[u + 1]``; shape ``(n_users + 1,)``."""
        return np.searchsorted(self.user, np.arange(self.n_users + 1)).astype(np.int64)

    @property
    def absolute(self) -> bool:
        """Whether a global time exists."""
        return self.kind is TimeKind.ABSOLUTE

    @property
    def purchases(self) -> NDArray[np.bool_]:
        """Which events are purchases, shape ``(n,)``."""
        return np.ones(len(self), bool) if self.bought is None else self.bought

    @property
    def end(self) -> float:
        """Time of the last event (0 where there is none)."""
        return float(self.time.max()) if len(self) else 0.0

    def where(self, keep: NDArray[np.bool_]) -> Events:
        """The events of a boolean mask, same code spaces."""
        return replace(
            self,
            user=self.user[keep],
            item=self.item[keep],
            time=self.time[keep],
            weight=self.weight[keep],
            bought=None if self.bought is None else self.bought[keep],
        )

    def of_users(self, stay: NDArray[np.bool_]) -> Events:
        """The events of some users, shape ``(n_users,)``, who are numbered anew."""
        code = (np.cumsum(stay) - 1).astype(np.int32)
        kept = self.where(stay[self.user])
        said = None if self.dislikes is None else self.dislikes.where(stay[self.dislikes.user])
        return replace(
            kept,
            user=code[kept.user],
            n_users=int(stay.sum()),
            dislikes=replace(said, user=code[said.user]) if said is not None and len(said) else None,
            shoppers=None if self.shoppers is None else self.shoppers.take(np.flatnonzero(stay)),
        )

    def before(self, cut: float) -> Events:
        """Events strictly before `cut`; only meaningful where a global time exists."""
        return self.where(self.time < cut)

    def by_product(self, products: NDArray[np.integer]) -> Events:
        """The same events, with products in place of their variants."""
        codes = np.asarray(products, np.int32)
        said, written = self.dislikes, self.opinions
        return replace(
            self,
            item=codes[self.item],
            n_items=int(codes.max(initial=-1)) + 1,
            dislikes=None if said is None else replace(said, item=codes[said.item]),
            opinions=None if written is None else replace(written, item=codes[written.item]),
        )

    @cached_property
    def visit(self) -> NDArray[np.int64]:
        """Visit of each event, numbered in order: a visit is the events of one user at one time; shape ``(n,)``."""
        return np.cumsum(np.r_[False, (np.diff(self.user) != 0) | (np.diff(self.time) != 0)])[: len(self)]

    @cached_property
    def steps(self) -> NDArray[np.int32]:
        """Visits since each event: how many later ones the same user has, 0 for the latest; shape ``(n,)``.

        Items bought together share a step, so that nothing depends on the order inside a basket.
        """
        visit = self.visit
        last = visit[np.maximum(self.indptr[self.user + 1] - 1, 0)]
        return (last - visit).astype(np.int32)
