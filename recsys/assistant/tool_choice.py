"""Multinomial logistic regression of the tool that a turn asks for, over its words, its vector and what it follows.

Learnt from turns of written conversations in invented shops (`turns.tsv`), so that it knows how people ask and nothing
of what any shop sells. Parts of words read what an encoder of few parameters does not: typos, slang, terse follow-ups.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer

from recsys.assistant.themes import LinearClassifier, Reader
from recsys.data.kept import kept

TOLD = ("first", "order", "rule", "products", "other")
"""What the answer before told of: ``first`` where there was none."""
_PARTS = HashingVectorizer(analyzer="char_wb", ngram_range=(1, 4), n_features=2**14)
_FIT = {"C": 10.0, "tol": 1e-3, "max_iter": 60}
"""Chosen on authors that were held out; a closer fit changes no third digit and takes three times as long."""
COMPLAINT = "complaint"
"""Label of turns that are no call but an apology with what helps."""
SAVED = "tools"


@dataclass(frozen=True)
class Situation:
    """What a turn follows.

    Attributes
    ----------
    told
        One of `TOLD`.
    shown
        How many products stand before the shopper: none, one, or 2 for several.
    """

    told: str = "first"
    shown: int = 0


@dataclass(frozen=True)
class Example:
    """A turn, what it follows, and the tool that answers it."""

    tool: str
    situation: Situation
    text: str


class ToolClassifier:
    """Probabilities of the tools for a turn.

    Parameters
    ----------
    model
        Regression over the features of `_features`, its rows in the order of `tool_names`.
    """

    def __init__(self, model: LinearClassifier) -> None:
        self._model = model

    @classmethod
    def fit(cls, reader: Reader) -> ToolClassifier:
        """Learn the tools with the vectors of this reader: half a minute of one core, once a machine and encoder.

        It knows no shop, so what was learnt for one is kept for all, in the user cache.
        """
        made_of = [reader.encoder.fingerprint, *reader.languages, examples_hash(), _FIT]
        return kept(SAVED, made_of, cls.load, lambda: cls._learnt(reader), cls.save)

    @classmethod
    def _learnt(cls, reader: Reader) -> ToolClassifier:
        texts = [example.text for example in examples()]
        features = _features(texts, reader.vectors(texts), [example.situation for example in examples()])
        labels = np.array([tool_names().index(example.tool) for example in examples()])
        return cls(LinearClassifier.fit(features, labels, len(tool_names()), **_FIT))

    def __call__(self, text: str, vector: NDArray[np.float32], situation: Situation) -> dict[str, float]:
        """Probability of each tool for a turn whose sentence vector (shape ``(dim,)``) is known."""
        found = self._model(_features([text], vector[None], [situation]))[0]
        return dict(zip(tool_names(), map(float, found), strict=True))

    def save(self, directory: Path) -> None:
        """Write the regression as one array."""
        self._model.save(directory, SAVED)

    @classmethod
    def load(cls, directory: Path) -> ToolClassifier:
        """Read what `save` wrote."""
        return cls(LinearClassifier.load(directory, SAVED))


@cache
def examples() -> tuple[Example, ...]:
    """The turns of `turns.tsv`: tool, what the answer before told of, products shown, text."""
    rows = (line.split("\t") for line in _source().decode().splitlines())
    return tuple(Example(tool, Situation(told, int(shown)), text) for tool, told, shown, text in rows)


@cache
def tool_names() -> tuple[str, ...]:
    """The tools that some example asks for, and `COMPLAINT`, in alphabetical order."""
    return tuple(sorted({example.tool for example in examples()}))


@cache
def examples_hash() -> str:
    """Changes when the examples do."""
    return hashlib.sha256(_source()).hexdigest()[:16]


def _source() -> bytes:
    return resources.files(__package__).joinpath("turns.tsv").read_bytes()


def _features(texts: Sequence[str], vectors: NDArray[np.float32], situations: Sequence[Situation]) -> Any:
    """Parts of words (any digit is like another), sentence vectors and situations, a sparse matrix of a row each."""
    parts = _PARTS.transform([re.sub(r"\d", "0", text.lower()) for text in texts])
    follows = np.array([[s.told == told for told in TOLD] + [s.shown == n for n in range(3)] for s in situations])
    return sparse.hstack([parts, sparse.csr_matrix(vectors), sparse.csr_matrix(follows, dtype=np.float32)]).tocsr()
