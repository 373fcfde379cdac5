"""Rolling backtest: which forecast wins, how far from the truth it is, and intervals from its errors.

Everything is forecast from earlier weeks alone and compared with what came. Models are chosen by how often items sell,
as what is best for one that sells every week is not for one that sells now and then; intervals are calibrated by how
much they sell (Mondrian conformal prediction, Vovk and others, 2005), as slow ones say nothing of best sellers.
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
RATES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Pieces a week, over the last quarter, at which groups part whose intervals are calibrated apart."""
QUARTER = 13
FEWEST = 30
"""Items, over all moments, below which a group has the errors of all."""
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
class Calibration:
    """Conformal errors of items that sell about alike, as parts of `spread`.

    Attributes
    ----------
    errors
        Shape ``(n,)``.
    tails
        For each of `LEVELS`, the part of the errors left out.
    open_below
        For each of `LEVELS`, whether so many weeks have no sale that nothing lies below: what is left out then all lies
        above.
    """

    errors: Series
    tails: tuple[float, ...]
    open_below: tuple[bool, ...]

    def band(self, level: int, said: Series, wide: Series) -> tuple[Series, Series]:
        """Interval of the level with this place in `LEVELS`."""
        return _ends(said, wide, self.errors, self.tails[level], self.open_below[level])


@dataclass(frozen=True)
class Plan:
    """What a backtest settled: a forecast for each class of items, intervals for each rate of sale, and figures.

    Attributes
    ----------
    models
        Name of the forecast of each class.
    calibrations
        By the place of a rate among `RATES`.
    power
        With which errors grow as items sell more.
    mase
        Mean absolute scaled error of each model over all items and moments.
    """

    models: Mapping[int, str]
    calibrations: Mapping[int, Calibration]
    power: float
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
    models = {}
    for klass in range(len(CLASSES) + 1):
        mine = measured & (classes == klass)
        if not mine.any():
            mine = measured  # no such item in the past: what is best for all
        models[klass] = min(scaled, key=lambda name: float(scaled[name][mine].mean()))
    past = [(one.known, one.truth, _said(one.said, one.classes, models)) for one in rounds]
    power = _power(past)
    calibrations = {}
    for rate in range(len(RATES) + 1):
        alike = [(known[m], truth[m], said[m]) for known, truth, said in past if (m := rates_of(known) == rate).any()]
        enough = sum(len(known) for known, _, _ in alike) >= FEWEST
        calibrations[rate] = _calibrated(alike if enough else past, power)
    return Plan(models, calibrations, power, {name: float(found[measured].mean()) for name, found in scaled.items()})


def _said(said: Mapping[str, Series], classes: Codes, models: Mapping[int, str]) -> Series:
    """What the model of each item's class says."""
    found = np.zeros_like(next(iter(said.values())))
    for klass, name in models.items():
        found[classes == klass] = said[name][classes == klass]
    return found


def _power(past: Sequence[tuple[Series, Series, Series]]) -> float:
    """Slope of the logarithm of errors on that of how much items sell: a half as of counts, one as of shares."""
    size = np.concatenate([np.log(_size(known, said)).ravel() for known, _, said in past])
    error = np.concatenate([np.log(np.abs(truth - said) + 0.5).ravel() for _, truth, said in past])
    if size.std() < 0.1:  # all sell alike
        return 0.5
    return float(np.clip(np.polyfit(size, error, 1)[0], 0.5, 1.0))


def _calibrated(past: Sequence[tuple[Series, Series, Series]], power: float) -> Calibration:
    """Errors of items that sell alike, and how much of them each interval may leave out.

    Moments drift, so the errors of the others must make intervals that hold in each: its share over them less one
    standard error is brought to the level.
    """
    parts = [(truth, said, spread(known, said, power)) for known, truth, said in past]
    errors = [((truth - said) / wide).ravel() for truth, said, wide in parts]
    nothing = float(np.concatenate([(truth == 0).ravel() for truth, _, _ in parts]).mean())
    below = tuple(nothing > (1 - level) / 2 for level in LEVELS)
    tails = []
    for level, opened in zip(LEVELS, below, strict=True):
        held = np.empty((len(_TAILS), len(parts)))
        for at, (truth, said, wide) in enumerate(parts):
            others = np.concatenate([e for n, e in enumerate(errors) if n != at or len(errors) == 1])
            for row, tail in enumerate(_TAILS):
                low, high = _ends(said, wide, others, float(tail), opened)
                held[row, at] = ((truth >= low) & (truth <= high)).mean()
        unsure = held.std(axis=1, ddof=1) / np.sqrt(len(parts)) if len(parts) > 1 else np.zeros(len(_TAILS))
        tails.append(float(_TAILS[np.argmin(np.abs(held.mean(axis=1) - unsure - level))]))
    return Calibration(np.concatenate(errors), tuple(tails), below)


def _size(known: Series, said: Series) -> Series:
    size: Series = said + known[:, -QUARTER:].mean(axis=1)[:, None] + 1.0
    return size


def spread(known: Series, said: Series, power: float) -> Series:
    """How far off an item's weeks may be: a power of what is said and the last quarter's mean together."""
    wide: Series = _size(known, said) ** power
    return wide


def _ends(said: Series, wide: Series, errors: Series, tail: float, open_below: bool) -> tuple[Series, Series]:
    """Interval around a forecast; pieces are whole and none are negative."""
    low, high = np.quantile(errors, [0.0, 1 - tail] if open_below else [tail / 2, 1 - tail / 2])
    least = np.zeros_like(said) if open_below else np.maximum(np.ceil(said + wide * low - 1e-9), 0.0)
    return least, np.maximum(np.floor(said + wide * high + 1e-9), 0.0)


def forecast(demand: Demand, settled: Plan, horizon: int = HORIZON) -> Forecast:
    """The next weeks of each item by the model of its class, with intervals from the errors at its rate of sale."""
    every = {**RIVALS, **candidates()}
    said = {name: every[name](demand.sold, horizon) for name in set(settled.models.values())}
    classes, rates = classes_of(demand.sold), rates_of(demand.sold)
    median = _said(said, classes, settled.models)
    wide = spread(demand.sold, median, settled.power)
    bands = {level: (np.zeros_like(median), np.zeros_like(median)) for level in LEVELS}
    for rate, calibration in settled.calibrations.items():
        mine = rates == rate
        for place, level in enumerate(LEVELS):
            bands[level][0][mine], bands[level][1][mine] = calibration.band(place, median[mine], wide[mine])
    models = np.array([settled.models[int(klass)] for klass in classes], dtype=object)
    return Forecast(median, every["TSB"](demand.sold, horizon), bands, models)


def classes_of(sold: Series) -> Codes:
    """Class of each item by the share of the last half year's weeks with a sale."""
    return np.searchsorted(CLASSES, (sold[:, -26:] > 0).mean(axis=1)).astype(np.int64)


def rates_of(sold: Series) -> Codes:
    """Group of each item by pieces sold a week over the last quarter."""
    return np.searchsorted(RATES, sold[:, -QUARTER:].mean(axis=1), side="right").astype(np.int64)


def mase(truth: Series, said: Series, known: Series) -> Series:
    """Mean absolute scaled error of each item; NaN where the past never moved."""
    scaled: Series = np.abs(truth - said).mean(axis=1) / scales(known)
    return scaled
