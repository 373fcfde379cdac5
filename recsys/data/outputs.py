"""Result tables, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from recsys.data.atomic import replacing
from recsys.errors import BadInput

SUFFIXES = (".parquet", ".csv", ".csv.gz")


def check_writable(path: Path, suffixes: tuple[str, ...] = SUFFIXES) -> None:
    """Fail before the work rather than after it.

    Raises
    ------
    BadInput
        The suffix is none of `suffixes`, or the directory does not exist or cannot be written to.
    """
    if not path.name.endswith(suffixes):
        raise BadInput(f"{path}: write to a file that ends in {', '.join(suffixes)}")
    if not path.parent.is_dir():
        raise BadInput(f"{path}: the directory {path.parent} does not exist")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise BadInput(f"{path}: cannot be written")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write `table` in the format of the suffix; a reader sees the old file or the new one, never a part."""
    check_writable(path)
    with replacing(path) as written:
        if path.name.endswith(".parquet"):
            table.to_parquet(written, index=False)
        else:
            table.to_csv(written, index=False)
