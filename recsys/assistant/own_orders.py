"""Tool over the signed-in shopper's own orders: where they are, and what the shop's rules say of a wish about one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

import numpy as np

from recsys.assistant.arrivals import about_order
from recsys.assistant.hearing import facets
from recsys.assistant.knowledge import Hit
from recsys.assistant.patterns import asks, says
from recsys.assistant.policies import rule_on, without_yes
from recsys.assistant.tools import Context, Fact, OrderStatus, Result
from recsys.data.orders import Order
from recsys.llm.quantities import dates_in, months_in
from recsys.serving.search import mentions, parse

LATEST = 3
"""Orders told of when several are asked for."""
STATUSES = ("processing", "shipped", "delivered", "returned", "cancelled")
"""States that the assistant has words for; others are told as the table has them."""
UNDER_WAY = frozenset({"processing", "shipped"})
_DAYS = re.compile(r"(\d+)\s?(?:days?|天)")


def order_status(context: Context, asked: OrderStatus) -> Result:
    """Facts of the asker's own orders, and what the shop's rules say of the wish for their state."""
    if context.user is None:
        return _signed_out(context, asked)
    if context.orders is None:
        return context.unknown("order_status")
    lead = ""
    if asked.order:
        order = context.orders.find(context.user, asked.order)
        found, missing = ([order] if order else []), context.say("no_such_order", order=asked.order)
    else:
        every = context.orders.latest(context.user, 1_000)
        meant = _meant(context, every, asked.question)
        under_way = [order for order in every if order.status in UNDER_WAY]
        latest = says("latest_order", asked.question)
        if meant == every and len(under_way) > 1 and asked.wish in {"", "missing"} and not latest:
            found = under_way[:LATEST]  # "where's my stuff?" is asked of all that is
        else:
            found = (meant or every)[: LATEST if says("several_orders", asked.question) else 1]
        missing = "no_orders"
        missing, lead = context.say(missing), "" if meant else context.say("no_order_like_that")
    if not found:
        return Result.none(missing, "order_status")
    allowed = _what_is_allowed(context, found[0], asked) if asked.wish and not lead else []
    short = asked.told and bool(allowed)  # where it is was said a moment ago
    facts = [
        Fact(_told(context, order, short=short) + ("" if short else about_order(context, order)), _source(order))
        for order in found
    ]
    totals = asks(asked.question, ["price"]) or says("order_total", asked.question)
    if totals and asked.wish != "return":  # that asks what sending it back costs
        known = [order for order in found if order.total is not None]
        facts += [Fact(context.say("order_total", total=f"{o.total:.2f}"), _source(o)) for o in known]
    by_day = sorted((order for order in found if order.eta), key=lambda order: str(order.eta))
    if len(by_day) > 1 and says("which_first", asked.question):
        facts.append(Fact(context.say("comes_first", order=by_day[0].order_id), _source(by_day[0])))
    if says("reorder", asked.question):
        facts += _to_buy_again(context, found, asked.question)
    if says("order_way", asked.question):
        facts += [Fact(way, _source(order)) for order in found if (way := _way(context, order))]
    unexplained = found[0].status == "cancelled" and asked.wish in {"", "cancel"} and says("order_why", asked.question)
    if unexplained:
        allowed = [Fact(context.say("no_reason_known"), _source(found[0]))]
    of_part = asked.wish in {"cancel", "change"} and bool(allowed) and says("part_of_order", asked.question)
    if of_part:
        allowed.append(Fact(context.say("part_not_said"), _source(found[0])))
    if says("charged", asked.question) and (hit := context.rule(rule_on("charge", context.language))) is not None:
        allowed = [*allowed, Fact(hit.passage.text, hit.passage.id)]
    return Result((*facts, *allowed), "order_status", lead, passes_on=unexplained or of_part)


def _source(order: Order) -> str:
    return f"order:{order.order_id}"


def _signed_out(context: Context, asked: OrderStatus) -> Result:
    """Sign in to hear of orders; how a parcel is tracked without it is in the shop's rules."""
    hit = context.rule(rule_on("track", context.language))
    told = asked.wish in {"", "missing"} and not asked.order and hit is not None
    facts = (Fact(hit.passage.text, hit.passage.id),) if hit is not None and told else ()
    return Result(facts, "order_status", lead=context.say("sign_in"), found=bool(facts))


def _meant(context: Context, orders: list[Order], question: str) -> list[Order]:
    """The orders of the day, or with a product of the name, the kind, the brand or the words, of a question.

    All where it says none of these or only words; none where no order is of its day, or holds what it names.
    """
    days = {f"{month:02}-{day:02}" for month, day in dates_in(question)}
    if days:
        at = ["delivered_at", "eta", "ordered_at"] if says("came", question) else ["ordered_at", "delivered_at", "eta"]
        of_day = [[order for order in orders if getattr(order, name)[5:10] in days] for name in at]
        return next(filter(None, of_day), [])
    if months := [f"{month:02}" for month in months_in(question)]:
        orders = [order for order in orders if order.ordered_at[5:7] in months]
    table = context.table
    if table is None:
        return orders
    if of_name := {table.ids[row] for row in mentions.named(question, table)}:
        return [order for order in orders if of_name & set(order.item_ids)]
    wanted = parse(question, table)

    def holds(item: str) -> bool:
        row = table.row.get(item, -1)
        if row < 0 or (wanted.brands and table.brands[row] not in wanted.brands):
            return False
        if wanted.categories:
            return table.categories[row] in wanted.categories
        return bool(wanted.brands or table.title_terms[row] & set(wanted.words))

    def shared(order: Order) -> int:
        return max(len(table.title_terms[table.row[i]].intersection(wanted.words)) for i in order.item_ids if holds(i))

    found = [order for order in orders if any(map(holds, order.item_ids))]
    most = max(map(shared, found), default=0)
    found = [order for order in found if shared(order) == most]  # the green tea, of two orders of tea
    if says("sent_back", question):
        found = [order for order in found if order.status == "returned"] or found
    return found or ([] if table.kinds_named(question) or wanted.brands else orders)


def _told(context: Context, order: Order, *, short: bool = False) -> str:
    status = context.say(f"status_{order.status}") if order.status in STATUSES else order.status
    if order.status == "delivered" and order.delivered_at:
        status = context.say("delivered", date=order.delivered_at)
    elif order.eta and order.status in {"processing", "shipped"}:
        status = context.say("expected", status=status, date=order.eta)
    if short:
        return context.say("order_short", order=order.order_id, status=status)
    table = context.table
    known = {} if table is None else table.row
    names = ", ".join(table.titles[known[i]] if table and i in known else i for i in order.item_ids)
    return context.say("order", order=order.order_id, ordered=order.ordered_at, items=names, status=status)


def _to_buy_again(context: Context, orders: Sequence[Order], question: str) -> list[Fact]:
    """What products of orders cost now and whether they can be bought: all, or those that a question names."""
    table = context.table
    if table is None:
        return []
    rows = list(dict.fromkeys(table.row[i] for order in orders for i in order.item_ids if i in table.row))
    kinds = parse(question, table).categories
    rows = [row for row in rows if table.categories[row] in kinds] or rows
    facts = [
        context.told(row, "price", price=f"{table.prices[row]:.2f}") for row in rows if np.isfinite(table.prices[row])
    ]
    gone = [context.told(row, "unavailable") for row in rows if not table.available[row]]
    return [*facts, *gone, Fact(context.say("order_it_yourself"))] if facts else []


def _way(context: Context, order: Order) -> str:
    """How, with whom and where to an order goes; '' where none of it is known."""
    place = context.listed(filter(None, dict.fromkeys((order.region, order.country))))
    parts = {"by_method": order.method, "with_carrier": order.carrier, "to_place": place}
    known = [context.say(key, name=name) for key, name in parts.items() if name]
    return context.say("order_way", ways=context.say("clauses").join(known)) if known else ""


def _what_is_allowed(context: Context, order: Order, asked: OrderStatus) -> list[Fact]:
    """What the order's state means for the wish, and the shop's rules on it: no way back for what is not there yet."""
    status, wish = order.status, asked.wish
    state, of_goods, queries = "", "", [rule_on(wish, context.language)]
    if status == "cancelled" and wish != "refund":
        return [Fact(context.say("cancelled_already"), _source(order))]
    if wish in {"return", "refund"} and status == "processing":
        state, queries = "not_sent_yet", [rule_on(rule, context.language) for rule in ("cancel", "charge")]
        queries = queries[:1] if wish == "return" else queries
    elif wish == "refund" and status == "cancelled":
        state = "" if order.shipped_at else "never_sent"
        queries.insert(0, rule_on("charge", context.language))
    elif wish in {"cancel", "change"}:
        state = "not_sent_yet" if status == "processing" else "sent_already"
    elif wish == "return" and status == "returned":
        queries = [rule_on("refund", context.language)]
    elif wish == "return" and status == "delivered":
        of_goods = f"{asked.question} {_told(context, order)}"  # what it holds may have a rule of its own
        queries.append(of_goods)
    elif wish == "return":
        state, queries = "sent_already", [rule_on("return_time", context.language)]
    facts = [Fact(context.say(state), _source(order))] if state else []
    if wish == "return" and status == "delivered" and (days := _since(context, order)) is not None:
        time = rule_on("return_time", context.language)
        hit = context.rule(time)
        within = _DAYS.search(hit.passage.text) if hit is not None else None
        over = within is not None and days > int(within[1])
        queries = [time] if over else [time, *queries]
        facts.append(Fact(context.say("delivered_too_long_ago" if over else "delivered_ago", n=days), _source(order)))
    if wish == "return" and facets(asked.question) & {"cost", "abroad", "place"}:
        queries.insert(0, asked.question.replace(order.order_id, " "))  # another rule than how it is done
    for query in queries:
        hit = context.rule(query)
        if hit is None or (query == of_goods and not _on_its_kind(context, hit, order)):
            continue
        if _concerns(context, hit, order):
            facts.append(Fact(without_yes(hit.passage.text), hit.passage.id))
    return list(dict.fromkeys(facts))


def _since(context: Context, order: Order) -> int | None:
    """Days since an order was delivered; None where that, or today, is not known."""
    if context.recommender is None or not order.delivered_at or not context.recommender.shop.events.absolute:
        return None
    today = date.fromtimestamp(context.recommender.shop.now)
    return max(0, (today - date.fromisoformat(order.delivered_at[:10])).days)


def _kinds(context: Context, order: Order) -> set[str]:
    """Kinds of the products that an order holds."""
    table = context.table
    return set() if table is None else {table.categories[table.row[i]] for i in order.item_ids if i in table.row}


def _on_its_kind(context: Context, hit: Hit, order: Order) -> bool:
    """Whether a rule names a kind of product that an order holds."""
    table, passage = context.table, hit.passage
    return table is not None and bool(table.kinds_named(f"{passage.title} {passage.text}") & _kinds(context, order))


def _concerns(context: Context, hit: Hit, order: Order) -> bool:
    """Whether a rule is on no kind of product, or on one that an order holds."""
    named = frozenset() if context.table is None else context.table.kinds_named(hit.passage.title)
    return not named or bool(named & _kinds(context, order))
