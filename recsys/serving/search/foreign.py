"""Chinese names of things that the catalogue has no word for, by a general dictionary: 充电宝 is a portable charger.

A dictionary gives many senses; one counts only where the catalogue's own titles or categories are named so, and a word
that the shop knows keeps the shop's meaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property, lru_cache

from recsys.llm.dictionary import is_name, senses
from recsys.llm.language import chinese_segmenter, tokens, word_list
from recsys.serving.search.spelling import singular

_CJK = re.compile(r"[\u3400-\u9fff]+")
_WORDS = re.compile(r"[a-z]+")
_BEHIND = re.compile(r"(?<=\w) (?:of|with|for|in|from|by|to|and)(?: .*)?$")
"""What follows the name of a thing: a teapot with infuser."""
_WHERE = re.compile("[去往到在住]$")
"""What stands before the name of a place."""
_SENSES = 2
"""Senses of a word that are looked at; what is called so in the third place is mostly called otherwise."""
_SOUGHT = re.compile(
    r"(?<![里面没])(?:有没有|有卖|卖不卖|[有卖找买]|推荐|想要)[一几两]?[个台款件双条把只支辆本]?(?P<thing>[\u3400-\u9fff]+?)(?:[吗么呢吧卖]|[^\u3400-\u9fff]|$)"
)
"""A thing that is looked for, in a sentence that asks for one."""
_SHORTEST, _LONGEST = 3, 5
"""Characters of a word of the dictionary that the segmenter takes for several."""
_AHEAD = 64
"""Characters that are cut into words at a time: what a long text costs grows with its length, and not faster."""
_READ = 256
"""Texts whose words are kept."""


class Foreign:
    """Reads Chinese words by the dictionary, in a catalogue's English.

    Parameters
    ----------
    kinds
        Names of the catalogue's kinds of product, in lower case, and the category of each.
    synonyms
        What shoppers say, and what the catalogue calls it: these words are known.
    words
        Search terms of the catalogue, when they are needed for the first time.
    """

    def __init__(
        self,
        kinds: Iterable[tuple[str, str]],
        synonyms: Mapping[str, str],
        words: Callable[[], Collection[str]],
    ) -> None:
        self._kinds = sorted({(kind, category.lower()) for kind, category in kinds})
        self._categories = {category for _, category in self._kinds}
        self._synonyms, self._words = synonyms, words
        self.cut = lru_cache(maxsize=_READ)(self._cut)

    @cached_property
    def _ends(self) -> Mapping[tuple[str, ...], str]:
        """Ends of the kinds' names, and how titles write them: ("pan",) and ("frying", "pan")."""
        ends: dict[tuple[str, ...], str] = {}
        for kind, category in self._kinds:
            words = _called(kind, _base(category))
            for at in range(len(words)):
                base = _base(" ".join(words[at:]))
                if len(base) > 1 or _ALONE.isdisjoint(base):
                    ends.setdefault(base, " ".join(words[at:]))
        return ends

    @cached_property
    def _wholes(self) -> Mapping[tuple[str, ...], str]:
        """Whole names of categories, either half of these, and their English synonyms, as titles write them."""
        halves = [half.strip() for name in self._categories for half in name.split("&")]
        halves += [said for said, means in self._synonyms.items() if said.isascii() and means in self._categories]
        return {base: self._ends.get(base, half) for half in sorted(halves) if (base := _base(half))}

    @cached_property
    def _joined(self) -> Mapping[str, str]:
        """Names of several words, written as one: a lunchbox."""
        return {"".join(base): written for base, written in self._ends.items() if len(base) > 1}

    def english(self, word: str) -> str:
        """What the catalogue calls a thing that it has no Chinese word for, or ''.

        The end of a sense's name is enough where it has two words (a pan of frying pans) or, in the first sense, where
        it is the whole name of a category: a portable charger is a charger, a washing machine no coffee machine.
        """
        for place, sense in enumerate(senses(word)[:_SENSES]):
            said = _base(_BEHIND.sub("", sense))
            if len(said) == 1 and said[0] in self._joined:
                return self._joined[said[0]]
            for at in range(len(said)):
                end = said[at:]
                if end in self._ends and (at == 0 or len(end) > 1):
                    return self._ends[end]
                if end in self._wholes and (at == 0 or place == 0):
                    return self._nearer(word, end) if at else self._wholes[end]
        return ""

    def _nearer(self, word: str, whole: tuple[str, ...]) -> str:
        """Of a category, the kind that another word of the senses names: a "mobile power pack" is the power bank."""
        beside = {token for sense in senses(word) for token in _base(sense)} - set(whole)
        means = self._synonyms.get(" ".join(whole), "")
        for kind, category in self._kinds:
            called = _called(kind, _base(category))
            own = category == means or whole in [_base(half) for half in category.split("&")]
            if own and beside.intersection(_base(" ".join(called))):
                return " ".join(called)
        return self._wholes[whole]

    def _cut(self, text: str) -> tuple[str, ...]:
        """A text in words, as the segmenter cuts its Chinese; the text itself where nothing can be looked up."""
        segmenter = chinese_segmenter()
        if segmenter is None or not _CJK.search(text):
            return (text,)
        words: list[str] = []
        ahead: list[str] = []
        while text:  # newer words than the segmenter's are the dictionary's: 充电, 宝
            if not ahead:
                ahead = list(segmenter.cut(text[:_AHEAD]))
                ahead = ahead if len(text) <= _AHEAD else ahead[: len(ahead) // 2 + 1]  # the last may be cut off
            first = ahead.pop(0)
            longer = (text[:end] for end in range(min(_LONGEST, len(text)), max(len(first), _SHORTEST - 1), -1))
            words.append(next((word for word in longer if word in self._synonyms or self.unheard(word)), first))
            if words[-1] != first:
                ahead.clear()
            text = text[len(words[-1]) :]
        return tuple(words)

    def named(self, text: str) -> str:
        """A text with what the catalogue calls the things in it that it has no Chinese word for."""
        words = [(word, self.english(word) if self.unheard(word) else "") for word in self.cut(text)]
        return "".join(f" {name} " if name else word for word, name in words)

    def refined(self, text: str, apart: Collection[str]) -> str:
        """A text that names kinds of product, with which things of a kind are meant: 炒锅 is a wok among pans.

        A word whose English tells products of these kinds apart (`apart`) is that: 越南 is Vietnam, of travel guides.
        """
        names = [(w, self.half(w) or self._of_a_kind(w) or self._telling(w, apart)) for w in self.cut(text)]
        return "".join(f"{word} {name} " if name else word for word, name in names)

    def _telling(self, word: str, apart: Collection[str]) -> str:
        """The first of the word's senses all of whose words are among these, or ''."""
        told = senses(word)[:_SENSES] if self.unheard(word) else ()
        return next((sense for sense in told if (said := tokens(sense)) and all(w in apart for w in said)), "")

    def _of_a_kind(self, word: str) -> str:
        held = any(word[at:] in self._synonyms for at in range(1, len(word)))
        return self.english(word) if held and self.unheard(word) and not self.another(word) else ""

    def unheard(self, word: str) -> bool:
        """Whether a Chinese word is the dictionary's, and neither the shop's nor anybody's in any question."""
        known = word in self._synonyms or word in _SAID
        return not known and len(word) > 1 and _CJK.fullmatch(word) is not None and bool(senses(word))

    def another(self, word: str) -> bool:
        """Whether a Chinese word holds a word of the shop and means another thing: 大容量 is no storage box.

        So does what anybody says (有木有). A synonym at a word's end is its head; one character for a head of kinds is
        none where the catalogue speaks of no such thing (凉鞋 are sandals, but 小猫 are cats). One before that is only
        what it is for, and misleads where it names a kind of product (鞋柜) or is one character (书桌 is no book).
        """
        if word in _SAID:
            within = {word[at:end] for at in range(len(word)) for end in range(at + 1, len(word) + 1)}
            return word not in self._synonyms and not within.isdisjoint(self._synonyms)
        if not self.unheard(word):
            return False
        behind = [word[at:] for at in range(1, len(word)) if word[at:] in self._synonyms]
        ahead = [word[:at] for at in range(2, len(word)) if self._synonyms.get(word[:at]) in self._categories]
        ahead += [word[0]] if word[0] in self._synonyms else []
        said = {token for sense in senses(word) for token in _base(sense)}
        if behind and len(behind[0]) == 1:
            head = _base(self._synonyms[behind[0]])
            kind = any(_base(name)[-len(head) :] == head for name in self._categories)
            return kind and said.isdisjoint(self._words())
        means = [_base(self._synonyms[part]) for part in behind or ahead]
        return bool(means) and not any(said.intersection(meaning) for meaning in means)

    def others(self, text: str) -> list[str]:
        """Names of other things in a text that hold a word of the shop."""
        return [word for word in dict.fromkeys(self.cut(text)) if word not in _SAID and self.another(word)]

    def names(self, text: str) -> list[str]:
        """Names in a text (小米, 华为), none of places, that neither the shop nor the English of its products has."""

        def known(word: str) -> bool:
            called = " ".join(sense.split(",")[0] for sense in senses(word)[:_SENSES])
            return any(term in self._words() for term in tokens(called))

        words = dict.fromkeys(self.cut(text))
        names = [word for word in words if self.unheard(word) and is_name(word) and not known(word)]
        return [word for word in names if not _WHERE.search(text.partition(word)[0])]

    def missing(self, text: str) -> str:
        """The thing that a Chinese sentence looks for, where neither the shop nor its English has a word for it, or ''.

        It is the last word: in 旅行用的吹风机, what stands before 的 says what the thing is for.
        """
        found = _SOUGHT.search(text)
        if found is None or not (words := self.cut(found["thing"].rpartition("的")[2])):
            return ""
        head = words[-1]
        ends = {head[at:] for at in range(len(head))}
        known = not ends.isdisjoint(self._synonyms) or any(len(end) > 1 and end in self._words() for end in ends)
        return head if self.unheard(head) and not known and not self.english(head) else ""

    def half(self, word: str) -> str:
        """Which half of a category's name a known word means: 围巾 are the scarves of "Scarves & Hats", else ''.

        A single character (灯) is of many compounds, and stands for any of them.
        """
        if len(word) == 1:
            return ""
        halves = {_base(half): half for half in self._synonyms.get(word, "").split("&")}
        named = {base for sense in senses(word)[:_SENSES] if (base := _base(sense)) in halves}
        return self._ends.get(named.pop(), "") if len(named) == 1 < len(halves) else ""


_SAID = frozenset(word for name in ("said_when_asking", "common") for word in word_list(name))
_ALONE = _SAID | word_list("heads_of_compounds")
"""Words that name no thing alone."""


def _called(kind: str, category: tuple[str, ...]) -> list[str]:
    """Words that name a thing, of the name of its kind: what follows "jigsaw puzzle" is only that puzzle's title."""
    words = _BEHIND.sub("", kind.removeprefix("of ")).replace("-", " ").split()
    ends = range(len(category), len(words) + 1) if category else ()
    return words[: next((end for end in ends if _base(" ".join(words[end - len(category) : end])) == category), None)]


def _base(text: str) -> tuple[str, ...]:
    return tuple(singular(word) for word in _WORDS.findall(text.lower()))
