"""Delimited text (csv, tsv, `;`-separated, `|`-separated) -> a table of text.

Every cell stays the text it was: whether `007` is an id and `1.299` a price is decided where columns get their meaning,
not here. Arrow's parser reads what is regular; pandas' reads what is not.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from recsys.data.frames import from_arrow, unique_names
from recsys.data.sources.bombs import refuse_cells
from recsys.data.validation import refuse_columns
from recsys.errors import BadInput

#: "NA" and "None" are not here: they are somebody's id or title.
MISSING = ["", "NaN", "nan", "NULL", "null", "\\N", "N/A", "#N/A"]

_DELIMITERS = ",;\t|"
_SPOKEN = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SAMPLE = 1 << 18
_SEP_LINE = re.compile(rb"\Asep=(.)\r?\n", re.IGNORECASE)


def read_delimited(data: bytes, name: str) -> tuple[pd.DataFrame, list[str]]:
    r"""Read UTF-8 text with a header line.

    The separator is the one that cuts the header and the first rows into the same number of cells. `\"` is an escaped
    quote where it cannot be anything else. Cells beyond the header are left out where all of them are empty.

    Returns
    -------
    tuple of pandas.DataFrame and list of str
        All columns are text, NaN where a cell is empty; and how it was read, where that is worth saying.

    Raises
    ------
    BadInput
        Nothing in it, a quote that never ends, or rows with more cells than columns; says which line and what to do.
    """
    separator_line = _SEP_LINE.match(data)  # Excel's own way to name the separator
    data = data[separator_line.end() :] if separator_line else data
    sample = _sample(data)
    if not sample.strip():
        raise BadInput(f"{name}: the file is empty.")
    delimiter = separator_line[1].decode() if separator_line else find_delimiter(sample)
    notes = [f"separated by {_SPOKEN.get(delimiter, repr(delimiter))}"] if delimiter != "," else []
    for escape in _escapes(data, delimiter):
        if (rows := _read_regular(data, delimiter, escape, name)) is not None:
            break
    else:
        escape = _escapes(data, delimiter)[0]
        rows, unquoted = _read_irregular(data, sample, delimiter, escape, name)
        notes += ["quotes taken as they are"] if unquoted else []
    notes += ['\\" read as a quote'] if escape else []
    table, extra = _with_header(rows, name)
    return table, notes + ([f"{extra} empty column at the end left out"] if extra else [])


def _sample(data: bytes) -> str:
    """The first lines, whole: one cut off at the end would say nothing about how many cells a row has."""
    text = data[:_SAMPLE].decode("utf-8", "ignore")
    return text if len(data) <= _SAMPLE else text[: text.rfind("\n") + 1] or text


def find_delimiter(sample: str) -> str:
    """The separator by vote of the first rows: the one that gives most of them as many cells as the header has."""

    def votes(delimiter: str) -> tuple[float, int]:
        rows = _cells(sample, delimiter, None, 200)
        width = len(rows[0]) if rows else 0
        body = rows[1:] or rows
        return (sum(abs(len(row) - width) <= 1 for row in body) / max(len(body), 1), width) if width > 1 else (0.0, 0)

    best = max(_DELIMITERS, key=votes)
    return best if votes(best)[1] > 1 else ","


def _cells(sample: str, delimiter: str, escape: str | None, most: int) -> list[list[str]]:
    reader = csv.reader(sample.splitlines(keepends=True), delimiter=delimiter, escapechar=escape)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if row:
                rows.append(row)
            if len(rows) > most:
                break
    except csv.Error:  # a cell over csv's limit, or a NUL
        pass
    return rows


def _escapes(data: bytes, delimiter: str) -> list[str | None]:
    r"""Escape characters to try. `\"` before a letter or a blank cannot close a quote; before a separator it might."""
    if b'\\"' not in data:
        return [None]
    inside = re.search(rb'"[^"\n]*\\"[^"\r\n' + re.escape(delimiter.encode()) + rb"]", data)
    return ["\\", None] if inside else [None, "\\"]


def _read_regular(data: bytes, delimiter: str, escape: str | None, name: str) -> pd.DataFrame | None:
    """Rows of text (the header is the first), None where they are not all of one length."""
    columns = len(_cells(_sample(data), delimiter, escape, 0)[0])
    refuse_columns(columns, name)
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            read_options=arrow_csv.ReadOptions(autogenerate_column_names=True, block_size=1 << 24),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, escape_char=escape or False, newlines_in_values=True, ignore_empty_lines=True
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types={f"f{i}": pa.string() for i in range(columns)},
                null_values=MISSING,
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:
        return None
    rows = from_arrow(table)
    # A quote that never closes swallows the rest of the file, line ends and all; Arrow's parser does not mind.
    unclosed = data.count(b'"') % 2 and bool(rows.iloc[-1].str.contains("\n", regex=False).any())
    return rows if table.num_columns == columns and not unclosed else None


def _read_irregular(
    data: bytes, sample: str, delimiter: str, escape: str | None, name: str
) -> tuple[pd.DataFrame, bool]:
    """Rows padded to the longest of the first ones; whether quotes had to be taken as they are."""
    width = max((len(row) for row in _cells(sample, delimiter, escape, 10_000)), default=1)
    refuse_cells(data.count(b"\n"), width, len(data), name)

    def read(quoting: int) -> pd.DataFrame:
        return pd.read_csv(
            pa.BufferReader(data),
            sep=delimiter,
            header=None,
            names=range(width),
            index_col=False,
            dtype=str,
            quoting=quoting,
            escapechar=escape,
            keep_default_na=False,
            na_values=MISSING,
        )

    try:
        return read(csv.QUOTE_MINIMAL), False
    except pd.errors.ParserError as error:
        if "EOF inside string" in str(error) and delimiter == "\t":  # tab-separated exports often do not quote at all
            return read(csv.QUOTE_NONE), True
        raise BadInput(f"{name}: {_advice(error)}") from None


def _advice(error: Exception) -> str:
    text = " ".join(str(error).split())
    if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", text):
        return (
            f"cannot be read: line {found[2]} has {found[3]} cells, others at most {found[1]}: a cell that holds the "
            'separator must be in "quotes".'
        )
    if found := re.search(r"EOF inside string starting at row (\d+)", text):
        return (
            f'cannot be read: a "quote" that opens in row {found[1]} never closes; write "" for a quote inside a cell.'
        )
    return f"cannot be read; damaged, or not what its name says ({text[:160]})."


def _with_header(rows: pd.DataFrame, name: str) -> tuple[pd.DataFrame, int]:
    """The rows below the first, under its names; and how many columns without a name were empty and left out."""
    header: Sequence[object] = rows.iloc[0].tolist()
    body = rows.iloc[1:].reset_index(drop=True)
    nameless = [place for place, cell in enumerate(header) if pd.isna(cell)]
    empty = [place for place in nameless if bool(body.iloc[:, place].isna().all())]
    beyond = max((place for place, cell in enumerate(header) if not pd.isna(cell)), default=-1)
    full = [place for place in nameless if place > beyond and place not in empty]
    if full:
        row = int(body.iloc[:, full[0]].notna().to_numpy().argmax())
        raise BadInput(
            f"{name}: cannot be read: row {row + 1} has more cells than the header has names: name every column in "
            'the header, and put a cell that holds the separator in "quotes".'
        )
    kept = [place for place in range(len(header)) if place not in empty]
    names = [f"Unnamed: {place}" if place in nameless else str(header[place]) for place in kept]
    return body.iloc[:, kept].set_axis(unique_names(names), axis=1), len([p for p in empty if p > beyond])
