"""Speed against peers: contenders take turns in one run, and every figure is a ratio to one of them."""

from __future__ import annotations

from recsys.benchmark.encode import bench_encode
from recsys.benchmark.explain import bench_explain
from recsys.benchmark.recommend import bench_recommend
from recsys.benchmark.search import bench_search, enlarged
from recsys.benchmark.train import bench_train

__all__ = ["bench_encode", "bench_explain", "bench_recommend", "bench_search", "bench_train", "enlarged"]
