"""Shared phrases and head nouns of two products' names.

That two names both hold *leaf*, one of them in "loose leaf" and the other in "maple leaf", is no reason for anything.
The catalogue's own names tell which words live in a phrase. Two names say the same of two products where they close
with one noun, or where they hold one phrase that few other names hold: a use, a subject.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from recsys.data.tfidf import CJK, words
from recsys.explain.lexicon import vocabulary
from recsys.explain.masking import stem
from recsys.explain.measures import RARE_PHRASE
from recsys.explain.names import GLUE

#: A word of which so large a share stands beside one neighbour is a fragment without that neighbour.
BOUND = 0.5
#: A single word that more than this share of all names hold says nothing of two of them.
COMMON = 0.05

#: Where a name breaks; the "in" of "leave-in" breaks nothing.
_SEGMENT = re.compile(
    r"[^\w\s'’-]+|\s[-–—]+\s|\b\d[\w.,]*(?:-[a-z]+)?|(?<!-)(?<!\bleave )\b(?:with|for|by|in|of|to|from)\b"
)
_CJK_PAIR = re.compile(f"[{CJK}]{{2}}")
#: Glue that binds: the "glance" of "at-a-glance".
_ARTICLES = frozenset(["a", "an", "the"])
#: Words that describe anything: alone they are nothing that two products share.
_VAGUE = vocabulary(
    """
    premium classic deluxe quality best great super ultra pro professional original natural genuine perfect value
    luxury special edition style design heavy duty multi free easy extra high low long short soft hard clear
    red blue green pink yellow orange purple grey gray brown silver gold ivory cream beige teal turquoise
    hanging assorted standard basic modern portable compact light dark daily deep gentle top straight full wide pure
    eco everyday essential signature vintage retro minimalist professional travel spf age book size level type grade
    version no vol watt design pattern colour color tones
    """
)
#: Nouns of packaging and trade: two sets, or two designs, are nothing of one kind.
_NO_KIND = vocabulary(
    """
    set sets pack kit design style collection edition pair piece pieces product item colour color size version gift
    assortment range series refill bundle case box bag bags tin cover formula count treatment system unisex men women
    """
)


def head_noun(a: str, b: str, *, unbranded: bool = True) -> str:
    """The noun that both names close with before their first break ("water bottle"), as the first has it; else ''.

    Parameters
    ----------
    unbranded
        Whether the names are known to begin with no brand. Where they may, what both begin with is no noun ("Yes To
        Carrots Body Wash", "Yes To Cucumber Towelettes"), and of what one begins with two words at most are.
    """
    (one, packed), (other, packed_too) = _head(a), _head(b)
    if packed != packed_too:  # a set of things is none of the things
        return ""
    length = 0
    while length < min(len(one), len(other)) and stem(one[-1 - length]) == stem(other[-1 - length]):
        length += 1
    run = one[len(one) - length :]
    if not unbranded and length == len(one) == len(other):
        return ""
    if not unbranded and length in (len(one), len(other)):
        run = run[1:][-2:]
    while run and (not _content(run[0]) or run[0] in _VAGUE):
        run = run[1:]
    if not run or run[-1] in _NO_KIND or not run[-1].isascii():
        return ""
    return " ".join(run)


def _head(name: str) -> tuple[list[str], set[str]]:
    """Words of a name up to its first break, without what describes anything at their end; and what packs it there."""
    words_of = found = next(iter(_segments(name)), [])
    while found and (not _content(found[-1]) or found[-1] in _VAGUE):
        found = found[:-1]
    return found, {stem(word) for word in words_of[len(found) :] if word in _NO_KIND}


class Names:
    """Word counts of a catalogue's names."""

    def __init__(self, names: Iterable[str]) -> None:
        self._size = 0
        self._holding: Counter[str] = Counter()
        self._first: Counter[str] = Counter()
        self._pairs: Counter[tuple[str, str]] = Counter()
        for name in names:
            self._size += 1
            segments = list(_segments(name))
            self._holding.update({word for segment in segments for word in segment})
            for segment in segments:
                self._first.update(segment)
                self._pairs.update(pairwise(segment))

    def shared(self, a: str, b: str) -> str:
        """The most telling phrase or word that both names have and that is whole in both; '' where there is none."""
        found: dict[str, float] = {}
        others = [list(segment) for segment in _segments(b)]
        for one in _segments(a):
            for other in others:
                for i, j, length in _runs(one, other):
                    run = one[i : i + length]
                    sides = ((one, i), (other, j))
                    if self._says(run) and all(self._whole(segment, start, length) for segment, start in sides):
                        found[_joined(run)] = sum(self._weight(word) for word in run if _content(word))
        return max(sorted(found), key=found.__getitem__, default="")

    def phrase(self, a: str, b: str) -> str:
        """A phrase of two words or more that both names have and few others do, written as in `a`; else ''."""
        found = self.shared(a, b)
        run = words(found)
        telling = [word for word in run if _content(word)] if any(word not in _VAGUE for word in run) else []
        limit = max(3, RARE_PHRASE * self._size)
        if len(telling) < 2 or max(self._pairs[pair] for pair in pairwise(run)) > limit or found in head_noun(a, b):
            return ""
        at = a.lower().find(found)
        return a[at : at + len(found)] if at >= 0 else ""

    def common(self, noun: str) -> bool:
        """Whether so many names hold the last word of `noun` that it says nothing of two of them."""
        return self._holding[noun.split()[-1]] > max(2, COMMON * self._size) if noun else True

    def _says(self, run: Sequence[str]) -> bool:
        """Whether a run of words means something by itself."""
        telling = [word for word in run if _content(word)]
        if len(telling) == 1 == len(run):
            return run[0] not in _VAGUE and self._holding[run[0]] <= max(2, COMMON * self._size)
        return any(word not in _VAGUE for word in telling)

    def _whole(self, segment: Sequence[str], start: int, length: int) -> bool:
        """Whether neither end of the run is bound to the word beside it, and a single word stands at an end."""
        end = start + length
        if length == 1 and not any(not any(map(_content, part)) for part in (segment[:start], segment[end:])):
            return False
        before = (segment[start - 1], segment[start]) if start > 0 else None
        after = (segment[end - 1], segment[end]) if end < len(segment) else None
        return not any(
            pair
            and (other in _ARTICLES or other not in GLUE)
            and self._pairs[pair] >= max(2, BOUND * self._first[word])
            for pair, word, other in (
                (before, segment[start], before[0] if before else ""),
                (after, segment[end - 1], after[1] if after else ""),
            )
        )

    def _weight(self, word: str) -> float:
        return math.log((1 + self._size) / (1 + self._holding[word])) + 0.01


def _segments(name: str) -> Iterator[list[str]]:
    """The words of a name between punctuation and numbers: no phrase goes across them."""
    for part in _SEGMENT.split(name.lower()):
        if found := words(part):
            yield found


def _runs(a: Sequence[str], b: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Longest common runs as ``(start in a, start in b, length)``, without words at their ends that say nothing."""
    for i, word in enumerate(a):
        for j, other in enumerate(b):
            if word != other or (i and j and a[i - 1] == b[j - 1]):
                continue
            length = 1
            while i + length < len(a) and j + length < len(b) and a[i + length] == b[j + length]:
                length += 1
            start, end = i, i + length
            while start < end and not _content(a[start]):
                start += 1
            while end > start and not _content(a[end - 1]):
                end -= 1
            if end > start:
                yield start, j + start - i, end - start


def _content(word: str) -> bool:
    return (len(word) > 2 or bool(_CJK_PAIR.fullmatch(word))) and word not in GLUE and not any(map(str.isdigit, word))


def _joined(run: Sequence[str]) -> str:
    """Words with spaces; overlapping pairs of characters put back together."""
    text = run[0]
    for word in run[1:]:
        text += word[-1] if _CJK_PAIR.fullmatch(word) and text.endswith(word[0]) else f" {word}"
    return text
