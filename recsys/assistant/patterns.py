"""Ways in which shoppers put things, in English and Chinese: the named regular expressions of `patterns.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

SMALL_TALK = frozenset({"greeting", "how_are_you", "chat", "acknowledged", "thanks", "goodbye", "identity"})
"""Themes that one of the assistant's own messages answers."""
SERVICE = (
    *("return", "refund", "exchange", "cancel", "warranty", "track", "lost", "damaged", "invoice", "repair"),
    *("wrong_item", "used"),
)
"""Concepts of what is done about goods: a sentence that names one asks for a rule, whatever product it names."""
OF_PRODUCTS = frozenset({"product_fact", "allergy_ingredients", "colour", "size", "recommend", "review"})
"""Themes of what is asked of products."""


@cache
def _declared() -> Mapping[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("patterns.toml").read_text(encoding="utf-8"))


def _compiled(declared: str) -> re.Pattern[str]:
    return re.compile("".join(declared.splitlines()), re.IGNORECASE)


@cache
def pattern(name: str) -> re.Pattern[str]:
    """One pattern, by its name."""
    return _compiled(_declared()[name])


@cache
def group(name: str) -> dict[str, re.Pattern[str]]:
    """A table of patterns: ``wishes``, ``asks`` (price, stock, brand, about) or ``units``."""
    return {key: _compiled(declared) for key, declared in _declared()[name].items()}


@cache
def _ways_of_paying() -> list[re.Pattern[str]]:
    return [_compiled(way) for way in _declared()["ways_of_paying"]]


def says(name: str, text: str) -> bool:
    """Whether a text puts something in the way of this name."""
    return pattern(name).search(text) is not None


def asks(text: str, kinds: Iterable[str] = ("price", "stock", "brand", "about")) -> bool:
    """Whether a text asks for one of these facts of a product."""
    return any(group("asks")[kind].search(text) for kind in kinds)


def units_asked(text: str) -> set[str]:
    """Units that a text asks for without a number."""
    return {unit for unit, asked in group("units").items() if asked.search(text)}


def wish_in(text: str) -> Any:
    """What is to be done about an order; '' for nothing."""
    return next((name for name, wish in group("wishes").items() if wish.search(text)), "")


def gives_orders(text: str) -> bool:
    """Whether a text tries to instruct the assistant: such a question is declined, such a text is not quoted."""
    return says("gives_orders", text)


def owned(text: str) -> str:
    """What a text says the shopper has bought or has; '' where it says of nothing."""
    found = pattern("owned_bought").search(text) or pattern("owned_has").search(text)
    return "" if found is None else (found["en"] or found["zh"]).strip()


def asks_of_products(text: str) -> bool:
    """Whether something is asked of products ("are your pans safe for ..."), where a list of them is no answer."""
    return says("of_them", text) or (says("asking", text) and not says("for_things", text))


def says_more(text: str) -> bool:
    """Whether a text tells more of what is looked for ("she likes tea") and asks nothing."""
    return says("says_more", text) and not (says("asking", text) or says("what", text))


def way_of_paying(question: str) -> str:
    """How a question names the way of paying that it is about; '' where it is about none."""
    if says("paid_back", question):
        return ""
    found = next((found for way in _ways_of_paying() if (found := way.search(question))), None)
    if found is None:
        return ""
    rest = question[: found.start()] + question[found.end() :]
    return found.group() if says("paying", question) or pattern("nothing_but_a_way").fullmatch(rest) else ""


def names_way(way: str, text: str) -> bool:
    """Whether a text names a way of paying, in whichever language."""
    return any(pattern.search(way) and pattern.search(text) for pattern in _ways_of_paying())
