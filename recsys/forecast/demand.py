"""Weekly demand of each item, from purchases: the series that everything here is forecast from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.data.columns import EVENT, ITEM, PURCHASE, QUANTITY, TIME
from recsys.errors import NothingToLearn

WEEK = 7 * 86_400.0
LEAST_WEEKS = 16
"""Weeks of sales below which nothing is forecast."""

Series = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Demand:
    """Pieces sold, by item and week.

    Attributes
    ----------
    item_ids
        Sorted; row of `sold`.
    sold
        Pieces in each week, shape ``(items, weeks)``; zero where nothing was sold.
    end
        UTC seconds at which the last whole week ends.
    first
        Week of each item's first sale, shape ``(items,)``.
    """

    item_ids: npt.NDArray[np.object_]
    sold: Series
    end: float
    first: npt.NDArray[np.int64]

    @classmethod
    def of(cls, interactions: pd.DataFrame) -> Demand:
        """Weekly demand from checked interactions; weeks are counted back from the last event.

        Raises
        ------
        NothingToLearn
            There are no purchases with times, or of fewer than 16 weeks.
        """
        bought = interactions
        if EVENT in bought:
            bought = bought[bought[EVENT].fillna(PURCHASE) == PURCHASE]
        bought = bought[(bought[ITEM] != "") & bought[TIME].notna()] if TIME in bought else bought.iloc[:0]
        if not len(bought) or bought[TIME].max() < WEEK * 52:
            raise NothingToLearn("forecast: there are no purchases with a time; nothing can be forecast")
        end = float(bought[TIME].max())
        ago = ((end - bought[TIME].to_numpy(np.float64)) // WEEK).astype(np.int64)
        weeks = int(ago.max())  # the oldest week is not a whole one
        if weeks < LEAST_WEEKS:
            raise NothingToLearn(f"forecast: {weeks} whole weeks of purchases; it takes {LEAST_WEEKS}")
        whole = ago < weeks
        bought, ago = bought[whole], ago[whole]
        pieces = bought[QUANTITY].fillna(1.0).to_numpy(np.float64) if QUANTITY in bought else np.ones(len(bought))
        ids, item = np.unique(bought[ITEM].to_numpy(object), return_inverse=True)
        sold = np.zeros((len(ids), weeks))
        np.add.at(sold, (item, weeks - 1 - ago), np.maximum(pieces, 0.0))
        return cls(ids, sold, end, np.argmax(sold > 0, axis=1))

    def take(self, rows: npt.NDArray[np.integer]) -> Demand:
        """Some items."""
        return Demand(self.item_ids[rows], self.sold[rows], self.end, self.first[rows])

    def until(self, weeks: int) -> Demand:
        """What was known `weeks` weeks before the end; items not sold by then keep a row of zeros."""
        sold = self.sold[:, : self.sold.shape[1] - weeks]
        return Demand(self.item_ids, sold, self.end - weeks * WEEK, self.first)
