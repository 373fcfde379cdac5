"""Thesaurus of the properties that goods are wished to have: rainproof is waterproof, and a sofa's murder is no wish.

The groups of names (`properties.tsv`) are of no shop. Of a catalogue they tell which of its words a name means, which
products have a property under any of its names, and which words of a sentence are a wish at all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from functools import cache, cached_property
from importlib import resources

from recsys.data.tfidf import words
from recsys.serving.search.lexicon import HAN, Lexicon
from recsys.serving.search.spelling import singular

_BREAK = re.compile(r"[,.;:!?()]")


@cache
def groups() -> tuple[tuple[str, ...], ...]:
    """Names of each property, English ones first, the commonest first; lines with the same first name are one."""
    source = resources.files(__package__).joinpath("properties.tsv").read_text(encoding="utf-8")
    lines: dict[str, dict[str, None]] = {}
    for line in source.splitlines():
        names = [name for field in line.split("\t") for name in field.split("|") if name]
        lines.setdefault(names[0], {}).update(dict.fromkeys(names))
    return tuple(map(tuple, lines.values()))


@cache
def _lexicon() -> Lexicon:
    return Lexicon(groups(), _BREAK)


def named(text: str) -> list[tuple[int, str]]:
    """The properties that a text names, by their place in `groups`, each with the name as it is written."""
    return [(at, name) for at, name, _ in _lexicon().found(text)]


class Properties:
    """What a catalogue says of all properties.

    Parameters
    ----------
    texts
        Everything that is said of each product.
    english
        Whether most titles are English: then names mean an English one, where there is one, else a Chinese one.
    kinds
        Words of what its categories are called: no name means one with such a word (water resistant, of bottles).

    Attributes
    ----------
    of
        The properties of each product, by their place in `groups`.
    """

    def __init__(self, texts: Sequence[str], english: bool, kinds: Set[str]) -> None:
        found = [named(text) for text in texts]
        self.of = [frozenset(at for at, _ in names) for names in found]
        used: dict[int, Counter[str]] = {}
        for names in found:
            for at, name in names:
                used.setdefault(at, Counter())[name] += 1
        self._used = {at: [name for name, _ in counts.most_common()] for at, counts in used.items()}
        self._main: dict[int, str] = {}
        for at, own in self._used.items():
            by_words = {name: set(map(singular, words(name))) for name in (*own, *groups()[at])}
            plain = [name for name, parts in by_words.items() if kinds.isdisjoint(parts)]
            if plain and not any(by_words[name] <= kinds for name in own):  # yoga is a kind
                self._main[at] = min(plain, key=lambda name: bool(HAN.match(name)) is english)

    def names(self, row: int) -> list[str]:
        """Names of the properties of a product, those that the catalogue has here or elsewhere and that others mean."""
        called = (name for at in sorted(self.of[row]) for name in (*self._used[at], self._main.get(at, "")))
        return list(dict.fromkeys(filter(None, called)))

    @cached_property
    def synonyms(self) -> Mapping[str, str]:
        """Names that the catalogue does not use, and the one of the same property that they mean in it."""
        return {
            name: own
            for at, own in self._main.items()
            for name in groups()[at]
            if name not in self._used[at] and _lexicon().of(name) == at and not set(words(name)) <= set(words(own))
        }
