"""Wordings of own columns: what a reason may say of an item's colour, size or author, counted from the history."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from recsys.data.catalogue import Candidates
from recsys.data.histories import Histories, Profile
from recsys.data.own_columns import OwnColumn

#: Things of a history that must share a value before it is told, and their share of it.
LEAST, SHARE = 2, 0.3
#: Words of columns that are none of a shopper's business, or that say nothing to them.
_INTERNAL = re.compile(
    r"\b(margin|cost|profit|supplier|vendor|wholesaler|purchas\w*|warehouse|stock|storage|bin|shelf|location|tax|vat"
    r"|tariff|hs|cluster|segment|abc|xyz|priority|rank|score|status|state|flag|internal|intern|campaign|experiment|test"
    r"|buyer|planner|owner|team|source|import|feed|id|sku|ean|gtin|code|risk|return\w*|commission|channel|class|group"
    r"|level|tier|label)\b"
)
#: What a shop may know of somebody and had better not say to them.
_SENSITIVE = re.compile(r"\b(gender|sex|age|birth\w*|income|religion|ethnic\w*|nationality|health|married|family)\b")
_WORD = re.compile(r"[^\W\d_]")


def said_of(name: str, labels: NDArray[np.str_], profile: Profile, candidates: Candidates) -> list[str | None]:
    """A clause for each candidate that is true of it and of this history, None where there is nothing to say.

    "comes in your size (m)" where the shopper's own column of that name says so; "has the same colour as 4 of the 6
    products in your orders (red)" where at least `LEAST` things, and `SHARE` of the history, do.
    """
    silent: list[str | None] = [None] * len(candidates)
    theirs, mine = candidates.facts.own, profile.facts.own
    column = None if theirs is None else theirs.space.by_name.get(name)
    codes = None if theirs is None else theirs.of(name)
    if column is None or codes is None or column.kind not in ("category", "list") or _INTERNAL.search(column.words):
        return silent
    own = _own_values(column, profile)
    bought, sized = profile.purchases > 0, column.words.endswith("size")
    had = None if mine is None else mine.of(name)
    whole = len(profile) < Histories.LIMIT  # of a history that is cut short nobody can say "of the 500 things"
    held = np.zeros(len(labels) + 1, np.int64)
    if had is not None and whole:
        np.add.at(held, had[bought], 1)
        held[-1] = 0
    things = int(bought.sum())

    def clause(values: NDArray[np.int32]) -> str | None:
        known = [int(v) for v in values if v >= 0]
        if any(str(labels[v]) in own for v in known):
            value = next(str(labels[v]) for v in known if str(labels[v]) in own)
            return f"comes in your {column.words} ({value})"
        best = max(known, key=lambda v: (held[v], -v), default=-1)
        if best < 0 or held[best] < max(LEAST, SHARE * things) or not (_WORD.search(str(labels[best])) or sized):
            return None
        if column.kind == "list":
            return (
                f"shares the {column.words} “{labels[best]}” with {held[best]} of the {things} products in your orders"
            )
        return f"has the same {column.words} as {held[best]} of the {things} products in your orders ({labels[best]})"

    return [clause(row) for row in codes]


def _own_values(column: OwnColumn, profile: Profile) -> frozenset[str]:
    """What the users table says of this shopper under the item column's name."""
    if profile.own is None or _SENSITIVE.search(column.words):
        return frozenset()
    for other in profile.own.space.columns:
        if other.words == column.words and other.kind in ("category", "list"):
            codes = profile.own.of(other.name)
            assert codes is not None
            return frozenset(other.values[code] for code in codes[0] if code >= 0)
    return frozenset()
