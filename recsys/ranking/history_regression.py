"""Regression calibration of history texts: their vectors as expected from the vectors of the titles in them.

The vector of a history's text moves all of a shopper's scores together, so that training needs it right on average
only; encoding every shopper's history as of every window was the longest part of a night. A predictor replaced by its
expectation, given what is known, keeps its weights (Berkson error; Carroll et al. 2006, "Measurement Error in Nonlinear
Models", chapter 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsys.data.catalogue import ItemFeatures
from recsys.data.histories import Histories, word_counts
from recsys.data.snapshot import Snapshot, titles
from recsys.settings import Settings

#: Histories that are learnt from, and the ridge: on Online Retail .1 was best from 40 histories to 3,000, where .83 of
#: the variance in the directions that the ranker reads is explained (.83 on Office, too).
SAMPLE, RIDGE = 4_000, 0.1


@dataclass(frozen=True)
class HistoryRegression:
    """Ridge regression of history-text vectors on the latest title's vector and the mean of all titles in the text.

    Attributes
    ----------
    items, words
        Vectors of the items' texts and words of their titles, row = code.
    max_words
        Words of a history text.
    weights, means
        Shape ``(2 * dim + 1, dim)``, the last row is the intercept; and the means of the ``2 * dim`` inputs.
    """

    items: NDArray[np.float32]
    words: NDArray[np.int64]
    max_words: int
    weights: NDArray[np.float32]
    means: NDArray[np.float32]

    @classmethod
    def learn(cls, shop: Snapshot, settings: Settings) -> HistoryRegression:
        """Learn from the histories of today, whose texts were encoded."""
        histories, vectors, dim = shop.histories, shop.facts.vectors, shop.facts.vectors.shape[1]
        words = word_counts(titles(shop.tables.value.items))
        start = cls(
            vectors, words, settings.history.max_words,
            np.zeros((2 * dim + 1, dim), np.float32), np.zeros(2 * dim, np.float32),
        )  # fmt: skip
        users = np.flatnonzero(np.diff(histories.indptr))
        if not len(users):
            return start
        if len(users) > SAMPLE:
            users = np.sort(np.random.default_rng(settings.seed).choice(users, SAMPLE, replace=False))
        inputs, texts = start._inputs(histories, users), shop.history_pool.vectors[users]
        means, usual = inputs.mean(axis=0), texts.mean(axis=0)
        inputs -= means
        gram = (inputs.T @ inputs).astype(np.float64)
        gram[np.diag_indices(len(gram))] += RIDGE
        weights = np.linalg.solve(gram, (inputs.T @ (texts - usual)).astype(np.float64))
        return replace(start, weights=np.vstack([weights, usual]).astype(np.float32), means=means)

    def over(self, facts: ItemFeatures, names: Sequence[str]) -> HistoryRegression:
        """The same regression over another catalogue, described by vectors of the same encoder and by titles."""
        return replace(self, items=facts.vectors, words=word_counts(names))

    def __call__(self, histories: Histories, users: NDArray[np.integer]) -> NDArray[np.float32]:
        """Expected vectors of the users' history texts, shape ``(len(users), dim)``; of an empty history, zeros."""
        found = (self._inputs(histories, users) - self.means) @ self.weights[:-1] + self.weights[-1]
        found[np.diff(histories.indptr)[users] == 0] = 0.0
        return found

    def _inputs(self, histories: Histories, users: NDArray[np.integer]) -> NDArray[np.float32]:
        """Vector of the latest title beside the mean, by words, of the titles that the text names."""
        out = np.zeros((len(users), 2, self.items.shape[1]), np.float32)
        for row, user in zip(out, users.tolist(), strict=True):
            latest_first = histories.items[histories.indptr[user] : histories.indptr[user + 1]][::-1]
            if not len(latest_first):
                continue
            words = self.words[latest_first]
            named = np.cumsum(words) - words < self.max_words
            share = words[named] + 1e-6  # titles may be empty
            row[0] = self.items[latest_first[0]]
            row[1] = (share / share.sum()).astype(np.float32) @ self.items[latest_first[named]]
        return out.reshape(len(users), -1)
