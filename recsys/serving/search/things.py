"""Thesaurus of the things that shops sell: whoever asks for secateurs wants pruning shears, and a kettle is no teapot.

The groups of names (`things.tsv`) are of no shop. Of a catalogue they tell two things: which of its own words a name
means, and which things it has none of.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache, cached_property
from importlib import resources

from recsys.data.tfidf import words
from recsys.serving.search.spelling import singular

_HAN = re.compile(r"[\u3400-\u9fff]+")
_LATIN = re.compile(r"[a-z0-9][a-z0-9'’-]*")
_BREAK = re.compile(r"[,.;:!?()]|(?<![\w-])(?:for|with|to|under|in|from|that|which|who|and|or|a|an|the)(?![\w-])")
_LONGEST = 5
"""Words of the longest English name; Chinese ones have at most so many characters and two."""


@cache
def groups() -> tuple[tuple[str, ...], ...]:
    """Names of each thing in English and Chinese, the commonest first; a name that stands for several is left out."""
    source = resources.files(__package__).joinpath("things.tsv").read_text(encoding="utf-8")
    rows = [[name for field in line.split("\t") for name in field.split("|") if name] for line in source.splitlines()]
    count: dict[str, int] = {}
    for name in (name for row in rows for name in row):
        count[name] = count.get(name, 0) + 1
    return tuple(own for row in rows if (own := tuple(name for name in row if count[name] == 1)))


@cache
def _places() -> Mapping[tuple[str, ...] | str, int]:
    """The group of each name: English ones by their words in the singular, Chinese ones as they are."""
    return {_key(name): at for at, names in enumerate(groups()) for name in names}


def _key(name: str) -> tuple[str, ...] | str:
    return name if _HAN.match(name) else tuple(map(singular, words(name)))


def _found(text: str) -> Iterator[tuple[int, str, int]]:
    """Group, name as it is written, and where it ends, of each thing that a text in lower case names, the longest."""
    places = _places()
    for run in _HAN.finditer(text):
        at = run.start()
        while at < run.end():
            ends = range(min(run.end(), at + _LONGEST + 2), at + 1, -1)
            end = next((end for end in ends if text[at:end] in places), 0)
            if end:
                yield places[text[at:end]], text[at:end], end
            at = end or at + 1
    spans = list(_LATIN.finditer(text))
    at = 0
    while at < len(spans):
        for end in range(min(len(spans), at + _LONGEST), at, -1):
            name = text[spans[at].start() : spans[end - 1].end()]
            if not _BREAK.search(name) and (group := places.get(_key(name))) is not None:
                yield group, name, spans[end - 1].end()
                at = end - 1
                break
        at += 1


class Things:
    """What a catalogue sells of all things.

    Parameters
    ----------
    titles
        Titles, names of categories and departments, and what the shop's synonyms say, in lower case.
    english
        Whether most titles are English: then names mean an English one, else a Chinese one.
    """

    def __init__(self, titles: Iterable[str], english: bool) -> None:
        self._english = english
        self._sold: dict[int, list[str]] = {}
        for text in titles:
            for group, name, _ in _found(text):
                named = self._sold.setdefault(group, [])
                if name not in named:
                    named.append(name)

    @cached_property
    def synonyms(self) -> Mapping[str, str]:
        """Names that the catalogue does not use, and the one of the same thing that it does."""
        means: dict[str, str] = {}
        for group, called in self._sold.items():
            own = [name for name in called if bool(_HAN.match(name)) != self._english]
            if own:
                keys = set(map(_key, called))
                means |= {name: own[0] for name in groups()[group] if _key(name) not in keys}
        return means

    def knows(self, name: str) -> bool:
        """Whether this is what a thing is called, in some shop."""
        return _key(name.lower()) in _places()

    def missing(self, text: str, known: Collection[str] = ()) -> str:
        """The thing that a text names last, where the catalogue has none of it; '' where it names another.

        Parameters
        ----------
        known
            Words that name kinds of the catalogue: behind a thing they say that another is meant (microwave bowls).
        """
        found = sorted(_found(text.lower()), key=lambda thing: thing[2])
        if not found or (last := found[-1])[0] in self._sold:
            return ""
        behind = _BREAK.split(text.lower()[last[2] :])[0]
        return "" if any(singular(word) in known for word in words(behind)) else last[1]
