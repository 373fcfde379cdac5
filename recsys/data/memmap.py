"""Memory-mapped arrays and tables: read when they are touched, and shared between processes.

What is mapped stays readable when its version is deleted (POSIX), so nothing is opened by name after a version is.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recsys.data.vault import MAGIC, Vault, create, is_sealed


def open_array(path: Path) -> NDArray[Any]:
    """Memory-map an array that `numpy.save` wrote, read-only.

    It comes as a plain array over the map: `numpy.memmap` would spend a microsecond or more on every slice and fancy
    index, thousands of times a request.
    """
    if is_sealed(path):  # what is encrypted cannot be shared: its clear text is this process's own
        return _array_in(Vault.from_environment().open(path))
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except ValueError:  # nothing can be mapped of an array without elements
        return np.asarray(np.load(path, allow_pickle=False))


def save_array(path: Path, array: NDArray[Any], vault: Vault | None = None) -> None:
    """Write an array for `open_array`, encrypted where there is a vault."""
    with create(path, vault) as file:
        np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)


def _array_in(data: bytearray) -> NDArray[Any]:
    """The array that `numpy.save` wrote, over these bytes and not beside them."""
    head = io.BytesIO(data[: 1 << 16])
    version = np.lib.format.read_magic(head)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(head)
    if dtype.hasobject:
        raise ValueError("an array of Python objects is never loaded")
    array = np.frombuffer(data, dtype, offset=head.tell(), count=math.prod(shape))
    array.flags.writeable = False
    return array.reshape(shape, order="F" if fortran else "C")


class MappedTable:
    """A parquet file, mapped now and read when it is asked for; an encrypted one is decrypted only then."""

    def __init__(self, path: Path) -> None:
        self._path, self._mapped = path, pa.memory_map(str(path)).read_buffer()
        self._sealed = self._mapped[: len(MAGIC)].to_pybytes() == MAGIC
        self._vault = Vault.from_environment() if self._sealed else None

    @property
    def _buffer(self) -> pa.Buffer:
        if self._vault is None:
            return self._mapped
        sealed = pa.BufferReader(self._mapped)
        return pa.py_buffer(self._vault.unseal(sealed, self._mapped.size, self._path))

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return [str(name) for name in pq.read_schema(pa.BufferReader(self._buffer)).names]

    def read(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """These columns, or all of them."""
        return pd.read_parquet(pa.BufferReader(self._buffer), columns=columns and list(columns))
