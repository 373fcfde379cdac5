"""Metrics for Prometheus: requests by endpoint, what is served, events taken in; no label holds a person's data."""

from __future__ import annotations

import os
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

#: Seconds: a list takes milliseconds, a reason or an answer seconds.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
#: Directory in which several processes count together, set by whoever starts them.
SHARED = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """The metrics of one application."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        own = self._registry
        self._requests = Counter("recsys_requests", "Requests.", ("method", "route", "status"), registry=own)
        self._seconds = Histogram(
            "recsys_request_seconds", "Time to answer.", ("route",), buckets=_BUCKETS, registry=own
        )
        self._events = Counter("recsys_events", "Events taken in.", ("event",), registry=own)
        self._cached = Counter("recsys_cached_lists", "Lists that were made before.", registry=own)
        self._problem = Gauge(
            "recsys_problem", "1 where a newer version cannot be served.", multiprocess_mode="max", registry=own
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(method if method in _METHODS else "other", route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def took(self, event: str) -> None:
        """Count one event."""
        self._events.labels(event).inc()

    def cached(self) -> None:
        """Count one list that was made before."""
        self._cached.inc()

    def text(self, problem: Callable[[], str | None]) -> bytes:
        """Everything counted, of all processes, in the format of Prometheus."""
        self._problem.set(problem() is not None)
        registry = self._registry
        if SHARED in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


_METHODS = {"GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"}
