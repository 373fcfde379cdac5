"""The call of a tool whose name alone is known: what it is called with is read from the question and what was shown."""

from __future__ import annotations

from collections.abc import Sequence

from recsys.assistant import tools
from recsys.assistant.asking import Asked
from recsys.assistant.prices import PriceQuestion
from recsys.assistant.tools import Call
from recsys.serving.search.colours import COLOURS

MOST = 4
"""Products that one question may be about."""


def of_products(
    tool: str, asked: Asked, refines: Sequence[str], described: Sequence[str] = (), *, priced: bool
) -> list[Call] | None:
    """The call of a tool of the catalogue; None where what it needs is not there.

    Parameters
    ----------
    refines
        The shopper's sentences that a search may refine.
    described
        The products that the question describes by words of their titles.
    priced
        Whether the shop keeps what its prices were.
    """
    text, items = asked.text, (asked.ids or asked.before)[:MOST]
    recoloured = tool == "similar" and not COLOURS.isdisjoint(asked.limits.words)  # "same in blue?"
    if tool == "search_products" or recoloured:
        earlier = [] if asked.limits.categories or not asked.before else list(refines)
        return [
            tools.SearchProducts(
                query=text, refines=earlier, instead="others" if earlier and asked.says("others") else ""
            )
        ]
    if tool == "recommend":
        return [tools.Recommend(items=items, question="" if items else text)]
    if tool == "compare":
        items = list(dict.fromkeys([*items, *asked.before]))[: max(2, len(items))]
        return [tools.Compare(items=items, question=text)] if len(items) > 1 else None
    if tool == "product_facts":
        items = items or list(described)
    if not items or (tool == "price_history" and not priced):
        return None
    made: dict[str, Call] = {
        "product_facts": tools.ProductFacts(items=items, question=text),
        "goes_with": tools.GoesWith(items=items[:1], question=text),
        "similar": tools.Similar(items=items[:1], question=text),
        "price_history": PriceQuestion(items=items[:2]),
    }
    return [made[tool]] if tool in made else None
