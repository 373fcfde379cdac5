"""Result tables, written whole or not at all."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pandas as pd

from recsys.data.atomic import replacing
from recsys.errors import BadInput, Unwritable

SUFFIXES = (".parquet", ".csv", ".csv.gz")
#: How texts begin that a spreadsheet runs, and those that are numbers all the same.
_RUN = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")


def check_writable(path: Path, suffixes: tuple[str, ...] = SUFFIXES) -> None:
    """Fail before the work rather than after it.

    Raises
    ------
    BadInput
        The suffix is none of `suffixes`, or the directory does not exist.
    Unwritable
        There is no right to write there.
    """
    if not path.name.endswith(suffixes):
        raise BadInput(f"{path}: write to a file that ends in {', '.join(suffixes)}")
    if not path.parent.is_dir():
        raise BadInput(f"{path}: the directory {path.parent} does not exist")
    if path.is_dir():
        raise BadInput(f"{path}: is a directory")
    if not os.access(path.parent, os.W_OK):
        raise Unwritable(f"{path}: no right to write there")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write `table` in the format of the suffix; a reader sees the old file or the new one, never a part.

    A new file is for this account only; one that was there keeps its permissions. In CSV, see `spreadsheet_safe`.
    """
    check_writable(path)
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
    with replacing(path) as written:
        if path.name.endswith(".parquet"):
            table.to_parquet(written, index=False)
        else:
            spreadsheet_safe(table).to_csv(written, index=False)
        written.chmod(mode)


def spreadsheet_safe(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before texts that a spreadsheet would run as a formula (CSV injection, CWE-1236).

    Those are texts that begin with ``= + - @``, a tab or a carriage return; plain numbers such as ``-5`` stay.
    """
    texts = table.select_dtypes(exclude=["number", "bool", "datetime", "datetimetz", "timedelta"]).columns
    return table.assign(**{name: table[name].map(_as_text) for name in texts})


def _as_text(cell: object) -> object:
    runs = isinstance(cell, str) and cell.startswith(_RUN) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if runs else cell
