"""Subgroup metrics: figures by activity, by popularity of the item and by segment, and the gap between segments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data.schema import SEGMENT, USER
from recsys.data.snapshot import Snapshot
from recsys.evaluation import metrics
from recsys.evaluation.metrics import Estimate, Floats
from recsys.evaluation.splits import Holdout, Measured

ITEM_GROUPS = ("new", "tail", "middle", "head")
SMALLEST = 20
"""A slice with fewer users than this is not shown: its interval would be all there is to see."""

#: Beyond these a night warns: per-user AUC between segments beyond what chance shows, and the share of places that the
#: most popular tenth takes beyond its share of later purchases. `gate.max_segment_gap` and `gate.max_exposure` refuse.
UNEQUAL, CROWDED = 0.1, 0.4


@dataclass(frozen=True)
class Slice:
    """Figures of one model on part of the test: ``by`` names the kind of slice, ``name`` the part."""

    by: str
    name: str
    users: int
    figures: Mapping[str, Estimate]


@dataclass(frozen=True)
class Gap:
    """Difference between the best and the worst segment in mean per-user AUC.

    Attributes
    ----------
    gap
        Largest minus smallest segment mean.
    chance
        The gap that segments of the same sizes drawn at random show on average; a gap is never negative, so it has to
        be held against this and not against zero.
    p
        Share of random segmentations whose gap is at least as large.
    best, worst
        The segments.
    """

    gap: Estimate
    chance: float
    p: float
    best: str
    worst: str


def activity(holdout: Holdout) -> NDArray[np.object_]:
    """Label of each test user by distinct items before the cut, in thirds."""
    train = holdout.train
    had = [len(np.unique(train.item[train.indptr[u] : train.indptr[u + 1]])) for u in holdout.users]
    counts = np.array(had)
    low, high = (int(q) for q in np.quantile(counts, [1 / 3, 2 / 3], method="lower"))
    parts = [(0, low), (low, high), (high, int(counts.max()))]
    names = np.full(len(counts), "", dtype=object)
    for start, end in parts:
        label = f"{start + 1}-{end} items" if end > start + 1 else f"{end} items"
        names[(counts > start) & (counts <= end)] = label
    return names


def item_groups(holdout: Holdout) -> NDArray[np.object_]:
    """Group of each item: new (never met before the cut), or the thirds of events that tail, middle and head take."""
    counts = np.bincount(holdout.train.item, minlength=holdout.train.n_items)
    order = np.argsort(counts, kind="stable")
    share = np.cumsum(counts[order]) / max(counts.sum(), 1)
    groups = np.empty(len(counts), dtype=object)
    groups[order] = np.array(ITEM_GROUPS[1:], dtype=object)[np.minimum((share * 3 - 1e-9).astype(int), 2)]
    groups[counts == 0] = ITEM_GROUPS[0]
    return groups


def user_groups(shop: Snapshot, holdout: Holdout) -> dict[str, NDArray[np.object_]]:
    """Labels of the test users by kind of group: activity and, where the shop has them, segment ('' where unknown)."""
    groups = {"activity": activity(holdout)}
    users = shop.tables.value.users
    if users is not None and SEGMENT in users.columns:
        known = pd.Series(users[SEGMENT].fillna("").astype(str).to_numpy(object), index=users[USER].to_numpy(object))
        groups[SEGMENT] = known.reindex(shop.user_ids[holdout.users]).fillna("").to_numpy(object)
    return groups


def by_users(by: str, labels: NDArray[np.object_], measured: Measured, resamples: int, seed: int) -> list[Slice]:
    """One slice per label; '' is left out."""
    out = []
    for name in ordered(labels):
        inside = labels == name
        if inside.sum() < SMALLEST:
            continue
        figures = {
            figure: metrics.interval(values[inside], resamples=resamples, seed=seed)
            for figure, values in measured.per_user.items()
        }
        out.append(Slice(by, name, int(inside.sum()), figures))
    return out


def by_items(
    by: str, groups: NDArray[np.object_], holdout: Holdout, measured: Measured, resamples: int, seed: int
) -> list[Slice]:
    """One slice per group of items: only positives of the group are relevant, over the users who have one."""
    out = []
    for name in ITEM_GROUPS:
        part = measured.of_items([groups[items] == name for items in holdout.positives])
        users = int(np.isfinite(part["auc"]).sum())
        if users < SMALLEST:
            continue
        figures = {f: metrics.interval(v, resamples=resamples, seed=seed) for f, v in part.items()}
        out.append(Slice(by, name, users, figures))
    return out


def gap(labels: NDArray[np.object_], auc: Floats, seed: int, shuffles: int = 500) -> Gap | None:
    """How unequally a model serves segments; None with fewer than two segments of some size."""
    names, code, sizes = np.unique(labels.astype(str), return_inverse=True, return_counts=True)
    usable = [i for i, name in enumerate(names) if name and sizes[i] >= SMALLEST]
    if len(usable) < 2:
        return None
    inside = np.isin(code, usable)
    code, auc = code[inside], auc[inside]

    def spread(codes: NDArray[np.int64], times: NDArray[np.int64] | None = None) -> Floats:
        w = np.ones(len(codes)) if times is None else times
        total = np.bincount(codes, w * auc, len(names))[usable]
        return np.asarray(total / np.maximum(np.bincount(codes, w, len(names))[usable], 1e-12), np.float64)

    means = spread(code)
    rng = np.random.default_rng(seed)
    by_chance = np.array([np.ptp(spread(rng.permutation(code))) for _ in range(shuffles)])
    found = metrics.pooled(lambda times: float(np.ptp(spread(code, times))), len(auc), seed=seed)
    return Gap(
        gap=found,
        chance=float(by_chance.mean()),
        p=float((1 + (by_chance >= found.value).sum()) / (1 + shuffles)),
        best=str(names[usable[int(means.argmax())]]),
        worst=str(names[usable[int(means.argmin())]]),
    )


def places_by_popularity(lists: Sequence[NDArray[np.int64]], holdout: Holdout, parts: int = 10) -> NDArray[np.float64]:
    """Share of all places in `lists` held by each part of the catalogue, least popular first; shape ``(parts,)``."""
    counts = np.bincount(holdout.train.item, minlength=holdout.train.n_items)
    part = np.empty(len(counts), np.int64)
    part[np.argsort(counts, kind="stable")] = np.arange(len(counts)) * parts // len(counts)
    shown = np.bincount(part[np.concatenate(list(lists))], minlength=parts)
    return np.asarray(shown / max(shown.sum(), 1), np.float64)


def ordered(labels: NDArray[np.object_]) -> list[str]:
    """Distinct labels without '', those that start with a number by it."""

    def key(name: str) -> tuple[int, str]:
        number = re.match(r"\d+", name)
        return int(number[0]) if number else 0, name

    return sorted(set(labels) - {""}, key=key)
