"""Dislikes: low ratings, returns, emptied carts and what a shopper said no to, kept apart from what they liked.

What was not liked is no history to please. It is still known: such items are not listed again to that shopper, they
are drawn as negatives first, and what is like them can fall.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from recsys.data.columns import EVENT, ITEM, QUANTITY, REFUND, TIME, USER

if TYPE_CHECKING:
    from recsys.data.validation import Sieve

KIND = "kind"
#: What rows that are rejected for these reasons say; the first may be listed again, the others not.
REMOVED = "removed"
KINDS = ("disliked", "low_ratings", "returns", REMOVED)


def dislikes_of(sieve: Sieve, known: set[str] | None) -> pd.DataFrame | None:
    """Rows of a table of events that say dislike: ``user_id, item_id, timestamp, kind``; None where there are none."""
    table = sieve.table
    rows = np.isin(sieve.counted_as, KINDS)
    if QUANTITY in table:  # a quantity of zero says nothing; below zero it is a return
        zero = (pd.to_numeric(table[QUANTITY], errors="coerce") == 0).to_numpy()
        rows &= ~((sieve.counted_as == "returns") & zero & (table[EVENT] != REFUND).to_numpy())
    found = table.loc[rows, [USER, ITEM, TIME]].assign(**{KIND: sieve.counted_as[rows]})
    found = found.dropna(subset=[USER, ITEM, TIME])
    if known is not None:
        found = found[found[ITEM].astype(object).isin(known)]
    return tidy(found)


def tidy(*tables: pd.DataFrame | None) -> pd.DataFrame | None:
    """Tables of dislikes below one another, each row once, in canonical order; None where nothing is left."""
    given = [table for table in tables if table is not None and len(table)]
    if not given:
        return None
    return pd.concat(given).drop_duplicates().sort_values([USER, TIME, ITEM, KIND], ignore_index=True)


@dataclass(frozen=True)
class Dislikes:
    """Dislikes of coded users and items, sorted by user.

    Attributes
    ----------
    user, item
        Codes, int32, shape ``(n,)``.
    time
        As in `Events`; float64, shape ``(n,)``.
    barred
        Whether the item may not be listed to this shopper again; bool, shape ``(n,)``.
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    time: NDArray[np.float64]
    barred: NDArray[np.bool_]

    @classmethod
    def from_table(cls, table: pd.DataFrame, users: ArrayLike, items: ArrayLike) -> Dislikes | None:
        """Code a table of dislikes; None where it has no known user and item."""
        user = pd.Index(users, dtype=object).get_indexer(pd.Index(table[USER], dtype=object)).astype(np.int32)
        item = pd.Index(items, dtype=object).get_indexer(pd.Index(table[ITEM], dtype=object)).astype(np.int32)
        known = (user >= 0) & (item >= 0)
        order = np.flatnonzero(known)[np.argsort(user[known], kind="stable")]
        barred = (table[KIND] != REMOVED).to_numpy(bool)
        found = cls(user[order], item[order], table[TIME].to_numpy(np.float64)[order], barred[order])
        return found if len(order) else None

    def __len__(self) -> int:
        return len(self.user)

    def where(self, keep: NDArray[np.bool_]) -> Dislikes:
        """The dislikes of a boolean mask."""
        return Dislikes(*(array[keep] for array in self.arrays.values()))

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in ("user", "item", "time", "barred")}

    def of(self, user: int) -> NDArray[np.int64]:
        """Rows of one user."""
        return np.arange(*np.searchsorted(self.user, [user, user + 1]))
