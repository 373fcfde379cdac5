"""Aspect extraction: what reviews of a category speak well or ill of (battery, fit, smell), found by phrase mining.

Candidates are the key phrases of the category's reviews (YAKE, Campos et al. 2020; nouns by jieba's tagger in Chinese).
A candidate is an aspect when something is said of it: it stands where a subject stands ("the battery is", "电池很"), in
sentences that praise or blame. What the category itself is called is no aspect of it.
"""

from __future__ import annotations

import importlib
import logging
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any

from recsys.llm.language import chinese_segmenter

log = logging.getLogger(__name__)

#: Aspects of one category at most, and reviews that must speak of each: so many, and this share of them.
MOST, LEAST, LEAST_SHARE = 12, 4, 0.004
#: Share of its mentions in which a candidate is the subject of a statement.
SUBJECT_SHARE = 0.3
#: Share of its mentions after which two words are judged.
JUDGED = 0.2
#: Share of the mentions of a word from which it is part of the longer phrase.
ALWAYS = 0.75
#: Characters that are mined, and key phrases asked for.
_MINED, _MINED_ZH, _CANDIDATES = 150_000, 60_000, 150

_DETERMINER = (
    "the|this|that|its|it's|his|her|my|your|our|their|these|those|great|good|nice|excellent|amazing|poor|bad|terrible|"
    "awful|horrible|lousy|decent|fine|weak|perfect|lovely|cheap"
)
_PREDICATE = (
    "is|isn't|isnt|was|wasn't|are|aren't|were|weren't|feels?|looks?|seems?|smells?|tastes?|sounds?|fits?|lasts?|works?|worked|"
    "gets?|got|came|comes|stays?|runs?|broke|breaks|died|dies|could|couldn't|does|doesn't|did|didn't|keeps?|holds?|stopped"
)
#: "For the price" says nothing of a price.
_BEFORE = "for|in|on|at|by|of|with|from|to|into|through|after|before|than|like|under|over|across|within|during"
_JUDGED = re.compile(rf"⟦⟧ (?:{_PREDICATE})\b", re.IGNORECASE)
_SUBJECT = re.compile(
    rf"⟦⟧ (?:{_PREDICATE})\b|(?<!\S)(?!(?:{_BEFORE})\b)\S+ (?:{_DETERMINER}) ⟦⟧|^(?:{_DETERMINER}) ⟦⟧",
    re.IGNORECASE,
)
_SUBJECT_ZH = re.compile(
    r"⟦⟧(?:也|都|还|就|真的?|实在|确实|却|倒|的确)?(?:很|太|不|非常|挺|比较|有点|特别|超|够|十分|蛮|没|好|差|一般|可以|慢|快|高|低|大|小|满意|完好|"
    r"糟|烂|清晰|清楚|便宜|贵|粗糙|精美|舒服|新鲜|难)"
)


@cache
def _generic(language: str) -> frozenset[str]:
    """Nouns that name no side of a product."""
    declared = tomllib.loads((resources.files("recsys.reviews") / "generic.toml").read_text("utf-8"))
    return frozenset(declared["zh" if language == "zh" else "en"].split())


@dataclass(frozen=True)
class Aspect:
    """One aspect of a category: what it is called, and in which words reviews speak of it."""

    name: str
    forms: tuple[str, ...]
    language: str

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        words = "|".join(re.escape(form) for form in sorted(self.forms, key=len, reverse=True))
        return re.compile(words if self.language == "zh" else rf"\b(?:{words})\b", re.IGNORECASE)

    def marked(self, sentence: str) -> str:
        """The sentence with a mark in its place."""
        return self._pattern.sub("⟦⟧", sentence)

    def in_(self, sentence: str) -> bool:
        """Whether a sentence speaks of it."""
        if self.language == "zh":
            return any(form in sentence for form in self.forms)
        return self._pattern.search(sentence) is not None


def mine(reviews: Sequence[Sequence[str]], language: str, known: Collection[str] = ()) -> list[Aspect]:
    """Aspects that the reviews of one category speak of, the commonest first.

    Parameters
    ----------
    reviews
        Sentences of each review that counts.
    language
        ``zh``, or another language whose words are parted by blanks (the patterns of subjects are English).
    known
        Words that name the category's products: they are no aspects.
    """
    banned = {word.casefold() for word in known}
    least = max(LEAST, LEAST_SHARE * len(reviews))
    candidates = _chinese(reviews) if language == "zh" else _english(reviews)
    generic = _generic(language)
    found = []
    for phrase in candidates:
        words = phrase.split()
        if {phrase, *words} & generic or any(_singular(word) in banned or word in banned for word in words):
            continue
        aspect = Aspect(phrase, _forms(phrase, language), language)
        mentions = [[sentence for sentence in review if aspect.in_(sentence)] for review in reviews]
        said = [sentence for review in mentions for sentence in review]
        number = sum(map(bool, mentions))
        if number < least:
            continue
        pattern = _SUBJECT_ZH if language == "zh" else _SUBJECT
        marked = [aspect.marked(sentence) for sentence in said]
        subject = sum(bool(pattern.search(sentence)) for sentence in marked) / len(said)
        # Of two words the second may be what the first does ("contents spilled"); then nothing is said of the two.
        judged = len(words) == 1 or sum(bool(_JUDGED.search(sentence)) for sentence in marked) >= JUDGED * len(said)
        if subject >= SUBJECT_SHARE and judged:
            found.append((number, aspect))
    found.sort(key=lambda pair: (-pair[0], pair[1].name))
    return _merged(found)[:MOST]


def _merged(found: Sequence[tuple[int, Aspect]]) -> list[Aspect]:
    """Aspects of which none is part of another: "battery life" is spoken of where "battery" is.

    Where nearly all who say the one say the other ("power", "staying power"), the whole phrase is its name.
    """
    kept: list[tuple[int, Aspect]] = []
    for number, aspect in found:
        part = next(
            (at for at, (_, other) in enumerate(kept) if other.in_(aspect.name) or aspect.in_(other.name)), None
        )
        if part is None:
            kept.append((number, aspect))
        elif len(aspect.name) > len(kept[part][1].name) and number >= ALWAYS * kept[part][0]:
            most, shorter = kept[part]
            forms = (*aspect.forms, *shorter.forms)
            kept[part] = (most, Aspect(aspect.name, forms, aspect.language))
    return [aspect for _, aspect in kept]


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def _forms(phrase: str, language: str) -> tuple[str, ...]:
    if language == "zh":
        return (phrase,)
    one = _singular(phrase)
    ending = "es" if re.search(r"(s|x|z|ch|sh)$", one) else "s"
    return tuple(dict.fromkeys([phrase, one, one + ending]))


def _library(name: str, extra: str) -> Any:
    """A library that only shops with reviews need; None, with a warning, where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        log.warning("aspects of reviews are left out: they need %s (pip install 'shop-recsys[%s]')", name, extra)
        return None


def _english(reviews: Sequence[Sequence[str]]) -> list[str]:
    yake = _library("yake", "reviews")
    if yake is None:
        return []
    text = ". ".join(sentence for review in reviews for sentence in review)
    ranked = yake.KeywordExtractor(lan="en", n=2, dedupLim=0.95, top=_CANDIDATES).extract_keywords(
        text[:_MINED].lower()
    )
    phrases = [str(phrase).casefold() for phrase, _ in ranked]
    singles = [word for phrase in phrases for word in phrase.split()]
    return list(
        dict.fromkeys(_singular(word) for word in [*singles, *phrases] if re.fullmatch(r"[^\W\d_][\w' -]+", word))
    )


def _chinese(reviews: Sequence[Sequence[str]]) -> list[str]:
    tagger = _library("jieba.posseg", "zh")
    if tagger is None or chinese_segmenter() is None:
        return []
    text = "。".join(sentence for review in reviews for sentence in review)[:_MINED_ZH]
    counts = Counter(
        pair.word for pair in tagger.cut(text) if len(pair.word) >= 2 and pair.flag in ("n", "nz", "vn", "an", "v", "l")
    )
    return [word for word, _ in counts.most_common(_CANDIDATES)]
