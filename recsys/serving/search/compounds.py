"""Compounds as the catalogue writes them: over ear, non stick, water proof and dishwashersafe in a question.

A hyphenated word of titles that has a part which anybody says is a term of its own: "in-ear" is more than an ear.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cached_property

from recsys.llm.language import tokens

_HYPHENED = re.compile(r"[a-z]+(?:-[a-z]+)+")
_PAIR = re.compile(r"(?<![a-z-])([a-z]{3,}) (?=([a-z]{3,})(?![a-z-]))")
_GAP = re.compile("[ -](?:the )?")
"""What stands between the parts of a compound: over-ear, over the ear."""
_PART = 3
"""Letters that either part of a compound has at least."""


class Compounds:
    """Compounds of a catalogue.

    Parameters
    ----------
    titles
        Titles in lower case, with the meaning of synonyms.
    names
        What its categories are called: a T-shirt is a shirt.
    said
        Words that anybody says.
    """

    def __init__(self, titles: Sequence[str], names: Sequence[str], said: frozenset[str]) -> None:
        self._said = said
        categories = " ".join(names).lower()
        found = {word for title in titles for word in _HYPHENED.findall(title)}
        self.whole = frozenset(w for w in found if w not in categories and not said.isdisjoint(w.split("-")))

    def of(self, text: str) -> frozenset[str]:
        """Compounds that stand in a text of the catalogue."""
        return self.whole.intersection(_HYPHENED.findall(text))

    def terms(self, text: str) -> list[str]:
        """Search terms of a question in the catalogue's words: its compounds whole, and not their parts."""
        rest = _HYPHENED.sub(lambda match: " " if match.group() in self.whole else match.group(), text)
        return [*dict.fromkeys(word for word in _HYPHENED.findall(text) if word in self.whole), *tokens(rest)]

    def written(self, text: str, words: Collection[str]) -> str:
        """A question with hyphens as titles have them, and as one what `words` of the catalogue write as one."""

        def joined(match: re.Match[str]) -> str:
            one = self._said.isdisjoint(match.groups()) and any(w in words for w in tokens(match[1] + match[2]))
            return match[1] if one else match.group()

        text = _PAIR.sub(joined, text)
        return self._any.sub(lambda m: self._by_letters[_GAP.sub("", m.group())], text) if self.whole else text

    @cached_property
    def _by_letters(self) -> dict[str, str]:
        return {word.replace("-", ""): word for word in self.whole}

    @cached_property
    def _any(self) -> re.Pattern[str]:
        forms = "|".join(
            word.replace("-", f"(?:{_GAP.pattern})?") for word in sorted(self.whole, key=len, reverse=True)
        )
        return re.compile(rf"(?<![a-z-])(?:{forms})(?![a-z-])")


def two_words(word: str, words: Collection[str], texts: Sequence[str]) -> str:
    """A word in the two that a catalogue's texts have side by side: dishwasher safe; '' where there are none."""
    for at in range(_PART, len(word) - _PART + 1):
        first, second = word[:at], word[at:]
        if all(part in words for part in tokens(f"{first} {second}")):
            beside = (f"{first} {second}", f"{first}-{second}")
            if any(either in text for text in texts for either in beside):
                return beside[0]
    return ""
