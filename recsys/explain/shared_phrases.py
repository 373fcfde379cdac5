"""What two products' names say alike: a whole phrase, or a word that stands by itself in both.

"Earl grey" and "loose leaf" are phrases of their own; that two names both hold *leaf*, one of them in "loose leaf" and
the other in "maple leaf", is no reason for anything. The catalogue's own names tell which words live in a phrase; and
a word alone counts where it opens or closes a stretch of both names, as makers and nouns do.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from recsys.data.tfidf import CJK, words
from recsys.explain.facts import GLUE
from recsys.explain.lexicon import vocabulary
from recsys.explain.masking import stem

#: A word of which so large a share stands beside one neighbour is a fragment without that neighbour.
BOUND = 0.5
#: A single word that more than this share of all names hold says nothing of two of them.
COMMON = 0.05

_SEGMENT = re.compile(r"[^\w\s'’-]+|\s[-–—]+\s|\b\d[\w.,]*(?:-[a-z]+)?|\b(?:with|for|by|in|of|to|from)\b")
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
    """
)


def same_noun(a: str, b: str) -> bool:
    """Whether a stretch of one name and a stretch of the other close with the same word, as nouns do."""
    return bool(_nouns(a) & _nouns(b))


def _nouns(name: str) -> set[str]:
    last = (next((w for w in reversed(segment) if _content(w)), "") for segment in _segments(name))
    return {stem(word) for word in last if word and word not in _VAGUE}


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
