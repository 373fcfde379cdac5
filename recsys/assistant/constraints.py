"""What a shopper's sentence asks of a product: price, category, brand, measures; in English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data import schema
from recsys.data.catalogue import render
from recsys.llm.language import tokens, word_list

_UNIT = r"gb|tb|inch(?:es)?|ml|litres?|kg|cm|mm|people|persons?|man|pieces?|cups?|l|g|w|寸|人"
_NUMBER = rf"(?:[$£€¥]|eur|usd|gbp|rmb)?\s?(\d[\d,]*(?:\.\d+)?)(?![\d.,]*\d|[\s-]*(?:{_UNIT}|%|个)(?![a-z]))"
_MAX = re.compile(
    r"(?:under|below|less than|at most|up to|no more than|not more than|maximum(?: of)?|max\.?|cheaper than|within"
    r"|budget (?:is|of)|(?:don't|do not) want to spend more than|低于|少于|不超过|最多|预算)"
    rf"\s*(?:about |is )?{_NUMBER}",
    re.IGNORECASE,
)
_MAX_AFTER = re.compile(rf"{_NUMBER}\s*(?:元|块)?\s*(?:or less|at most|maximum|max|以下|以内|之内)", re.IGNORECASE)
_MIN = re.compile(
    rf"(?:over|above|more than|at least|from|minimum(?: of)?|starting at|高于|至少|超过)\s*{_NUMBER}", re.IGNORECASE
)
_MIN_AFTER = re.compile(rf"{_NUMBER}\s*(?:元|块)?\s*(?:or more|and up|upwards|以上)", re.IGNORECASE)
_BETWEEN = re.compile(
    rf"(?:between\s*{_NUMBER}\s*(?:and|to|-)\s*{_NUMBER}|{_NUMBER}\s*(?:元|块)?\s*(?:到|至)\s*{_NUMBER})", re.IGNORECASE
)
_AROUND = re.compile(rf"(?:around|about|roughly|approximately|大约|大概)\s*{_NUMBER}", re.IGNORECASE)
_MEASURE = re.compile(
    rf"(at least |minimum |至少|more than |at most |up to |under |less than )?(\d+(?:\.\d+)?)[\s-]?({_UNIT})(?![a-z])"
    r"(?:\s+(?:of\s+)?(ram|memory|ssd|storage|disk))?",
    re.IGNORECASE,
)
_LOWER, _UPPER = ("at least", "minimum", "至少", "more than"), ("at most", "up to", "under", "less than")
_SAME = {"memory": "ram", "storage": "ssd", "disk": "ssd", "inches": "inch", "litre": "l", "litres": "l"}
_NOT = re.compile(
    r"(?:\bnot (?:from |by |a |an )?|\bno |\bother than |\bexcept |\bwithout |\bbut not |不要|除了)$", re.IGNORECASE
)
_FOR_ANOTHER = re.compile(
    r"\b(?:for|to go with|that fits|compatible with|matching) (?:my|our|his|her|their)\b", re.IGNORECASE
)
_AROUND_SHARE = 0.2


@dataclass(frozen=True)
class Measure:
    """A number with a unit and, where said, what it measures: ``least`` and ``most`` are equal for an exact one."""

    least: float
    most: float
    unit: str
    of: str = ""

    def __str__(self) -> str:
        number = self.least if np.isfinite(self.least) else self.most
        return f"{number:g} {self.unit}{' ' + self.of.upper() if self.of else ''}"

    def holds(self, text: str) -> bool:
        """Whether a text has such a number."""
        return any(
            m.unit == self.unit and (not self.of or m.of == self.of) and self.least <= m.least <= self.most
            for m in measures_in(text)
        )


def measures_in(text: str) -> list[Measure]:
    """Every number with a unit in a text."""
    found = []
    for bound, number, unit, of in _MEASURE.findall(text):
        value, said = float(number), bound.strip().lower()
        least = -np.inf if said in _UPPER else value
        most = np.inf if said in _LOWER else value
        unit, of = unit.lower(), of.lower()
        singular = _SAME.get(unit, unit.rstrip("s") if len(unit) > 3 else unit)
        found.append(Measure(least, most, {"person": "people"}.get(singular, singular), _SAME.get(of, of)))
    return found


@dataclass(frozen=True)
class Constraints:
    """What must hold of a recommended product; None or empty where nothing was asked."""

    price_max: float | None = None
    price_min: float | None = None
    categories: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()
    not_brands: frozenset[str] = frozenset()
    measures: tuple[Measure, ...] = ()
    """Numbers with units that the product's text must have."""
    words: tuple[str, ...] = ()
    """Words of the sentence that name products (of a title) where no category was named."""

    def __bool__(self) -> bool:
        return self != Constraints()

    def over(self, earlier: Constraints) -> Constraints:
        """These constraints, with what an earlier turn asked for where this one says nothing."""
        if self.categories or self.words:
            earlier = replace(earlier, categories=frozenset(), words=())
        given = {name: value for name, value in vars(self).items() if value not in (None, frozenset(), ())}
        return replace(earlier, **given)


class ProductTable:
    """The catalogue as constraints see it."""

    def __init__(self, items: pd.DataFrame) -> None:
        self.table = items.reset_index(drop=True)
        self.ids = [str(i) for i in self.table[schema.ITEM]]
        self.titles = [str(t) for t in self.table[schema.TITLE].fillna("")]
        self.brands = self._column(schema.BRAND)
        self.categories = self._column(schema.CATEGORY)
        price = self.table[schema.PRICE] if schema.PRICE in self.table else pd.Series(np.nan, self.table.index)
        self.prices = pd.to_numeric(price, errors="coerce").to_numpy(float)
        self.row = {item: row for row, item in enumerate(self.ids)}

    def _column(self, name: str) -> list[str]:
        if name not in self.table:
            return [""] * len(self.table)
        return [str(value).strip() if pd.notna(value) else "" for value in self.table[name]]

    @cached_property
    def category_words(self) -> Mapping[str, frozenset[str]]:
        """Search terms of each category's name."""
        return {name: frozenset(tokens(name)) for name in sorted(set(self.categories) - {""})}

    @cached_property
    def brand_names(self) -> list[str]:
        """Known brands, longest first."""
        return sorted(set(self.brands) - {""}, key=lambda name: (-len(name), name))

    @cached_property
    def title_words(self) -> frozenset[str]:
        """Every word of a title."""
        return frozenset(word for title in self.titles for word in tokens(title))

    @cached_property
    def texts(self) -> list[str]:
        """Everything said of each product, in lower case."""
        columns = (schema.TITLE, schema.BRAND, schema.CATEGORY, schema.TEXT)
        return [text.lower() for text in render(self.table, columns)]

    def said(self, row: int) -> str:
        """The product's description; '' where there is none."""
        text = self.table[schema.TEXT].iloc[row] if schema.TEXT in self.table else ""
        return str(text) if pd.notna(text) else ""

    def matching(self, asked: Constraints) -> NDArray[np.int64]:
        """Rows of the products that meet every constraint."""
        keep = np.ones(len(self.ids), bool)
        if asked.price_max is not None:
            keep &= self.prices <= asked.price_max  # an unknown price is no promise
        if asked.price_min is not None:
            keep &= self.prices >= asked.price_min
        if asked.categories:
            keep &= np.array([c in asked.categories for c in self.categories])
        if asked.brands:
            keep &= np.array([b in asked.brands for b in self.brands])
        if asked.not_brands:
            keep &= np.array([b not in asked.not_brands for b in self.brands])
        for measure in asked.measures:
            keep &= np.array([measure.holds(text) for text in self.texts])
        if asked.words:
            held = np.array([[word in tokens(text) for word in asked.words] for text in self.titles])
            best = held.sum(axis=1)
            keep &= best == max(int(best[keep].max(initial=0)), 1)
        return np.flatnonzero(keep)


def parse(sentence: str, shelves: ProductTable) -> Constraints:
    """Constraints named in a sentence."""
    low, high = _prices(sentence)
    wanted = _FOR_ANOTHER.split(sentence)[0]
    categories = _categories(wanted, shelves) or _categories(sentence, shelves)
    brands, not_brands = _brands(sentence, shelves)
    named = () if categories else _named(wanted, shelves, brands | not_brands)
    return Constraints(high, low, categories, brands, not_brands, tuple(measures_in(sentence)), named)


def _prices(sentence: str) -> tuple[float | None, float | None]:
    if match := _BETWEEN.search(sentence):
        low, high = sorted(_value(group) for group in match.groups() if group)
        return low, high
    if match := _AROUND.search(sentence):
        value = _value(match[1])
        return value * (1 - _AROUND_SHARE), value * (1 + _AROUND_SHARE)
    most = _MAX.search(sentence) or _MAX_AFTER.search(sentence)
    rest = _MAX.sub(" ", sentence)  # "no more than 50" also reads "more than 50"
    least = _MIN.search(rest) or _MIN_AFTER.search(rest)
    return (_value(least[1]) if least else None), (_value(most[1]) if most else None)


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _categories(sentence: str, shelves: ProductTable) -> frozenset[str]:
    """The categories that share the most words with the sentence."""
    said = set(tokens(sentence))
    shared = {name: len(terms & said) for name, terms in shelves.category_words.items()}
    best = max(shared.values(), default=0)
    if not best:
        return frozenset()
    return frozenset(name for name, count in shared.items() if count == best)


def _brands(sentence: str, shelves: ProductTable) -> tuple[frozenset[str], frozenset[str]]:
    wanted: set[str] = set()
    refused: set[str] = set()
    for name in shelves.brand_names:
        match = re.search(rf"(?<![a-z0-9]){re.escape(name.lower())}(?![a-z0-9])", sentence.lower())
        if match:
            (refused if _NOT.search(sentence[: match.start()]) else wanted).add(name)
    return frozenset(wanted), frozenset(refused)


_COMMON = word_list("said_when_looking") | word_list("said_when_asking") | word_list("function_words")


def _named(sentence: str, shelves: ProductTable, brands: frozenset[str]) -> tuple[str, ...]:
    of_brands = {word for brand in brands for word in tokens(brand)}
    said = dict.fromkeys(word for word in tokens(sentence) if not word.isdigit())
    return tuple(w for w in said if w in shelves.title_words and w not in _COMMON and w not in of_brands)
