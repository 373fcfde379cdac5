"""The kinds of FAISS index: which one suits a catalogue, how each is made, filled and searched harder.

This module and `recsys.serving.index` are the only ones that import faiss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import faiss as _faiss
import numpy as np
from numpy.typing import NDArray

from recsys.settings import RetrievalSettings

#: The stubs that faiss brings contradict the Python interface that it installs.
faiss: Any = _faiss

Kind = Literal["exact", "hnsw16", "hnsw8", "ivf8"]

#: Above this many items a graph takes too long to build.
GRAPH_LIMIT = 500_000
#: Links of an item in the graph, and candidates looked at to choose them.
LINKS, CONSTRUCTION = 16, 64
#: Rows handled at a time.
BLOCK = 50_000


@dataclass(frozen=True)
class IndexInfo:
    """What a manifest says of an index.

    Attributes
    ----------
    kind
        ``exact``, ``hnsw16``/``hnsw8`` (graph over 16- or 8-bit codes) or ``ivf8``.
    items, dim
        Items that can be found, and components of a vector.
    effort
        Candidates kept during a search (HNSW) or lists visited (IVF); 0 where the search is exact.
    recall
        Measured share of the exact ten nearest that are found.
    queries
        Queries behind `recall`.
    built
        Items when the index was last built whole.
    changed
        Items added and removed since then.
    note
        Why the choice was made again, '' if it was not.
    """

    kind: Kind
    items: int
    dim: int
    effort: int = 0
    recall: float = 1.0
    queries: int = 0
    built: int = 0
    changed: int = 0
    note: str = ""


class Selection(NamedTuple):
    """The slots that a search may return, and the share of the items they are."""

    bits: NDArray[np.uint8]
    share: float


def choose(n: int, dim: int, settings: RetrievalSettings) -> Kind:
    """The kind of index for ``n`` vectors of ``dim`` components."""
    if settings.index == "exact" or (settings.index == "auto" and n <= settings.exhaustive_limit):
        return "exact"
    if settings.index == "hnsw" or (settings.index == "auto" and n <= GRAPH_LIMIT):
        for kind, width in (("hnsw16", 2), ("hnsw8", 1)):
            if n * (width * dim + 9 * LINKS) <= settings.memory:
                return kind  # type: ignore[return-value]
    return "ivf8"


def exact_scores(queries: NDArray[np.float32], vectors: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """The ``k`` largest inner products of each query, descending, shape ``(q, min(k, n))``; in bounded memory."""
    queries = np.ascontiguousarray(queries, np.float32)
    best = np.full((len(queries), 0), -np.inf, np.float32)
    for _, block in blocks(vectors):
        found, _ = faiss.knn(queries, block, min(k, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
        best = -np.sort(-np.concatenate([best, found], axis=1), axis=1)[:, :k]
    return best


def blocks(vectors: NDArray[np.float32]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Rows and a contiguous copy of them, a bounded number at a time."""
    for start in range(0, len(vectors), BLOCK):
        block = np.ascontiguousarray(vectors[start : start + BLOCK], np.float32)
        yield start + np.arange(len(block)), block


def empty(kind: Kind, n: int, dim: int) -> Any:
    """An index of a kind, without items."""
    metric, codes = faiss.METRIC_INNER_PRODUCT, faiss.ScalarQuantizer
    if kind == "exact":
        return faiss.IndexFlatIP(dim)
    if kind == "ivf8":
        lists = int(np.clip(4 * np.sqrt(n), 1, max(n // 32, 1)))
        # Rows are coded as they are: residuals would gain little at 8 bits and cost a table per list and query.
        index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(dim), dim, lists, codes.QT_8bit, metric, False)
        index.cp.niter, index.cp.max_points_per_centroid, index.cp.min_points_per_centroid = 8, 32, 1
        return index
    index = faiss.IndexHNSWSQ(dim, codes.QT_fp16 if kind == "hnsw16" else codes.QT_8bit, LINKS, metric)
    index.hnsw.efConstruction = CONSTRUCTION
    return index


def training_sample(vectors: NDArray[np.float32], index: Any) -> NDArray[np.float32]:
    """As many rows as the codes and lists of an index are learnt from."""
    size = 32 * index.nlist if isinstance(index, faiss.IndexIVF) else 20_000
    return sample(vectors, max(size, 1_000))


def queries_of(vectors: NDArray[np.float32], given: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """The queries to measure with: those given, or a sample of the items."""
    return sample(vectors) if given is None or not len(given) else np.ascontiguousarray(given, np.float32)


def sample(vectors: NDArray[np.float32], size: int = 200) -> NDArray[np.float32]:
    """Rows drawn the same way every time."""
    rows = np.random.default_rng(0).choice(len(vectors), min(size, len(vectors)), replace=False)
    return np.ascontiguousarray(vectors[np.sort(rows)], np.float32)


def add(index: Any, block: NDArray[np.float32], slots: NDArray[np.int64]) -> None:
    """Put rows into an index under their slots."""
    block = np.ascontiguousarray(block, np.float32)
    if isinstance(index, faiss.IndexIVF):
        index.add_with_ids(block, slots)
    else:
        index.add(block)  # slots of the others follow the order of adding


def efforts(index: Any) -> list[int]:
    """Settings of the search from quick to thorough: lists looked into, or breadth of the walk."""
    if isinstance(index, faiss.IndexIVF):
        return [p for p in (8, 16, 32, 64, 128, 256, 512) if p < index.nlist] or [index.nlist]
    return [48, 96, 192, 384, 768, 1536]
