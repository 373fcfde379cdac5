"""The figures of an evaluation as objects: estimates, leads, parts of the test, effects of blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.evaluation.metrics import Estimate
from recsys.evaluation.reliability import Calibration
from recsys.evaluation.splits import Holdout, Measured
from recsys.evaluation.subgroups import Gap, Slice

RANKER = "ranker"
FIGURES = ("auc", "ndcg@10", "recall@10", "recall@20")


@dataclass(frozen=True)
class Difference:
    """The ranker's paired lead over the best of the others in one figure."""

    rival: str
    lead: Estimate


@dataclass(frozen=True)
class AblationEffect:
    """Effect of a block: the figure with it minus the figure without it, paired, the ranker fitted again."""

    block: str
    meaning: str
    figures: Mapping[str, Estimate]


@dataclass(frozen=True)
class EvaluationFigures:
    """Offline figures of the ranker beside other models on one holdout.

    Attributes
    ----------
    protocol
        How it was measured: kind of split, counts, seed.
    estimates
        Figures of each model.
    leads
        The ranker against the best other model in each figure.
    parts
        Parts of the test, for the ranker and the models that lead the others.
    fairness
        Gap of per-user AUC across segments, where the shop has them.
    reliability
        Calibration of the ranker's probabilities on events that neither training nor calibration has seen.
    effects
        Effect of each block, where the ablation was asked for.
    tuned
        What was chosen for each peer on its inner split.
    skipped
        What was not run, and why.
    holdout, measured, groups
        The split, each model on it, and labels of the test users by kind of group.
    """

    protocol: Mapping[str, Any]
    estimates: Mapping[str, Mapping[str, Estimate]]
    leads: Mapping[str, Difference]
    parts: Mapping[str, list[Slice]]
    fairness: Gap | None
    reliability: Calibration | None
    effects: list[AblationEffect]
    tuned: Mapping[str, Mapping[str, Any]]
    skipped: Mapping[str, str]
    holdout: Holdout
    measured: Mapping[str, Measured]
    groups: Mapping[str, NDArray[np.object_]]
