"""Nearest items by inner product, with FAISS. The only module that imports faiss."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from recsys.errors import ArtifactError


class ItemIndex:
    """An inner-product index over item vectors; row ``i`` of the vectors is id ``i``."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index

    @classmethod
    def build(cls, vectors: NDArray[np.float32]) -> ItemIndex:
        """Index the rows of ``vectors``, shape ``(n, dim)``; exact."""
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, np.float32))
        return cls(index)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def kind(self) -> str:
        """Name of the FAISS index type."""
        return type(faiss.downcast_index(self._index)).__name__

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Best ``k`` rows of each query by inner product.

        Returns
        -------
        scores, rows
            Shape ``(q, min(k, n))``, best first; row -1 where the index found fewer.
        """
        queries = np.ascontiguousarray(np.atleast_2d(queries), np.float32)
        scores, rows = self._index.search(queries, min(k, len(self)))
        return scores, rows

    def save(self, path: Path) -> None:
        """Write the index to one file."""
        faiss.write_index(self._index, str(path))

    @classmethod
    def load(cls, path: Path) -> ItemIndex:
        """Memory-map an index written by `save`."""
        try:
            return cls(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC))
        except RuntimeError as error:
            raise ArtifactError(f"{path}: not a readable FAISS index ({str(error).splitlines()[0][:200]})") from None
