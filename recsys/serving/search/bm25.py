"""BM25: exact words, with rare ones counting more (Robertson and Zaragoza, 2009)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from recsys.llm.language import tokens

_K1, _B = 1.2, 0.75


@dataclass(frozen=True)
class BM25:
    """Weights of terms in documents, ready to be summed.

    Attributes
    ----------
    terms
        Term to column.
    weights
        One row per document, CSC float32: a query reads only the columns of its terms.
    idf
        Weight of each term, shape ``(n_terms,)``.
    """

    terms: dict[str, int]
    weights: sparse.csc_array
    idf: NDArray[np.float32]

    @classmethod
    def fit(cls, texts: Sequence[str]) -> BM25:
        """Index documents."""
        counter = CountVectorizer(analyzer=tokens, dtype=np.float32)
        # A vocabulary cannot be empty; this term is never looked up.
        counts = sparse.csr_array(counter.fit_transform([*texts, "-0-"]))[:-1].tocoo()
        lengths = np.asarray(counts.sum(axis=1)).ravel()
        n = len(texts)
        present = np.bincount(counts.col, minlength=counts.shape[1])
        idf = np.log1p((n - present + 0.5) / (present + 0.5)).astype(np.float32)
        average = max(float(lengths.mean()), 1.0) if n else 1.0
        norm = _K1 * (1 - _B + _B * lengths[counts.row] / average)
        data = idf[counts.col] * counts.data * (_K1 + 1) / (counts.data + norm)
        weights = sparse.csc_array((data.astype(np.float32), (counts.row, counts.col)), shape=counts.shape)
        return cls({str(t): int(i) for t, i in counter.vocabulary_.items()}, weights, idf)

    def scores(self, query: str) -> NDArray[np.float32]:
        """Share of the query's weight found in each document, about 0 to 1; shape ``(n,)``.

        Words no document has count as the rarest: a question about something else does not score high on ``the``.
        """
        terms = set(tokens(query))
        columns = [self.terms[t] for t in terms if t in self.terms]
        rarest = float(self.idf.max(initial=1.0))
        total = float(self.idf[columns].sum()) + rarest * (len(terms) - len(columns))
        if not columns or total <= 0:
            return np.zeros(self.weights.shape[0], np.float32)
        found = np.asarray(self.weights[:, columns].sum(axis=1), dtype=np.float32).ravel()
        return found / np.float32(total * (_K1 + 1) / 2)
