"""Bounds of what a table may unpack to, for every reader: a file of a kilobyte may describe a terabyte.

Each bound is a gigabyte, or so many times the file's own size if that is more: what a shop exports is far below it.
"""

from __future__ import annotations

import lzma
import re

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from recsys.data.trial import fits
from recsys.data.validation import refuse_columns
from recsys.errors import BadInput

MOST_BYTES, MOST_TIMES = 1 << 30, 300
#: Cells of a table, and for each byte of its file; a cell of text takes at least the sign that ends it.
_MOST_CELLS, _CELLS_A_BYTE = 100_000_000, 20
#: Bytes that a decompressor of xz may take: the largest of the usual settings take 65 MB.
_XZ_MEMORY = 1 << 28
_ROWS = 65_536
_ROW, _CELL = re.compile(rb"<tr\b", re.IGNORECASE), re.compile(rb"<t[dh]\b", re.IGNORECASE)
_SPAN = re.compile(rb"(col|row)span\s*=\s*[\"']?\s*(\d+)", re.IGNORECASE)
#: What HTML allows, and cells that a table may have with all of them.
_MOST_SPAN, _SPANNED = {b"col": 1_000, b"row": 65_534}, 10_000_000
_READ = {
    "workbook": """
import io
from python_calamine import CalamineWorkbook
data = io.BytesIO(sys.stdin.buffer.read())
limit()
try:
    book = CalamineWorkbook.from_filelike(data)
    kept = [book.get_sheet_by_name(name).to_python() for name in book.sheet_names]
except MemoryError:
    sys.exit(3)
except Exception:
    pass  # damaged: the reader says how
""",
    "Arrow": """
import pyarrow
from pyarrow import feather
data = sys.stdin.buffer.read()
limit()
try:
    feather.read_table(pyarrow.BufferReader(data), memory_map=False)
except MemoryError:
    sys.exit(3)
except Exception:
    pass
""",
}
_SECONDS = 60
_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)


def most_bytes(size: int) -> int:
    """Bytes that a file of `size` bytes may unpack to."""
    return max(MOST_BYTES, MOST_TIMES * size)


def refuse_cells(rows: int, columns: int, size: int, name: str) -> None:
    """Refuse a table of too many columns, or of far more cells than its file has bytes.

    Raises
    ------
    BadInput
        It is one: a wide header above short rows, or records that have no field in common.
    """
    refuse_columns(columns, name)
    if rows * columns > max(_MOST_CELLS, _CELLS_A_BYTE * size):
        raise BadInput(
            f"{name}: {columns:,} columns for {rows:,} rows, nearly all of them empty; it is no table of a shop. "
            "Export the columns that are meant."
        )


def refuse_spans(page: bytes, name: str) -> None:
    """Refuse HTML whose cells span more columns or rows than HTML allows, or fill a table without end.

    Cells that span rows push those of later rows to the right, so a row is as wide as these and its own together.

    Raises
    ------
    BadInput
        They do.
    """
    spans = [(kind.lower(), int(number[:9])) for kind, number in _SPAN.findall(page)]
    widest = {kind: max([n for k, n in spans if k == kind], default=1) for kind in _MOST_SPAN}
    whole = widest[b"col"] * widest[b"row"] * max(len(spans), 1)
    if any(widest[kind] > most for kind, most in _MOST_SPAN.items()) or whole > _SPANNED:
        raise BadInput(f"{name}: cells that span {max(widest.values()):,} columns or rows; export the table as csv.")
    pushed: list[tuple[int, int]] = []
    for row in _ROW.split(page):
        wide = len(_CELL.findall(row))
        tall = 1
        for kind, number in _SPAN.findall(row):
            wide, tall = (wide + int(number), tall) if kind.lower() == b"col" else (wide, max(tall, int(number)))
        refuse_columns(wide + sum(columns for columns, _ in pushed), name)
        pushed = [(columns, rows - 1) for columns, rows in [*pushed, (wide, tall)] if rows > 1]


def refuse_greedy_xz(head: bytes, name: str) -> None:
    """Refuse xz data that asks for more memory than any usual setting.

    Raises
    ------
    BadInput
        It does.
    """
    try:
        lzma.LZMADecompressor(memlimit=_XZ_MEMORY).decompress(head, max_length=1)
    except lzma.LZMAError as error:
        if "memory" in str(error).lower():
            raise BadInput(f"{name}: needs over {_XZ_MEMORY >> 20} MB to be unpacked; unpack it yourself.") from None


def try_aside(kind: str, data: bytes, name: str) -> None:
    """Read a file in another process first, under a limit of memory.

    Parameters
    ----------
    kind
        ``workbook`` or ``Arrow``.

    Raises
    ------
    BadInput
        It does not fit.
    """
    most = most_bytes(len(data))
    if not fits(_READ[kind], data, seconds=_SECONDS, memory=most):
        raise BadInput(f"{name}: takes over {most >> 20:,} MB or {_SECONDS} s to be read; export it as csv or parquet.")


def read_parquet(data: bytes, name: str) -> pa.Table:
    """A parquet file, of which no more is unpacked than it may.

    Texts stay dictionaries until their whole length is known: one long text may stand in every row for a few bytes.

    Raises
    ------
    BadInput
        It unpacks to more.
    """
    most, texts = most_bytes(len(data)), 0
    file = parquet.ParquetFile(pa.BufferReader(data))
    refuse_columns(len(file.schema_arrow), name)
    about = file.metadata
    declared = [about.row_group(n).total_byte_size for n in range(about.num_row_groups)]
    if max(sum(declared), about.num_rows * about.num_columns) > most:
        raise _too_much(name, most)
    schema = file.schema_arrow
    long = [field.name for field in schema if any(kind(field.type) for kind in _TEXTS)]
    file = parquet.ParquetFile(pa.BufferReader(data), read_dictionary=long)
    batches = []
    for batch in file.iter_batches(_ROWS):
        texts += sum(_expanded(column) for column in batch.columns if pa.types.is_dictionary(column.type))
        if texts > most:
            raise _too_much(name, most)
        batches.append(batch)
    return pa.Table.from_batches(batches, file.schema_arrow if not batches else batches[0].schema)


def _expanded(column: pa.DictionaryArray) -> int:
    """Bytes of a dictionary's texts, each as often as it stands."""
    lengths = pc.binary_length(column.dictionary).cast(pa.int64())
    return pc.sum(lengths.take(column.indices)).as_py() or 0


def _too_much(name: str, most: int) -> BadInput:
    return BadInput(f"{name}: unpacks to more than {most >> 20:,} MB; write it anew with the columns that are meant.")
