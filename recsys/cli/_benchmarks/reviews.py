"""How well is praise told from blame, against VADER (English) and SnowNLP (Chinese) on the same labelled reviews?"""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from recsys.cli._benchmarks.race import machine
from recsys.data import languages
from recsys.data.columns import CATEGORY, LANGUAGE, REVIEW
from recsys.encoders.protocol import Encodes
from recsys.reviews import denials, sentiment
from recsys.reviews.sentiment import Examples
from recsys.reviews.training import FOLDS, POSITIVE

#: Categories that no model was fitted on, and reviews of one that can be judged by.
UNSEEN, FEWEST = 3, 50


def bench_reviews(labels: pd.DataFrame, encoder: Encodes, *, size: int | None = None, seed: int = 0) -> dict[str, Any]:
    """AUC of each model on reviews it was not fitted on: of three unseen categories, or five folds where there are few.

    Parameters
    ----------
    labels
        As `recsys.reviews.training.read_labels` returns them.
    size
        Reviews of each category at most, drawn by the seed.

    Returns
    -------
    dict
        JSON-ready; ``languages`` holds for each language its protocol and the ``auc`` of each model.
    """
    if size is not None:
        labels = labels.sample(frac=1, random_state=seed).groupby([LANGUAGE, CATEGORY], sort=True).head(size)
    found = {str(name): _judged(part, encoder, str(name), seed) for name, part in labels.groupby(LANGUAGE)}
    said = "; ".join(
        f"{name}: {', '.join(f'{model} {auc:.3f}' for model, auc in one['auc'].items())}" for name, one in found.items()
    )
    return {"machine": machine(), "languages": found, "line": f"AUC on reviews not fitted on, {said}"}


def _judged(labels: pd.DataFrame, encoder: Encodes, language: str, seed: int) -> dict[str, Any]:
    texts, praise = labels[REVIEW].tolist(), labels[POSITIVE].to_numpy(bool)
    tests, how = _splits(labels, seed)
    start = time.perf_counter()
    without = denials.denying(texts, language)  # read beside the texts, by the same models
    every, n, denies = [*texts, *without.values()], len(texts), list(without)
    features: dict[str, Any] = {"words": sentiment.ngrams(every, language)}
    examples = {"words": Examples.of_words(texts, language)}
    if not languages.unread({language: 1.0}, str(encoder.info["name"])):
        name = f"[CLS] of {encoder.info['name']}"
        features[name] = encoder.encode(every).vectors
        examples[name] = Examples(features[name][:n])
    rows = np.flatnonzero(np.logical_or.reduce(tests))
    opinions = {name: np.zeros(len(every)) for name in features}
    for name, own in features.items():
        for test in tests:
            model = examples[name].fit(praise, ~test)
            of = np.concatenate([test, test[denies]])
            opinions[name][of] = model(own[of])
    odds = sentiment.pooled(list(opinions.values()))
    odds[denies] = denials.turned(odds[denies], odds[n:])
    ours = {"vectors and words" if len(opinions) > 1 else "words alone": odds}
    seconds = time.perf_counter() - start
    peer = _peer(language, [texts[row] for row in rows])
    auc = {name: float(roc_auc_score(praise[rows], scores[rows])) for name, scores in (ours | opinions).items()}
    if peer is not None:
        auc[peer[0]] = float(roc_auc_score(praise[rows], peer[1]))
    return {"reviews": len(texts), "judged": len(rows), "protocol": how, "auc": auc, "seconds": round(seconds, 1)}


def _splits(labels: pd.DataFrame, seed: int) -> tuple[list[NDArray[np.bool_]], str]:
    """What is judged in each turn: everything else is fitted on."""
    rng = np.random.default_rng(seed)
    # Of a category of another language a few short reviews read like this one.
    sizes = labels[CATEGORY].value_counts()
    names = sorted(sizes.index[sizes >= FEWEST])
    if len(names) > 2 * UNSEEN:
        unseen = [names[i] for i in sorted(rng.permutation(len(names))[:UNSEEN])]
        return [labels[CATEGORY].isin(unseen).to_numpy()], f"unseen categories: {', '.join(unseen)}"
    folds = rng.permutation(len(labels)) % FOLDS
    return [folds == fold for fold in range(FOLDS)], f"{FOLDS} folds"


def _peer(language: str, texts: Sequence[str]) -> tuple[str, list[float]] | None:
    """Scores of the library that is usual for a language; None where it is not installed, or there is none."""
    try:
        if language == "en":
            vader = importlib.import_module("vaderSentiment.vaderSentiment").SentimentIntensityAnalyzer()
            return "VADER", [vader.polarity_scores(text)["compound"] for text in texts]
        if language == "zh":
            snownlp = importlib.import_module("snownlp").SnowNLP
            return "SnowNLP", [snownlp(text).sentiments for text in texts]
    except ImportError:
        pass
    return None
