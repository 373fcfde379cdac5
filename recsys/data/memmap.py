"""Memory-mapped arrays: read when they are touched, and shared between processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def open_array(path: Path) -> NDArray[Any]:
    """Memory-map an array that `numpy.save` wrote, read-only.

    It comes as a plain array over the map: `numpy.memmap` would spend a microsecond or more on every slice and fancy
    index, thousands of times a request.
    """
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except ValueError:  # nothing can be mapped of an array without elements
        return np.asarray(np.load(path, allow_pickle=False))
