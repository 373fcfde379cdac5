"""Baselines: the simple recommenders ours has to beat, each as a score for every item of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recsys.data.catalogue import Candidates, ItemFeatures
from recsys.data.events import DAY, Events
from recsys.data.histories import Histories

if TYPE_CHECKING:
    from recsys.ranking.ranker import Ranker
    from recsys.ranking.sampling import HistoryVectors

Scores = Callable[[int], NDArray[np.float64]]
"""Scores of all catalogue items for one user code, shape ``(n_items,)``; higher is better."""


def popularity(events: Events, days: float | None = None) -> Scores:
    """Popularity baseline: summed event weights of each item, over all time or the last `days` before the end."""
    if days is not None:
        events = events.where(events.time >= events.end - days * DAY)
    counts = np.bincount(events.item, events.weight, minlength=events.n_items).astype(np.float64)
    return lambda user: counts


def tfidf_cosine(facts: ItemFeatures, histories: Histories) -> Scores:
    """Cosine between an item's TF-IDF row and the recency-weighted mean row of the history."""
    transposed = facts.terms.T.tocsc()

    def scores(user: int) -> NDArray[np.float64]:
        rows = slice(histories.indptr[user], histories.indptr[user + 1])
        mean = histories.recency[rows] @ facts.terms[histories.items[rows]]
        return np.asarray(mean @ transposed, np.float64).ravel()

    return scores


def embedding_cosine(facts: ItemFeatures, histories: Histories) -> Scores:
    """Inner product of an item's unit vector and the recency-weighted mean vector of the history."""

    def scores(user: int) -> NDArray[np.float64]:
        rows = slice(histories.indptr[user], histories.indptr[user + 1])
        return (facts.vectors @ (histories.recency[rows] @ facts.vectors[histories.items[rows]])).astype(np.float64)

    return scores


def ranker_scores(
    ranker: Ranker, catalogue: Candidates, histories: Histories, users: NDArray[np.int64], texts: HistoryVectors
) -> Scores:
    """The ranker as a model for evaluation, over these users' histories."""
    vectors = dict(zip(users.tolist(), texts(histories, users), strict=True))
    return lambda user: ranker.logit(histories.profile(user, catalogue.facts, vectors[user]), catalogue)
