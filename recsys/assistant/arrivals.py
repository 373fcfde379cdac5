"""When something arrives: what the shop's own parcels took, to where the shopper lives and by each method."""

from __future__ import annotations

import re
from datetime import date

from pydantic import Field

from recsys.assistant.tools import Call, Context, Fact, Result
from recsys.data.orders import Order
from recsys.delivery.published import Delivery, dated, load
from recsys.delivery.times import Span
from recsys.llm.places import english_names

THEME = "shipping_time"
_EPOCH = date(1970, 1, 1)
_UNDER_WAY = frozenset({"processing", "shipped"})


class DeliveryTime(Call):
    """How many days parcels really took, to a region and by a method."""

    region: str = Field(default="", description="region or country; empty for where the shopper lives")
    method: str = Field(default="", description="delivery method; empty for all")


def known(context: Context) -> Delivery | None:
    """Delivery times of the version that is answered from; None where it has none."""
    version = None if context.recommender is None else context.recommender.version
    return None if version is None else load(version.path)


def asked_in(context: Context, question: str) -> DeliveryTime:
    """The region or country, and the method, that a question names; where no parcels go there, it is kept as it is."""
    delivery = known(context)
    if delivery is None:
        return DeliveryTime()
    places = [name for place in delivery.places for name in reversed(place) if name]
    english = english_names(question)
    region = _named(places, question) or _named(places, "; ".join(english)) or next(iter(english), "")
    return DeliveryTime(region=region, method=_named(delivery.methods, question))


def _named(names: list[str], question: str) -> str:
    """The name that a question holds, the longest first: Northern Ireland before Ireland."""
    said = question.casefold()
    names = sorted(names, key=len, reverse=True)
    return next((name for name in names if re.search(rf"\b{re.escape(name.casefold())}\b", said)), "")


def delivery_time(context: Context, asked: DeliveryTime) -> Result:
    """What parcels took; nothing of a place or method that fewer than 30 were delivered to or by."""
    said = usual(context, asked)
    return Result((Fact(said),), "delivery") if said else context.unknown("delivery")


def usual(context: Context, asked: DeliveryTime) -> str:
    """What parcels took; '' of a place or method that fewer than 30 were delivered to or by."""
    delivery = known(context)
    if delivery is None:
        return ""
    if not asked.region:
        country, region = delivery.place(*_home(context))
    else:
        found = delivery.place("", asked.region), delivery.place(asked.region, "")
        if (place := next(filter(any, found), None)) is None:
            return ""
        country, region = place
    methods = [m for m in delivery.methods if asked.method.lower() in m.lower()] or [""]
    today = delivery.today
    spans = [(m, delivery.ordered.span(today, m, country, region)) for m in methods]
    parts = [
        context.say("arrival_method", method=m, days=_days(context, span, today), parcels=f"{span.parcels:,}").strip()
        for m, span in spans
        if span is not None
    ]
    if not parts:
        return ""
    to = context.say("arrival_to", place=region or country) if region or country else ""
    return context.say("arrival_usual", place=to, parts=context.listed(parts))


def about_order(context: Context, order: Order) -> str:
    """How an order under way compares with others like it: ' Usually 2 to 4 days ...'; '' where that is not known."""
    delivery = known(context) if order.status in _UNDER_WAY else None
    if delivery is None or not order.ordered_at:
        return ""
    country, region = delivery.place(order.country, order.region)
    today, ordered = delivery.today, _day(order.ordered_at)
    if ordered > today or order.method not in delivery.methods:
        return ""
    usual = delivery.ordered.span(ordered, order.method, country, region)
    if usual is None:
        return ""
    days = _days(context, usual, ordered)
    place = context.say("arrival_to", place=region or country) if region or country else ""
    late = today - (_day(order.eta) if order.eta else usual.latest)
    if late > 0:
        said = context.say("arrival_late", n=late, days="day" if late == 1 else "days")
        return context.say("arrival_order", usual=days, place=place, yours=said, as_of=dated(today))
    times = delivery.times(bool(order.shipped_at))
    start = _day(order.shipped_at) if order.shipped_at and times is delivery.shipped else ordered
    left = times.span(start, order.method, country, region, today=today + 1)
    if left is None:
        return ""
    if order.eta and not left.earliest <= _day(order.eta) <= left.latest:
        return ""  # two dates that contradict each other tell nobody anything
    said = context.say("arrival_between", first=dated(left.earliest), last=dated(left.latest))
    return context.say("arrival_order", usual=days, place=place, yours=said, as_of=dated(today))


def _home(context: Context) -> tuple[str, str]:
    """Where the shopper's latest order went."""
    if context.user is None or context.orders is None:
        return "", ""
    return next(((o.country, o.region) for o in context.orders.latest(context.user) if o.country or o.region), ("", ""))


def _days(context: Context, span: Span, start: int) -> str:
    low, high = span.earliest - start, span.latest - start
    key = "arrival_days" if low < high else "arrival_day" if low == 1 else "arrival_same"
    return context.say(key, low=low, high=high)


def _day(text: str) -> int:
    return (date.fromisoformat(text) - _EPOCH).days
