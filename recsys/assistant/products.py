"""Questions about one product, answered from what the catalogue says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from recsys.assistant.constraints import ProductTable
from recsys.assistant.messages import message
from recsys.assistant.safety import gives_orders
from recsys.assistant.themes import Reader
from recsys.data import schema
from recsys.llm.language import language_of, sentences, tokens, word_list

ENOUGH = 0.5
"""Cosine from which a sentence of the description answers a question that shares no word with it."""

_PRICE = re.compile(
    r"\b(?:price|cost|costs|how much (?:is|does|are)(?! memory| storage)|expensive)\b|多少钱|价格|价钱", re.IGNORECASE
)
_STOCK = re.compile(r"\b(?:available|in stock|still have|sold out|out of stock)\b|有货|库存|缺货", re.IGNORECASE)
_BRAND = re.compile(r"\b(?:brand|who makes|made by|manufacturer)\b|品牌|牌子|厂家", re.IGNORECASE)
_EMPTY = word_list("said_when_asking")


@dataclass(frozen=True)
class Fact:
    """What the catalogue says in answer to a question; `said` is false where it says nothing."""

    text: str
    said: bool


def answer(question: str, row: int, shelves: ProductTable, reader: Reader) -> Fact:
    """Answer a question about the product in this row of the catalogue."""
    language, title = language_of(question), shelves.titles[row]
    if _PRICE.search(question):
        price = shelves.prices[row]
        if np.isfinite(price):
            return Fact(message("price", language, item=title, price=f"{price:.2f}"), True)
        return Fact(message("price_unknown", language, item=title), False)
    if _STOCK.search(question) and schema.AVAILABLE in shelves.table:
        there = bool(shelves.table[schema.AVAILABLE].iloc[row])
        return Fact(message("available" if there else "unavailable", language, item=title), True)
    if _BRAND.search(question) and shelves.brands[row]:
        return Fact(message("brand", language, item=title, brand=shelves.brands[row]), True)
    said = _sentence(question, row, shelves, reader)
    if said is None:
        return Fact(message("not_said", language, item=title), False)
    return Fact(message("from_description", language, item=title, fact=said), True)


def _sentence(question: str, row: int, shelves: ProductTable, reader: Reader) -> str | None:
    """The sentence of the product's text that answers the question, or None."""
    title = shelves.titles[row]
    parts = [title, *(said for said in sentences(shelves.said(row)) if not gives_orders(said))]
    without = re.sub(re.escape(title), " ", question, flags=re.IGNORECASE)  # its name is no part of what is asked
    asked = set(tokens(without)) - _EMPTY - set(tokens(title.split(",")[0]))
    shared = np.array([len(asked & set(tokens(part))) for part in parts], float)
    vectors = reader.vectors([without, *parts])
    cosine = vectors[1:] @ vectors[0]
    best = int(np.lexsort((-cosine, -shared))[0])
    if shared[best] or cosine[best] >= ENOUGH:
        return parts[best].rstrip("。.") + ("。" if language_of(parts[best]) == "zh" else ".")
    return None


def asks_fact(question: str) -> bool:
    """Whether a question asks for a price, a brand or whether there is any left."""
    return any(pattern.search(question) for pattern in (_PRICE, _STOCK, _BRAND))
