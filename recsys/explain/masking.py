"""Delexicalisation: names, brands and shared phrases of a sentence become marks, so that its claims can be parsed.

A title may hold any word ("Best Seller Notebook"), and only what stands outside of names is a claim.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from recsys.data.tfidf import words
from recsys.explain.facts import Facts
from recsys.explain.lexicon import NEUTRAL
from recsys.explain.names import GLUE

ITEM, BRAND, CATEGORY, SHARED, BOTH = "⟦item⟧", "⟦brand⟧", "⟦category⟧", "⟦shared⟧", "⟦both⟧"
CLAUSE, PRAISED, QUOTE = "⟦clause⟧", "⟦praised⟧", "⟦quote⟧"
#: Part of one product's name, said of it alone: ``⟦item~⟧``, ``⟦b0~⟧``.
PART = "~⟧"

_TOKEN = re.compile(r"⟦[a-z0-9~]+⟧|\d[\d,.]*\d|\d|[^\W\d_][\w'’-]*|[%#£$€¥]|[.,;:!?()—–-]|…")
_DASH = re.compile(r"\s[—–-]\s")
#: After these a phrase is words that are spoken of, not the product that is called just so.
_SPOKEN = r"\b(?:shares?|sharing|says?|mentions?|carry|carries|wording|has|(?<!you )have|more)"


def bought(i: int) -> str:
    """Mark of the i-th named purchase."""
    return f"⟦b{i}⟧"


@dataclass(frozen=True)
class Masked:
    """A delexicalised sentence: marks, words, numbers and punctuation.

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
    """Unicode NFKC, lower case, straight quotes and single spaces."""
    text = unicodedata.normalize("NFKC", text).lower()
    text = text.translate(str.maketrans("“”„«»‘’", '"""""\'\''))
    return " ".join(_DASH.sub(" — ", text).split())


def mask(sentence: str, facts: Facts) -> Masked:
    """Delexicalise a sentence: whole names first, then brand, category and shared words, then parts of names."""
    text = normalise(_shared_not_named(sentence, facts))
    if facts.clause:
        text = text.replace(normalise(f"It {facts.clause}."), f" it {CLAUSE} . ")
    text = _praise_marked(text, facts)
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


def _praise_marked(text: str, facts: Facts) -> str:
    """Mark what is said of reviews, where it is word for word what they say: anything else of them is refused."""
    praise = facts.item.praise
    if praise is None or not praise.holds:
        return text
    said = f"praised for its {praise.aspect} in {praise.count:,} of the {praise.of:,} reviews that speak of it"
    return text.replace(f'"{normalise(praise.quote)}"', f" {QUOTE} ").replace(normalise(said), f" {PRAISED} ")


def _shared_not_named(sentence: str, facts: Facts) -> str:
    """Mark shared words that are also the whole name of a product ("Wicker Star" beside "White Wicker Star").

    The same words are the product or the phrase. They are the phrase where a verb such as "shares" stands before them,
    or where they are not written as the shop writes the name.
    """
    names = {facts.item.name, *(past.product.name for past in facts.because)}
    for phrase in {past.shared for past in facts.because if past.shared}:
        if phrase in names:
            sentence = re.sub(
                rf"({_SPOKEN}) [“\"]{re.escape(phrase)}[”\"]", rf"\1 {SHARED} ", sentence, flags=re.IGNORECASE
            )
        elif phrase in {normalise(name) for name in names}:
            sentence = sentence.replace(f"“{phrase}”", f" {SHARED} ")
    return sentence


def _parts(tokens: list[str], facts: Facts) -> Masked:
    """Classify runs of words outside the neutral vocabulary: part of one product's name, shared, or unknown."""
    name_of = {ITEM: _vocabulary(facts.item.name)}
    name_of |= {bought(i): _vocabulary(past.product.name) for i, past in enumerate(facts.because)}
    shared = {stem(w) for past in facts.because for w in f"{normalise(past.shared)} {past.noun}".split()}
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
    """Length of the run from `start` that stays inside a name; it ends after its last word that is not neutral."""
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
    """Stem: a word without its plural or possessive ending."""
    word = word.removesuffix("'s").removesuffix("'")
    if re.search(r"(sh|ch|x|ss)es$", word):
        return word[:-2]
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
