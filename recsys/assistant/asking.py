"""A question as the catalogue reads it: the products it names or means, its limits, and what the turns before said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from recsys.assistant.dialogue import Turn
from recsys.assistant.hearing import LIKELY, SAYS_JUST_THIS, Heard, facets
from recsys.assistant.patterns import OF_PRODUCTS, asks, says
from recsys.serving.search import Constraints

_LISTED = re.compile(r"^1\. ", re.MULTILINE)


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
        Whether the shop's rules answer it, and more surely than the texts of the products meant.
    told
        Probability that one of these texts says what is asked; 0 where nobody judges that.
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
    told: float = 0.0
    context: str = ""

    @property
    def text(self) -> str:
        """The question."""
        return self.heard.text

    def says(self, *names: str) -> bool:
        """Whether it puts something in one of these ways."""
        return any(says(name, self.text) for name in names)

    def asks(self, *kinds: str) -> bool:
        """Whether it asks for one of these facts of a product."""
        return asks(self.text, kinds)

    @property
    def of_one(self) -> list[str]:
        """The product that is meant, the first that was spoken of where none is named."""
        return (self.ids or self.before)[:1]

    @property
    def kind(self) -> bool:
        """Whether a kind of product or a brand is named."""
        return bool(self.limits.categories or self.limits.brands)

    @property
    def of_rules(self) -> bool:
        """Whether the shop's rules answer what it asks: a kind alone asks for nothing ("over-ear headphones")."""
        asks_for_it = bool(facets(self.text)) or self.says("asks_something", "asking") or not self.kind
        return self.covered and asks_for_it and bool(self.heard.hits)

    @property
    def says_this(self) -> bool:
        """Whether a rule says just this, whatever is named beside it."""
        return self.of_rules and self.heard.hits[0].cosine >= SAYS_JUST_THIS

    @property
    def ruled(self) -> bool:
        """Whether it is about the shop's rules, and they answer it."""
        heard = self.heard
        return self.of_rules and heard.intent not in {"product", "recommendation"} and heard.theme not in OF_PRODUCTS

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
