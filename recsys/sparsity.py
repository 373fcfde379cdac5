"""Sparse item-item matrices: keeping the strongest of each row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse


def strongest(matrix: sparse.csr_array, per_row: int) -> sparse.csr_array:
    """Keep the `per_row` largest values of each row; equal values by column, so that the result is reproducible."""
    lengths = np.diff(matrix.indptr)
    row = np.repeat(np.arange(matrix.shape[0]), lengths)
    order = np.lexsort((matrix.indices, -matrix.data, row))
    place = np.arange(len(order)) - matrix.indptr[:-1][row]
    keep = np.sort(order[place < per_row])
    indptr = np.r_[0, np.cumsum(np.minimum(lengths, per_row))]
    return sparse.csr_array((matrix.data[keep], matrix.indices[keep], indptr), shape=matrix.shape)


def strongest_of(
    rows: Callable[[slice], sparse.csr_array], n: int, per_row: int, batch: int = 1024
) -> sparse.csr_array:
    """`strongest` of an ``(n, n)`` matrix that is never held whole: `rows` gives a batch of its rows."""
    parts = [strongest(rows(slice(start, start + batch)), per_row) for start in range(0, n, batch)]
    return sparse.csr_array(sparse.vstack(parts, format="csr") if parts else (n, n), dtype=np.float32)
