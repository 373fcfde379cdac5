"""Praise of items by their reviews, as a reason may tell it: the aspect with most reviews behind it, and a quote."""

from __future__ import annotations

import re

import pandas as pd

from recsys.data.columns import ITEM
from recsys.explain import grounding
from recsys.explain.facts import Praise
from recsys.explain.slot_templates import Language

_HAN = re.compile(r"[\u3400-\u9fff]")


def praises(aspects: pd.DataFrame | None, language: Language = "en") -> dict[str, Praise]:
    """For each item what is praised most of it, among what may be told in this language.

    Parameters
    ----------
    aspects
        The version's table of aspects, each item's most spoken of first; None in a shop without reviews.
    """
    found: dict[str, Praise] = {}
    if aspects is None:
        return found
    for row in aspects.itertuples():
        praise = Praise(row.aspect, int(row.praised), int(row.praised + row.criticised), _quote(row))
        own = bool(_HAN.search(praise.aspect)) == (language == "zh")
        item = str(getattr(row, ITEM))
        if item not in found and own and praise.quote and praise.holds and not grounding.limits(praise.quote):
            found[item] = praise
    return found


def _quote(row: object) -> str:
    """A quote that praises, '' where none may be shown."""
    quotes = ((row.quote_1, row.praises_1), (row.quote_2, row.praises_2))  # type: ignore[attr-defined]
    return next((str(quote) for quote, praises in quotes if quote and praises), "")
