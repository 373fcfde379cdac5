"""TF-IDF of words and of pairs of neighbouring words, as scikit-learn's `TfidfVectorizer` weighs them.

What is here, and not in scikit-learn, is that a pair of words is counted as one number instead of as a string of its
own: a catalogue is counted anew every night, and making those strings was a sixth of a night with few changes.
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

_WORD = re.compile(r"[^\W_]+")
_CJK = re.compile(r"([\u3400-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af]+)")


def words(text: str) -> list[str]:
    """Lower-case words of `text`; runs of Chinese, Japanese or Korean characters become overlapping pairs."""
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
    """Words and pairs of neighbouring words of `text`: the units of text similarity."""
    single = words(text)
    return single + [f"{a} {b}" for a, b in pairwise(single)]


class Tfidf:
    """Terms of a catalogue and what each weighs.

    The weight of a term in a text is ``(1 + ln tf) * idf``, ``idf = ln((1 + n) / (1 + df)) + 1`` over the ``n`` texts
    that have a word; rows are scaled to length 1 (Salton & Buckley 1988, as `TfidfVectorizer` has it).

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

    @cached_property
    def _place(self) -> dict[str, int]:
        return {term: place for place, term in enumerate(self.terms)}

    @classmethod
    def learn(cls, texts: Sequence[str], max_terms: int) -> tuple[Tfidf, sparse.csr_array]:
        """Learn the commonest terms of `texts`, at most `max_terms`; with the rows of the texts, ``(n, terms)``."""
        names, word, lengths = _numbered(texts)
        ends = np.cumsum(lengths)
        first = np.delete(np.arange(len(word)), ends[lengths > 0] - 1)
        pair, pairs = pd.factorize(word[first].astype(np.int64) * len(names) + word[first + 1])
        total = np.r_[np.bincount(word, minlength=len(names)), np.bincount(pair, minlength=len(pairs))]

        kept = np.sort(np.argsort(-total, kind="stable")[:max_terms])  # words come first, then pairs
        single = int(np.searchsorted(kept, len(names)))
        left, right = np.divmod(pairs[kept[single:] - len(names)], max(len(names), 1))
        known = [names[k] for k in kept[:single]]
        known += [f"{names[a]} {names[b]}" for a, b in zip(left.tolist(), right.tolist(), strict=True)]
        order = sorted(range(len(known)), key=known.__getitem__)
        column = np.full(len(total), -1, np.int32)
        column[kept[order]] = np.arange(len(order))

        width = len(order)
        counts = _counts(column[word], lengths, width)
        counts += _counts(column[len(names) :][pair], np.maximum(lengths - 1, 0), width)
        documents = np.bincount(counts.indices, minlength=width)
        idf = np.log((1 + np.count_nonzero(lengths)) / (1 + documents)) + 1
        tfidf = cls([known[k] for k in order], idf)
        return tfidf, tfidf._weighed(counts)

    def transform(self, texts: Sequence[str]) -> sparse.csr_array:
        """Rows of other texts, float32, shape ``(len(texts), terms)``; terms that were not learnt count for nothing."""
        found = [[self._place[term] for term in terms(text) if term in self._place] for text in texts]
        columns = np.array([place for places in found for place in places], np.int32)
        return self._weighed(_counts(columns, np.array([len(places) for places in found], int), len(self.terms)))

    def _weighed(self, counts: sparse.csr_array) -> sparse.csr_array:
        counts.data = ((1 + np.log(counts.data)) * self.idf[counts.indices]).astype(np.float32)
        lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)))
        counts.data /= np.repeat(lengths, np.diff(counts.indptr))
        return counts


def _numbered(texts: Sequence[str]) -> tuple[list[str], NDArray[np.int32], NDArray[np.int32]]:
    """The different words of `texts`, the numbers of all their words in order, and how many each text has."""
    number: defaultdict[str, int] = defaultdict()
    number.default_factory = number.__len__
    numbers, lengths = array("i"), array("i")
    for text in texts:
        found = words(text)
        numbers.extend(map(number.__getitem__, found))
        lengths.append(len(found))
    return list(number), np.frombuffer(numbers, np.int32), np.frombuffer(lengths, np.int32)


def _counts(columns: NDArray[np.int32], lengths: NDArray[np.integer], width: int) -> sparse.csr_array:
    """How often each column is named in each run of `columns`, which are `lengths` long; float32, negative left out."""
    known = columns >= 0
    starts = np.r_[0, np.cumsum(known)][np.r_[0, np.cumsum(lengths)]]
    ones = np.ones(int(starts[-1]), np.float32)
    counts = sparse.csr_array((ones, columns[known], starts), shape=(len(lengths), width))
    counts.sum_duplicates()
    return counts
