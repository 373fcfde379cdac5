"""Negation: what a sentence would say if it denied nothing, so that a denied fault is not read as blame.

"Never drips" is blame by its words: most of what holds a "never" is. What is denied tells the two apart: "drips" alone
is blame, so its denial praises; "works" is praise, so "never works" blames. Source: Polanyi and Zaenen, "Contextual
valence shifters" (2006), with the sentence without its negation read by the same model in place of a word list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: What a denial adds to the log-odds of praise, and the part of what is denied that it takes away; near to what
#: was fitted to English sentences (.2 and .4) and to pieces of Chinese reviews (.2 and .3), read by models that had not
#: met them.
OWN, PART = 0.25, 0.5

_ENGLISH = re.compile(
    r"\b(?:no longer|no(?! (?:doubt|wonder|matter)\b)|not(?! only\b)|never|without|nothing|none|hardly|neither|nor|"
    r"cannot|can[’']t|won[’']t|\w+n[’']t)\b",
    re.IGNORECASE,
)
_REMAINS = {"cannot": "can", "can't": "can", "won't": "will", "without": "with", "nothing": "something"}
_CHINESE = re.compile(
    r"从来没有|从来不|从来没|从不|从没|毫无|毫不|并没有|并不|没有|一点[都也](?:不|没有|没)|"
    r"(?<![差了])不(?![错过仅但光管断愧同如])|没(?!说的|的说|得说|话说|事)|无(?![线论数绳])|未(?![来必])"
)


def undenied(sentence: str, language: str) -> str:
    """The sentence without its negations: "It never drips" is "It drips"; the same where nothing is denied."""
    if language == "zh":
        return _CHINESE.sub("", sentence)
    return " ".join(_ENGLISH.sub(_left, sentence).split()) if _ENGLISH.search(sentence) else sentence


def _left(denial: re.Match[str]) -> str:
    """What stays of a negation: "doesn't" is "does"."""
    word = denial[0].lower().replace("’", "'")
    return _REMAINS.get(word, word[:-3] if word.endswith("n't") else "")


def denying(texts: Sequence[str], language: str) -> dict[int, str]:
    """Places of texts that deny something, and what they would say without; none of a language not known here."""
    without = {at: undenied(text, language) for at, text in enumerate(texts) if language in ("en", "zh")}
    return {at: text for at, text in without.items() if text and text != texts[at]}


def turned(said: NDArray[np.float64], denied: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of praise of texts that deny something, from theirs and those of the same without the negation."""
    return said + OWN - PART * denied
