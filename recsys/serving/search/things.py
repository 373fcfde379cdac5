"""Thesaurus of the things that shops sell: whoever asks for secateurs wants pruning shears, and a kettle is no teapot.

The groups of names (`things.tsv`) are of no shop. Of a catalogue they tell two things: which of its own words a name
means, and which things it has none of.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources

from recsys.data.tfidf import words
from recsys.serving.search.measures import without_measures
from recsys.serving.search.spelling import singular

_HAN = re.compile(r"[\u3400-\u9fff]+")
_LATIN = re.compile(r"[a-z0-9][a-z0-9'’-]*")
_BREAK = re.compile(r"[,.;:!?()]|(?<![\w-])(?:for|with|to|under|in|from|that|which|who|and|or|a|an|the)(?![\w-])")
_NUMBERED = re.compile(r"(?: set)? of \d+$| \d+-pack$")
"""How many there are, at the end of a title."""
TELLING = 0.5
"""Share of a category's titles that name a thing from which they tell what it holds."""
_LONGEST = 5
"""Words of the longest English name; Chinese ones have at most so many characters and two."""


@dataclass(frozen=True)
class Thing:
    """A thing by its names, English ones first, the commonest first, and what is the next wider thing; '' for none."""

    names: tuple[str, ...]
    broader: str


@cache
def groups() -> tuple[Thing, ...]:
    """All things; a name that several have is of the one that it is commonest for."""
    source = resources.files(__package__).joinpath("things.tsv").read_text(encoding="utf-8")
    rows: dict[str, tuple[dict[str, int], str]] = {}  # lines with the same first name are one
    for line in source.splitlines():
        english, chinese, broader = line.split("\t")
        names = [name for field in (english, chinese) for name in field.split("|") if name]
        own, _ = rows.setdefault(names[0], ({}, broader))
        for place, name in enumerate(names):
            own.setdefault(name, place)
    nearest: dict[tuple[str, ...] | str, tuple[int, str]] = {}
    for first, (own, _) in rows.items():
        for name, place in own.items():
            nearest[_key(name)] = min(nearest.get(_key(name), (place, first)), (place, first))
    return tuple(
        Thing(tuple({_key(name): name for name in own if nearest[_key(name)][1] == first}.values()), broader)
        for first, (own, broader) in rows.items()
    )


@cache
def _places() -> Mapping[tuple[str, ...] | str, int]:
    """The thing of each name: English ones by their words in the singular, Chinese ones as they are."""
    return {_key(name): at for at, thing in enumerate(groups()) for name in thing.names}


def _key(name: str) -> tuple[str, ...] | str:
    return name if _HAN.match(name) else tuple(map(singular, words(name)))


def _wider(thing: int) -> int | None:
    """The next wider thing."""
    return _places().get(_key(groups()[thing].broader))


def _in_chinese(text: str) -> Iterator[tuple[int, str, int]]:
    """Thing, its name as it is written, and where that ends, of each that a text names in Chinese, the longest."""
    places = _places()
    for run in _HAN.finditer(text):
        at = run.start()
        while at < run.end():
            ends = range(min(run.end(), at + _LONGEST + 2), at + 1, -1)
            end = next((end for end in ends if text[at:end] in places), 0)
            if end:
                yield places[text[at:end]], text[at:end], end
            at = end or at + 1


def _in_english(text: str) -> Iterator[tuple[int, str, int]]:
    """The same of those that a text in lower case names in English."""
    places, spans = _places(), list(_LATIN.finditer(text))
    at = 0
    while at < len(spans):
        for end in range(min(len(spans), at + _LONGEST), at, -1):
            name = text[spans[at].start() : spans[end - 1].end()]
            if not _BREAK.search(name) and (thing := places.get(_key(name))) is not None:
                yield thing, name, spans[end - 1].end()
                at = end - 1
                break
        at += 1


def _headed(head: str, english: bool) -> Iterator[tuple[int, str]]:
    """Thing and name that a title ends with, the longest; Chinese ones of a Chinese catalogue wherever they stand."""
    places, spans = _places(), list(_LATIN.finditer(head))[-_LONGEST:]
    for first in spans if spans and spans[-1].end() == len(head) else ():
        name = head[first.start() :]
        if (thing := places.get(_key(name))) is not None and not _BREAK.search(name):
            yield thing, name
            break
    han = _in_chinese(head)
    yield from ((thing, name) for thing, name, end in han if not (english and _HAN.match(head[end:])))


def _end(name: str) -> str:
    """What a thing is called at last: its last word in the singular, or its last Chinese character."""
    return name[-1:] if _HAN.match(name[-1:]) else singular((words(name) or [""])[-1])


class Things:
    """What a catalogue sells of all things.

    Parameters
    ----------
    titles
        Titles up to the features that they list, each with its category: a thing is sold that one ends with.
    called
        What the shop's synonyms say, and what they mean. Where it is a category whose titles name things themselves,
        it is a help to search ("yoga mat": yoga & fitness) and no sign that the thing is sold.
    english
        Whether most titles are English: then names mean an English one, where there is one, else a Chinese one.
    features
        What titles list beside: a name with such a word is told better by it ("bluetooth mouse" by Bluetooth).
    """

    def __init__(
        self,
        titles: Sequence[tuple[str, str]],
        called: Mapping[str, str],
        english: bool,
        features: Collection[str] = (),
    ) -> None:
        self._english, self._called = english, called
        self._sold: dict[int, Counter[str]] = {}
        self._ends: set[str] = set()
        spoken = (text for of in (*titles, tuple(features)) for text in of)
        self._words = {singular(word) for text in spoken for word in words(text)}
        size, telling = Counter(category for _, category in titles), Counter[str]()
        for title, category in titles:
            head = _NUMBERED.sub("", without_measures(title) if any(map(str.isdigit, title)) else title).strip()
            self._ends.add(_end(head))
            for thing, name in _headed(head, english):
                self._sold.setdefault(thing, Counter())[name] += 1
                telling[category] += 1
        plain = {category for category, many in size.items() if telling[category] < TELLING * many}
        names = {category: category for category in size}
        names |= {name: means for name, means in called.items() if means not in size or means in plain}
        for name in names:
            if (thing_of := _places().get(_key(name))) is not None:
                self._sold.setdefault(thing_of, Counter())[name] += 1

    @cached_property
    def synonyms(self) -> Mapping[str, str]:
        """Names that the catalogue does not use, and the one of the same thing that it does.

        Of a thing that it has only a narrower one of, that: leggings are running tights. No name is replaced whose
        words the catalogue has, or a part of which the shop's own synonyms tell better (羽绒睡袋 by 羽绒 and 睡袋).
        """
        means: dict[str, str] = {}
        narrower: dict[int, set[str]] = {}
        for at, counts in self._sold.items():
            called = [name for name, _ in counts.most_common()]
            own = sorted(called, key=lambda name: bool(_HAN.match(name)) == self._english)[0]
            own = self._called.get(own, own)
            means |= dict.fromkeys(groups()[at].names, own)
            if (wider := _wider(at)) is not None and wider not in self._sold:
                narrower.setdefault(wider, set()).add(own)
        for at, names in narrower.items():  # by its commonest names: woolly gloves are none for gardens
            general = [groups()[at].names[0], *filter(_HAN.match, groups()[at].names)][:2]
            means |= {name: min(names) for name in general if len(names) == 1 and name not in means}
        return {name: own for name, own in means.items() if name != own and not self._told(name, own)}

    def _told(self, name: str, means: str) -> bool:
        """Whether the catalogue or the shop's synonyms tell what a name means, or more of it than this."""
        if not _HAN.match(name):
            return self._words.issuperset(map(singular, words(name)))
        parts = {name[at:end] for at in range(len(name)) for end in range(at + 2, len(name) + 1)}
        return any(self._called[part] not in means for part in parts & self._called.keys())

    def knows(self, name: str) -> bool:
        """Whether this is what a thing is called, in some shop."""
        return _key(name.lower()) in _places()

    @cached_property
    def _in_stock(self) -> frozenset[int]:
        """Things that are sold, and those that one of these is a narrower one of."""
        found = set(self._sold)
        for at in self._sold:
            wider = _wider(at)
            while wider is not None and wider not in found:
                found.add(wider)
                wider = _wider(wider)
        return frozenset(found)

    def missing(self, text: str, known: Collection[str] = ()) -> str:
        """The thing that a text names last, where the catalogue has none of any that it names; else ''.

        Parameters
        ----------
        known
            Words that name kinds of the catalogue: behind a thing they say that another is meant (microwave bowls).
        """
        low = text.lower()
        found = sorted([*_in_chinese(low), *_in_english(low)], key=lambda thing: thing[2])
        if not found or any(thing in self._in_stock for thing, *_ in found):
            return ""  # a plush toy for the washing machine
        last = found[-1]
        if _wider(last[0]) in self._in_stock and _end(last[1]) in self._ends:
            return ""  # a teddy bear, where soft toys are sold and one is a plush bear
        behind = _BREAK.split(low[last[2] :])[0]
        if any(singular(word) in known for word in words(behind)):
            return ""
        *before, word = last[1].split(" ")
        plural = any(name.endswith(word) for name in groups()[last[0]].names)  # leggings
        return last[1] if plural else " ".join([*before, singular(word)])
