"""TF-IDF of words and word bigrams, by scikit-learn, with an analyzer that also reads Chinese, Japanese and Korean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

_WORD = re.compile(r"[^\W_]+")
HAN = r"\u3400-\u9fff"
"""Chinese characters, as a range of a regular expression."""
CJK = HAN + r"\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af"
"""The same with Japanese and Korean: scripts that write words without spaces, or whose words are read in pairs here."""
_CJK = re.compile(f"([{CJK}]+)")


def words(text: str) -> list[str]:
    """Lower-case word tokens of `text`; runs of Chinese, Japanese or Korean characters become overlapping pairs."""
    text = text.lower()
    if text.isascii():
        return _WORD.findall(text)
    out: list[str] = []
    for part in _CJK.split(text):
        if _CJK.fullmatch(part):
            out += [part] if len(part) == 1 else [part[i : i + 2] for i in range(len(part) - 1)]
        else:
            out += _WORD.findall(part)
    return out


def terms(text: str) -> list[str]:
    """Words and word bigrams of `text`: the terms of text similarity."""
    single = words(text)
    return single + [f"{a} {b}" for a, b in pairwise(single)]


class Tfidf:
    """TF-IDF weights of a catalogue's terms.

    The weight of a term in a text is ``(1 + ln tf) * idf``, ``idf = ln((1 + n) / (1 + df)) + 1`` over the ``n`` texts
    that have a term; rows are scaled to length 1 (Salton & Buckley 1988, as `TfidfTransformer` has it).

    Attributes
    ----------
    terms
        Sorted.
    idf
        float64, one per term.
    """

    def __init__(self, terms: Sequence[str], idf: NDArray[np.float64]) -> None:
        self.terms = list(terms)
        self.idf = np.asarray(idf, np.float64)

    @classmethod
    def learn(cls, texts: Sequence[str], max_terms: int) -> tuple[Tfidf, sparse.csr_array]:
        """Learn the commonest terms of `texts`, at most `max_terms`; with the rows of the texts, ``(n, terms)``."""
        from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer  # a second to import

        counter = CountVectorizer(analyzer=terms, max_features=max_terms, dtype=np.float64)
        try:
            counts = counter.fit_transform(texts)
        except ValueError:  # no text has a word
            return cls([], np.zeros(0)), sparse.csr_array((len(texts), 0), dtype=np.float32)
        # Texts without a term are no documents: a catalogue of bare ids must not make every word look rare.
        weights = TfidfTransformer(sublinear_tf=True).fit(counts[np.diff(counts.indptr) > 0])
        rows = weights.transform(counts, copy=False)
        return cls(counter.get_feature_names_out().tolist(), weights.idf_), _sorted(rows)

    def transform(self, texts: Sequence[str]) -> sparse.csr_array:
        """Rows of other texts, float32, shape ``(len(texts), terms)``; terms that were not learnt count for nothing."""
        if not self.terms or not len(texts):
            return sparse.csr_array((len(texts), len(self.terms)), dtype=np.float32)
        return _sorted(self._vectorizer.transform(texts))

    @cached_property
    def _vectorizer(self) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(analyzer=terms, sublinear_tf=True, vocabulary=self.terms)
        vectorizer.idf_ = self.idf
        return vectorizer


def _sorted(rows: Any) -> sparse.csr_array:
    """`rows` as float32 with columns in order, which products of sparse matrices are fastest with."""
    out = sparse.csr_array(rows, dtype=np.float32)
    out.sum_duplicates()
    return out
