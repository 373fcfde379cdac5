"""Logistic regression (scikit-learn): the ranker's weights, their regularisation and their calibration.

Order and probability are learnt under different weights. The order of a list comes from pairs weighted by the purchases
of their window. The probability is then set by cross-fitting: over the whole catalogue of each shopper of the latest
window as many purchases are expected as were made, by weights that have not seen that shopper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from recsys.ranking.sampling import Pairs

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

#: Pairs looked at to choose the regularisation and the slope.
INNER = 300_000
#: Furthest the intercept is moved, in logits; no shop's base rate is outside of it.
REACH = 40.0


@dataclass(frozen=True)
class TrainingSplit:
    """Training split: pairs standardised, split and sampled once, for as many fits as are wanted.

    Attributes
    ----------
    pairs
        Their features are standardised.
    means, spread
        Of the raw columns; the spread of a constant column is infinite.
    learn, check
        Rows of the inner split that chooses the regularisation: the latest of several windows is held out.
    latest
        Rows of the latest window, on which the probability is set.
    rest
        For each half of the latest window's shoppers (a mask of `latest`), rows to learn from that know nothing of it.
    """

    pairs: Pairs
    means: NDArray[np.float64]
    spread: NDArray[np.float64]
    learn: NDArray[np.int64]
    check: NDArray[np.int64]
    latest: NDArray[np.int64]
    rest: tuple[tuple[NDArray[np.bool_], NDArray[np.int64]], ...]

    @classmethod
    def of(cls, pairs: Pairs, seed: int) -> TrainingSplit:
        """Standardise the pairs' features in place (a second copy would double the memory) and split the rows."""
        means, spread = pairs.standardise()
        windows = np.unique(pairs.window[pairs.later] if pairs.later.any() else pairs.window)
        latest = pairs.window == windows[0]
        rng = np.random.default_rng(seed)
        shoppers = int(pairs.shopper.max(initial=0)) + 1
        held = latest if len(windows) > 1 else (rng.random(shoppers) < 0.25)[pairs.shopper]
        sample = (rng.random(shoppers) < INNER / max(len(held), 1))[pairs.shopper]
        second = (rng.random(shoppers) < 0.5)[pairs.shopper]
        return cls(
            pairs,
            means,
            spread,
            np.flatnonzero(~held & sample),
            np.flatnonzero(held & sample),
            np.flatnonzero(latest),
            tuple((half[latest], np.flatnonzero(sample & ~(latest & half))) for half in (second, ~second)),
        )


@dataclass(frozen=True)
class Regression:
    """Fitted logistic regression: weights of raw columns, with the calibration already in them.

    Attributes
    ----------
    weights, means
        float64, one per column.
    intercept
        Logit at the means.
    strength
        Inverse regularisation that was chosen (`C` of scikit-learn).
    iterations
        Of the final fit.
    slope, shift
        What calibration did to the logit as fitted: ``slope * z + shift``.
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    intercept: float
    strength: float
    iterations: int
    slope: float
    shift: float

    @classmethod
    def fit(
        cls,
        split: TrainingSplit,
        strengths: Sequence[float],
        columns: NDArray[np.intp] | slice = slice(None),
        *,
        calibrated: bool = True,
    ) -> Regression:
        """Regularisation on the held-out part, weights on everything, slope and intercept on the latest window.

        Parameters
        ----------
        strengths
            Inverse regularisations to choose from.
        columns
            Fit these columns only.
        calibrated
            Whether the logits are to be probabilities; where only lists are compared, two fits are spared.
        """
        pairs = split.pairs
        features = pairs.features if isinstance(columns, slice) else pairs.features[:, columns]
        y, w = pairs.bought, pairs.weights
        learn, check = split.learn, split.check
        best: tuple[float, float] | None = None
        inner = None
        if y[check].any() and y[learn].any() and not y[check].all():
            X, held = features[learn], features[check]
            for strength in strengths:
                inner = _logistic(X, y[learn], w[learn], strength, inner)
                z = inner.decision_function(held)
                gain = expected_dcg(z, y[check], pairs.importance_weight[check], pairs.shopper[check])
                if best is None or gain > best[0]:
                    best = (gain, strength)
            del X, held
        _, strength = best or (0.0, strengths[len(strengths) // 2])
        model = _logistic(features, y, w, strength, inner)
        slope, shift = cls._calibration(split, features, model, inner) if calibrated else (1.0, 0.0)
        return cls(
            model.coef_[0].astype(np.float64) * slope / split.spread[columns],
            split.means[columns],
            float(model.intercept_[0]) * slope + shift,
            strength,
            int(model.n_iter_[0]),
            slope,
            shift,
        )

    @staticmethod
    def _calibration(
        split: TrainingSplit,
        features: NDArray[np.float32],
        model: LogisticRegression,
        inner: LogisticRegression | None,
    ) -> tuple[float, float]:
        """Slope and intercept shift on the latest window, by weights that have not seen the shopper."""
        y = split.pairs.bought
        latest, importance_weight = split.latest, split.pairs.importance_weight[split.latest]
        unseen = _cross_fitted(split, features, model.C, inner)
        slope = 1.0 if unseen is None else _slope(unseen, y[latest], importance_weight)
        z = model.decision_function(features[latest]).astype(np.float64) if unseen is None else unseen
        return slope, intercept_shift(slope * z, y[latest], importance_weight)


def intercept_shift(z: NDArray[np.float64], y: NDArray[np.bool_], importance_weight: NDArray[np.float32]) -> float:
    """Intercept correction: what must be added to logits so that as many purchases are expected as were made.

    Solves ``sum(s * expit(z + d)) = sum(s * y)`` for ``d``; 0 where all or none were bought.
    """
    made = float(importance_weight[y].sum())
    if not 0 < made < float(importance_weight.sum()):
        return 0.0
    return float(brentq(lambda d: float(importance_weight @ expit(z + d)) - made, -REACH, REACH))


def _logistic(
    X: NDArray[np.float32],
    y: NDArray[np.bool_],
    w: NDArray[np.float32],
    strength: float,
    start: LogisticRegression | None,
) -> LogisticRegression:
    """A fit that begins where `start` ended: the same optimum in fewer iterations."""
    from sklearn.linear_model import LogisticRegression  # a second to import, and only training needs it

    model = LogisticRegression(C=strength, max_iter=200, tol=1e-4, warm_start=start is not None)
    if start is not None:
        model.classes_, model.coef_, model.intercept_ = start.classes_, start.coef_, start.intercept_
    return model.fit(X, y, sample_weight=w)


def _cross_fitted(
    split: TrainingSplit, features: NDArray[np.float32], strength: float, inner: LogisticRegression | None
) -> NDArray[np.float64] | None:
    """Cross-fitted logits of the latest window, by weights that have not seen the row's shopper.

    Two folds of shoppers; shape ``(len(latest),)``, None where there is nothing to tell apart.

    Weights learnt from earlier windows alone know less of the present than the final ones do, and the slope that suits
    them would be too timid; on rows that the weights have seen, too few purchases are expected of what was not bought,
    and an intercept set there would be too high.

    The fits begin at `inner`, which has not seen the latest window where there are several.
    """
    y, w = split.pairs.bought, split.pairs.weights
    if any(y[rows].all() or not y[rows].any() for rows in (split.latest, *(rows for _, rows in split.rest))):
        return None
    z = np.empty(len(split.latest))
    for half, rows in split.rest:
        model = _logistic(features[rows], y[rows], w[rows], strength, inner)
        if half.any():
            z[half] = model.decision_function(features[split.latest[half]])
    return z


def expected_dcg(
    z: NDArray[np.floating], y: NDArray[np.bool_], importance_weight: NDArray[np.float32], shopper: NDArray[np.int32]
) -> float:
    """Expected discounted cumulative gain ``1 / log2(1 + rank)`` of what was bought, averaged over shoppers.

    The rank is estimated from the sampled candidates ahead, each counted by its importance weight. Unlike a likelihood
    this looks only at the order of each shopper's list.
    """
    order = np.lexsort((-z, shopper))
    ahead = np.cumsum(np.where(y, 0.0, importance_weight)[order])
    first = np.r_[True, np.diff(shopper[order]) != 0]
    before = np.r_[0.0, ahead[:-1]]
    ahead -= np.repeat(before[first], np.diff(np.r_[np.flatnonzero(first), len(order)]))
    bought = y[order]
    return float(np.average(1.0 / np.log2(2.0 + ahead[bought]), weights=importance_weight[order][bought]))


def _slope(z: NDArray[np.floating], y: NDArray[np.bool_], w: NDArray[np.float32]) -> float:
    """Slope of Platt scaling (Platt 1999): the affine map of the logit that fits held-out labels best."""
    from sklearn.linear_model import LogisticRegression

    # An intercept that starts right spares the solver a long way: the catalogue holds few purchases.
    centred = z + intercept_shift(z.astype(np.float64), y, w)
    model = LogisticRegression(C=1e6, tol=1e-8).fit(centred[:, None], y, sample_weight=w / w.mean())
    slope = float(model.coef_[0, 0])
    return slope if slope > 0 else 1.0  # nothing was learned that holds later: keep the order
