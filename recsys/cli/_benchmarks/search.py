"""How fast nearest items are found: the index that is chosen, against brute force in numpy and hnswlib."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.cli._benchmarks.race import machine, race
from recsys.errors import BadInput
from recsys.serving.index import RECALL, ItemIndex
from recsys.serving.index_kinds import exact_scores, queries_of
from recsys.settings import RetrievalSettings

BRUTE = "numpy brute force"
K = 10


def bench_search(
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32] | None = None,
    *,
    settings: RetrievalSettings | None = None,
    rounds: int = 5,
) -> dict[str, Any]:
    """Time the ten nearest of each query, asked one after another, on one thread.

    Parameters
    ----------
    vectors, queries
        Shapes ``(n, dim)`` and ``(q, dim)``; by default a sample of the vectors (as for similar items).

    Returns
    -------
    dict
        JSON-ready: the contenders' times with the recall@10 and the build seconds of each. hnswlib searches at the
        least ``ef`` that reaches the recall which the index must reach too.
    """
    if len(vectors) < K:
        raise BadInput(f"the search benchmark needs at least {K} vectors")
    queries = queries_of(vectors, queries)
    wanted = exact_scores(queries, vectors, K)[:, -1:] - 1e-5
    built: dict[str, float] = {}
    started = time.perf_counter()
    index = ItemIndex.build(vectors, queries=queries, settings=settings)
    built["recsys"] = time.perf_counter() - started

    def brute(query: NDArray[np.float32]) -> NDArray[np.int64]:
        scores = vectors @ query
        best = np.argpartition(scores, -K)[-K:]
        return best[np.argsort(-scores[best])]

    search: dict[str, Callable[[NDArray[np.float32]], NDArray[np.int64]]] = {
        "recsys": lambda query: index.search(query, K)[1][0],
        BRUTE: brute,
    }
    missing: dict[str, str] = {}
    try:
        started = time.perf_counter()
        search["hnswlib"] = _hnswlib(vectors, queries, wanted)
        built["hnswlib"] = time.perf_counter() - started
    except ImportError as error:
        missing["hnswlib"] = f"{error.name} is not installed"
    figures = race({name: partial(_all, f, queries) for name, f in search.items()}, BRUTE, rounds)
    for name, one in search.items():
        found = np.stack([np.sort(vectors[one(q)] @ q) for q in queries])
        figures[name] |= {
            "recall@10": round(float((found >= wanted).mean()), 4),
            "build_seconds": round(built.get(name, 0.0), 2),
        }
    return {
        "machine": machine(),
        "vectors": {"count": len(vectors), "dim": vectors.shape[1], "queries": len(queries)},
        "index": index.describe(),
        "reference": BRUTE,
        "contenders": figures,
        "left_out": missing,
    }


def _all(one: Callable[[NDArray[np.float32]], NDArray[np.int64]], queries: NDArray[np.float32]) -> None:
    for query in queries:
        one(query)


def enlarged(vectors: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """`size` unit vectors: the rows given, then copies of them with some noise, as a larger catalogue would have."""
    rng = np.random.default_rng(0)
    n, dim = vectors.shape
    out = np.empty((size, dim), np.float32)
    for start in range(0, size, n):
        part = out[start : start + n]
        part[:] = vectors[: len(part)]
        if start:
            part += rng.standard_normal(part.shape, dtype=np.float32) * np.float32(0.35 / np.sqrt(dim))
            part /= np.linalg.norm(part, axis=1, keepdims=True)
    return out


def _hnswlib(
    vectors: NDArray[np.float32], queries: NDArray[np.float32], wanted: NDArray[np.float32]
) -> Callable[[NDArray[np.float32]], NDArray[np.int64]]:
    import hnswlib

    graph = hnswlib.Index(space="ip", dim=vectors.shape[1])
    graph.init_index(max_elements=len(vectors), ef_construction=64, M=16)
    graph.set_num_threads(1)
    graph.add_items(vectors)

    def one(query: NDArray[np.float32]) -> NDArray[np.int64]:
        return np.asarray(graph.knn_query(query, k=K)[0][0], np.int64)

    for effort in (16, 32, 64, 128, 256, 512, 1024):
        graph.set_ef(effort)
        found = np.stack([np.sort(vectors[one(q)] @ q) for q in queries])
        if (found >= wanted).mean() >= RECALL:
            break
    return one
