"""Opinion mining of a shop's reviews: a score for each review that counts, and what is said of each aspect of an item.

Every sentence that is counted and every quote stands in a review word for word; quotes hold no personal data.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data import languages
from recsys.data.columns import CATEGORY, ITEM, LANGUAGE, RATING, REVIEW, TITLE
from recsys.data.intervals import wilson
from recsys.data.personal import mask_personal, personal_kinds
from recsys.data.reviews import OPINION
from recsys.data.tfidf import words
from recsys.data.vectors import VectorPool
from recsys.encoders import vector_cache
from recsys.encoders.protocol import Encodes
from recsys.reviews import denials, sentiment
from recsys.reviews.aspects import mine
from recsys.reviews.duplicates import counted
from recsys.reviews.sentences import scripts, sentences
from recsys.reviews.sentiment import Examples, Sentiment

log = logging.getLogger(__name__)

#: A sentence blames up to the one and praises from the other; between them it says neither.
BLAMES, PRAISES = 0.4, 0.6
#: Fewest and most characters of a quote; Chinese signs say more.
LENGTHS, LENGTHS_ZH = (12, 110), (4, 55)
#: Share of a category's titles that hold a word that names its products.
_NAMES = 0.15

ASPECT_COLUMNS = (
    ITEM, "aspect", "praised", "criticised", "share", "low", "high", "quote_1", "praises_1", "quote_2", "praises_2"
)  # fmt: skip


@dataclass(frozen=True)
class Read:
    """What reviews say.

    Attributes
    ----------
    reviews
        The table with a column `opinion`: 0 to 1, missing for a review that is not counted or cannot be read.
    aspects
        `ASPECT_COLUMNS`, one row an item and aspect that at least one review praises or blames; sorted by item.
    pool
        Vectors of everything that was encoded, for the next night.
    notes
        Counts and models, for the manifest.
    """

    reviews: pd.DataFrame
    aspects: pd.DataFrame
    pool: VectorPool
    notes: dict[str, Any] = field(default_factory=dict)


def read_reviews(
    reviews: pd.DataFrame,
    items: pd.DataFrame,
    encoder: Encodes,
    known: Sequence[VectorPool] = (),
    *,
    progress: bool = False,
) -> Read:
    """Score reviews and find what they praise and blame.

    Parameters
    ----------
    reviews, items
        Checked tables.
    encoder
        One with [CLS] pooling; what it does not read is scored by words alone.
    known
        Pools of vectors that need not be computed again.
    """
    counts = counted(reviews)
    texts = [str(text) for text in reviews[REVIEW]]
    declared = reviews[LANGUAGE].fillna("").astype(str).tolist() if LANGUAGE in reviews.columns else None
    spoken = np.array(scripts(texts, declared), dtype=object)
    reader = _Reader(encoder, known, progress)
    ratings = reviews[RATING].to_numpy(np.float64, na_value=np.nan) if RATING in reviews.columns else None
    notes = reader.teach(texts, spoken, counts, ratings)
    score = np.full(len(texts), np.nan, np.float32)
    score[counts] = reader.score([texts[row] for row in np.flatnonzero(counts)], spoken[counts])
    used = np.flatnonzero(np.isfinite(score))
    pieces = {int(row): sentences(texts[row]) for row in used}
    leaning = np.zeros(len(texts)) if ratings is None else sentiment.leaning(ratings)
    aspects = _aspects(reviews[ITEM].to_numpy(object), items, pieces, spoken, leaning, reader)
    notes |= {
        "reviews": len(texts),
        "counted": int(counts.sum()),
        "scored": len(used),
        "repeats": int((~counts).sum()),
        "items_with_reviews": int(reviews[ITEM].iloc[used].nunique()),
        "aspects": int(aspects["aspect"].nunique()),
    }
    return Read(reviews.assign(**{OPINION: score}), aspects, reader.pool, notes)


class _Reader:
    """Sentiment of texts: by vectors and words where the encoder reads the language, else by words alone."""

    def __init__(self, encoder: Encodes, known: Sequence[VectorPool], progress: bool) -> None:
        self._encoder, self._known, self._progress = encoder, list(known), progress
        self._used: list[VectorPool] = []
        self._model = sentiment.pinned(str(encoder.info["weights_hash"]))
        self._words: dict[str, Sentiment | None] = {}

    def reads(self, language: str) -> bool:
        """Whether texts of this language have vectors that mean something."""
        return not languages.unread({language: 1.0}, str(self._encoder.info["name"]))

    def teach(
        self,
        texts: Sequence[str],
        spoken: NDArray[np.object_],
        counts: NDArray[np.bool_],
        ratings: NDArray[np.float64] | None,
    ) -> dict[str, Any]:
        """Take the shop's own stars, where they teach more than the pinned weights know."""
        if ratings is None:
            return {"taught_by": "pinned weights" if self._model else "nothing"}
        rated = counts & np.isfinite(ratings)
        for language in sorted({str(name) for name in spoken[rated]}):
            rows = np.flatnonzero(rated & (spoken == language))
            examples = Examples.of_words([texts[row] for row in rows.tolist()], language)
            self._words[language], _ = sentiment.best(examples, ratings[rows], self._by_words(language))
        read = np.array([self.reads(language) for language in spoken], bool) & rated
        if not read.any():
            return {"taught_by": "pinned weights, words alone"}
        vectors = self._vectors([texts[row] for row in np.flatnonzero(read).tolist()])
        self._model, notes = sentiment.best(Examples(vectors), ratings[read], self._model)
        return notes

    def score(
        self, texts: Sequence[str], spoken: NDArray[np.object_], leaning: NDArray[np.float64] | float = 0.0
    ) -> NDArray[np.float32]:
        """Probability that each text praises; NaN where nothing reads its language. `leaning` is added to log-odds."""
        leaning = np.broadcast_to(np.asarray(leaning, np.float64), (len(texts),))
        out = np.full(len(texts), np.nan, np.float32)
        for language in dict.fromkeys(spoken.tolist()):
            rows = np.flatnonzero(spoken == language)
            some = [texts[row] for row in rows.tolist()]
            odds = self._log_odds(some, language)
            if odds is None:
                log.warning("%d reviews in %r are left out: nothing here reads that language", len(rows), language)
                continue
            without = denials.denying(some, language)
            if without and (denied := self._log_odds(list(without.values()), language)) is not None:
                odds[list(without)] = denials.turned(odds[list(without)], denied)
            out[rows] = sentiment.probability(odds + leaning[rows])
        return out

    def _log_odds(self, texts: Sequence[str], language: str) -> NDArray[np.float64] | None:
        """Mean log-odds of praise by all models that read the language, shape ``(n,)``; None where none does."""
        opinions = []
        if self._model is not None and self.reads(language):
            opinions.append(self._model(self._vectors(texts)))
        if (by_words := self._by_words(language)) is not None:
            opinions.append(by_words(sentiment.ngrams(texts, language)))
        return sentiment.pooled(opinions) if opinions else None

    def _by_words(self, language: str) -> Sentiment | None:
        return self._words.get(language) or sentiment.pinned(f"words-{language}")

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        found = vector_cache.encode(self._encoder, texts, [*self._used, *self._known], progress=self._progress)
        self._used.append(found.pool)
        return found.pool.vectors

    @property
    def pool(self) -> VectorPool:
        """Every vector that was asked for, once."""
        if not self._used:
            return VectorPool.empty(self._encoder.dim)
        keys, first = np.unique(np.concatenate([pool.keys for pool in self._used]), return_index=True)
        vectors = np.concatenate([pool.vectors for pool in self._used])[first]
        return VectorPool(keys, vectors, np.concatenate([pool.truncated for pool in self._used])[first])


def _aspects(
    item: NDArray[np.object_],
    items: pd.DataFrame,
    pieces: Mapping[int, list[str]],
    spoken: NDArray[np.object_],
    leaning: NDArray[np.float64],
    reader: _Reader,
) -> pd.DataFrame:
    """Rows of `ASPECT_COLUMNS` of all items."""
    category = (
        dict(zip(items[ITEM], items[CATEGORY].fillna("").astype(str), strict=True)) if CATEGORY in items.columns else {}
    )
    shelves: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in pieces:
        shelves[category.get(item[row], ""), "zh" if spoken[row] == "zh" else "en"].append(row)
    said: list[tuple[str, str, int, str, str]] = []  # item, aspect, review, sentence, language
    for (shelf, language), rows in shelves.items():
        if language == "en" and not all(spoken[row] == "en" for row in rows):
            rows = [row for row in rows if spoken[row] == "en"]
        for aspect in mine([pieces[row] for row in rows], language, _names_of(shelf, items, category)):
            said += [
                (str(item[row]), aspect.name, row, sentence, language)
                for row in rows
                for sentence in pieces[row]
                if aspect.in_(sentence)
            ]
    if not said:
        return pd.DataFrame(columns=list(ASPECT_COLUMNS))
    table = pd.DataFrame(said, columns=[ITEM, "aspect", "review", "sentence", "language"])
    language, review = table["language"].to_numpy(object), table["review"].to_numpy(np.int64)
    table["praise"] = reader.score(table["sentence"].tolist(), language, leaning[review])
    rows_out = [_row(str(key[0]), str(key[1]), part) for key, part in table.groupby([ITEM, "aspect"], sort=True)]
    told = pd.DataFrame([row for row in rows_out if row is not None], columns=list(ASPECT_COLUMNS))
    mentions = told["praised"] + told["criticised"]
    ordered = told.assign(_n=-mentions).sort_values([ITEM, "_n", "aspect"], kind="stable", ignore_index=True)
    return ordered.drop(columns="_n")


def _names_of(shelf: str, items: pd.DataFrame, category: Mapping[str, str]) -> set[str]:
    """Words that name the products of a category: those of its own name, and those that many of its titles hold."""
    own = [category.get(item, "") == shelf for item in items[ITEM]] if shelf else [False] * len(items)
    counts = Counter(word for title in items[TITLE][own] for word in set(words(str(title))))
    return {*words(shelf), shelf, *(word for word, n in counts.items() if n >= max(2, _NAMES * sum(own)))}


def _row(item: str, aspect: str, said: pd.DataFrame) -> tuple[Any, ...] | None:
    """What the reviews of one item say of one aspect, each review once; None where none praises or blames it."""
    stance = said.groupby("review")["praise"].mean()
    praised, criticised = int((stance >= PRAISES).sum()), int((stance <= BLAMES).sum())
    if not praised + criticised:
        return None
    low, high = wilson(praised, praised + criticised)
    first, second = _quotes(said, praised >= criticised)
    return (item, aspect, praised, criticised, praised / (praised + criticised), low, high, *first, *second)


def _quotes(said: pd.DataFrame, mostly_praise: bool) -> tuple[tuple[str, bool], tuple[str, bool]]:
    """Two sentences of two reviews that may be shown: one of what most say, one of what others say, where they do."""
    sides: dict[bool, list[tuple[str, int]]] = {True: [], False: []}
    order = said.assign(sure=(said["praise"] - 0.5).abs()).sort_values(["sure", "sentence"], ascending=[False, True])
    for row in order.itertuples():
        praises = row.praise >= PRAISES
        told = any(row.sentence == text for side in sides.values() for text, _ in side)
        if (praises or row.praise <= BLAMES) and not told and quotable(row.sentence, row.language):
            sides[bool(praises)].append((row.sentence, int(row.review)))
    main, other = sides[mostly_praise], sides[not mostly_praise]
    picked = [(text, review, mostly_praise) for text, review in main[:1]]
    picked += [(text, review, not mostly_praise) for text, review in other[:1]]
    if len(picked) < 2:
        taken = {review for _, review, _ in picked}
        picked += [(text, review, mostly_praise) for text, review in main[1:] if review not in taken][: 2 - len(picked)]
    shown = [(text, praises) for text, _, praises in picked]
    shown += [("", False)] * (2 - len(shown))
    return shown[0], shown[1]


def quotable(sentence: str, language: str) -> bool:
    """Whether a sentence may be shown: not too long or short for a quote, and nothing personal in it."""
    shortest, longest = LENGTHS_ZH if language == "zh" else LENGTHS
    return (
        shortest <= len(sentence) <= longest
        and mask_personal(sentence) == sentence
        and not personal_kinds(sentence)
        and not any(sign in sentence for sign in '{}<>“”"')
    )
