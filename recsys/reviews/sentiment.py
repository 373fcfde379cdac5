"""Sentiment classifiers: a logistic regression on [CLS] vectors, and one on hashed n-grams for what no encoder reads.

Both are linear, so a model is one vector of weights. A shop's own stars teach the one on vectors where there are enough
and it orders them better than the pinned weights do; those were made by `recsys finetune sentiment`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save_file
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from recsys.errors import BadInput

log = logging.getLogger(__name__)

#: Reviews of either kind from which a model is fitted to a shop's own stars.
ENOUGH = 100
#: Shares of the scale up to which stars blame, and from which they praise.
BLAME, PRAISE = 0.4, 0.8
#: Inverse regularisation strengths of the models on vectors and on n-grams, and sizes of the latter.
_C_VECTORS, _C_WORDS, FEATURES, READ = 30.0, 3.0, 1 << 16, 600
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


def fit(
    features: Any, praise: NDArray[np.bool_], *, words: bool = False, about: dict[str, Any] | None = None
) -> Sentiment:
    """A balanced logistic regression; `features` are vectors, or the n-grams of `ngrams`."""
    model = _regression(words).fit(features, praise)
    return Sentiment(model.coef_[0].astype(np.float32), float(model.intercept_[0]))


def _regression(words: bool) -> LogisticRegression:
    return LogisticRegression(C=_C_WORDS if words else _C_VECTORS, max_iter=2_000, class_weight="balanced")


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
    known = ratings[np.isfinite(ratings)]
    top = float(known.max()) if len(known) else 0.0
    scale = next((size for size in (1.0, 5.0, 10.0, 100.0) if top <= size), top)
    if scale == 1.0:
        return ratings > 0, np.isfinite(ratings)
    praise, blame = ratings >= PRAISE * scale, ratings <= BLAME * scale
    return praise, praise | blame


def best(
    features: Any, ratings: NDArray[np.float64], pinned: Sentiment | None, *, words: bool = False
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
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    X, y = features[np.flatnonzero(says)], praise[says]
    own = roc_auc_score(y, cross_val_predict(_regression(words), X, y, cv=folds, method="decision_function"))
    other = roc_auc_score(y, pinned(X)) if pinned else 0.0
    figures = {
        "stars": int(says.sum()),
        "auc": round(float(max(own, other)), 4),
        "auc_of_pinned": round(float(other), 4),
    }
    if pinned is not None and other > own:
        return pinned, {"taught_by": "pinned weights", **figures}
    return fit(X, y, words=words), {"taught_by": "the shop's stars", **figures}


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
