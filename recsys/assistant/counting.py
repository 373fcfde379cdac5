"""Tool over the whole catalogue: how many products of a kind there are, of which brands, from which price to which."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recsys.assistant.patterns import pattern, says
from recsys.assistant.product_facts import money
from recsys.assistant.shopping import described, nothing
from recsys.assistant.tools import CatalogueFacts, Context, Fact, Result
from recsys.serving.search import both_ends, matching, parse

_ENDS = {"price": "cheapest_of", "-price": "dearest_of"}


def catalogue_facts(context: Context, asked: CatalogueFacts) -> Result:
    """How many products of a kind there are, of which brands, in which price range; or what the shop sells."""
    table = context.catalogue
    compared = pattern("compared_count").search(asked.query)
    wanted = parse(pattern("compared_count").sub(" ", asked.query), table)
    if not (wanted.categories or wanted.brands or wanted.words):
        departments = [d for d in dict.fromkeys(table.departments) if d] or table.category_names
        names = context.listed(table.local_name(name, context.language) for name in departments)
        said = context.say("sells", kinds=names, n=len(table.ids), departments=len(departments))
        return Result((Fact(said),), "product")
    rows = matching(table, replace(wanted, sort="", unknown=()))
    if not (wanted.categories or wanted.brands):  # words alone only rank: a series is what all its words are said of
        rows = rows[[table.terms[row].issuperset(wanted.words) for row in rows]]
    of_kind = [set(wanted.names) <= table.title_terms[row] for row in rows]  # cat litter, of what there is for cats
    rows = rows[of_kind] if wanted.names and any(of_kind) else rows
    if not len(rows):
        return Result.none(nothing(context, wanted), "product")
    facts = [Fact(context.say(_of("count", len(rows)), n=len(rows), what=described(wanted, context)))]
    if compared:
        facts.insert(0, Fact(context.say("yes" if _holds(compared, len(rows)) else "no")))
    ends = "ends" if both_ends(asked.query) else wanted.sort
    if ends in {"ends", *_ENDS}:
        return Result((*facts, *_prices(context, rows, ends)), "product")
    brands = Counter(table.brands[row] for row in rows if table.brands[row])
    if brands and not wanted.brands:
        facts.append(
            Fact(context.say(_of("brands", len(brands)), n=len(brands), brands=context.listed(sorted(brands))))
        )
        if says("most_of", asked.query):
            most = max(brands.values())
            first = context.listed(sorted(brand for brand, n in brands.items() if n == most))
            facts.append(Fact(context.say("brand_of_most", brand=first, n=most)))
    return Result((*facts, *_prices(context, rows)), "product")


def _holds(compared: re.Match[str], count: int) -> bool:
    """Whether there are as many as is asked."""
    more, bound = compared[1] or compared[3], int(compared[2] or compared[4])
    if not more:
        return count < bound
    return count > bound if says("strictly", more) else count >= bound


def _prices(context: Context, rows: NDArray[np.int64], sort: str = "") -> list[Fact]:
    """The range of prices, or the product at the end of it that is asked for."""
    table = context.catalogue
    priced = sorted((row for row in rows if np.isfinite(table.prices[row])), key=lambda row: table.prices[row])
    if not priced:
        return []
    facts = []
    for end in _ENDS if sort == "ends" else {sort} & set(_ENDS):
        sold = [row for row in priced if table.available[row]] or priced
        row = sold[0 if end == "price" else -1]
        facts.append(context.told(row, _ENDS[end], price=money(table.prices[row])))
    if facts:
        return facts
    low, high = (money(float(table.prices[row])) for row in (priced[0], priced[-1]))
    return [Fact(context.say(_of("prices", len({low, high})), low=low, high=high))]


def _of(message: str, number: int) -> str:
    """The message that says so of one, or of several."""
    return f"{message}_one" if number == 1 else message
