"""Low ratings: which ratings say dislike, by the shop's own spread and each shopper's own habit.

A 3 of somebody who always gives 5 says what a 1 of others says; a 3 of somebody who never gives more says nothing. The
bound of each shopper is as many standard deviations below their mean as the shop's is below its own (empirical Bayes:
both are pulled to the shop's while there are few ratings, and the shop's to two fifths of its scale).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: Scales that ratings are given on, and the share up to which a rating says dislike where nothing is known.
SCALES, LOW = (1.0, 5.0, 10.0, 100.0), 0.4
#: Deviations below the mean at which a shop's ratings begin to be low, and ratings that the fixed share counts for.
BELOW, SHOP_PRIOR = 1.5, 200.0
#: Ratings that the shop's mean and spread count for in a shopper's own.
SHOPPER_PRIOR = 5.0
#: Part of a step that may be missing to the next one.
NEARLY = 0.3
#: Shares of the scale up to which a rating is always low, whoever gives it, and above which it never is.
ALWAYS, NEVER = 0.2, 0.6


@dataclass(frozen=True)
class LowRatings:
    """Which rows are rated low, and why in words.

    Attributes
    ----------
    mask
        bool, shape ``(n,)``.
    reason
        What the rows are left out for.
    habits
        Rows that are low, or are not, only by their shopper's own habit.
    """

    mask: NDArray[np.bool_]
    reason: str
    habits: int = 0


def low_ratings(ratings: NDArray[np.float64], users: pd.Series) -> LowRatings:
    """Find the ratings that say dislike.

    Parameters
    ----------
    ratings
        NaN where there is none; shape ``(n,)``.
    users
        Who gave each.
    """
    given = np.isfinite(ratings)
    if not given.any():
        return LowRatings(np.zeros(len(ratings), bool), "rated low")
    if ratings[given].min() < 0:  # thumbs
        return LowRatings(given & (ratings < 0), "rated low")
    scale = next((top for top in SCALES if ratings[given].max() <= top), float(ratings[given].max()))
    if scale == 1.0:
        return LowRatings(given & (ratings <= LOW), f"rated {LOW:g} or less of 1: not liked")
    if (ratings[given & (ratings != 0)] >= 1).all():
        given = given & (ratings != 0)  # beside ratings from 1 up, 0 is no rating
    step = _step(ratings[given], scale)
    shop = _shops_bound(ratings[given], scale)
    bounds = np.full(len(ratings), shop)
    bounds[given] = _own_bounds(ratings[given], users[given], shop, scale)
    shop, bounds = _rounded(np.array([shop]), step)[0], _rounded(bounds, step)
    mask = given & (ratings <= bounds)
    habits = int((mask != (given & (ratings <= shop))).sum())
    reason = f"rated {shop:g} or less of {scale:g}: not liked"
    if habits:
        reason = f"rated {shop:g} or less of {scale:g}, or low for who usually rates otherwise: not liked"
    return LowRatings(mask, reason, habits)


def _step(ratings: NDArray[np.float64], scale: float) -> float:
    """The step in which ratings are given: one star, half a star, a point."""
    gaps = np.diff(np.unique(ratings))
    return float(np.clip(gaps.min(initial=LOW * scale), 0.01 * scale, ALWAYS * scale))


def _rounded(bounds: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Bounds in whole steps, downwards unless little is missing: a bound of 1.97 stars is one of 2, one of 1.5 of 1."""
    return np.round(np.floor(bounds / step + NEARLY) * step, 9)


def _shops_bound(ratings: NDArray[np.float64], scale: float) -> float:
    """The shop's bound: `BELOW` deviations below its mean, pulled to the fixed share where there are few ratings."""
    learnt = float(ratings.mean() - BELOW * ratings.std())
    bound = (len(ratings) * learnt + SHOP_PRIOR * LOW * scale) / (len(ratings) + SHOP_PRIOR)
    return float(np.clip(bound, ALWAYS * scale, NEVER * scale))


def _own_bounds(ratings: NDArray[np.float64], users: pd.Series, shop: float, scale: float) -> NDArray[np.float64]:
    """The bound of each rating's shopper."""
    mean, spread = float(ratings.mean()), float(ratings.std())
    if spread <= 0:
        return np.full(len(ratings), shop)
    who, _ = pd.factorize(users, use_na_sentinel=False)  # rows without a user are refused later
    count = np.bincount(who)[who]
    total, squares = np.bincount(who, ratings)[who], np.bincount(who, np.square(ratings))[who]
    weight = count + SHOPPER_PRIOR
    centre = (total + SHOPPER_PRIOR * mean) / weight
    own = np.maximum(squares - np.square(total) / count, 0.0)  # their squared deviations from their own mean
    deviation = np.sqrt((own + SHOPPER_PRIOR * spread**2) / weight)
    bound = centre + (shop - mean) / spread * deviation
    return np.clip(bound, ALWAYS * scale, NEVER * scale)
