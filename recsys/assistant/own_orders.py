"""Tool over the signed-in shopper's own orders: where they are, and what the shop's rules say of a wish about one."""

from __future__ import annotations

import re

from recsys.assistant.arrivals import about_order
from recsys.assistant.hearing import facets
from recsys.assistant.knowledge import Hit
from recsys.assistant.patterns import asks, says
from recsys.assistant.policies import rule_on
from recsys.assistant.tools import Context, Fact, OrderStatus, Result
from recsys.data.orders import Order
from recsys.serving.search import parse

LATEST = 3
"""Orders told of when several are asked for."""
STATUSES = ("processing", "shipped", "delivered", "returned", "cancelled")
"""States that the assistant has words for; others are told as the table has them."""
_ANSWERED = re.compile(r"(?:(?:Yes|No)[,.] |可以[，。]|不可以。)(.)", re.DOTALL)


def order_status(context: Context, asked: OrderStatus) -> Result:
    """Facts of the asker's own orders, and what the shop's rules say of the wish for their state."""
    if context.user is None:
        return _signed_out(context, asked)
    if context.orders is None:
        return context.unknown("order_status")
    if asked.order:
        order = context.orders.find(context.user, asked.order)
        found, missing = [order] if order else [], context.say("no_such_order", order=asked.order)
    else:
        latest = _holding(context, context.orders.latest(context.user, 1_000), asked.question)
        found, missing = latest[: LATEST if says("several_orders", asked.question) else 1], context.say("no_orders")
    if not found:
        return Result.none(missing, "order_status")
    facts = [Fact(_told(context, order) + about_order(context, order), f"order:{order.order_id}") for order in found]
    if asks(asked.question, ["price"]) and asked.wish != "return":  # that asks what sending it back costs
        known = [order for order in found if order.total is not None]
        facts += [Fact(context.say("order_total", total=f"{o.total:.2f}"), f"order:{o.order_id}") for o in known]
    facts += _what_is_allowed(context, found[0], asked) if asked.wish else []
    return Result(tuple(facts), "order_status")


def _signed_out(context: Context, asked: OrderStatus) -> Result:
    """Sign in to hear of orders; how a parcel is tracked without it is in the shop's rules."""
    hit = context.rule(rule_on("track", context.language))
    told = asked.wish in {"", "missing"} and not asked.order and hit is not None
    facts = (Fact(hit.passage.text, hit.passage.id),) if hit is not None and told else ()
    return Result(facts, "order_status", lead=context.say("sign_in"), found=bool(facts))


def _holding(context: Context, orders: list[Order], question: str) -> list[Order]:
    """The orders that hold a product of the kind, the brand or the words of the question; all where none does."""
    table = context.table
    if table is None:
        return orders
    wanted = parse(question, table)

    def meant(item: str) -> bool:
        row = table.row.get(item, -1)
        if row < 0 or (wanted.brands and table.brands[row] not in wanted.brands):
            return False
        if wanted.categories:
            return table.categories[row] in wanted.categories
        return bool(wanted.brands or table.title_terms[row] & set(wanted.words))

    return [order for order in orders if any(map(meant, order.item_ids))] or orders


def _told(context: Context, order: Order) -> str:
    status = context.say(f"status_{order.status}") if order.status in STATUSES else order.status
    if order.status == "delivered" and order.delivered_at:
        status = context.say("delivered", date=order.delivered_at)
    elif order.eta and order.status in {"processing", "shipped"}:
        status = context.say("expected", status=status, date=order.eta)
    table = context.table
    known = {} if table is None else table.row
    names = ", ".join(table.titles[known[i]] if table and i in known else i for i in order.item_ids)
    return context.say("order", order=order.order_id, ordered=order.ordered_at, items=names, status=status)


def _what_is_allowed(context: Context, order: Order, asked: OrderStatus) -> list[Fact]:
    """What the order's state means for the wish, and the shop's rules on it."""
    state = ""
    if asked.wish in {"cancel", "change"}:
        state = {"processing": "not_sent_yet", "cancelled": "cancelled_already"}.get(order.status, "sent_already")
    facts = [Fact(context.say(state), f"order:{order.order_id}")] if state else []
    if state == "cancelled_already":
        return facts
    sent_back = asked.wish == "return" and order.status == "returned"
    queries = [rule_on("refund" if sent_back else asked.wish, context.language)]
    if asked.wish == "return" and facets(asked.question) & {"cost", "abroad", "place"}:
        queries.insert(0, asked.question)  # what it costs, or from where, is another rule than how it is done
    if asked.wish == "return" and not sent_back:  # what the order holds may have a rule of its own
        queries.append(f"{asked.question} {_told(context, order)}")
    for query in queries:
        hit = context.rule(query)
        if hit is not None and _concerns(context, hit, order):
            facts.append(Fact(without_yes(hit.passage.text), hit.passage.id))
    return list(dict.fromkeys(facts))


def _concerns(context: Context, hit: Hit, order: Order) -> bool:
    """Whether a rule is on no kind of product, or on one that an order holds."""
    table = context.table
    if table is None:
        return True
    kinds = {table.categories[table.row[item]] for item in order.item_ids if item in table.row}
    return not (of := table.kinds_named(hit.passage.title)) or bool(of & kinds)


def without_yes(text: str) -> str:
    """A rule without the "Yes." or "No." that answers another question than the one at hand."""
    answered = _ANSWERED.match(text)
    return text if answered is None else answered[1].upper() + text[answered.end() :]
