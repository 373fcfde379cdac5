"""Whether a product is cheaper than usual, and which are: what prices did; what they will do nobody knows."""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np
from pydantic import Field

from recsys.assistant.patterns import pattern
from recsys.assistant.tools import LENGTH, Call, Context, Fact, OfProducts, Result
from recsys.forecast.prices import DAY, PriceHistory, percent, prices_of, sales_of
from recsys.serving.recommender import Recommender
from recsys.serving.search import matching, parse


class PriceQuestion(OfProducts):
    """Say whether a product is cheaper than usual, and what its price did: also whether it will get cheaper."""


class Reduced(Call):
    """List products that cost less than they usually do, those reduced most first."""

    query: str = Field("", description="the whole wish: kind, colour, price limits; empty for any")


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


def reduced(context: Context, asked: Reduced) -> Result:
    """Products that cost less than they usually do, of the kind and within the bounds of a wish, if any."""
    history, table = known(context), context.catalogue
    if history is None or context.recommender is None:
        return context.unknown("product")
    shop = context.recommender.shop
    part = dict(zip(shop.item_ids.astype(str), history.below_usual(int(shop.now // DAY)), strict=True))
    wanted = replace(parse(pattern("on_offer").sub(" ", asked.query), table), sort="", unknown=())
    rows = [int(row) for row in matching(table, wanted) if table.available[row] and part.get(table.ids[row], 0) > 0]
    if wanted.words and not wanted.categories:  # words alone only rank
        rows = [row for row in rows if table.terms[row].issuperset(wanted.words)]
    rows = sorted(rows, key=lambda row: (-part[table.ids[row]], table.ids[row]))
    if not rows:
        return Result.none(context.say("none_reduced"), "product", 1.0)
    told = (
        context.told(row, "reduced_line", n=n, price=f"{table.prices[row]:.2f}", percent=percent(part[table.ids[row]]))
        for n, row in enumerate(rows[:LENGTH], start=1)
    )
    return Result(tuple(told), "recommendation", context.say("found_reduced", n=len(rows)))


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
