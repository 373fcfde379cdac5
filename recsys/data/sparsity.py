"""Sparse item-item matrices: keeping the strongest of each row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

#: Rows whose values are put in order together: memory beside the matrix itself follows this, not the matrix.
BATCH = 16_384


def strongest(matrix: sparse.csr_array, per_row: int) -> sparse.csr_array:
    """Keep the `per_row` largest values of each row; equal values by column, so that the result is reproducible."""
    if np.diff(matrix.indptr).max(initial=0) <= per_row:
        return matrix
    return strongest_of(lambda rows: sparse.csr_array(matrix[rows]), matrix.shape[0], per_row, BATCH)


def strongest_of(
    rows: Callable[[slice], sparse.csr_array], n: int, per_row: int, batch: int = 1024
) -> sparse.csr_array:
    """`strongest` of an ``(n, n)`` matrix that is never held whole: `rows` gives a batch of its rows."""
    parts = [_pruned(rows(slice(start, start + batch)), per_row) for start in range(0, n, batch)]
    return sparse.csr_array(sparse.vstack(parts, format="csr") if parts else (n, n), dtype=np.float32)


def _pruned(matrix: sparse.csr_array, per_row: int) -> sparse.csr_array:
    lengths = np.diff(matrix.indptr)
    row = np.repeat(np.arange(matrix.shape[0]), lengths)
    order = np.lexsort((matrix.indices, -matrix.data, row))
    place = np.arange(len(order)) - matrix.indptr[:-1][row]
    keep = np.sort(order[place < per_row])
    indptr = np.r_[0, np.cumsum(np.minimum(lengths, per_row))]
    return sparse.csr_array((matrix.data[keep], matrix.indices[keep], indptr), shape=matrix.shape)
