"""Sparse item-item matrices: keeping the strongest of each row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

#: Rows that are pruned together: memory beside the matrix itself follows this, not the matrix.
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
    keep = np.ones(matrix.nnz, bool)
    for row in np.flatnonzero(lengths > per_row):  # a partition of long rows is a tenth of the work of sorting all
        own = slice(matrix.indptr[row], matrix.indptr[row + 1])
        values = matrix.data[own]
        bound = np.partition(values, len(values) - per_row)[len(values) - per_row]
        strong = values > bound
        tied = np.flatnonzero(values == bound)
        by_column = tied[np.argsort(matrix.indices[own][tied], kind="stable")]
        strong[by_column[: per_row - np.count_nonzero(strong)]] = True
        keep[own] = strong
    indptr = np.r_[0, np.cumsum(np.minimum(lengths, per_row))]
    return sparse.csr_array((matrix.data[keep], matrix.indices[keep], indptr), shape=matrix.shape)
