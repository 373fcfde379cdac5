"""Memory-mapped arrays and tables: read when they are touched, and shared between processes.

What is mapped stays readable when its version is deleted (POSIX), so nothing is opened by name after a version is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray


def open_array(path: Path) -> NDArray[Any]:
    """Memory-map an array that `numpy.save` wrote, read-only.

    It comes as a plain array over the map: `numpy.memmap` would spend a microsecond or more on every slice and fancy
    index, thousands of times a request.
    """
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except ValueError:  # nothing can be mapped of an array without elements
        return np.asarray(np.load(path, allow_pickle=False))


class MappedTable:
    """A parquet file, mapped now and read when it is asked for."""

    def __init__(self, path: Path) -> None:
        self._buffer = pa.memory_map(str(path)).read_buffer()

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return [str(name) for name in pq.read_schema(pa.BufferReader(self._buffer)).names]

    def read(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """These columns, or all of them."""
        return pd.read_parquet(pa.BufferReader(self._buffer), columns=columns and list(columns))
