"""Bounds of stored arrays, checked before anything is indexed with them.

A code beyond the end of another array is a wrong list at best and a crash of the process at worst.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from recsys.errors import ArtifactError

Array = NDArray[Any]


class _Wrong(Exception):
    pass


@contextmanager
def checking(directory: Path) -> Iterator[None]:
    """Name the directory where arrays contradict each other.

    Raises
    ------
    ArtifactError
        A check inside the block failed.
    """
    try:
        yield
    except _Wrong as wrong:
        raise ArtifactError(
            f"{directory}: its arrays contradict each other ({wrong}). Go back with `recsys versions --use ID`"
        ) from None


def rows(count: int, *arrays: Array) -> None:
    """All arrays have `count` rows."""
    for array in arrays:
        if array.ndim < 1 or len(array) != count:
            raise _Wrong(f"an array of shape {array.shape} where {count} rows are")


def codes(array: Array, count: int) -> None:
    """Codes are whole numbers from 0 to below `count`."""
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise _Wrong(f"codes of type {array.dtype} and shape {array.shape}")
    if len(array) and not (array.min() >= 0 and array.max() < count):
        raise _Wrong(f"codes from {array.min()} to {array.max()} where {count} are possible")


def ascending(array: Array) -> None:
    """Nothing is less than what is before it."""
    if (array[1:] < array[:-1]).any():
        raise _Wrong("an array that is to ascend does not")


def csr(indptr: Array, indices: Array, n_rows: int, n_columns: int, *values: Array) -> None:
    """A sparse matrix (CSR): row pointers from 0 to the number of entries, column codes in bounds."""
    rows(n_rows + 1, indptr)
    codes(indptr, len(indices) + 1)
    ascending(indptr)
    if indptr[0] != 0 or indptr[-1] != len(indices):
        raise _Wrong(f"row pointers from {indptr[0]} to {indptr[-1]} of {len(indices)} entries")
    codes(indices, n_columns)
    rows(len(indices), *values)
