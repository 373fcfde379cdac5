"""Does an answer follow from its sources? Numbers, prices, dates, names and the yes or no of it must come from them.

Stricter than it need be: an answer refused here is replaced by the shop's own words, which costs nothing but style.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from recsys.explain.grounding import limits, unsourced
from recsys.llm.language import sentences, tokens, word_list

MAX_NEW_WORDS = 0.34
"""Share of an answer's words that may be in neither the sources nor the question."""
MAX_ECHOED = 0.5
"""Share of a sentence's words that may come from the question alone."""
MAX_LENGTH = 900

_NEGATION = re.compile(
    r"\b(?:not|no|never|cannot|unable|unfortunately|non-\w+|without|only)\b|n't\b|不|没|无法|非", re.IGNORECASE
)
_NUMBER_WORDS = word_list("number_words")
_COMMON = word_list("function_words")


def check_answer(answer: str, sources: Sequence[str], question: str = "") -> list[str]:
    """What in `answer` does not follow from `sources`; an empty list means all of it does."""
    own = "\n".join(sources)
    if _plain(answer) and _plain(answer) in _plain(own):
        return []  # the shop's own words
    found = limits(answer, max_length=MAX_LENGTH) + unsourced(answer, sources)
    known = set(tokens(own))
    said = _content(answer)
    found += [f"amount without a source: {w}" for w in sorted(_NUMBER_WORDS & set(said) - known)]
    asked = set(tokens(question)) - known
    new = [word for word in said if word not in known and word not in asked]
    if said and len(new) > MAX_NEW_WORDS * len(said):
        found.append("mostly words of no source: " + ", ".join(new[:8]))
    if not known & set(said):
        found.append("says nothing of its source")
    found += [f"only repeats the question: {s[:60]}" for s in sentences(answer) if _repeats(s, asked)]
    found += [f"yes and no differ from the source: {s[:60]}" for s in sentences(answer) if _contradicts(s, sources)]
    return found


def _content(text: str) -> list[str]:
    return [word for word in tokens(text) if word not in _COMMON]


def _repeats(sentence: str, asked: set[str]) -> bool:
    """Whether most of what a sentence says is in the question alone.

    "Should I buy shares in your company?" is no evidence for "You can buy shares in our company".
    """
    said = _content(sentence)
    return sum(word in asked for word in said) > MAX_ECHOED * len(said)


def _contradicts(sentence: str, sources: Sequence[str]) -> bool:
    """Whether the source sentence most like this one says no where it says yes, or the other way."""
    words = set(_content(sentence))
    candidates = [part for source in sources for part in sentences(source)]
    if not words or not candidates:
        return False
    nearest = max(candidates, key=lambda part: len(words & set(tokens(part))))
    return bool(_NEGATION.search(sentence)) != bool(_NEGATION.search(nearest))


def _plain(text: str) -> str:
    return " ".join(tokens(text))
