"""Kinds of product by the head of their titles: "Ridgeline Essential Rechargeable Headlamp, Red" is a headlamp.

A category holds several kinds ("Camping Gear": stoves, mats, lanterns), and only titles name them. What comes before
the first comma or "with", less the brand, measures and words that titles of many categories share, is near to what
shoppers say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from recsys.serving.search.measures import without_measures

_HEAD = re.compile(r",|，| - |:|：|\(|（|《| with ")
_WORD = re.compile(r"[a-z][a-z'-]+|[\u3400-\u9fff]+")
_SHARE, _LEAST = 0.12, 4
"""Share of the categories, and how many at least, in whose titles a word is of no kind."""


def kind_names(titles: Sequence[str], brands: Sequence[str], categories: Sequence[str]) -> list[str]:
    """Name of the kind of each product in lower case, '' where its title names none."""
    heads = [_WORD.findall(_head(title, brand)) for title, brand in zip(titles, brands, strict=True)]
    spread: dict[str, set[str]] = {}
    for words, category in zip(heads, categories, strict=True):
        for word in words:
            spread.setdefault(word, set()).add(category)
    bound = max(_LEAST, _SHARE * len(set(categories)))
    return [" ".join(word for word in words if len(spread[word]) < bound) for words in heads]


def _head(title: str, brand: str) -> str:
    own = without_measures(title.lower().removeprefix(brand.lower()))
    return _HEAD.split(own.strip())[0]
