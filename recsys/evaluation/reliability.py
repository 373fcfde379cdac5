"""Calibration of probabilities: predicted chances against what happened.

All figures are weighted sums over rows, so that a row that stands for many (a sampled negative) can count as many, and
intervals come from resampling users.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, xlogy

from recsys.evaluation import metrics
from recsys.evaluation.metrics import Estimate, Floats

EXPECTED_OBSERVED = (0.95, 1.05)
"""Expected over observed within this is well calibrated in the large."""
SLOPE = (0.9, 1.1)
"""A calibration slope within this is neither too timid nor too bold."""
_CLIP = 1e-12


@dataclass(frozen=True)
class Predictions:
    """Scored rows of the slice.

    Attributes
    ----------
    user
        Place of each row's user, ``0 .. n_users - 1``, shape ``(n,)``.
    chance
        Predicted probabilities, shape ``(n,)``.
    happened
        Whether the event came true, shape ``(n,)``.
    weight
        How many candidates each row stands for, shape ``(n,)``.
    n_users
        Number of users.
    """

    user: NDArray[np.int64]
    chance: Floats
    happened: NDArray[np.bool_]
    weight: Floats
    n_users: int


@dataclass(frozen=True)
class Bin:
    """One point of the reliability curve: mean prediction, observed rate with its interval, and candidates in it."""

    predicted: float
    observed: Estimate
    candidates: float


@dataclass(frozen=True)
class Calibration:
    """Figures of one slice.

    Attributes
    ----------
    log_loss, base_log_loss
        Mean log-loss of the predictions, and of predicting the slice's own base rate for everything (a rival that has
        seen the answer's mean).
    gain
        `base_log_loss` - `log_loss`, paired.
    brier
        Mean squared error.
    expected_observed
        Sum of predictions over number of events.
    slope, intercept
        Of the logistic regression of what happened on the predicted log-odds (Cox, 1958); 1 and 0 are perfect.
    curve
        Reliability in bins of equal numbers of events.
    """

    base_rate: float
    log_loss: Estimate
    base_log_loss: Estimate
    gain: Estimate
    brier: Estimate
    expected_observed: Estimate
    slope: Estimate
    intercept: Estimate
    curve: tuple[Bin, ...]

    @property
    def good(self) -> bool:
        """Whether all three bars are met: expected over observed, slope, and a log-loss below the base rate's."""
        return (
            EXPECTED_OBSERVED[0] <= self.expected_observed.value <= EXPECTED_OBSERVED[1]
            and SLOPE[0] <= self.slope.value <= SLOPE[1]
            and self.log_loss.value < self.base_log_loss.value
        )


def calibrate(rows: Predictions, *, bins: int = 12, resamples: int = 200, seed: int = 7) -> Calibration | None:
    """Measure calibration; None where nothing, or everything, happened."""
    y, w = rows.happened.astype(np.float64), rows.weight
    happened, total = float(w @ y), float(w.sum())
    if not 0 < happened < total:
        return None
    p = np.clip(rows.chance, _CLIP, 1 - _CLIP)

    def per_user(values: Floats) -> Floats:
        return np.asarray(np.bincount(rows.user, w * values, rows.n_users), np.float64)

    events, mass = per_user(y), per_user(np.ones_like(y))
    loss, error, expected = per_user(-(xlogy(y, p) + xlogy(1 - y, 1 - p))), per_user((p - y) ** 2), per_user(p)

    def base(times: NDArray[np.int64]) -> float:
        rate = (times @ events) / (times @ mass)
        return float(-(xlogy(rate, rate) + xlogy(1 - rate, 1 - rate)))

    def pooled(statistic: metrics.Statistic, resamples: int = resamples) -> Estimate:
        return metrics.pooled(statistic, rows.n_users, resamples=resamples, seed=seed)

    z = logit(p)
    line = [_line(rows, z, draw) for draw in metrics.draws(rows.n_users, 50, seed)]
    slope, intercept = (
        _spread(at, each) for at, each in zip(_line(rows, z, None), zip(*line, strict=True), strict=True)
    )
    return Calibration(
        base_rate=happened / total,
        log_loss=pooled(lambda t: float(t @ loss / (t @ mass))),
        base_log_loss=pooled(base),
        gain=pooled(lambda t: base(t) - float(t @ loss / (t @ mass))),
        brier=pooled(lambda t: float(t @ error / (t @ mass))),
        expected_observed=pooled(lambda t: float(t @ expected / (t @ events)) if t @ events else float("nan")),
        slope=slope,
        intercept=intercept,
        curve=tuple(_bins(rows, p, bins, seed)),
    )


def _line(rows: Predictions, z: Floats, times: NDArray[np.int64] | None) -> tuple[float, float]:
    """Slope and intercept by Newton's method with halved steps (two unknowns, a concave likelihood)."""
    w = rows.weight if times is None else rows.weight * times[rows.user]
    y = rows.happened.astype(np.float64)
    if np.ptp(z) < 1e-9:  # all predictions alike: no slope to speak of
        return float("nan"), float("nan")
    x = np.stack([z, np.ones_like(z)])

    def likelihood(beta: Floats) -> float:
        line = beta @ x
        return float(w @ (y * line - np.logaddexp(0, line)))

    beta = np.array([1.0, 0.0])
    reached = likelihood(beta)
    for _ in range(50):
        p = expit(beta @ x)
        hessian = (x * (w * p * (1 - p))) @ x.T + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, x @ (w * (y - p)))
        while (better := likelihood(beta + step)) < reached and np.abs(step).max() > 1e-8:
            step = step / 2
        beta, reached = beta + step, better
        if np.abs(step).max() < 1e-7:
            break
    return float(beta[0]), float(beta[1])


def _spread(value: float, draws: tuple[float, ...]) -> Estimate:
    if not np.isfinite(draws).any():
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return Estimate(value, float(low), float(high))


def _bins(rows: Predictions, p: Floats, bins: int, seed: int) -> list[Bin]:
    """Bins of about equal numbers of events: equal numbers of rows would put nearly all events into the last one."""
    order = np.argsort(p, kind="stable")
    events = np.cumsum(rows.weight[order] * rows.happened[order])
    edge = np.minimum((events * bins / events[-1]).astype(np.int64), bins - 1)
    place = np.empty(len(p), np.int64)
    place[order] = edge
    out = []
    for b in range(bins):
        inside = place == b
        w, user = rows.weight[inside], rows.user[inside]
        if not w.sum():
            continue
        mass = np.bincount(user, w, rows.n_users).astype(np.float64)
        came = np.bincount(user, w * rows.happened[inside], rows.n_users).astype(np.float64)
        observed = metrics.pooled(partial(_rate, came, mass), rows.n_users, seed=seed)
        out.append(Bin(float(w @ p[inside] / w.sum()), observed, float(w.sum())))
    return out


def _rate(came: Floats, mass: Floats, times: NDArray[np.int64]) -> float:
    total = times @ mass
    return float(times @ came / total) if total else float("nan")
