"""Top-k selection, ties broken by position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def top_k(scores: NDArray[np.floating], k: int) -> NDArray[np.int64]:
    """Positions of the `k` largest finite scores, best first; equal scores in order of position.

    Catalogue codes follow sorted item ids, so over a catalogue ties are broken by ``item_id``.
    """
    n = len(scores)
    scores = np.where(np.isfinite(scores), scores, -np.inf)  # NaN would sort above everything
    if k < n:
        threshold = np.partition(scores, n - k)[n - k]
        above = np.flatnonzero(scores > threshold)
        rows = np.concatenate([above, np.flatnonzero(scores == threshold)[: k - len(above)]])
    else:
        rows = np.arange(n)
    rows = rows[np.isfinite(scores[rows])]
    return rows[np.lexsort((rows, -scores[rows]))]
