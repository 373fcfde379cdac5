"""What a shopper is told of their own orders."""

from __future__ import annotations

import re
from collections.abc import Sequence

from recsys.assistant.constraints import Constraints, ProductTable, parse
from recsys.assistant.messages import message
from recsys.assistant.orders import Order, Orders, order_numbers
from recsys.assistant.reply import Answer

INTENT = "order_status"
LOOKED_AT = 1_000
"""Latest orders looked through for a product the question names."""
_STATUSES = {f"status_{s}" for s in ("processing", "shipped", "delivered", "returned", "cancelled")}
_SEVERAL = re.compile(r"\borders\b|哪些|所有", re.IGNORECASE)


def answer(question: str, user: str, orders: Orders, shelves: ProductTable | None, language: str) -> Answer:
    """Answer from the orders of `user`, and of nobody else; `shelves` names the products and finds kinds of them."""
    if numbers := order_numbers(question):
        found = [(number, orders.find(user, number)) for number in numbers]
        lines = [
            _told(order, shelves, language) if order else message("no_such_order", language, order=number)
            for number, order in found
        ]
        sources = tuple(f"order:{order.order_id}" for _, order in found if order)
        return Answer("\n".join(lines), sources, INTENT)
    latest = _named(orders.latest(user, LOOKED_AT), question, shelves)[: 3 if _SEVERAL.search(question) else 1]
    if not latest:
        return Answer(message("no_orders", language), intent=INTENT)
    text = "\n".join(_told(order, shelves, language) for order in latest)
    return Answer(text, tuple(f"order:{order.order_id}" for order in latest), INTENT)


def _named(orders: Sequence[Order], question: str, shelves: ProductTable | None) -> Sequence[Order]:
    """The orders that hold a product of the kind the question names; all of them where it names none."""
    if shelves is None:
        return orders
    wanted = parse(question, shelves)
    if not wanted.categories and not wanted.brands:
        return orders
    rows = set(shelves.matching(Constraints(categories=wanted.categories, brands=wanted.brands)).tolist())
    held = [o for o in orders if any(shelves.row.get(i, -1) in rows for i in o.item_ids)]
    return held or orders


def _told(order: Order, shelves: ProductTable | None, language: str) -> str:
    status = message(f"status_{order.status}", language) if f"status_{order.status}" in _STATUSES else order.status
    if order.status == "delivered" and order.delivered_at:
        status = message("delivered", language, date=order.delivered_at)
    elif order.eta and order.status in {"processing", "shipped"}:
        status = message("expected", language, status=status, date=order.eta)
    titles = {} if shelves is None else {i: shelves.titles[shelves.row[i]] for i in order.item_ids if i in shelves.row}
    names = ", ".join(titles.get(item, item) for item in order.item_ids)
    return message("order", language, order=order.order_id, ordered=order.ordered_at, items=names, status=status)
