"""Names of a thesaurus found in running text, English ones by their words in the singular, Chinese ones as written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain

from recsys.data.tfidf import words
from recsys.serving.search.spelling import singular

HAN = re.compile(r"[\u3400-\u9fff]+")
LATIN = re.compile(r"[a-z0-9][a-z0-9'’-]*")
LONGEST = 5
"""Words of the longest English name; Chinese ones have at most so many characters and two."""


@lru_cache(maxsize=2**16)
def _parts(word: str) -> tuple[str, ...]:
    return tuple(map(singular, words(word)))


def key(name: str) -> tuple[str, ...] | str:
    """What two spellings of a name have in common."""
    return name if HAN.match(name) else _parts(name)


class Lexicon:
    """Finds names in texts.

    Parameters
    ----------
    groups
        Names that mean the same, the commonest first; a name of several groups is of the one it is commonest for.
    apart
        What no English name goes beyond: punctuation, prepositions.
    """

    def __init__(self, groups: Sequence[Sequence[str]], apart: re.Pattern[str]) -> None:
        self._apart = apart
        nearest: dict[tuple[str, ...] | str, tuple[int, int]] = {}
        for at, names in enumerate(groups):
            for place, name in enumerate(names):
                nearest[key(name)] = min(nearest.get(key(name), (place, at)), (place, at))
        self.places: Mapping[tuple[str, ...] | str, int] = {of: at for of, (_, at) in nearest.items()}
        self._firsts = {of[0] for of in self.places if of and not isinstance(of, str)}

    def of(self, name: str) -> int | None:
        """The group of a name."""
        return self.places.get(key(name))

    def chinese(self, text: str) -> Iterator[tuple[int, str, int]]:
        """Group, name as it is written, and where that ends, of each that a text names in Chinese, the longest."""
        for run in HAN.finditer(text):
            at = run.start()
            while at < run.end():
                ends = range(min(run.end(), at + LONGEST + 2), at + 1, -1)
                end = next((end for end in ends if text[at:end] in self.places), 0)
                if end:
                    yield self.places[text[at:end]], text[at:end], end
                at = end or at + 1

    def english(self, text: str) -> Iterator[tuple[int, str, int]]:
        """The same of those that a text in lower case names in English."""
        spans, at = list(LATIN.finditer(text)), 0
        parts = [_parts(span.group()) for span in spans]
        while at < len(spans):
            begins = bool(parts[at]) and parts[at][0] in self._firsts
            for end in range(min(len(spans), at + LONGEST) if begins else at, at, -1):
                group = self.places.get(tuple(chain.from_iterable(parts[at:end])))
                name = "" if group is None else text[spans[at].start() : spans[end - 1].end()]
                if group is not None and not self._apart.search(name):
                    yield group, name, spans[end - 1].end()
                    at = end - 1
                    break
            at += 1

    def found(self, text: str) -> list[tuple[int, str, int]]:
        """Those of both in the order of their ends."""
        low = text.lower()
        return sorted([*self.chinese(low), *self.english(low)], key=lambda name: name[2])
