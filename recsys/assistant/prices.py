"""Whether a product is cheaper than usual, and whether it will be: what its prices did; nobody knows more."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from recsys.assistant.tools import Context, Fact, OfProducts, Result
from recsys.forecast.prices import DAY, PriceHistory, percent, prices_of, sales_of
from recsys.serving.recommender import Recommender


class PriceQuestion(OfProducts):
    """Say whether a product is cheaper than usual, and what its price did: also whether it will get cheaper."""


_histories: WeakKeyDictionary[Recommender, PriceHistory | None] = WeakKeyDictionary()


def known(context: Context) -> PriceHistory | None:
    """Price history of the version that is answered from; None where it has none."""
    if context.recommender is None:
        return None
    if context.recommender not in _histories:
        _histories[context.recommender] = prices_of(context.recommender.shop)
    return _histories[context.recommender]


def price_history(context: Context, asked: PriceQuestion) -> Result:
    """What the prices of products did; that nobody knows what they will do is said with it."""
    facts = tuple(Fact(said, f"item:{item}") for item in asked.items if (said := _told(context, item)))
    return Result(facts, "product") if facts else context.unknown("product")


def _told(context: Context, item: str) -> str:
    """What is known of an item's price, and that what it will be is not."""
    history = known(context)
    if history is None or context.recommender is None or context.table is None:
        return ""
    shop = context.recommender.shop
    code, today = int(shop.item_index.get_indexer([item])[0]), int(shop.now // DAY)
    title = context.table.titles[context.table.row[item]]
    now, usual, part = (float(of[code]) for of in (history.at(today), history.usual(today), history.below_usual(today)))
    if not np.isfinite(now):
        return context.say("price_no_history", item=title)
    if part > 0:
        first = context.say("price_below", item=title, price=f"{now:.2f}", percent=percent(part), usual=f"{usual:.2f}")
    elif np.isfinite(usual):
        first = context.say("price_as_usual", item=title, price=f"{now:.2f}", usual=f"{usual:.2f}")
    else:
        first = context.say("price", item=title, price=f"{now:.2f}")
    mine = history.item == code
    since, low = str(np.datetime64(int(history.day[mine].min()), "D")), float(history.price[mine].min())
    never = low >= now
    first += context.say("price_never_less" if never else "price_lowest", since=since, price=f"{low:.2f}")
    over = [sale for sale in sales_of(history, code, today) if sale.end >= 0]
    if not over:
        return first + context.say("price_no_sale")
    cuts = sorted(percent(sale.part) for sale in over)
    key = "price_one_sale" if len(over) == 1 else "price_sales"
    return first + context.say(key, n=len(over), cut="–".join(map(str, dict.fromkeys((cuts[0], cuts[-1])))))
