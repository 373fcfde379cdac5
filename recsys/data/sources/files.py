"""One table from wherever it lives, by what its bytes are; errors say what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import feather

from recsys.data.frames import from_arrow
from recsys.data.sources.bombs import read_parquet, try_aside
from recsys.data.sources.databases import read_database
from recsys.data.sources.delimited import read_delimited
from recsys.data.sources.feed import read_feed
from recsys.data.sources.places import Part, existing, is_remote, parts_of, protocol_of
from recsys.data.sources.records import read_records
from recsys.data.sources.sniffing import DAMAGED, HEAD, Kind, as_utf8, kind_of, open_unpacked, read_unpacked
from recsys.data.sources.workbooks import read_html, read_workbook
from recsys.data.validation import refuse_columns
from recsys.errors import BadInput

_MAX_LINE = 1 << 24
_READABLE = ".csv, .tsv, .jsonl, .xlsx, .parquet, an HTML table or an XML feed"


@dataclass(frozen=True)
class Read:
    """A table as it was found, cells unchanged, and how it was read where that is worth saying."""

    table: pd.DataFrame
    notes: tuple[str, ...] = ()


def read_table(place: Path | str, role: str = "items") -> pd.DataFrame:
    """`read`, without its notes."""
    return read(place, role).table


def read(place: Path | str, role: str = "items", *, fallback_encoding: str | None = None) -> Read:
    """Read one table.

    Parameters
    ----------
    place : Path or str
        A file (csv, tsv, jsonl, xlsx, parquet, HTML, XML feed; packed or not; told by content), a folder of parts, a
        glob, a URL that fsspec knows, or a SQLAlchemy URL with `#table` or `#SELECT ...`.
    role : str
        What the table is (`items`, ...): a database's table is called that where the URL names none.
    fallback_encoding : str, optional
        For text that is not Unicode. Without it that is refused: a guess would damage names silently.

    Raises
    ------
    BadInput
        There is nothing, it is no table, or it is damaged; says what to do.
    """
    if is_database(place):
        table, notes = read_database(str(place), role)
        return Read(table, tuple(notes))
    with parts_of(place) as parts:
        return read_parts(parts, str(place), fallback_encoding)


def is_database(place: Path | str) -> bool:
    """Whether a place is a database's URL rather than a file's."""
    return protocol_of(place) is not None and not is_remote(place)


def read_parts(parts: list[Part], name: str, fallback_encoding: str | None = None) -> Read:
    """The files of one table, one below the other; folders such as `day=2026-01` become a column."""
    reads = [_read_part(part, fallback_encoding) for part in parts]
    if len(reads) == 1:
        return reads[0]
    first = set(reads[0].table.columns)
    for part, one in zip(parts, reads, strict=True):
        if len(one.table.columns) and len(first & set(one.table.columns)) * 2 < min(len(first), one.table.shape[1]):
            raise BadInput(
                f"{name}: {parts[0].name} and {part.name} are different tables (columns {_few(reads[0].table)} and "
                f"{_few(one.table)}); name one file, or a glob such as 'events-*.csv'."
            )
    notes = dict.fromkeys(note for one in reads for note in one.notes)
    return Read(pd.concat([one.table for one in reads], ignore_index=True), (f"{len(reads)} files", *notes))


def _few(table: pd.DataFrame) -> str:
    return ", ".join(repr(str(column)) for column in table.columns[:4])


def _read_part(part: Part, fallback_encoding: str | None) -> Read:
    try:
        table, notes = _read_file(part.path, part.name, fallback_encoding)
    except (*DAMAGED, pa.ArrowException, ValueError, KeyError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(
            f"{part.name}: cannot be read; damaged, or not what its name says ({_one_line(error)}). Export it again."
        ) from error
    new = {key: value for key, value in part.keys.items() if key not in table}
    return Read(table.assign(**new) if new else table, tuple(notes))


def _read_file(path: Path, name: str, fallback_encoding: str | None) -> tuple[pd.DataFrame, list[str]]:
    data, packed = read_unpacked(path)
    if not data.strip():
        raise BadInput(f"{name}: the file is empty.")
    kind = kind_of(data[:HEAD])
    if kind is None:
        why = "a Python pickle is never loaded" if data[:1] == b"\x80" else f"it begins with {data[:4].hex(' ')}"
        raise BadInput(f"{name}: cannot read files of this kind ({why}); save it as one of {_READABLE}.")
    said = [*packed, *_misnamed(kind, Path(name).suffix, data, name)]
    if kind is Kind.PARQUET:
        return _validated(read_parquet(data, name)), said
    if kind is Kind.ARROW:
        try_aside(kind, data, name)
        arrow = feather.read_table(pa.BufferReader(data))
        refuse_columns(arrow.num_columns, name)
        return _validated(arrow), said
    if kind is Kind.WORKBOOK:
        try_aside(kind, data, name)
        table, notes = read_workbook(data)
        return table, said + notes
    text, encoding = as_utf8(data, name, fallback_encoding, tuple(packed))
    if kind is Kind.HTML:
        table, notes = read_html(text, name)
        notes = notes if said else ["an HTML table"]
    elif kind is Kind.XML:
        table, notes = read_feed(text, name)
    elif kind is Kind.JSON:
        table, notes = read_records(text, name)
    else:
        table, notes = read_delimited(text, name)
    return table, said + encoding + notes


def _validated(table: pa.Table) -> pd.DataFrame:
    """The table, its offsets within bounds and its texts UTF-8: Arrow believes a file, and fails or crashes later."""
    table.validate(full=True)
    return from_arrow(table)


_A = {
    Kind.PARQUET: "a parquet file",
    Kind.ARROW: "an Arrow file",
    Kind.WORKBOOK: "a workbook",
    Kind.HTML: "an HTML table",
    Kind.XML: "an XML feed",
    Kind.JSON: "JSON",
    Kind.TEXT: "text",
}
_PROMISED = {
    **dict.fromkeys((".parquet", ".pq"), Kind.PARQUET),
    **dict.fromkeys((".xlsx", ".xls"), Kind.WORKBOOK),
    **dict.fromkeys((".csv", ".tsv"), Kind.TEXT),
}


def _misnamed(kind: Kind, suffix: str, data: bytes, name: str) -> list[str]:
    """A note where the name promises another kind of file; no note saves one line of text named `.parquet`."""
    promised = _PROMISED.get(suffix.lower(), kind)
    if promised is kind:
        return []
    if kind is Kind.TEXT and not re.search(rb"[,;\t|]", data[:HEAD].split(b"\n")[0]):
        raise BadInput(f"{name}: cannot be read; damaged, or not what its name says. Export it again.")
    return [f"named {suffix}, but it is {_A[kind]}"]


def lines(path: Path | str) -> Iterator[bytes]:
    """Lines of a text file, packed or not, without ever holding more than one; each of at most 16 MB."""
    path = existing(path)
    try:
        stream, _ = open_unpacked(path)
        with stream:
            while line := stream.readline(_MAX_LINE):
                yield line
    except DAMAGED as e:
        raise BadInput(f"{path}: cannot be read to the end; damaged or incomplete ({_one_line(e)}).") from e


def head_of(path: Path) -> bytes:
    """The first unpacked bytes of a file; none where it cannot be read."""
    try:
        stream, _ = open_unpacked(path)
        with stream:
            return stream.read(HEAD)
    except DAMAGED:
        return b""


def text_head(path: Path) -> str:
    """The first lines of a text file, whatever they are worth."""
    head = head_of(path)
    return head.decode("utf-8-sig", "replace") if kind_of(head) in (Kind.TEXT, Kind.JSON) else ""


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
