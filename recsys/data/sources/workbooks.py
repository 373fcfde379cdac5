"""Workbooks (xlsx, xls, ods) and HTML tables -> a table, cells as they are."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd

from recsys.data.sources.bombs import refuse_spans
from recsys.data.sources.delimited import MISSING
from recsys.errors import BadInput, require

EXTRA = "xlsx"
_MISSING = frozenset(MISSING)


def read_workbook(data: bytes) -> tuple[pd.DataFrame, list[str]]:
    """All sheets with the first one's columns, one below the other; texts stay texts and numbers numbers."""
    damaged = require("python_calamine", EXTRA).CalamineError
    try:
        book = pd.read_excel(
            io.BytesIO(data), sheet_name=None, dtype=object, keep_default_na=False, na_values=MISSING, engine="calamine"
        )
    except damaged as error:
        raise ValueError(f"no readable workbook: {error}") from error
    sheets = {name: sheet for name, sheet in book.items() if sheet.shape[1]}
    if not sheets:
        return pd.DataFrame(), []
    first = next(iter(sheets.values()))
    alike = {name: sheet for name, sheet in sheets.items() if list(sheet.columns) == list(first.columns)}
    left = [name for name in sheets if name not in alike]
    notes = [f"{len(alike)} sheets read as one"] if len(alike) > 1 else []
    notes += [f"sheets with other columns left out: {', '.join(map(repr, left))}"] if left else []
    return pd.concat(alike.values(), ignore_index=True), notes


def read_html(data: bytes, name: str) -> tuple[pd.DataFrame, list[str]]:
    """The largest table of a page of UTF-8 HTML, every cell as its text."""
    require("lxml", EXTRA)
    refuse_spans(data, name)
    page = data.decode("utf-8", "replace")
    try:
        # A cell with its link is no number, whatever its text is: ids stay as they are.
        tables = pd.read_html(
            io.StringIO(page), flavor="lxml", thousands=None, keep_default_na=False, extract_links="body"
        )
        largest = max(tables, key=lambda table: table.size)
        cells = [[_text(cell) for cell in row] for row in largest.to_numpy(object).tolist()]
        table = pd.DataFrame(cells, columns=largest.columns)
    except ValueError as error:
        raise BadInput(f"{name}: an HTML page without a table; export the table as csv or xlsx.") from error
    if all(isinstance(column, int) for column in table.columns):  # a page without <th>: the first row is the header
        table = table.iloc[1:].set_axis(table.iloc[0].fillna("").tolist(), axis=1).reset_index(drop=True)
    return table, []


def _text(cell: Any) -> Any:
    text = cell[0] if isinstance(cell, tuple) else cell
    return np.nan if text in _MISSING else text
