"""Speed against peers: contenders take turns in one run, and every figure is a ratio to one of them."""

from __future__ import annotations

from jobs._benchmarks.encode import bench_encode
from jobs._benchmarks.explain import bench_explain
from jobs._benchmarks.recommend import bench_recommend
from jobs._benchmarks.search import bench_search, enlarged
from jobs._benchmarks.train import bench_train

__all__ = ["bench_encode", "bench_explain", "bench_recommend", "bench_search", "bench_train", "enlarged"]
