"""How fast the weights are fitted: the ranker's own fit against scikit-learn's defaults on the same pairs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from recsys.cli._benchmarks.race import machine, race
from recsys.data.snapshot import Snapshot
from recsys.errors import BadInput
from recsys.ranking.features import BLOCKS, TrainingContext
from recsys.ranking.features.fitting import fitted_ahead
from recsys.ranking.history_regression import HistoryRegression
from recsys.ranking.sampling import training_pairs
from recsys.ranking.windows import training_windows
from recsys.settings import Settings

DEFAULT = "scikit-learn defaults"


def bench_train(shop: Snapshot, settings: Settings, *, rounds: int = 3) -> dict[str, Any]:
    """Time one fit of the weights on the training pairs of a shop.

    The defaults of `LogisticRegression` get the raw columns, as they would from someone in a hurry; this package
    standardises first, which is what makes the solver fast, and its time includes that. Shoppers are halved: the
    figures say which of the two orders the other half better, too.
    """
    config = settings.training
    whole = TrainingContext(shop.facts, shop.events, shop.now, shop.histories, settings.seed)
    kinds = [kind for kind in BLOCKS if kind.applies(whole)]
    texts = HistoryRegression.learn(shop, settings)
    windows = training_windows(whole, config)
    fitted = fitted_ahead(kinds, [window.context for window in windows])
    pairs = training_pairs(windows, fitted, texts, config, seed=settings.seed)
    learn = pairs.shopper % 2 == 0
    X, y = pairs.features[learn], pairs.bought[learn]
    check, labels = pairs.features[~learn], pairs.bought[~learn]
    if not y.any() or not labels.any():
        raise BadInput("the train benchmark needs purchases on both sides of the split")
    quality: dict[str, float] = {}

    def own() -> None:
        mean, spread = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)
        scale = np.where(spread > 0, spread, 1.0)
        model = LogisticRegression(C=config.strengths[len(config.strengths) // 2], max_iter=200).fit(
            ((X - mean) / scale).astype(np.float32), y
        )
        quality["recsys"] = float(roc_auc_score(labels, ((check - mean) / scale) @ model.coef_[0]))

    def default() -> None:
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            model = LogisticRegression().fit(X, y)
        quality[DEFAULT] = float(roc_auc_score(labels, check @ model.coef_[0]))

    figures = race({"recsys": own, DEFAULT: default}, DEFAULT, rounds)
    for name, figure in figures.items():
        figure["auc_on_other_shoppers"] = round(quality[name], 4)
    return {
        "machine": machine(),
        "pairs": {"count": len(X), "columns": X.shape[1], "bought": int(y.sum())},
        "reference": DEFAULT,
        "contenders": figures,
        "left_out": {},
    }
