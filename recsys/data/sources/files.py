"""Reading one table from one file, with errors that say what to do."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import pandas as pd
import pyarrow as pa

from recsys.errors import BadInput, require

#: Columns read as text from csv, in our spelling and in that of the public formats, so that `00123` keeps its zeros.
_ID_COLUMNS = ("user_id", "item_id", "order_id", "InvoiceNo", "Invoice", "StockCode", "CustomerID", "Customer ID")
#: "NA" and "None" are missing: they are somebody's id or title.
_MISSING = ["", "NaN", "nan", "NULL", "null", "\\N", "N/A", "#N/A"]
_MAX_LINE = 1 << 24

PARQUET, CSV, EXCEL = (".parquet", ".pq"), (".csv", ".csv.gz"), (".xlsx",)


def read_table(path: Path | str, *, fallback_encoding: str | None = None) -> pd.DataFrame:
    """Read a parquet, csv, csv.gz or xlsx file.

    Parameters
    ----------
    path : Path or str
        The file. Of an xlsx, all sheets with the first one's columns are read, one below the other.
    fallback_encoding : str, optional
        For csv files that are not UTF-8. Without it they are refused: a guess would damage names silently.

    Returns
    -------
    pandas.DataFrame
        As stored, except that id columns of a csv are text.

    Raises
    ------
    BadInput
        No such file, an unknown suffix, an empty or damaged file, or a csv that is not UTF-8 (with the line and byte).
    """
    path = existing(path)
    name = path.name.lower()
    if name.endswith(PARQUET):
        read = _read_parquet
    elif name.endswith(CSV):
        read = _read_csv
    elif name.endswith(EXCEL):
        require("openpyxl", "xlsx")
        read = _read_excel
    else:
        known = ", ".join((*PARQUET, *CSV, *EXCEL))
        raise BadInput(f"{path}: cannot read files of this kind; use one of {known}.")
    try:
        return read(path)
    except UnicodeDecodeError:
        if fallback_encoding:
            return _read_csv(path, fallback_encoding)
        raise BadInput(_not_utf8(path)) from None
    except pd.errors.EmptyDataError:
        raise BadInput(f"{path}: the file is empty.") from None
    except (pd.errors.ParserError, pa.ArrowException, OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as e:
        raise BadInput(f"{path}: cannot be read; damaged, or not what its name says ({_one_line(e)}).") from e


def existing(path: Path | str) -> Path:
    """`path` as a `Path`, or `BadInput` when there is no such file."""
    path = Path(path)
    if path.is_dir():
        raise BadInput(f"{path}: is a directory; name the file.")
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*") if p.is_file())[:8] if path.parent.is_dir() else []
        there = f" In {path.parent} there are: {', '.join(near)}." if near else ""
        raise BadInput(f"{path}: no such file.{there}")
    return path


def lines(path: Path | str) -> Iterator[bytes]:
    """Lines of a text file, packed or not, without ever holding more than one; each of at most 16 MB."""
    path = existing(path)
    try:
        with open_binary(path) as stream:
            while line := stream.readline(_MAX_LINE):
                yield line
    except (OSError, EOFError) as e:
        raise BadInput(f"{path}: cannot be read to the end; damaged or incomplete ({_one_line(e)}).") from e


def open_binary(path: Path) -> IO[bytes]:
    """Open for reading, through gzip when the name ends in `.gz`."""
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def header(path: Path) -> list[str]:
    """Column names of a csv, xlsx or parquet file, without reading the rows."""
    name = path.name.lower()
    if name.endswith(CSV):
        first = next(lines(path), b"").decode("utf-8-sig", "replace")
        return [column.strip().strip('"') for column in first.split(",")]
    if name.endswith(EXCEL):
        require("openpyxl", "xlsx")
        return [str(column) for column in pd.read_excel(path, nrows=0).columns]
    return []


def _read_parquet(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path)


def _read_csv(path: Path, encoding: str = "utf-8-sig") -> pd.DataFrame:
    dtypes: dict[Any, Any] = dict.fromkeys(_ID_COLUMNS, str)
    return pd.read_csv(
        path, dtype=dtypes, encoding=encoding, keep_default_na=False, na_values=_MISSING, low_memory=False
    )


def _read_excel(path: Path) -> pd.DataFrame:
    sheets = list(pd.read_excel(path, sheet_name=None, keep_default_na=False, na_values=_MISSING).values())
    alike = [sheet for sheet in sheets if list(sheet.columns) == list(sheets[0].columns)]
    return pd.concat(alike, ignore_index=True)


def _not_utf8(path: Path) -> str:
    for number, line in enumerate(lines(path), start=1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as e:
            where = f"line {number}, byte {e.start + 1} is 0x{line[e.start]:02x}"
            break
    else:
        where = "somewhere"
    return (
        f"{path}: is not UTF-8 ({where}). Save it as UTF-8, for example: iconv -f WINDOWS-1252 -t UTF-8 {path.name} "
        "> utf8.csv"
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
