"""Contenders taking turns: medians over rounds, ratios within rounds, wall-clock and processor time."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_PACKAGES = (
    *("numpy", "scipy", "scikit-learn", "pandas", "pyarrow", "faiss-cpu", "hnswlib", "implicit"),
    *("torch", "transformers", "tokenizers", "sentence-transformers", "onnxruntime"),
)


Contenders = Mapping[str, Callable[[], Any]]


class Times(NamedTuple):
    """Seconds of each contender in each round: of the clock, and of the processor."""

    wall: dict[str, list[float]]
    processor: dict[str, list[float]]


def take_turns(contenders: Contenders, rounds: int, *, before: Callable[[], Any] = lambda: None) -> Times:
    """Run every contender once a round, starting with another one each time; `before` opens each round, untimed."""
    names = list(contenders)
    times = Times({name: [] for name in names}, {name: [] for name in names})
    for round_ in range(rounds):
        before()
        for place in range(len(names)):
            name = names[(place + round_) % len(names)]
            started, processor_started = time.perf_counter(), time.process_time()
            contenders[name]()
            times.wall[name].append(time.perf_counter() - started)
            times.processor[name].append(time.process_time() - processor_started)
    return times


def race(
    contenders: Contenders, reference: str, rounds: int, *, per_turn: Mapping[str, int] | None = None
) -> dict[str, dict[str, Any]]:
    """Compare contenders that take turns.

    Parameters
    ----------
    reference
        The contender that the others are compared with.
    per_turn
        Pieces of work that each does in a turn, where they differ; all figures are then of one piece.

    Returns
    -------
    dict
        For each contender ``seconds`` and ``processor_seconds`` (median, least and most over rounds), and
        ``times_as_fast`` (and ``..._processor``): the reference's time over its own, within rounds. On a machine that
        is busy with other things the processor's figures are the ones to read.
    """
    wall, processor = (
        {name: [second / (per_turn[name] if per_turn else 1) for second in seconds] for name, seconds in kind.items()}
        for kind in take_turns(contenders, rounds)
    )
    return {
        name: {
            "seconds": spread(wall[name]),
            "processor_seconds": spread(processor[name]),
            "times_as_fast": ratios(wall[reference], wall[name]),
            "times_as_fast_processor": ratios(processor[reference], processor[name]),
        }
        for name in contenders
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and most."""
    return {
        "median": float(f"{statistics.median(values):.4g}"),
        "least": float(f"{min(values):.4g}"),
        "most": float(f"{max(values):.4g}"),
    }


def ratios(reference: Sequence[float], own: Sequence[float]) -> dict[str, float]:
    """How many times as fast as the reference, within each round."""
    return spread([a / max(b, 1e-9) for a, b in zip(reference, own, strict=True)])


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = models[0] if models else cpu
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": {name: version for name in _PACKAGES if (version := _version(name))},
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
