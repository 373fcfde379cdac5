"""The table of tools: which function looks up which kind of call. A tool's name is its function's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from recsys.assistant import prices, tools
from recsys.assistant.arrivals import DeliveryTime, delivery_time
from recsys.assistant.companions import goes_with
from recsys.assistant.counting import catalogue_facts
from recsys.assistant.own_orders import order_status
from recsys.assistant.policies import payment, search_policies
from recsys.assistant.prices import PriceQuestion, Reduced, price_history, reduced
from recsys.assistant.product_facts import compare, product_facts
from recsys.assistant.shopping import recommend, search_products, similar
from recsys.assistant.tools import Call, Context, Result

TOOLS: Mapping[type[Call], Callable[[Context, Any], Result]] = {
    tools.SearchPolicies: search_policies,
    tools.SearchProducts: search_products,
    tools.ProductFacts: product_facts,
    tools.Compare: compare,
    tools.GoesWith: goes_with,
    tools.CatalogueFacts: catalogue_facts,
    tools.OrderStatus: order_status,
    tools.HandOver: tools.hand_over,
    tools.Reply: tools.reply,
    DeliveryTime: delivery_time,
    PriceQuestion: price_history,
    Reduced: reduced,
    tools.Payment: payment,
    tools.Recommend: recommend,
    tools.Similar: similar,
}
_OF_TABLES = (tools.Payment, DeliveryTime, PriceQuestion, Reduced)
"""Calls that other tools make, or that need a table which not every shop has."""
OFFERED: dict[str, type[Call]] = {tool.__name__: asked for asked, tool in TOOLS.items() if asked not in _OF_TABLES}
"""What a language model is offered, by its name."""


def offered(shop: Context) -> dict[str, type[Call]]:
    """What a language model is offered in this shop: what prices did only where it is known."""
    of_prices: dict[str, type[Call]] = {price_history.__name__: PriceQuestion, reduced.__name__: Reduced}
    return OFFERED | ({} if prices.known(shop) is None else of_prices)


def look_up(context: Context, call: Call) -> Result:
    """What a call finds."""
    return TOOLS[type(call)](context, call)


def tool_name(call: Call) -> str:
    """Name of the tool that a call is of; whether a way of paying is taken is looked up in the rules, too."""
    return search_policies.__name__ if isinstance(call, tools.SearchPolicies) else TOOLS[type(call)].__name__
