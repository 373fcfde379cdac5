"""Price elasticity of demand: how many per cent more is sold for one per cent off, where prices really moved.

A Poisson regression of weekly pieces on the logarithm of the week's price, with the interval widened by overdispersion
(quasi-Poisson; McCullagh and Nelder, 1989). Weeks with a sale also differ in season and in what else was advertised, so
this is what went together, not what would follow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys.forecast.demand import Series

LEAST_WEEKS, LEAST_SOLD, LEAST_MOVED = 20, 10, 4
"""Weeks with a price, with a sale, and with a price 5% or more from the commonest, below which there is none."""
WIDEST = 4.0
"""An interval wider than this says nothing, and is not told."""
_MOVED = np.log(1.05)


@dataclass(frozen=True)
class Elasticity:
    """Per cent of demand for a per cent of price, with its 95% interval, from so many weeks."""

    value: float
    low: float
    high: float
    weeks: int


def elasticity(sold: Series, prices: Series) -> Elasticity | None:
    """Elasticity of one item; None where its price hardly moved, it hardly sold, or the interval says nothing.

    Parameters
    ----------
    sold, prices
        Pieces and price of each week, shape ``(weeks,)``; NaN where a price is not known.
    """
    known = np.isfinite(prices) & (prices > 0)
    y, x = sold[known], np.log(prices[known])
    if len(y) < LEAST_WEEKS or (y > 0).sum() < LEAST_SOLD:
        return None
    values, counts = np.unique(x, return_counts=True)
    commonest = values[np.argmax(counts)]
    if (np.abs(x - commonest) >= _MOVED).sum() < LEAST_MOVED:
        return None
    X = np.stack([np.ones(len(x)), x - x.mean()], axis=1)
    beta = np.array([np.log(y.mean()), 0.0])
    for _ in range(50):
        mean = np.exp(np.clip(X @ beta, -30, 30))
        step = np.linalg.solve(X.T @ (X * mean[:, None]), X.T @ (y - mean))
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    mean = np.exp(np.clip(X @ beta, -30, 30))
    freedom = len(y) - 2
    dispersion = max(float(((y - mean) ** 2 / mean).sum()) / freedom, 1.0)
    error = float(np.sqrt(dispersion * np.linalg.inv(X.T @ (X * mean[:, None]))[1, 1]))
    from scipy.stats import t as student  # half a second to import, for a process that may never forecast

    half = float(student.ppf(0.975, freedom)) * error
    if not np.isfinite(half) or 2 * half > WIDEST:
        return None
    return Elasticity(float(beta[1]), float(beta[1]) - half, float(beta[1]) + half, len(y))
