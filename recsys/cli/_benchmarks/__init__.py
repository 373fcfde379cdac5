"""Speed against peers: contenders take turns in one run, and every figure is a ratio to one of them."""

from __future__ import annotations

from recsys.cli._benchmarks.answers import bench_answers
from recsys.cli._benchmarks.columns import bench_columns
from recsys.cli._benchmarks.encode import bench_encode
from recsys.cli._benchmarks.explain import bench_explain
from recsys.cli._benchmarks.forecast import bench_forecast
from recsys.cli._benchmarks.recommend import bench_recommend
from recsys.cli._benchmarks.reviews import bench_reviews
from recsys.cli._benchmarks.search import bench_search, enlarged
from recsys.cli._benchmarks.serve import bench_serve
from recsys.cli._benchmarks.train import bench_train
from recsys.cli._benchmarks.voice import bench_voice

__all__ = [
    "bench_answers",
    "bench_columns",
    "bench_encode",
    "bench_explain",
    "bench_forecast",
    "bench_recommend",
    "bench_reviews",
    "bench_search",
    "bench_serve",
    "bench_train",
    "bench_voice",
    "enlarged",
]
