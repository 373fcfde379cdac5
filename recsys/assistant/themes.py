"""What a sentence is about, among the themes of shop conversations.

A multinomial logistic regression over a sentence vector and the shop concepts, fitted on ways people put each theme
(`phrases.toml`) with whatever encoder is in use. It knows nothing of any shop's own texts: two sentences that share no
word are close when they are about the same theme, and a question whose theme no passage shares has no answer there.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from recsys.data.kept import kept
from recsys.encoders.protocol import Encodes
from recsys.llm.language import concept_names, concepts, language_of

INTENTS = (
    "product",
    "recommendation",
    "order_status",
    "delivery",
    "returns",
    "service",
    "small_talk",
    "privacy",
    "handover",
    "out_of_scope",
)

_CONCEPT_SCALE = 0.5
"""Length of the concept part of a sentence beside its unit vector."""
_FIT = {"C": 30.0, "max_iter": 400}


@dataclass(frozen=True)
class Sentences:
    """Sentences as the assistant sees them; one row each.

    Attributes
    ----------
    vectors
        Unit vectors, or zeros for a language the encoder does not read; shape ``(n, dim)``.
    concepts
        See `language.concepts`.
    themes
        Probability of each theme, shape ``(n, n_themes)``.
    """

    vectors: NDArray[np.float32]
    concepts: NDArray[np.float32]
    themes: NDArray[np.float32]


@cache
def _bank() -> dict[str, Mapping[str, object]]:
    source = resources.files(__package__).joinpath("phrases.toml").read_text(encoding="utf-8")
    return tomllib.loads(source)


@cache
def bank_hash() -> str:
    """Changes when the phrases do: a regression fitted on others speaks of other themes."""
    source = resources.files(__package__).joinpath("phrases.toml").read_bytes() + repr(concept_names()).encode()
    return hashlib.sha256(source).hexdigest()[:16]


def theme_names() -> list[str]:
    """Names of the themes, in the order of the columns of `Sentences.themes`."""
    return list(_bank())


def theme_intents() -> list[str]:
    """The intent each theme belongs to."""
    return [str(theme["intent"]) for theme in _bank().values()]


def phrases() -> list[str]:
    """Every phrase of the bank."""
    return _phrases()[0]


@cache
def common_words() -> frozenset[str]:
    """English words of the phrases: spelt right in any shop."""
    return frozenset(word for text in phrases() for word in re.findall(r"[a-z]{5,}", text.lower()))


def _phrases() -> tuple[list[str], NDArray[np.int64]]:
    texts: list[str] = []
    labels: list[int] = []
    for label, theme in enumerate(_bank().values()):
        forms: Sequence[str] = theme["phrases"]  # type: ignore[assignment]
        texts += forms
        labels += [label] * len(forms)
    return texts, np.array(labels)


@dataclass(frozen=True)
class LinearClassifier:
    """A fitted multinomial logistic regression: `weights` ``(n_classes, n_features)``, `offset`."""

    weights: NDArray[np.float32]
    offset: NDArray[np.float32]

    @classmethod
    def fit(cls, features: Any, labels: NDArray[np.int64], n_classes: int, **options: Any) -> LinearClassifier:
        """Fit by scikit-learn with its `options`; a class without an example is never predicted."""
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # the bound on its steps is meant
            model = LogisticRegression(**options).fit(features, labels)
        weights = np.zeros((n_classes, features.shape[1]), np.float32)
        offset = np.full(len(weights), -30.0, np.float32)
        weights[model.classes_], offset[model.classes_] = model.coef_, model.intercept_
        return cls(weights, offset)

    def __call__(self, features: Any) -> NDArray[np.float32]:
        """Probability of each class, shape ``(n, n_classes)``."""
        return softmax(features @ self.weights.T + self.offset, axis=1)

    def save(self, directory: Path, name: str) -> None:
        """Write one array: the offset is its last column."""
        np.save(directory / f"{name}.npy", np.column_stack([self.weights, self.offset]))

    @classmethod
    def load(cls, directory: Path, name: str) -> LinearClassifier:
        """Read what `save` wrote."""
        both = np.load(directory / f"{name}.npy", allow_pickle=False)
        return cls(np.ascontiguousarray(both[:, :-1]), both[:, -1].copy())


_Regressions = tuple[LinearClassifier, LinearClassifier]
"""Over vector and concepts, and over the concepts alone."""
_NAMES = ("themes_joint", "themes_concepts")


def _learnt(encoder: Encodes) -> _Regressions:
    texts, labels = _phrases()
    vectors, found = encoder.encode(texts).vectors, concepts(texts)
    joint = LinearClassifier.fit(_features(vectors, found), labels, len(theme_names()), **_FIT)
    speaks = found.any(axis=1)
    return joint, LinearClassifier.fit(_unit(found[speaks]), labels[speaks], len(theme_names()), **_FIT)


def _save(both: _Regressions, directory: Path) -> None:
    for regression, name in zip(both, _NAMES, strict=True):
        regression.save(directory, name)


def _load(directory: Path) -> _Regressions:
    joint, alone = (LinearClassifier.load(directory, name) for name in _NAMES)
    return joint, alone


class Reader:
    """Reads sentences: their vectors, concepts and themes.

    Parameters
    ----------
    encoder
        Made with mean pooling: raw cosine prefers it.
    joint, concepts_only
        Regressions over vector and concepts, and over the concepts alone for sentences without a vector.
    languages
        Languages the encoder reads; sentences in others are known by their concepts and words alone.
    """

    def __init__(
        self,
        encoder: Encodes,
        joint: LinearClassifier,
        concepts_only: LinearClassifier,
        languages: Sequence[str] = ("en",),
    ) -> None:
        self.encoder = encoder
        self.languages = tuple(languages)
        self._joint = joint
        self._concepts_only = concepts_only

    @classmethod
    def fit(cls, encoder: Encodes, languages: Sequence[str] = ("en",)) -> Reader:
        """Learn the themes with this encoder: seconds (about two thousand phrases), once a machine and encoder.

        They are of no shop, so what was learnt for one is kept for all, in the user cache.
        """
        made_of = [encoder.fingerprint, bank_hash(), _FIT]
        return cls(encoder, *kept("themes", made_of, _load, lambda: _learnt(encoder), _save), languages)

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts; zeros where the encoder does not read the language."""
        out = np.zeros((len(texts), self.encoder.dim), np.float32)
        rows = [row for row, text in enumerate(texts) if language_of(text) in self.languages]
        if rows:
            out[rows] = self.encoder.encode([texts[row] for row in rows]).vectors
        return out

    def read(self, texts: Sequence[str]) -> Sentences:
        """Vectors, concepts and themes of texts."""
        vectors, found = self.vectors(texts), concepts(texts)
        return Sentences(vectors, found, self.themes(vectors, found))

    def themes(self, vectors: NDArray[np.float32], found: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probability of each theme from sentence vectors and concepts, shape ``(n, n_themes)``.

        A sentence with neither a vector nor a concept is about nothing known: zeros.
        """
        known = vectors.any(axis=1, keepdims=True)
        alone = self._concepts_only(_unit(found)) * found.any(axis=1, keepdims=True)
        return np.where(known, self._joint(_features(vectors, found)), alone).astype(np.float32)

    def save(self, directory: Path) -> None:
        """Write the regressions as arrays."""
        directory.mkdir(parents=True, exist_ok=True)
        _save((self._joint, self._concepts_only), directory)

    @classmethod
    def load(cls, directory: Path, encoder: Encodes, languages: Sequence[str] = ("en",)) -> Reader:
        """Read what `save` wrote; the encoder has to be the one it was fitted with."""
        return cls(encoder, *_load(directory), languages)


def intent_of(themes: NDArray[np.float32]) -> tuple[str, float]:
    """The likeliest intent of one sentence and its probability: the sum over the intent's themes."""
    totals = dict.fromkeys(INTENTS, 0.0)
    for intent, probability in zip(theme_intents(), themes, strict=True):
        totals[intent] += float(probability)
    best = max(totals, key=lambda intent: totals[intent])
    return best, totals[best]


def _features(vectors: NDArray[np.float32], found: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.hstack([vectors, _CONCEPT_SCALE * _unit(found)])


def _unit(found: NDArray[np.float32]) -> NDArray[np.float32]:
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1.0)
