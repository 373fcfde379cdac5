"""Products that a text names: by title, id, the brand with words of a title, or words spoken of as known."""

from __future__ import annotations

import re

from recsys.llm.language import tokens
from recsys.serving.search.colours import COLOURS
from recsys.serving.search.product_table import ProductTable
from recsys.serving.search.query import Constraints, brands_in, matching
from recsys.serving.search.said import SAID

NAMED_BY = 2
"""Words of a title beside the brand that name a product without its whole title."""
MOST_MEANT = 4
"""More products than this with the same words are a kind, not a name."""
MOST_SIDE_BY_SIDE = 4
"""Words of a title, one after another, that are looked for in a text."""
_QUOTED = re.compile(r"《([^》]+)》")
_THE = re.compile(r"\b(?:the|your) ((?:[a-z'-]+ ){1,3}[a-z'-]+)")


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
    said, refused = set(tokens(canonical)), brands_in(canonical, table)[1]
    best: dict[int, list[int]] = {}
    for row, (brand, title) in enumerate(zip(table.brands, table.title_terms, strict=True)):
        of_brand = set(tokens(brand))
        if of_brand and of_brand <= said and brand not in refused:
            best.setdefault(len(title & said - of_brand), []).append(row)
    most = max(best, default=0)
    return best[most] if most >= NAMED_BY and len(best[most]) <= MOST_MEANT else []


def meant(text: str, table: ProductTable) -> list[int]:
    """Rows of the few products whose titles have the words that a text speaks of as known: "the plush whale"."""
    for match in _THE.finditer(text.lower()):
        words = match[1].split()
        spans = [words[at:end] for end in range(len(words), 1, -1) for at in range(end - 1)]
        for span in sorted(spans, key=len, reverse=True):  # of "the big cat tree", the cat tree
            said = set(tokens(" ".join(span)))
            rows = [row for row, title in enumerate(table.title_terms) if len(said) > 1 and said <= title]
            if 0 < len(rows) <= MOST_MEANT and len(span[-1]) > NAMED_BY:
                return rows
    return _called(text, table)


def _called(text: str, table: ProductTable) -> list[int]:
    """Rows of the few products whose titles have words that stand side by side in a text, and name no kind."""
    words = re.findall(r"[a-z][a-z'’-]*", text.lower())
    of_kinds = table.all_kind_terms | SAID | COLOURS
    for most in range(MOST_SIDE_BY_SIDE, 1, -1):
        for at in range(len(words) - most + 1):
            own = tokens(name := " ".join(words[at : at + most]))
            if len(own) < most or not of_kinds.isdisjoint(own) or not table.words.keys() >= set(own):
                continue  # titles are looked through for words of theirs alone
            found = re.compile(rf"\b{re.escape(name)}\b", re.IGNORECASE)
            rows = [row for row, title in enumerate(table.titles) if found.search(title)]
            if 0 < len(rows) <= MOST_MEANT:
                return rows
    return []


def described(wanted: Constraints, table: ProductTable) -> list[int]:
    """Rows of the few products that a question describes by words of their titles, beside their kind or brand.

    "The rabbit soft toy", "the tempo grip runners": those whose titles share most with it; none where these are many.
    Two words of a title ("that vintage bear"), or one and a measure ("the 12 kg kettlebell"), describe it whatever kind
    another word names ("washing machine").
    """
    kinds = Constraints(categories=wanted.categories, brands=wanted.brands, not_brands=wanted.not_brands)
    for rows, least in ((matching(table, kinds) if kinds else (), 1), (range(len(table.ids)), 2)):
        named = {int(row): len(table.title_terms[row].intersection(wanted.words)) for row in rows}
        named = named if least == 1 else {row: n for row, n in named.items() if n}  # a measure alone is of its kind
        shared = {row: n + sum(m.holds(table.titles[row]) for m in wanted.measures) for row, n in named.items()}
        most = max(shared.values(), default=0)
        found = [row for row, words in shared.items() if words == most]
        if most >= least:
            return found if len(found) <= MOST_MEANT else []
    return []
