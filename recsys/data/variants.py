"""Filling down: exports that write what variants share only on the first row of a product (Shopify)."""

from __future__ import annotations

import pandas as pd

from recsys.data.columns import BRAND, CATEGORY, ITEM, TEXT, TITLE
from recsys.data.parsing import as_ids
from recsys.data.validation import Sieve
from recsys.data.vocabulary import plain, states

#: Columns that name the product a row is a variant of.
_PARENTS = ("handle", "parent_id", "item_group_id", "parent_sku", "group_id", "parent")


def fill_down(sieve: Sieve) -> None:
    """Give variants the title, text, brand and category of their product's first row; rows of pictures go."""
    table = sieve.table
    by_name = {plain(name): name for name in reversed(table.columns)}
    parent = next((by_name[name] for name in _PARENTS if name in by_name), None)
    if parent is None:
        return
    groups = as_ids(table[parent])
    shared = [name for name in (TITLE, TEXT, BRAND, CATEGORY, *states(table, sieve.dialect.words)) if name in table]
    untitled = _blank(table[TITLE]) & groups.notna()
    if not untitled.any():
        return
    for name in shared:
        values = table[name].mask(_blank(table[name]))
        own = values.notna() | ~untitled  # only rows without a title are continuations
        table[name] = values.where(own, values.groupby(groups, sort=False).transform("first"))
    filled = int((untitled & ~_blank(table[TITLE])).sum())
    if filled:
        sieve.report.notes.append(f"{filled:,} variants have the title of the first row of their `{parent}`")
    pictures = untitled & as_ids(table[ITEM]).isna()
    sieve.reject(pictures.to_numpy(), "pictures", "a further row of a product, without an id of its own", bad=False)


def _blank(values: pd.Series) -> pd.Series:
    return values.isna() | (values.astype(str).str.strip() == "")
