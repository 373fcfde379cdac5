"""Replace what the evidence names by marks, so that the rest of a sentence can be read without its names."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from recsys.data.tfidf import words
from recsys.explain.facts import GLUE, Facts, Kind
from recsys.explain.lexicon import NEUTRAL

ITEM, BRAND, CATEGORY, SHARED, BOTH = "⟦item⟧", "⟦brand⟧", "⟦category⟧", "⟦shared⟧", "⟦both⟧"
CLAUSE = "⟦clause⟧"
#: Part of one product's name, said of it alone: ``⟦item~⟧``, ``⟦b0~⟧``.
PART = "~⟧"

_TOKEN = re.compile(r"⟦[a-z0-9~]+⟧|\d[\d,.]*\d|\d|[^\W\d_][\w'’-]*|[%#£$€¥]|[.,;:!?()—–-]|…")
_DASH = re.compile(r"\s[—–-]\s")
#: After these a phrase is words that are spoken of, not the product that is called just so.
_SPOKEN = r"\b(?:shares?|sharing|says?|mentions?|carry|carries|wording)"


def bought(i: int) -> str:
    """Mark of the i-th named purchase."""
    return f"⟦b{i}⟧"


@dataclass(frozen=True)
class Masked:
    """A sentence as marks, words, numbers and punctuation.

    Attributes
    ----------
    tokens
        Lower case, in order.
    unknown
        Words that neither the evidence nor the neutral vocabulary has.
    """

    tokens: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def text(self) -> str:
        """The tokens, one space apart."""
        return " ".join(self.tokens)


def normalise(text: str) -> str:
    """NFKC, lower case, straight quotes, single spaces."""
    text = unicodedata.normalize("NFKC", text).lower()
    text = text.translate(str.maketrans("“”„«»‘’", '"""""\'\''))
    return " ".join(_DASH.sub(" — ", text).split())


def mask(sentence: str, facts: Facts) -> Masked:
    """Mark whole names, then brand, category and shared words, then parts of names."""
    text = normalise(_shared_not_named(sentence, facts))
    if facts.clause:
        text = text.replace(normalise(f"It {facts.clause}."), f" it {CLAUSE} . ")
    names = [(normalise(facts.item.name), ITEM)]
    names += [(normalise(past.product.name), bought(i)) for i, past in enumerate(facts.because)]
    for name, mark in sorted(names, key=lambda pair: -len(pair[0])):
        text = re.sub(rf'"?(?<!\w){re.escape(name)}(?!\w)"?', f" {mark} ", text)
    for phrase in {normalise(past.shared) for past in facts.because if past.shared}:
        text = re.sub(rf'"?(?<![\w⟦]){re.escape(phrase)}(?!\w)"?', f" {SHARED} ", text)
    for value, mark in ((facts.item.brand, BRAND), (facts.item.category, CATEGORY)):
        if value:
            text = re.sub(rf'"?(?<![\w⟦]){re.escape(normalise(value))}(?!\w)"?', f" {mark} ", text)
    text = re.sub(r"\bwhy not\b", "why", re.sub(r"\btaken together\b", "as a whole", text))
    text = re.sub(r"\b(shoppers|people|customers|others|buyers) like (you|yourself)\b", r"\1", text)
    return _parts(_TOKEN.findall(text), facts)


def _shared_not_named(sentence: str, facts: Facts) -> str:
    """Mark shared words that are also the whole name of a product ("wicker star" of "WHITE WICKER STAR").

    `forms` writes names as the shop does and shared words in lower case; where the shop writes names so too, it takes a
    word such as "shares" before them.
    """
    names = {facts.item.name, *(past.product.name for past in facts.because)}
    for phrase in {past.shared for past in facts.because if past.shared}:
        if phrase in names:
            sentence = re.sub(rf"({_SPOKEN}) [“\"]{re.escape(phrase)}[”\"]", rf"\1 {SHARED} ", sentence)
        elif phrase in {normalise(name) for name in names}:
            sentence = sentence.replace(f"“{phrase}”", f" {SHARED} ")
    return sentence


def _parts(tokens: list[str], facts: Facts) -> Masked:
    """Runs of words that are no neutral vocabulary: part of one product's name, or shared, or unknown."""
    name_of = {ITEM: _vocabulary(facts.item.name)}
    name_of |= {bought(i): _vocabulary(past.product.name) for i, past in enumerate(facts.because)}
    shared = {stem(w) for past in facts.because for w in past.shared.split()}
    out: list[str] = []
    unknown: list[str] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if not _foreign(token):
            out.append(token)
            at += 1
            continue
        runs = {mark: _run(tokens, at, vocabulary) for mark, vocabulary in name_of.items()}
        longest = max(runs.values())
        if longest == 0:
            unknown.append(token)
            out.append(token)
            at += 1
            continue
        owners = [mark for mark, length in runs.items() if length == longest]
        run = {stem(w) for w in tokens[at : at + longest] if _foreign(w)}
        if run <= shared:
            out.append(SHARED)
        elif len(owners) == 1:
            out.append(owners[0].replace("⟧", PART))
        else:
            out.append(BOTH)
        at += longest
    return Masked(tuple(out), tuple(unknown))


def _run(tokens: list[str], start: int, vocabulary: frozenset[str]) -> int:
    """Length of the run from `start` inside a name: ends after its last word that is no neutral vocabulary."""
    end = at = start
    while at < len(tokens) and (stem(tokens[at]) in vocabulary or tokens[at] in {"-", "and", ","}):
        at += 1
        if _foreign(tokens[at - 1]) and stem(tokens[at - 1]) in vocabulary:
            end = at
    return end - start


def _foreign(token: str) -> bool:
    if token.startswith("⟦") or not token[0].isalpha():
        return False
    return token not in NEUTRAL and not all(part in NEUTRAL for part in token.split("-"))


def _vocabulary(name: str) -> frozenset[str]:
    tokens = _TOKEN.findall(normalise(name))
    return frozenset(stem(w) for w in (*tokens, *words(name)) if w not in GLUE or len(w) > 2)


def stem(word: str) -> str:
    """A word without its plural or possessive ending."""
    word = word.removesuffix("'s").removesuffix("'")
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def holds_any(facts: Facts, kind: Kind) -> bool:
    """Whether this kind of evidence is true of the item and any named purchase."""
    return any(facts.holds(kind, past) for past in facts.because)
