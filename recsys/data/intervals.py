"""Wilson's score interval (1927) of a share, two-sided 95%."""

from __future__ import annotations

from math import sqrt

_Z = 1.959964


def wilson(count: int, of: int) -> tuple[float, float]:
    """Lower and upper end for `count` of `of`; 0 to 1 where nothing was counted."""
    if of <= 0:
        return 0.0, 1.0
    share, z2 = count / of, _Z * _Z
    centre, margin = share + z2 / (2 * of), _Z * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return max(0.0, (centre - margin) / (1 + z2 / of)), min(1.0, (centre + margin) / (1 + z2 / of))
