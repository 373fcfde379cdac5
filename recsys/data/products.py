"""Variants of one product: which items they are, and a shop seen product by product.

Eight sizes of one shirt are one product to a shopper, and their sales are sales of one thing. The ranker learns on
products; lists name items.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data.columns import AVAILABLE, ITEM, PARENT


def product_codes(items: pd.DataFrame) -> NDArray[np.int32] | None:
    """Product of each item, numbered by their first items; None where no two items are variants of one product.

    Parameters
    ----------
    items
        Checked items, row = item code. Items of one `parent_id` are variants, and so is the item of that id itself.
    """
    if PARENT not in items.columns:
        return None
    parent = (
        items[PARENT].astype(object).where(items[PARENT].notna() & (items[PARENT] != ""), items[ITEM].astype(object))
    )
    codes = pd.factorize(parent)[0].astype(np.int32)
    return codes if len(codes) and codes.max() + 1 < len(codes) else None


def first_items(products: NDArray[np.int32]) -> NDArray[np.int64]:
    """Code of each product's first item, which stands for it; ascending, shape ``(n_products,)``."""
    return np.unique(products, return_index=True)[1]


def as_products(items: pd.DataFrame, products: NDArray[np.int32]) -> pd.DataFrame:
    """Items table with one row a product: its first item, available where any variant is."""
    table = items.iloc[first_items(products)].reset_index(drop=True)
    if AVAILABLE not in table.columns:
        return table
    some = np.zeros(len(table), bool)
    np.logical_or.at(some, products, items[AVAILABLE].fillna(True).to_numpy(bool))
    return table.assign(**{AVAILABLE: some})


def renamed(
    table: pd.DataFrame | None, item_ids: NDArray[np.object_], products: NDArray[np.int32]
) -> pd.DataFrame | None:
    """A table of events or impressions with each item's id replaced by its product's."""
    if table is None:
        return None
    first = item_ids[first_items(products)][products]
    names = dict(zip(item_ids, first, strict=True))
    return table.assign(**{ITEM: table[ITEM].astype(object).map(lambda name: names.get(name, name))})


def one_of_each(
    order: NDArray[np.float64], products: NDArray[np.integer], preferred: NDArray[Any], most: int = 1
) -> NDArray[np.float64]:
    """Order values with only the best possible variant of each product left, or `most` of them; others become -inf.

    Parameters
    ----------
    order
        What items are ordered by, -inf for what may not be listed, shape ``(n,)``.
    products
        Product of each item.
    preferred
        How much rather each item than the others stands for its product, whatever their order.
    """
    possible = np.flatnonzero(order > -np.inf)
    by = possible[np.lexsort((possible, -order[possible], -preferred[possible], products[possible]))]
    starts = np.flatnonzero(np.r_[True, np.diff(products[by]) != 0]) if len(by) else by
    place = np.arange(len(by)) - np.repeat(starts, np.diff(np.r_[starts, len(by)]))
    best = by[place < most]
    out = np.full(len(order), -np.inf)
    out[best] = order[best]
    return out
