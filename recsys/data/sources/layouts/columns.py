"""Columns by name whatever their case, and cells that a later row inherits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.data.parsing import STRING, as_ids
from recsys.errors import BadInput


def spelled(table: pd.DataFrame, *names: str) -> str | None:
    """The table's own spelling of the first of these names that it has."""
    own = {str(column).strip().lower(): column for column in table.columns}
    return next((own[name.lower()] for name in names if name.lower() in own), None)


def cells(table: pd.DataFrame, *names: str) -> pd.Series:
    """The column of the first of these names that the table has; empty where it has none."""
    column = spelled(table, *names)
    return pd.Series(np.nan, index=table.index, dtype=STRING) if column is None else table[column]


def read_as(table: pd.DataFrame, names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The table's columns that are read under one of our names, theirs -> ours; not those that differ only in case.

    Parameters
    ----------
    table : pandas.DataFrame
        As it was found.
    names : mapping
        Ours -> theirs, of which the first that the table has is named.
    """
    found = ((spelled(table, *theirs), ours) for ours, theirs in names.items())
    return {str(column): ours for column, ours in found if column is not None and str(column).lower() != ours}


def need(table: pd.DataFrame, what: str, **columns: Sequence[str]) -> None:
    """Refuse a table that lacks one of these columns, each given with its spellings."""
    for names in columns.values():
        if spelled(table, *names) is None:
            found = ", ".join(repr(str(column)) for column in table.columns[:20])
            raise BadInput(f"not {what}: no column {' or '.join(names)}. Found: {found}.")


def renamed(table: pd.DataFrame, names: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The table with its columns of these spellings under our names; a column of ours that is there already stays."""
    out = table
    for ours, theirs in names.items():
        column = spelled(out, *theirs)
        if ours not in out and column is not None:
            out = out.rename(columns={column: ours})
    return out


def first_id(table: pd.DataFrame, *names: str) -> pd.Series:
    """In each row the first of these columns that has an id, as text."""
    ids = as_ids(cells(table, names[0]))
    for name in names[1:]:
        ids = ids.where(ids.notna(), as_ids(cells(table, name)))
    return ids


def inherited(values: pd.Series, group: pd.Series) -> pd.Series:
    """Empty cells filled with the first of their group that is not."""
    return values.where(values.notna(), values.groupby(group, sort=False, dropna=False).transform("first"))


def says(values: pd.Series, *words: str) -> npt.NDArray[np.bool_]:
    """Whether a cell is one of these words, in any case; `2.0` is the word `2`."""
    said = values.astype(object).map(lambda cell: str(cell).strip().lower().removesuffix(".0"))
    return said.isin(words).to_numpy(dtype=bool)


def deepest(paths: pd.Series, separator: str, level: str) -> pd.Series:
    """Of the category paths in a cell (`Home/Tea,Home/Tea/Green`) the last name of the longest."""

    def last(cell: object) -> object:
        if not isinstance(cell, str):
            return cell
        return max(cell.split(separator), key=lambda path: path.count(level)).split(level)[-1].strip()

    return paths.map(last)
