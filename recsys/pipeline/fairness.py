"""Fairness of a night's candidate: the gap between segments of shoppers, and exposure of the most popular items.

Both are measured on the gate's own held-out events. A gap is held against what segments drawn at random show, exposure
against what shoppers went on to buy: neither is a fault where behaviour itself is like that.
"""

from __future__ import annotations

import logging
from typing import Any

from recsys.data.schema import SEGMENT
from recsys.data.snapshot import Snapshot
from recsys.evaluation import subgroups
from recsys.evaluation.splits import Holdout, Measured
from recsys.evaluation.subgroups import CROWDED, UNEQUAL
from recsys.settings import GateSettings

log = logging.getLogger(__name__)

#: A gap that random segments show more often than this is chance.
_CHANCE = 0.05


def measure(shop: Snapshot, holdout: Holdout, measured: Measured, seed: int) -> dict[str, Any]:
    """Figures for the manifest, JSON-ready.

    Returns
    -------
    dict
        `exposure` and `bought`: the share of top-10 places, and of later purchases, that the most popular tenth of the
        catalogue has. Where there are segments of some size, `segments` (mean per-user AUC and number of shoppers of
        each) and `gap` (value, what chance shows, p, best and worst segment).
    """
    figures: dict[str, Any] = {
        "exposure": round(float(subgroups.places_by_popularity(measured.lists, holdout)[-1]), 4),
        "bought": round(float(subgroups.places_by_popularity(holdout.positives, holdout)[-1]), 4),
    }
    labels = subgroups.user_groups(shop, holdout).get(SEGMENT)
    auc = measured.per_user["auc"]
    if labels is None or (gap := subgroups.gap(labels, auc, seed)) is None:
        return figures
    figures["segments"] = {
        name: {"users": int((labels == name).sum()), "auc": round(float(auc[labels == name].mean()), 4)}
        for name in subgroups.ordered(labels)
        if (labels == name).sum() >= subgroups.SMALLEST
    }
    figures["gap"] = {
        "value": round(gap.gap.value, 4),
        "chance": round(gap.chance, 4),
        "p": round(gap.p, 4),
        "best": gap.best,
        "worst": gap.worst,
    }
    return figures


def judge(figures: dict[str, Any], gate: GateSettings) -> str:
    """Why the gate refuses a candidate that is further from fair than the settings allow, '' if it does not.

    What is beyond `UNEQUAL` or `CROWDED`, and within the settings, is warned of.
    """
    said = []
    if gap := figures.get("gap"):
        beyond = gap["value"] - gap["chance"] if gap["p"] < _CHANCE else 0.0
        about = (
            f"per-user AUC of segment {gap['worst']!r} is {gap['value']:.3f} below that of {gap['best']!r}, "
            f"{beyond:.3f} more than chance shows"
        )
        said.append((beyond, UNEQUAL, gate.max_segment_gap, "max_segment_gap", about))
    beyond = figures["exposure"] - figures["bought"]
    about = (
        f"the most popular tenth of the catalogue takes {figures['exposure']:.0%} of all places in lists, and "
        f"{figures['bought']:.0%} of later purchases"
    )
    said.append((beyond, CROWDED, gate.max_exposure, "max_exposure", about))
    for beyond, much, bound, name, about in said:
        if beyond > bound:
            return (
                f"refused: {about}; that is more than gate.{name} = {bound:g} allows. If that is meant, set "
                f"RECSYS_GATE__{name.upper()}={min(beyond + 0.05, 1):.2f} for one run"
            )
        if beyond > much:
            log.warning("fairness: %s", about)
    return ""
