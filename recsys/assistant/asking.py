"""What a question asks of products: of one a price, a stock, a brand, a measure; and how the catalogue reads it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from recsys.assistant.dialogue import Turn
from recsys.assistant.hearing import LIKELY, Heard
from recsys.assistant.wishes import OF_PRODUCTS
from recsys.serving.search import Constraints

SAYS_JUST_THIS = 0.5
"""Cosine from which a rule is told although a sentence names products."""
_LISTED = re.compile(r"^1\. ", re.MULTILINE)

ASKS = {
    "price": re.compile(
        r"\b(?:prices?|cost|costs|how much (?:is|does|are|for)?(?! memory| storage| ram)|cheapest|expensive|dearest)\b"
        r"|多少钱|价格|价钱|几块|什么价|最便宜|最贵", re.IGNORECASE),
    "stock": re.compile(
        r"\b(?:available|in stock|still have|sold out|out of stock|get (?:it|one) now)\b"
        r"|有货|库存|缺货|现货|还有吗", re.IGNORECASE),
    "brand": re.compile(r"\b(?:brand|who makes|made by|manufacturer)\b|品牌|牌子|厂家", re.IGNORECASE),
    "about": re.compile(
        r"\b(?:tell me (?:more )?about|more (?:info|details?)|describe|what is it like)\b"
        r"|介绍|详细|怎么样", re.IGNORECASE),
}  # fmt: skip
"""What a question may want to know of a product beside what its description says."""
UNITS_ASKED = {
    "age": re.compile(
        r"几岁|多大(?:年龄|的孩子)|适合.{0,4}年龄|how old|what age|which age|age (?:group|range)", re.IGNORECASE
    ),
    "people": re.compile(r"几人|多少人|how many (?:people|persons|players)|for how many|sleeps?\b", re.IGNORECASE),
    "kg": re.compile(r"多重|重量|多少(?:公斤|千克|斤)|how heavy|weigh", re.IGNORECASE),
    "gb": re.compile(r"how much (?:memory|storage|ram|space)|内存|存储|多少\s?gb", re.IGNORECASE),
    "inch": re.compile(r"screen size|how big is the screen|屏幕多大|几寸|多少寸", re.IGNORECASE),
    "ml": re.compile(r"how many ml|多少毫升", re.IGNORECASE),
    "piece": re.compile(r"how many pieces|多少片|几片", re.IGNORECASE),
    "w": re.compile(r"how many watts|多少瓦", re.IGNORECASE),
    "l": re.compile(r"how many lit(?:re|er)s|多少升|几升", re.IGNORECASE),
    "mm": re.compile(r"how many (?:mm|milli)|多少毫米", re.IGNORECASE),
    "cm": re.compile(r"how many (?:cm|centi)|多少厘米|多少公分", re.IGNORECASE),
}
"""Units a question asks for without a number, by how it asks."""


@dataclass(frozen=True)
class Asked:
    """One question as the catalogue reads it.

    Attributes
    ----------
    named
        Whether products are named in it.
    ids
        Products that it names or refers to.
    limits
        What it limits.
    before, searched
        Products the turns before spoke of, and the shopper's sentences that lists were given for.
    covered
        Whether the shop's rules answer it.
    context
        The whole turn, where it is a later part of one.
    """

    heard: Heard
    turns: Sequence[Turn]
    named: bool
    ids: list[str]
    limits: Constraints
    before: list[str]
    searched: list[str]
    covered: bool
    context: str = ""

    @property
    def text(self) -> str:
        """The question."""
        return self.heard.text

    @property
    def of_one(self) -> list[str]:
        """The product that is meant, the first that was spoken of where none is named."""
        return (self.ids or self.before)[:1]

    @property
    def kind(self) -> bool:
        """Whether a kind of product or a brand is named."""
        return bool(self.limits.categories or self.limits.brands)

    @property
    def says_this(self) -> bool:
        """Whether a rule says just this, whatever is named beside it."""
        return self.covered and bool(self.heard.hits) and self.heard.hits[0].cosine >= SAYS_JUST_THIS

    @property
    def ruled(self) -> bool:
        """Whether it is about the shop's rules, and they answer it."""
        heard = self.heard
        return self.covered and heard.intent not in {"product", "recommendation"} and heard.theme not in OF_PRODUCTS

    @property
    def wants(self) -> bool:
        """Whether products are wanted."""
        return self.heard.intent == "recommendation" or self.heard.probabilities["recommend"] >= LIKELY


def searched(turns: Sequence[Turn]) -> list[str]:
    """The shopper's sentences that were answered with lists, oldest first."""
    return [
        turn.text
        for turn, told in pairwise(turns)
        if turn.role == "user" and told.role != "user" and _LISTED.search(told.text)
    ]


def last_asked(turns: Sequence[Turn]) -> str:
    """The shopper's last sentence."""
    return next((turn.text for turn in reversed(turns) if turn.role == "user"), "")
