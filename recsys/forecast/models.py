"""Forecasts of weekly demand: naive ones to be beaten, smoothing, intermittent demand, and trees over all items.

Each takes the series of all items, shape ``(items, weeks)``, and gives the next `horizon` weeks, ``(items, horizon)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from recsys.forecast.demand import Series
from recsys.forecast.trees import boosted_trees

Model = Callable[[Series, int], Series]

YEAR, MONTH = 52, 4
_RATES = (0.05, 0.1, 0.2, 0.4)


def naive(sold: Series, horizon: int) -> Series:
    """Next weeks are as the last one."""
    return np.repeat(sold[:, -1:], horizon, axis=1)


def seasonal_naive(sold: Series, horizon: int) -> Series:
    """Next weeks are as a year before; where there is no whole year yet, as four weeks before."""
    season = YEAR if sold.shape[1] >= YEAR else MONTH
    repeats = -(-horizon // season)
    return np.tile(sold[:, -season:], (1, repeats))[:, :horizon]


def smoothing(sold: Series, horizon: int) -> Series:
    """Simple exponential smoothing; each item's rate is the one with the least absolute one-week errors."""
    best, least = np.zeros(len(sold)), np.full(len(sold), np.inf)
    for rate in _RATES:
        level, error = sold[:, 0].copy(), np.zeros(len(sold))
        for week in range(1, sold.shape[1]):
            error += np.abs(sold[:, week] - level)
            level += rate * (sold[:, week] - level)
        better = error < least
        best[better], least[better] = level[better], error[better]
    return np.repeat(best[:, None], horizon, axis=1)


def tsb(sold: Series, horizon: int) -> Series:
    """Intermittent demand after Teunter, Syntetos and Babai (2011): how often times how much, both smoothed."""
    often, much = (sold > 0).mean(axis=1), _mean_size(sold)
    for week in range(sold.shape[1]):
        now = sold[:, week]
        much = np.where(now > 0, much + 0.1 * (now - much), much)
        often = often + 0.1 * ((now > 0) - often)
    return np.repeat((often * much)[:, None], horizon, axis=1)


def typical(sold: Series, horizon: int) -> Series:
    """Median of the last 13 weeks: what most weeks are like, nothing for what sells in few of them."""
    return np.repeat(np.median(sold[:, -13:], axis=1)[:, None], horizon, axis=1)


def _mean_size(sold: Series) -> Series:
    sizes: Series = sold.sum(axis=1) / np.maximum((sold > 0).sum(axis=1), 1)
    return sizes


#: What any forecast has to beat.
RIVALS: Mapping[str, Model] = {"naive": naive, "seasonal naive": seasonal_naive}


def candidates() -> Mapping[str, Model]:
    """Forecasts that compete; trees where the extra ``forecast`` is installed."""
    found: dict[str, Model] = {"exponential smoothing": smoothing, "TSB": tsb, "median of 13 weeks": typical}
    if find_spec("lightgbm") is not None:
        found["LightGBM"] = boosted_trees
    return found


def scales(sold: Series) -> npt.NDArray[np.float64]:
    """Mean absolute change from week to week, by which errors are scaled (MASE); NaN for a series that never moves.

    Source: Hyndman and Koehler, "Another look at measures of forecast accuracy", IJF 22 (2006).
    """
    moved = np.abs(np.diff(sold, axis=1)).mean(axis=1)
    return np.where(moved > 0, moved, np.nan)
