"""Products that a text names: by title, id, the brand with words of a title, or the most words of one."""

from __future__ import annotations

import math
import re

from recsys.llm.language import tokens
from recsys.serving.search.amounts import in_digits
from recsys.serving.search.measures import measures_in
from recsys.serving.search.product_table import ProductTable
from recsys.serving.search.query import Constraints, brands_in
from recsys.serving.search.said import SAID

NAMED_BY = 2
"""Words of a title beside the brand that name a product without its whole title."""
MOST_MEANT = 4
"""More products than this with the same words are a kind, not a name."""
A_MEASURE, ITS_KIND = 4.0, 2.5
"""What a measure that a title has, and being of the kind that is named, tell beside the words of titles."""
ALIKE = 1e-6
"""How far the best may be from what is as good."""
_QUOTED = re.compile(r"《([^》]+)》")
_NUMBER = re.compile(r"(?<![\d.,])\d[\d,.]*\d")


def products_in(text: str, table: ProductTable) -> list[int]:
    """Rows of the products whose title or id stands in a text, in the order they appear."""
    low = text.lower()
    found = [(low.find(title.lower()), -len(title), row) for row, title in enumerate(table.titles) if title]
    found = sorted(entry for entry in found if entry[0] >= 0)
    ids = [
        (m.start(), 0, table.row[name])
        for m in re.finditer(r"(?<![A-Za-z0-9_-])[A-Za-z0-9-]{4,}", text)
        if (name := m.group()) in table.row or (name := name.upper()) in table.row
    ]
    rows, end = [], -1
    for at, length, row in sorted(found + ids):
        if at >= end:  # "Red Mug Large" is not also "Red Mug"
            rows.append(row)
            end = at - length
    return list(dict.fromkeys(rows))


def named(text: str, table: ProductTable) -> list[int]:
    """Rows of the products a text names: by title or id, else by the brand and the most words of a title.

    Several rows where the words given fit several products ("the Kestrel Essential laptop 13.3").
    """
    if rows := products_in(text, table):
        return rows
    quoted = [name for name in _QUOTED.findall(text) if len(name) > 1]
    if rows := [row for row, title in enumerate(table.titles) if any(name in title for name in quoted)][:MOST_MEANT]:
        return rows
    canonical = table.canonical(text)
    said, refused, measures = set(tokens(canonical)), brands_in(canonical, table)[1], measures_in(canonical)
    best: dict[int, list[int]] = {}
    for row, (brand, title) in enumerate(zip(table.brands, table.title_terms, strict=True)):
        of_brand = set(tokens(brand))
        if of_brand and of_brand <= said and brand not in refused:
            best.setdefault(len(title & said - of_brand), []).append(row)
    most = max(best, default=0)
    if most:  # "the 240 piece one" is none of 1,100
        told = [row for row in best[most] if not any(m.contradicted(table.canonical_texts[row]) for m in measures)]
        best[most] = told or best[most]
    return best[most] if most >= NAMED_BY and len(best[most]) <= MOST_MEANT else []


def meant(text: str, wanted: Constraints, table: ProductTable) -> list[int]:
    """Rows of the few products whose titles share most with a text, in words or numbers, by whatever they are called.

    Rare words tell more (Robertson & Spärck Jones, "Relevance weighting of search terms", 1976: inverse document
    frequency). A brand that is named is the product's, and no number with a unit is another than the title's. None
    where less than `NAMED_BY` are shared, and where more than `MOST_MEANT` products share as much: those are a kind.

    Parameters
    ----------
    wanted
        The text as `parse` reads it.
    """
    canonical = table.canonical(table.in_english(in_digits(text)))
    said = {*tokens(canonical), *table.whole.terms(canonical)} - table.kind_terms(wanted.categories)
    said = (said | {*wanted.words, *wanted.names}) - SAID
    numbers = {number.replace(",", "") for number in _NUMBER.findall(text)} if not wanted.measures else set()
    shared: dict[int, dict[str, float]] = {}
    for word in said:
        for row in table.titled.get(word, ()):
            shared.setdefault(row, {})[word] = math.log(len(table.ids) / len(table.titled[word]))
    for row, parts in shared.items():
        parts |= {str(m): A_MEASURE for m in wanted.measures if m.holds(table.canonical_texts[row])}
        own = {number.replace(",", "") for number in _NUMBER.findall(table.titles[row])} if numbers else set()
        parts |= dict.fromkeys(numbers & own, A_MEASURE / 2)
    score: dict[int, float] = {}
    for row, parts in shared.items():
        of_kind = table.categories[row] in wanted.categories
        named = len(parts) >= NAMED_BY or (of_kind and parts.keys() - {*wanted.names})
        branded = not wanted.brands or table.brands[row] in wanted.brands
        if named and branded and not any(m.contradicted(table.canonical_texts[row]) for m in wanted.measures):
            score[row] = sum(parts.values()) + ITS_KIND * of_kind
    best = max(score.values(), default=0.0)
    rows = sorted(row for row, much in score.items() if much > best - ALIKE)
    return rows if len(rows) <= MOST_MEANT else []
