"""The simple recommenders ours has to beat, each as a score for every item of the catalogue."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import ItemFacts
from recsys.events import DAY, Events
from recsys.histories import Histories

Scores = Callable[[int], NDArray[np.float64]]
"""Scores of all catalogue items for one user code, shape ``(n_items,)``; higher is better."""


def popularity(events: Events, days: float | None = None) -> Scores:
    """Summed event weights of each item, over all time or the last `days` before the end."""
    if days is not None:
        events = events.where(events.time >= events.end - days * DAY)
    counts = np.bincount(events.item, events.weight, minlength=events.n_items).astype(np.float64)
    return lambda user: counts


def tfidf_cosine(facts: ItemFacts, histories: Histories) -> Scores:
    """Cosine between an item's TF-IDF row and the recency-weighted mean row of the history."""
    transposed = facts.terms.T.tocsc()

    def scores(user: int) -> NDArray[np.float64]:
        rows = slice(histories.indptr[user], histories.indptr[user + 1])
        mean = histories.recency[rows] @ facts.terms[histories.items[rows]]
        return np.asarray(mean @ transposed, np.float64).ravel()

    return scores


def embedding_cosine(facts: ItemFacts, histories: Histories) -> Scores:
    """Inner product of an item's unit vector and the recency-weighted mean vector of the history."""

    def scores(user: int) -> NDArray[np.float64]:
        rows = slice(histories.indptr[user], histories.indptr[user + 1])
        return (facts.vectors @ (histories.recency[rows] @ facts.vectors[histories.items[rows]])).astype(np.float64)

    return scores
