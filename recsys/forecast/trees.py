"""Gradient-boosted trees over all items at once: one model, whose rows are items at moments of the past.

What the weeks before a moment looked like, scaled by the item's own level, tells the weeks after it; so a short series
learns from all others (the winning approach of the M5 competition, Makridakis and others, 2022).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys.forecast.demand import Series

LAGS, WINDOWS = 6, (4, 8, 13, 26)
ORIGINS, ROWS = 60, 300_000
"""Moments of the past that are learnt from, a year and more, and rows at most."""
_LONGEST = max(WINDOWS)
_SETTINGS = {
    "objective": "l1",
    "learning_rate": 0.06,
    "num_leaves": 31,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "verbosity": -1,
    "seed": 7,
    "deterministic": True,
    "force_row_wise": True,
}
_ROUNDS = 150


def boosted_trees(sold: Series, horizon: int) -> Series:
    """Median demand of the next weeks; with the absolute error as loss, since that is what is judged."""
    import lightgbm as lgb

    weeks = sold.shape[1]
    first = max(LAGS + 2, min(13, weeks // 3))
    last = weeks - 1
    origins = range(last - 1, first - 1, -1)[:ORIGINS]
    rows, wanted = [], []
    most = max(ROWS // (len(origins) * horizon), 1)
    rng = np.random.default_rng(7)
    for origin in origins:
        some = np.arange(len(sold)) if len(sold) <= most else rng.choice(len(sold), most, replace=False)
        table, level = _features(sold[some, :origin])
        for ahead in range(1, min(horizon, weeks - origin) + 1):
            rows.append(_with_ahead(table, ahead, origin + ahead))
            wanted.append(sold[some, origin + ahead - 1] / level)
    X, y = np.concatenate(rows), np.concatenate(wanted)
    model = lgb.train(_SETTINGS, lgb.Dataset(X, np.minimum(y, 20.0)), num_boost_round=_ROUNDS)
    table, level = _features(sold)
    found = np.empty((len(sold), horizon))
    for h in range(1, horizon + 1):
        found[:, h - 1] = level * np.asarray(model.predict(_with_ahead(table, h, weeks + h)), dtype=np.float64)
    return np.maximum(found, 0.0)


def _features(sold: Series) -> tuple[npt.NDArray[np.float32], Series]:
    """What is known of each item at the end of its series, and its level, by which sales are divided."""
    weeks = sold.shape[1]
    level = np.maximum(sold[:, -13:].mean(axis=1), 0.25 * sold.mean(axis=1)) + 0.1
    scaled = sold / level[:, None]
    columns = [scaled[:, -lag] for lag in range(1, LAGS + 1)]
    for window in WINDOWS:
        recent = scaled[:, -min(window, weeks) :]
        columns += [recent.mean(axis=1), np.median(recent, axis=1), (recent > 0).mean(axis=1)]
    columns += [scaled[:, -min(26, weeks) :].std(axis=1), scaled[:, -min(26, weeks) :].max(axis=1)]
    since = np.argmax(sold[:, ::-1] > 0, axis=1)
    sold_once = (sold > 0).any(axis=1)
    columns += [np.where(sold_once, since, weeks), weeks - np.argmax(sold > 0, axis=1), np.log(level)]
    return np.stack(columns, axis=1).astype(np.float32), level


def _with_ahead(table: npt.NDArray[np.float32], ahead: int, week: int) -> npt.NDArray[np.float32]:
    """The features with how far ahead is asked, and the week of the year of the week that is."""
    turn = 2 * np.pi * week / 52
    more = np.array([ahead, np.sin(turn), np.cos(turn)], np.float32)
    return np.concatenate([table, np.broadcast_to(more, (len(table), 3))], axis=1)
