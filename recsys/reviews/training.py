"""Fitting the sentiment weights that travel with the library, from labelled reviews that do not.

One model on [CLS] vectors per encoder, and one on hashed n-grams per language; the card says on what, and how good.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from recsys.data import languages
from recsys.data.atomic import write_text
from recsys.data.columns import CATEGORY, LANGUAGE, RATING, REVIEW
from recsys.data.validation import with_columns
from recsys.encoders.protocol import Encodes
from recsys.errors import BadInput
from recsys.reviews import sentiment
from recsys.reviews.sentences import scripts
from recsys.reviews.sentiment import Examples

#: Column of labels: whether a review praises; stars (`rating`) do as well.
POSITIVE = "positive"
FOLDS = 5


def read_labels(table: pd.DataFrame, source: str = "labels") -> pd.DataFrame:
    """Labelled reviews: `review`, and `positive` or `rating`; optional `category`, `language`. Each text once.

    Returns
    -------
    pandas.DataFrame
        `review`, `positive` (bool), `category` (text, '' where unknown), `language`.

    Raises
    ------
    BadInput
        A column is missing, or all labels say the same.
    """
    table = with_columns(table, [REVIEW], source).dropna(subset=[REVIEW])
    if POSITIVE in table.columns:
        positive = table[POSITIVE].astype(float).to_numpy() > 0
    elif RATING in table.columns:
        positive, says = sentiment.labels(table[RATING].to_numpy(np.float64, na_value=np.nan))
        table, positive = table[says], positive[says]
    else:
        raise BadInput(f"{source}: no column {POSITIVE!r} (1: praise, 0: blame) and no column {RATING!r} (stars)")
    if len(np.unique(positive)) < 2:
        raise BadInput(f"{source}: all {len(table):,} labels say the same; praise and blame are needed")
    texts = table[REVIEW].astype(str).str.replace("\ufeff", "").str.strip().tolist()
    declared = table[LANGUAGE].astype(str).tolist() if LANGUAGE in table.columns else None
    category = table[CATEGORY].fillna("").astype(str).tolist() if CATEGORY in table.columns else [""] * len(table)
    out = pd.DataFrame(
        {REVIEW: texts, POSITIVE: positive, CATEGORY: category, LANGUAGE: scripts(texts, declared)}
    ).drop_duplicates(REVIEW)
    return out[out[REVIEW] != ""].reset_index(drop=True)


def fit_sentiment(
    labels: pd.DataFrame, encoders: Sequence[Encodes], out: Path, *, most: int | None = None, progress: bool = False
) -> dict[str, Any]:
    """Fit, cross-validate and write one model per encoder and language.

    Parameters
    ----------
    labels
        As `read_labels` returns them.
    out
        Directory for `sentiment.safetensors` and its card `README.md`.
    most
        Reviews of each category that are encoded at most, drawn by a fixed seed.

    Returns
    -------
    dict
        For each model the rows it was fitted on and its cross-validated AUC: by unseen category where there are
        several, else in five folds.
    """
    praise = labels[POSITIVE].to_numpy(bool)
    spoken = labels[LANGUAGE].to_numpy(object)
    models, figures = {}, {}
    for encoder in encoders:
        name = str(encoder.info["weights_hash"])
        read = labels[[not languages.unread({own: 1.0}, str(encoder.info["name"])) for own in spoken]]
        if most is not None:
            read = read.sample(frac=1, random_state=0).groupby(CATEGORY, sort=True).head(most)
        if len(read):
            vectors = encoder.encode(read[REVIEW].tolist(), progress=progress).vectors
            about = {
                "encoder": encoder.info["name"],
                "pooling": encoder.pooling,
                "languages": sorted(set(read[LANGUAGE])),
            }
            models[name] = Examples(vectors).fit(read[POSITIVE].to_numpy(bool))
            figures[name[:32]] = {**about, **_judged(Examples(vectors), read)}
    for language in sorted(set(spoken)):
        own = spoken == language
        if min(int(praise[own].sum()), int((~praise[own]).sum())) < FOLDS:
            continue
        examples = Examples.of_words(labels[REVIEW][own].tolist(), language)
        models[f"words-{language}"] = examples.fit(praise[own])
        figures[f"words-{language}"] = {"languages": [language], **_judged(examples, labels[own])}
    sentiment.write(models, out / "sentiment.safetensors")
    write_text(out / "README.md", _card(labels, figures))
    return figures


def _judged(examples: Examples, labels: pd.DataFrame) -> dict[str, Any]:
    """Rows and cross-validated AUC of one model."""
    praise = labels[POSITIVE].to_numpy(bool)
    groups = labels[CATEGORY].to_numpy(object)
    folds = np.random.default_rng(0).permutation(len(labels)) % FOLDS
    names = sorted(set(groups))
    by_category = len(names) >= FOLDS
    parts: list[NDArray[np.bool_]] = [groups == n for n in names] if by_category else [folds == f for f in range(FOLDS)]
    found = []
    for test in parts:
        if len(np.unique(praise[test])) == 2 and len(np.unique(praise[~test])) == 2:
            odds = examples.fit(praise, ~test)(examples.features[np.flatnonzero(test)])
            found.append(float(roc_auc_score(praise[test], odds)))
    how = "mean over categories left out" if by_category else f"{FOLDS} folds"
    return {"rows": len(labels), "auc": round(float(np.mean(found)), 4) if found else None, "auc_by": how}


def _card(labels: pd.DataFrame, figures: dict[str, Any]) -> str:
    rows = "\n".join(
        f"| `{name}` | {figure.get('encoder', 'hashed n-grams')} | {', '.join(figure['languages'])} "
        f"| {figure['rows']:,} | {figure['auc']} ({figure['auc_by']}) |"
        for name, figure in figures.items()
    )
    return f"""# Sentiment of reviews

Weights of logistic regressions that tell praise from blame in shop reviews, in half precision; made by
`recsys finetune sentiment` from {len(labels):,} labelled reviews, none of which is in this file. A model is known by
the hash of its encoder's weights ([CLS] vectors, scaled to length 1) or, for words alone, by the
language of its hashed n-grams.

| model | reads | languages | reviews | AUC |
|---|---|---|---|---|
{rows}

Intended for reviews of goods and services. Not for people's moods, and not for irony: "great, broken after a day"
fools it. A shop with stars of its own is judged by a model of its own where that orders its stars better.
"""
