"""Tools: what the assistant can look up, as typed functions that return facts with the ids of their sources.

Each has a pydantic model of its arguments (its JSON schema is what a language model is given) and works without any
model. What they return is already in the shopper's language: joined, the facts are an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, Field

from recsys.assistant.arrivals import DeliveryTime, about_order, usual
from recsys.assistant.knowledge import Hit, Knowledge
from recsys.assistant.messages import message
from recsys.assistant.prices import PriceQuestion, told
from recsys.data.orders import Order, Orders
from recsys.serving.recommender import Recommender
from recsys.serving.search import ProductSearch, ProductTable, parse


@dataclass(frozen=True)
class Fact:
    """One thing that is so, and where it stands: a passage, ``item:ID`` or ``order:ID``; '' for the shop's tables.

    `asked` is the question that a passage answers: a language model may say it in other words.
    """

    text: str
    source: str = ""
    asked: str = ""


@dataclass(frozen=True)
class Result:
    """What a tool found.

    Attributes
    ----------
    facts
        What may be said.
    lead, note
        The assistant's own words around them.
    found
        Whether there was anything; otherwise `lead` says so.
    passes_on
        Whether a person should take over.
    reasons
        Facts that say why a product is recommended, checked on the evidence of its score.
    """

    facts: tuple[Fact, ...] = ()
    intent: str = "service"
    lead: str = ""
    note: str = ""
    found: bool = True
    passes_on: bool = False
    confidence: float = 1.0
    reasons: tuple[str, ...] = ()
    writer: str = "template"

    @property
    def lines(self) -> list[Fact]:
        """The facts with the words around them, in the order they are said."""
        return [fact for fact in (Fact(self.lead), *self.facts, Fact(self.note)) if fact.text]

    @property
    def text(self) -> str:
        """The facts as an answer."""
        return "\n".join(fact.text for fact in self.lines)

    @property
    def sources(self) -> tuple[str, ...]:
        """Ids of what the facts rest on."""
        return tuple(dict.fromkeys(fact.source for fact in self.facts if fact.source))


@dataclass
class Context:
    """What tools look things up in, and for whom.

    Attributes
    ----------
    search
        Search of the catalogue; None where the assistant knows texts only.
    user
        Id of the signed-in shopper, None for a stranger.
    language
        Language of the facts, ``en`` or ``zh``.
    shown
        Rows of products shown before.
    """

    knowledge: Knowledge
    search: ProductSearch | None
    recommender: Recommender | None
    orders: Orders | None
    user: str | None = None
    language: str = "en"
    shown: frozenset[int] = field(default_factory=frozenset)

    @property
    def table(self) -> ProductTable | None:
        """The catalogue."""
        return None if self.search is None else self.search.table

    def say(self, key: str, **values: object) -> str:
        """One of the assistant's own messages."""
        return message(key, self.language, **values)

    def listed(self, parts: Iterable[str]) -> str:
        """Several things one after another, as the language writes them."""
        return self.say("enumerated").join(parts)


class SearchProducts(BaseModel):
    """Find products of the shop by what they are and what they cost."""

    query: str = Field(
        description="what is looked for, in the shopper's words: kind of product, colour, size, features"
    )
    price_max: float | None = Field(None, description="highest price")
    price_min: float | None = Field(None, description="lowest price")
    brand: str | None = Field(None, description="brand it has to be of")
    sort: Literal["relevance", "price", "-price"] = Field("relevance", description="price: cheapest first")
    refines: list[str] = Field([], description="earlier sentences of the shopper that still hold, oldest first")
    new_only: bool = Field(False, description="leave out what was shown before")


class Compare(BaseModel):
    """Put products side by side: prices, what they share and what differs."""

    items: list[str] = Field(description="two to four product ids", max_length=4)
    question: str = ""


class ProductFacts(BaseModel):
    """Answer a question about products from what the catalogue says of them: price, stock, brand, description."""

    items: list[str] = Field(description="product ids", max_length=4)
    question: str = Field(description="what the shopper wants to know")


class Recommend(BaseModel):
    """Recommend products to this shopper, or say why some were recommended."""

    text: str = ""
    why: list[str] = Field([], description="ids of products whose recommendation is to be explained", max_length=4)


class GoesWith(BaseModel):
    """What is bought together with products."""

    items: list[str] = Field(description="product ids", max_length=4)


class CatalogueFacts(BaseModel):
    """Counts, brands, kinds and price ranges of the catalogue."""

    query: str = Field(description="the kind of product or brand, in the shopper's words")


class SearchPolicies(BaseModel):
    """The shop's rules: delivery, returns, payment, warranty, vouchers, account, contact."""

    query: str = Field(description="the question, complete in itself")


class OrderStatus(BaseModel):
    """State of the signed-in shopper's own orders, and what can be done about them."""

    order: str | None = Field(None, description="order number; the latest orders without one")
    wish: Literal["", "cancel", "return", "change", "missing"] = Field("", description="what the shopper wants done")
    question: str = ""


class HandOver(BaseModel):
    """Pass the conversation on to a person."""

    reason: Literal["asked", "unanswered", "complaint"] = "asked"


def schema(arguments: type[BaseModel], name: str) -> dict[str, Any]:
    """A tool as chat-completion interfaces take it."""
    parameters = arguments.model_json_schema()
    parameters.pop("title", None)
    described = (arguments.__doc__ or "").strip()
    return {"type": "function", "function": {"name": name, "description": described, "parameters": parameters}}


# --- the shop's rules and orders --------------------------------------------------------------------------------------


def policy(context: Context, asked: SearchPolicies, hits: Sequence[Hit], sure: float, bound: float) -> Result:
    """The passages that answer a question, where the assistant is sure enough of them."""
    if not hits or sure < bound:
        return Result(lead=context.say("no_answer"), found=False, passes_on=True, confidence=sure)
    facts = tuple(Fact(hit.passage.text, hit.passage.id, asked.query) for hit in hits)
    return Result(facts, hits[0].intent, confidence=sure, writer="retrieved")


def delivery_time(context: Context, asked: DeliveryTime) -> Result:
    """What parcels took; nothing of a place or method that fewer than 30 were delivered to or by."""
    if said := usual(context, asked):
        return Result((Fact(said),), "delivery")
    return Result(intent="delivery", lead=context.say("no_answer"), found=False, passes_on=True, confidence=0.0)


def price_history(context: Context, asked: PriceQuestion) -> Result:
    """What the prices of products did; that nobody knows what they will do is said with it."""
    facts = tuple(Fact(said, f"item:{item}") for item in asked.items if (said := told(context, item)))
    return Result(facts, "product", found=bool(facts), passes_on=not facts, confidence=1.0 if facts else 0.0)


_WISHES: Mapping[str, tuple[str, str]] = {
    "cancel": ("Can I cancel my order?", "可以取消订单吗？"),
    "return": ("How do I return something?", "怎么退货？"),
    "change": ("Can I change the delivery address after ordering?", "下单后可以修改收货地址吗？"),
    "missing": ("My parcel has not arrived. What should I do?", "包裹没有收到怎么办？"),
}


def rule_on(wish: str, language: str) -> str:
    """The question whose rule says how a wish about an order is met."""
    return _WISHES[wish][language == "zh"]


LATEST = 3
"""Orders told of when none is named."""


def order_status(context: Context, asked: OrderStatus, named: Sequence[str], several: int, bound: float) -> Result:
    """Facts of the asker's own orders, and what the shop's rules say of the wish for their state.

    Parameters
    ----------
    named
        Order numbers asked for.
    several
        How many of the latest orders to tell of where none is named.
    """
    if context.user is None:
        return Result(intent="order_status", lead=context.say("sign_in"), found=False)
    if context.orders is None:
        return Result(intent="order_status", lead=context.say("no_answer"), found=False, passes_on=True, confidence=0.0)
    found: list[Order] = []
    missing = ""
    for number in named:
        order = context.orders.find(context.user, number)
        found += [order] if order else []
        missing = missing if order else context.say("no_such_order", order=number)
    if not named:
        found = list(_holding(context, context.orders.latest(context.user, 1_000), asked.question)[:several])
        missing = "" if found else context.say("no_orders")
    facts = [Fact(_told(context, order) + about_order(context, order), f"order:{order.order_id}") for order in found]
    if asked.wish and len(found) >= 1:
        facts += _what_is_allowed(context, found[0], asked, bound)
    return Result(tuple(facts), "order_status", lead=missing, found=bool(facts))


def _holding(context: Context, orders: Sequence[Order], question: str) -> Sequence[Order]:
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
    key = f"status_{order.status}"
    status = context.say(key) if key in STATUSES else order.status
    if order.status == "delivered" and order.delivered_at:
        status = context.say("delivered", date=order.delivered_at)
    elif order.eta and order.status in {"processing", "shipped"}:
        status = context.say("expected", status=status, date=order.eta)
    table = context.table
    titles = {} if table is None else {i: table.titles[table.row[i]] for i in order.item_ids if i in table.row}
    names = ", ".join(titles.get(item, item) for item in order.item_ids)
    return context.say("order", order=order.order_id, ordered=order.ordered_at, items=names, status=status)


STATUSES = frozenset(f"status_{s}" for s in ("processing", "shipped", "delivered", "returned", "cancelled"))


def _what_is_allowed(context: Context, order: Order, asked: OrderStatus, bound: float) -> list[Fact]:
    """What the order's state means for the wish, and the shop's rules on it."""
    state = ""
    if asked.wish in {"cancel", "change"}:
        state = {"processing": "not_sent_yet", "cancelled": "cancelled_already"}.get(order.status, "sent_already")
    facts = [Fact(context.say(state), f"order:{order.order_id}")] if state else []
    if state == "cancelled_already":
        return facts
    queries = [rule_on(asked.wish, context.language)]
    if asked.wish == "return":  # what the order holds may have a rule of its own
        queries.append(f"{asked.question} {_told(context, order)}")
    for query in queries:
        hits = context.knowledge.rules(query, context.language)
        if hits and hits[0].theme >= bound:
            facts.append(Fact(without_yes(hits[0].passage.text), hits[0].passage.id))
    return list(dict.fromkeys(facts))


def without_yes(text: str) -> str:
    """A rule without the "Yes." or "No." that answers another question than the one at hand."""
    for word in ("Yes, ", "Yes. ", "No, ", "No. ", "可以，", "可以。", "不可以。"):
        if text.startswith(word):
            rest = text.removeprefix(word)
            return rest[:1].upper() + rest[1:]
    return text


def joined(results: Sequence[Result]) -> Result:
    """Several results as one: two questions in one sentence get two answers, each said once.

    A person takes over where nothing was found; where only a part has no answer, that is said.
    """
    parts = list({result.text: result for result in results}.values())
    if len(parts) == 1:
        return parts[0]
    found = [result for result in parts if result.found] or parts
    lines: list[Fact] = []
    for fact in (fact for r in parts for fact in r.lines):
        if not any(fact.text in told.text for told in lines):
            lines.append(fact)
    return Result(
        tuple(lines),
        found[0].intent,
        found=any(r.found for r in parts),
        passes_on=any(r.passes_on for r in parts)
        and not any(r.writer == "retrieved" or r.intent == "recommendation" for r in found),
        confidence=max(r.confidence for r in parts),
        reasons=tuple(reason for r in parts for reason in r.reasons),
        writer="retrieved" if all(r.writer == "retrieved" for r in parts) else "template",
    )
