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
from recsys.serving.search.lexicon import HAN, LATIN, LONGEST, Lexicon, key
from recsys.serving.search.measures import without_measures
from recsys.serving.search.spelling import singular

_BREAK = re.compile(r"[,.;:!?()]|(?<![\w-])(?:for|with|to|under|in|from|that|which|who|and|or|a|an|the)(?![\w-])")
_NUMBERED = re.compile(r"(?: set)? of \d+$| \d+-pack$")
"""How many there are, at the end of a title."""
TELLING = 0.5
"""Share of a category's titles that name a thing from which they tell what it holds."""


@dataclass(frozen=True)
class Thing:
    """A thing by its names, English ones first, the commonest first, and what is the next wider thing; '' for none."""

    names: tuple[str, ...]
    broader: str


@cache
def _lines() -> tuple[tuple[list[str], str], ...]:
    """Names of each thing, and the next wider one; lines with the same first name are one."""
    source = resources.files(__package__).joinpath("things.tsv").read_text(encoding="utf-8")
    lines: dict[str, tuple[dict[str, None], str]] = {}
    for line in source.splitlines():
        english, chinese, broader = line.split("\t")
        names = [name for field in (english, chinese) for name in field.split("|") if name]
        lines.setdefault(names[0], ({}, broader))[0].update(dict.fromkeys(names))
    return tuple((list(names), broader) for names, broader in lines.values())


@cache
def _lexicon() -> Lexicon:
    """The thing of each name, by its place in `groups`."""
    return Lexicon([names for names, _ in _lines()], _BREAK)


@cache
def groups() -> tuple[Thing, ...]:
    """All things; a name that several have is of the one that it is commonest for."""
    return tuple(
        Thing(tuple({key(name): name for name in names if _lexicon().of(name) == at}.values()), broader)
        for at, (names, broader) in enumerate(_lines())
    )


def _wider(thing: int) -> int | None:
    """The next wider thing."""
    return _lexicon().of(groups()[thing].broader)


def _headed(head: str, english: bool) -> Iterator[tuple[int, str]]:
    """Thing and name that a title ends with, the longest; Chinese ones of a Chinese catalogue wherever they stand."""
    lexicon, spans = _lexicon(), list(LATIN.finditer(head))[-LONGEST:]
    for first in spans if spans and spans[-1].end() == len(head) else ():
        name = head[first.start() :]
        if (thing := lexicon.of(name)) is not None and not _BREAK.search(name):
            yield thing, name
            break
    han = lexicon.chinese(head)
    yield from ((thing, name) for thing, name, end in han if not (english and HAN.match(head[end:])))


def _end(name: str) -> str:
    """What a thing is called at last: its last word in the singular, or its last Chinese character."""
    return name[-1:] if HAN.match(name[-1:]) else singular((words(name) or [""])[-1])


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
        spoken = {text for of in (*titles, tuple(features)) for text in of}
        self._spoken: dict[str, set[int]] = {}
        for at, text in enumerate(spoken):
            for word in words(text):
                self._spoken.setdefault(singular(word), set()).add(at)
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
            if (thing_of := _lexicon().of(name)) is not None:
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
            own = sorted(called, key=lambda name: bool(HAN.match(name)) == self._english)[0]
            own = self._called.get(own, own)
            means |= dict.fromkeys(groups()[at].names, own)
            if (wider := _wider(at)) is not None and wider not in self._sold:
                narrower.setdefault(wider, set()).add(own)
        for at, names in narrower.items():  # by its commonest names: woolly gloves are none for gardens
            general = [groups()[at].names[0], *filter(HAN.match, groups()[at].names)][:2]
            means |= {name: min(names) for name in general if len(names) == 1 and name not in means}
        return {name: own for name, own in means.items() if name != own and not self._told(name, own)}

    def _told(self, name: str, means: str) -> bool:
        """Whether the catalogue or the shop's synonyms tell what a name means, or more of it than this."""
        if not HAN.match(name):
            having = [self._spoken.get(singular(word), set()) for word in words(name)]
            return all(having) and bool(set.intersection(*sorted(having, key=len)))
        parts = {name[at:end] for at in range(len(name)) for end in range(at + 2, len(name) + 1)}
        return any(self._called[part] not in means for part in parts & self._called.keys())

    def knows(self, name: str) -> bool:
        """Whether this is what a thing is called, in some shop."""
        return _lexicon().of(name.lower()) is not None

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

    def without_missing(self, text: str) -> str:
        """A text without names of several words of things that the catalogue has not: a washing machine is no other."""
        low = text.lower()
        for thing, name, _ in _lexicon().found(low):
            if " " in name and thing not in self._in_stock:
                low = low.replace(name, " ")
        return low

    def missing(self, text: str, known: Collection[str] = ()) -> str:
        """The thing that a text names last, where the catalogue has none of any that it names; else ''.

        Parameters
        ----------
        known
            Words that name kinds of the catalogue: behind a thing they say that another is meant (microwave bowls).
        """
        low, found = text.lower(), _lexicon().found(text)
        if not found or any(thing in self._in_stock for thing, *_ in found):
            return ""  # a plush toy for the washing machine
        last = found[-1]
        wider, end = _wider(last[0]), _end(last[1])
        if wider is not None and wider in self._in_stock:  # a teddy bear, where one of the soft toys is a plush bear
            called = "".join(filter(HAN.match, groups()[wider].names))  # 化妆镜 among 镜子
            if end in self._ends or (HAN.match(end) and end in called):
                return ""
        behind = _BREAK.split(low[last[2] :])[0]
        if any(singular(word) in known for word in words(behind)):
            return ""
        *before, word = last[1].split(" ")
        plural = any(name.endswith(word) for name in groups()[last[0]].names)  # leggings
        return last[1] if plural else " ".join([*before, singular(word)])
