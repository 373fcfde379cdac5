"""JSON records -> a table: one object a line, an array of objects, or an object that wraps one array."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from recsys.data.parsing import storable_cell
from recsys.data.sources.bombs import refuse_cells
from recsys.errors import BadInput

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_CHUNK = 100_000
#: Lines of which one must be an object for the file to be one object a line.
_FIRST = 10
Record = dict[str, Any]


def read_records(data: bytes, name: str) -> tuple[pd.DataFrame, list[str]]:
    """Read UTF-8 JSON; values keep their type, so that the id `"007"` and the id `12347` stay what they are.

    A line that is no object becomes an empty row: it is counted and quarantined with the other rows that lack an id.

    Raises
    ------
    BadInput
        No object in it, or a document that is no array of objects.
    """
    start = data[:64].lstrip()[:1]
    lines = data.splitlines()
    if start == b"[" or (start == b"{" and not any(map(_is_object, lines[:_FIRST]))):
        return frame_of(_document(data, name), len(data), name), ["a JSON array"]
    bad: list[int] = []
    table = frame_of(_lines(lines, bad), len(data), name)
    return table, [f"{len(bad):,} lines are no JSON object (the first is line {bad[0]:,})"] if bad else []


def _lines(lines: list[bytes], bad: list[int]) -> Iterator[Record]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        record = _parsed(line)
        if not isinstance(record, dict):
            bad.append(number)
        yield record if isinstance(record, dict) else {}


def _parsed(text: bytes) -> Any:
    try:
        found = json.loads(text)
        # JSON can spell half a surrogate pair, in names of columns too; nothing else that is read can.
        return storable_cell(found) if _SURROGATE.search(text) else found
    except (ValueError, RecursionError):
        return None


def _is_object(text: bytes) -> bool:
    return isinstance(_parsed(text), dict)


def _document(data: bytes, name: str) -> list[Record]:
    document = _parsed(data)
    if isinstance(document, dict):  # {"products": [...]}, as shop systems' APIs answer
        arrays = [value for value in document.values() if _is_records(value)]
        document = arrays[0] if len(arrays) == 1 else [document]
    if not _is_records(document):
        raise BadInput(
            f"{name}: no JSON lines and no JSON array of objects; write one object a line, or one array of objects."
        )
    return document


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(record, dict) for record in value)


def frame_of(records: Iterable[Record], size: int, name: str) -> pd.DataFrame:
    """A table of records that a file of `size` bytes holds; a field is a column, also where few records have it.

    Raises
    ------
    BadInput
        Hardly any two have a field in common: it would have far more cells than there is data.
    """
    chunks: list[pd.DataFrame] = []
    rows: list[Record] = []
    columns: set[str] = set()
    for number, record in enumerate(records, start=1):
        columns.update(record)
        refuse_cells(number, len(columns), size, name)
        rows.append(record)
        if len(rows) == _CHUNK:
            chunks.append(pd.DataFrame(rows, dtype=object))
            rows = []
    if rows or not chunks:
        chunks.append(pd.DataFrame(rows, index=range(len(rows)), dtype=object))
    return pd.concat(chunks, ignore_index=True).replace({None: np.nan})


def flat(table: pd.DataFrame) -> pd.DataFrame:
    """Nested cells as JSON text, lists of words left as they are: what a version can store."""

    def cell(value: Any) -> Any:
        nested = isinstance(value, dict) or (
            isinstance(value, list | np.ndarray) and any(isinstance(part, dict | list | np.ndarray) for part in value)
        )
        return json.dumps(value, ensure_ascii=False, default=_plain) if nested else value

    deep = [name for name, column in table.items() if column.dtype == object and _nested(column)]
    return table.assign(**{str(name): table[name].map(cell) for name in deep}) if deep else table


def _nested(column: pd.Series) -> bool:
    return any(isinstance(value, dict | list | np.ndarray) for value in column.dropna().head(1_000))


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
