"""Lists and scores in bulk, on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recsys.data.schema import ITEM, USER
from recsys.progress import progress_bar
from recsys.serving.candidates import Pool
from recsys.serving.lookup import Lookup
from recsys.serving.scoring import Scoring


def lists(
    lookup: Lookup, scoring: Scoring, users: Sequence[str], k: int, pool: Pool, *, exclude_seen: bool, progress: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Best `k` items of each user: lengths of the lists, then codes and scores of all lists one after another."""

    def one(user: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        return scoring.top(lookup.known_or_new(user), k, pool, exclude_seen=exclude_seen)

    found = parallel_map(one, users, "recommending", progress)
    codes = np.concatenate([np.zeros(0, np.int64), *(c for c, _ in found)])
    scores = np.concatenate([np.zeros(0), *(s for _, s in found)])
    return np.array([len(c) for c, _ in found], np.int64), codes, scores


def pair_scores(lookup: Lookup, scoring: Scoring, pairs: pd.DataFrame, *, progress: bool) -> NDArray[np.float64]:
    """Score of each row of ``user_id, item_id``; the pairs of one user are scored together."""
    code = lookup.codes(pairs[ITEM].tolist())
    users, at = np.unique(pairs[USER].to_numpy(object).astype(str), return_inverse=True)
    order = np.argsort(at, kind="stable")
    groups = np.split(order, np.searchsorted(at[order], np.arange(1, len(users))))
    catalogue = lookup.shop.catalogue

    def one(group: NDArray[np.int64]) -> NDArray[np.float64]:
        profile = lookup.known_or_new(str(users[at[group[0]]])).profile
        return scoring.score(profile, catalogue.take(code[group]))

    out = np.empty(len(pairs))
    for group, scores in zip(groups, parallel_map(one, groups, "scoring", progress), strict=True):
        out[group] = scores
    return out


def parallel_map(work: Callable[[Any], Any], things: Sequence[Any], what: str, progress: bool) -> list[Any]:
    """`work` on each thing, in order: one thread a thing, one BLAS thread each, so that cores are not fought over."""
    with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as pool, progress_bar(progress) as bar:
        return list(bar.track(pool.map(work, things), total=len(things), description=what))
