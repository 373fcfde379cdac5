"""Contenders taking turns: medians over rounds, ratios within rounds, wall-clock and processor time."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

_PACKAGES = (
    *("numpy", "scipy", "scikit-learn", "pandas", "pyarrow", "faiss-cpu", "hnswlib", "implicit"),
    *("torch", "transformers", "tokenizers", "sentence-transformers", "onnxruntime"),
)


def race(contenders: Mapping[str, Callable[[], Any]], reference: str, rounds: int) -> dict[str, dict[str, Any]]:
    """Run every contender once a round, starting with another one each time.

    Parameters
    ----------
    reference
        The contender that the others are compared with.

    Returns
    -------
    dict
        For each contender ``seconds`` and ``processor_seconds`` (median, least and most over rounds), and
        ``times_as_fast`` (and ``..._processor``): the reference's time over its own, within rounds. On a machine that
        is busy with other things the processor's figures are the ones to read.
    """
    names = list(contenders)
    wall: dict[str, list[float]] = {name: [] for name in names}
    processor: dict[str, list[float]] = {name: [] for name in names}
    for round_ in range(rounds):
        for place in range(len(names)):
            name = names[(place + round_) % len(names)]
            before, processor_before = time.perf_counter(), time.process_time()
            contenders[name]()
            wall[name].append(time.perf_counter() - before)
            processor[name].append(time.process_time() - processor_before)
    return {
        name: {
            "seconds": spread(wall[name]),
            "processor_seconds": spread(processor[name]),
            "times_as_fast": _ratios(wall[reference], wall[name]),
            "times_as_fast_processor": _ratios(processor[reference], processor[name]),
        }
        for name in names
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and most."""
    return {
        "median": float(f"{statistics.median(values):.4g}"),
        "least": float(f"{min(values):.4g}"),
        "most": float(f"{max(values):.4g}"),
    }


def _ratios(reference: Sequence[float], own: Sequence[float]) -> dict[str, float]:
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
