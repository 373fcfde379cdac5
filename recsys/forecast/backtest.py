"""Rolling backtest: which forecast wins, how far from the truth it is, and intervals from its errors.

Everything is forecast from earlier weeks alone and compared with what came. Items are taken apart by how often they
sell, as what is best for one that sells every week is not for one that sells now and then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.forecast.demand import Demand, Series
from recsys.forecast.models import RIVALS, candidates, scales

HORIZON = 8
CUTS, STEP, LEAST_KNOWN = 4, 4, 12
"""Moments that are forecast from, weeks between them, and weeks that must be known before the first."""
LEVELS = (0.8, 0.95)
CLASSES = (0.2, 0.5, 0.8)
"""Shares of weeks with a sale, in the last half year, at which classes of items part."""
_TAILS = np.linspace(0.005, 0.7, 140)

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Round:
    """One moment of the backtest: what was known, what came, and what each model said; rows are items sold before."""

    known: Series
    truth: Series
    said: Mapping[str, Series]

    @property
    def classes(self) -> Codes:
        """Class of each item."""
        return classes_of(self.known)


@dataclass(frozen=True)
class Chosen:
    """What won in one class, and its errors as parts of `spread`, shape ``(n,)``."""

    model: str
    tails: tuple[float, ...]
    """For each of `LEVELS`, the part of the errors left out on both sides together."""
    errors: Series


@dataclass(frozen=True)
class Plan:
    """What a backtest settled: a forecast for each class of items, and figures of all of them.

    Attributes
    ----------
    mase
        Mean absolute scaled error of each model over all items and moments.
    """

    chosen: Mapping[int, Chosen]
    mase: Mapping[str, float]


@dataclass(frozen=True)
class Forecast:
    """Demand of the next weeks, shapes ``(items, horizon)``; `bands` has a low and a high one for each of `LEVELS`.

    `median` is what as many weeks stay below as above, for slow items often nothing; `mean` is what to expect of many
    weeks together, and what a buyer adds up.
    """

    median: Series
    mean: Series
    bands: Mapping[float, tuple[Series, Series]]
    models: npt.NDArray[np.object_]


def backtest(demand: Demand, horizon: int = HORIZON) -> list[Round]:
    """Forecast from several moments of the past, four weeks apart, by every model."""
    weeks = demand.sold.shape[1]
    cuts = [horizon + STEP * n for n in range(CUTS) if weeks - horizon - STEP * n >= LEAST_KNOWN]
    rounds = []
    for cut in reversed(cuts or [weeks - LEAST_KNOWN]):
        known = demand.until(cut)
        there = known.sold.any(axis=1)
        sold, truth = known.sold[there], demand.sold[there, weeks - cut :][:, :horizon]
        said = {name: model(sold, horizon)[:, : truth.shape[1]] for name, model in {**RIVALS, **candidates()}.items()}
        rounds.append(Round(sold, truth, said))
    return rounds


def plan(demand: Demand, horizon: int = HORIZON) -> Plan:
    """Choose a model for each class of items by the backtest, and calibrate its intervals."""
    rounds = backtest(demand, horizon)
    classes = np.concatenate([one.classes for one in rounds])
    scaled = {
        name: np.concatenate([mase(one.truth, one.said[name], one.known) for one in rounds]) for name in rounds[0].said
    }
    measured = np.isfinite(scaled["naive"])
    chosen = {}
    for klass in range(len(CLASSES) + 1):
        mine = measured & (classes == klass)
        if not mine.any():
            mine = measured  # no such item in the past: what is best for all
        best = min(scaled, key=lambda name: float(scaled[name][mine].mean()))
        alike = [_of_class(one, klass) for one in rounds] if (classes == klass).any() else rounds
        chosen[klass] = _calibrated(best, [one for one in alike if len(one.known)])
    return Plan(chosen, {name: float(found[measured].mean()) for name, found in scaled.items()})


def _of_class(one: Round, klass: int) -> Round:
    mine = one.classes == klass
    return Round(one.known[mine], one.truth[mine], {name: said[mine] for name, said in one.said.items()})


def _calibrated(model: str, rounds: Sequence[Round]) -> Chosen:
    """Errors of a model, and how much of them each interval may leave out.

    Moments drift, so the errors of the others must make intervals that hold in each: its share over them less one
    standard error is brought to the level.
    """
    parts = [(one.truth, one.said[model], spread(one.known, one.said[model])) for one in rounds]
    errors = [((truth - said) / wide).ravel() for truth, said, wide in parts]
    held = np.empty((len(_TAILS), len(parts)))
    for at, (truth, said, wide) in enumerate(parts):
        others = np.concatenate([e for n, e in enumerate(errors) if n != at or len(errors) == 1])
        for row, tail in enumerate(_TAILS):
            low, high = _ends(said, wide, others, float(tail))
            held[row, at] = ((truth >= low) & (truth <= high)).mean()
    unsure = held.std(axis=1, ddof=1) / np.sqrt(len(parts)) if len(parts) > 1 else np.zeros(len(_TAILS))
    share = held.mean(axis=1) - unsure
    tails = tuple(float(_TAILS[np.argmin(np.abs(share - level))]) for level in LEVELS)
    return Chosen(model, tails, np.concatenate(errors))


def spread(sold: Series, said: Series) -> Series:
    """How far off an item's weeks may be: the root of what is said and of the last quarter's mean, as of counts."""
    wide: Series = np.sqrt(said + sold[:, -13:].mean(axis=1)[:, None] + 1.0)
    return wide


def _ends(said: Series, wide: Series, errors: Series, tail: float) -> tuple[Series, Series]:
    """Interval around a forecast; pieces are whole and none are negative."""
    low, high = np.quantile(errors, [tail / 2, 1 - tail / 2])
    return np.maximum(np.ceil(said + wide * low - 1e-9), 0.0), np.maximum(np.floor(said + wide * high + 1e-9), 0.0)


def forecast(demand: Demand, settled: Plan, horizon: int = HORIZON) -> Forecast:
    """The next weeks of each item by the model of its class, with intervals from that model's past errors."""
    every = {**RIVALS, **candidates()}
    said = {name: every[name](demand.sold, horizon) for name in {one.model for one in settled.chosen.values()}}
    classes = classes_of(demand.sold)
    median = np.zeros((len(demand.sold), horizon))
    bands = {level: (np.zeros_like(median), np.zeros_like(median)) for level in LEVELS}
    models = np.full(len(median), "", dtype=object)
    for klass, chosen in settled.chosen.items():
        mine = classes == klass
        median[mine], models[mine] = said[chosen.model][mine], chosen.model
        wide = spread(demand.sold[mine], median[mine])
        for level, tail in zip(LEVELS, chosen.tails, strict=True):
            bands[level][0][mine], bands[level][1][mine] = _ends(median[mine], wide, chosen.errors, tail)
    return Forecast(median, every["TSB"](demand.sold, horizon), bands, models)


def classes_of(sold: Series) -> Codes:
    """Class of each item by the share of the last half year's weeks with a sale."""
    return np.searchsorted(CLASSES, (sold[:, -26:] > 0).mean(axis=1)).astype(np.int64)


def mase(truth: Series, said: Series, known: Series) -> Series:
    """Mean absolute scaled error of each item; NaN where the past never moved."""
    scaled: Series = np.abs(truth - said).mean(axis=1) / scales(known)
    return scaled
