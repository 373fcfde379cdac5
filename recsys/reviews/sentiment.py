"""Sentiment classifiers: a logistic regression on [CLS] vectors, and one on hashed n-grams for what no encoder reads.

Both are linear, so a model is one vector of weights. A shop's own stars teach the one on vectors where there are enough
and it orders them better than the pinned weights do; those were made by `recsys finetune sentiment`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save_file
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from recsys.errors import BadInput
from recsys.reviews.sentences import sentences

log = logging.getLogger(__name__)

#: Reviews of either kind from which a model is fitted to a shop's own stars.
ENOUGH = 100
#: Shares of the scale up to which stars blame, and from which they praise.
BLAME, PRAISE = 0.4, 0.8
#: Inverse regularisation strengths of the models on vectors and on n-grams, and sizes of the latter.
_C_VECTORS, _C_WORDS, FEATURES, READ = 30.0, 3.0, 1 << 16, 600
#: Weight of each sentence of a review beside the review, where words are learnt from.
SENTENCE = 0.2
#: Reviews whose sentences teach: of more than twice as many, every second, third, ... review's.
TEACHING = 50_000
#: Log-odds that the best stars add to what a sentence of the review says; the worst take them away.
STARS = 1.0
#: Languages with n-grams of characters: nothing in them parts words.
_UNSPACED = ("zh", "ja", "th")


@dataclass(frozen=True)
class Sentiment:
    """A linear model of praise.

    Attributes
    ----------
    weights
        One per component of a vector (or hashed n-gram), float32.
    bias
        Added to the sum.
    """

    weights: NDArray[np.float32]
    bias: float

    def __call__(self, features: Any) -> NDArray[np.float64]:
        """Log-odds that each row praises, shape ``(n,)``."""
        return np.asarray(features @ self.weights, np.float64).ravel() + self.bias


@dataclass(frozen=True)
class Examples:
    """Reviews that a model is fitted to and, where words are learnt from, their sentences with the label of the whole.

    Of a short text few n-grams are known, so what stands there is the intercept; fitted to whole reviews alone, that of
    Chinese words took two sentences of three that praise for blame.

    Attributes
    ----------
    features
        One row a review: vectors, or n-grams.
    sentences
        N-grams of their sentences; None of vectors, whose length says nothing.
    review
        Row of the review that each sentence is of.
    """

    features: Any
    sentences: Any = None
    review: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def of_words(cls, texts: Sequence[str], language: str) -> Examples:
        """N-grams of reviews and of their sentences."""
        teaching = range(0, len(texts), max(len(texts) // TEACHING, 1))
        pieces = [(row, piece) for row in teaching for piece in sentences(texts[row][:READ])]
        review = np.array([row for row, _ in pieces], np.int64)
        return cls(ngrams(texts, language), ngrams([piece for _, piece in pieces], language), review)

    def fit(self, praise: NDArray[np.bool_], rows: NDArray[np.bool_] | None = None) -> Sentiment:
        """A balanced logistic regression on some of the reviews (default: all); `praise` is of all, shape ``(n,)``."""
        rows = np.ones(len(praise), bool) if rows is None else rows
        X, y, weight = self.features[np.flatnonzero(rows)], praise[rows], None
        if self.sentences is not None:
            taken = np.flatnonzero(rows[self.review])
            X, y = sparse.vstack([X, self.sentences[taken]]), np.concatenate([y, praise[self.review[taken]]])
            weight = np.where(np.arange(len(y)) < rows.sum(), 1.0, SENTENCE)
        strength = _C_VECTORS if self.sentences is None else _C_WORDS
        model = LogisticRegression(C=strength, max_iter=2_000, class_weight="balanced").fit(X, y, sample_weight=weight)
        return Sentiment(model.coef_[0].astype(np.float32), float(model.intercept_[0]))


def pooled(opinions: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Log-odds of praise by several models: the mean of theirs (a logarithmic opinion pool, Genest 1984).

    Vectors know what is meant by words that no label held; n-grams know the words that tell. Together they order
    reviews better than either does.
    """
    return np.asarray(np.mean(opinions, axis=0), np.float64)


def probability(odds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Probability of praise from its log-odds."""
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -30, 30))), np.float32)


def ngrams(texts: Sequence[str], language: str) -> Any:
    """Hashed n-grams of texts (characters where nothing parts words), square roots of their shares; CSR."""
    if not len(texts):
        return sparse.csr_matrix((0, FEATURES), dtype=np.float32)
    unspaced = language in _UNSPACED
    vectorizer = HashingVectorizer(
        analyzer="char" if unspaced else "word",
        ngram_range=(1, 3) if unspaced else (1, 2),
        token_pattern=r"(?u)\b\w+(?:'\w+)?\b",  # noqa: S106 - words, no password
        n_features=FEATURES,
        alternate_sign=False,
        norm="l2",
        dtype=np.float32,
    )
    counted = vectorizer.transform([text[:READ] for text in texts])
    counted.data = np.sqrt(counted.data)
    return counted


def labels(ratings: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which ratings praise, and which say praise or blame at all (the middle says neither), by their scale."""
    scale = _scale(ratings)
    if scale == 1.0:
        return ratings > 0, np.isfinite(ratings)
    praise, blame = ratings >= PRAISE * scale, ratings <= BLAME * scale
    return praise, praise | blame


def leaning(ratings: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the stars of a review add to the log-odds of its sentences, -`STARS` to `STARS`; nothing without stars."""
    middle = (BLAME + PRAISE) / 2
    return STARS * np.nan_to_num(np.clip((ratings / _scale(ratings) - middle) / (1 - middle), -1, 1))


def _scale(ratings: NDArray[np.float64]) -> float:
    """The best that can be given: 1, 5, 10 or 100."""
    known = ratings[np.isfinite(ratings)]
    top = float(known.max()) if len(known) else 0.0
    return next((size for size in (1.0, 5.0, 10.0, 100.0) if top <= size), top)


def best(
    examples: Examples, ratings: NDArray[np.float64], pinned: Sentiment | None
) -> tuple[Sentiment | None, dict[str, Any]]:
    """The model for a shop: fitted to its stars where that orders them better than the pinned one does, cross-fitted.

    Returns
    -------
    tuple
        The model (None where there are too few stars and no pinned one) and what was compared.
    """
    praise, says = labels(ratings)
    few = min(int(praise[says].sum()), int((~praise[says]).sum()))
    if few < ENOUGH:
        return pinned, {"taught_by": "pinned weights" if pinned else "nothing", "stars": int(says.sum())}
    own = roc_auc_score(praise[says], _cross_fitted(examples, praise, says))
    other = roc_auc_score(praise[says], pinned(examples.features[np.flatnonzero(says)])) if pinned else 0.0
    figures = {
        "stars": int(says.sum()),
        "auc": round(float(max(own, other)), 4),
        "auc_of_pinned": round(float(other), 4),
    }
    if pinned is not None and other > own:
        return pinned, {"taught_by": "pinned weights", **figures}
    return examples.fit(praise, says), {"taught_by": "the shop's stars", **figures}


def _cross_fitted(examples: Examples, praise: NDArray[np.bool_], says: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Log-odds of the reviews that say anything, each by a model that has not seen it."""
    rows, odds = np.flatnonzero(says), np.zeros(len(praise))
    for _, test in StratifiedKFold(5, shuffle=True, random_state=0).split(rows, praise[rows]):
        held = rows[test]
        taught = says.copy()
        taught[held] = False
        odds[held] = examples.fit(praise, taught)(examples.features[held])
    return odds[rows]


# --- weights that travel with the library -----------------------------------------------------------------------------

_FILE = "sentiment.safetensors"


@cache
def _pinned() -> dict[str, NDArray[Any]]:
    source = resources.files("recsys.reviews") / "weights" / _FILE
    return load(source.read_bytes()) if source.is_file() else {}


def pinned(name: str) -> Sentiment | None:
    """The pinned model of an encoder (its weights' hash) or of a language's n-grams (``words-zh``), or None."""
    return of_state(_pinned(), name)


def of_state(state: dict[str, NDArray[Any]], name: str) -> Sentiment | None:
    """One model of a file of weights."""
    key = name[:32]
    if f"{key}.weights" not in state:
        return None
    return Sentiment(state[f"{key}.weights"].astype(np.float32), float(state[f"{key}.bias"][0]))


def write(models: dict[str, Sentiment], path: Path) -> None:
    """Write models as safetensors in half precision: weights that are only compared need no more.

    Raises
    ------
    BadInput
        There is no model to write.
    """
    if not models:
        raise BadInput("no model was fitted: the labels hold no text of a known kind")
    state = {f"{name[:32]}.weights": model.weights.astype(np.float16) for name, model in models.items()}
    state |= {f"{name[:32]}.bias": np.array([model.bias], np.float32) for name, model in models.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, path)
