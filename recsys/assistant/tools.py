"""Tools: what the assistant can look up, as typed functions that return facts with the ids of their sources.

Each has a pydantic model of its arguments (its JSON schema is what a language model is given) and works without any
model. What they return is already in the shopper's language: joined, the facts are an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, Field

from recsys.assistant.arrivals import DeliveryTime, usual
from recsys.assistant.hearing import subject
from recsys.assistant.knowledge import Hit, Knowledge
from recsys.assistant.messages import message
from recsys.assistant.payment import names_way, way_of_paying
from recsys.assistant.prices import PriceQuestion, told
from recsys.data.orders import Orders
from recsys.serving.recommender import Recommender
from recsys.serving.search import ProductSearch, ProductTable


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
    asks: bool = Field(False, description="whether something is asked of the products, not for them")


class Compare(BaseModel):
    """Put products side by side: prices, what they share and what differs."""

    items: list[str] = Field(description="two to four product ids", max_length=4)
    question: str = ""


class ProductFacts(BaseModel):
    """Answer a question about products from what the catalogue says of them: price, stock, brand, description."""

    items: list[str] = Field(description="product ids", max_length=4)
    question: str = Field(description="what the shopper wants to know")
    brand: str = Field("", description="brand whose products are meant, where none is named")


class Recommend(BaseModel):
    """Recommend products to this shopper, or say why some were recommended."""

    text: str = ""
    why: list[str] = Field([], description="ids of products whose recommendation is to be explained", max_length=4)


class GoesWith(BaseModel):
    """What is bought together with products, or with a kind of them."""

    items: list[str] = Field([], description="product ids", max_length=4)
    kinds: list[str] = Field([], description="categories that the shopper has, where no product is named")
    question: str = ""


class Similar(BaseModel):
    """Products like one of the shop's: nearest in what is said of them, or in their pictures where looks are asked."""

    items: list[str] = Field(description="the product id", max_length=1)
    question: str = ""


class CatalogueFacts(BaseModel):
    """Counts, brands, kinds and price ranges of the catalogue."""

    query: str = Field(description="the kind of product or brand, in the shopper's words")


class SearchPolicies(BaseModel):
    """The shop's rules: delivery, returns, payment, warranty, vouchers, account, contact."""

    query: str = Field(description="the question, complete in itself")


class OrderStatus(BaseModel):
    """State of the signed-in shopper's own orders, and what can be done about them."""

    order: str | None = Field(None, description="order number; the latest orders without one")
    wish: Literal["", "cancel", "return", "change", "missing", "damaged"] = Field(
        "", description="what the shopper wants done"
    )
    question: str = ""


class HandOver(BaseModel):
    """Pass the conversation on to a person."""

    reason: Literal["asked", "unanswered", "complaint"] = "asked"


@dataclass(frozen=True)
class Call:
    """A tool and its arguments; `reply` is one of the assistant's own messages and looks nothing up."""

    tool: str
    arguments: BaseModel | None = None
    reply: str = ""


def schema(arguments: type[BaseModel], name: str) -> dict[str, Any]:
    """A tool as chat-completion interfaces take it."""
    parameters = arguments.model_json_schema()
    parameters.pop("title", None)
    described = (arguments.__doc__ or "").strip()
    return {"type": "function", "function": {"name": name, "description": described, "parameters": parameters}}


_DENIES = re.compile(r"\bnot\b|\bcannot\b|不", re.IGNORECASE)
# --- the shop's rules and orders --------------------------------------------------------------------------------------


def policy(context: Context, asked: SearchPolicies, hits: Sequence[Hit], sure: float, bound: float) -> Result:
    """The passages that answer a question, where the assistant is sure enough of them."""
    if not hits or sure < bound:
        return Result(lead=context.say("no_answer"), found=False, passes_on=True, confidence=sure)
    facts = tuple(Fact(_headed(hit), hit.passage.id, asked.query) for hit in hits)
    return Result(facts, hits[0].intent, confidence=sure, writer="retrieved")


def _headed(hit: Hit) -> str:
    """A passage, a list or an exception with its heading: "What is not covered" is half of what the line below says."""
    heading, text = subject(hit), hit.passage.text
    alone = hit.passage.kind == "faq" or not (text.startswith("- ") or _DENIES.search(heading))
    return text if alone else f"{heading}:\n{text}"


def payment(context: Context, asked: SearchPolicies, bound: float) -> Result:
    """What the shop's rules say of a way of paying; of one that they do not name, that is said."""
    way = way_of_paying(asked.query)
    named = [hit for hit in context.knowledge.rules(asked.query, context.language) if names_way(way, hit.passage.text)]
    hits = named or context.knowledge.rules(rule_on("pay", context.language), context.language)
    if not hits or (not named and hits[0].theme < bound):
        return Result(lead=context.say("no_answer"), found=False, passes_on=True, confidence=0.0)
    fact = Fact(hits[0].passage.text, hits[0].passage.id, asked.query if named else "")
    lead = "" if named else context.say("no_such_way", way=way)
    # What the rules do not name is declined, with what they do name.
    return Result((fact,), "service" if named else "out_of_scope", lead, writer="retrieved" if named else "template")


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
    "refund": ("When do I get my money back?", "退款多久到账？"),
    "change": ("Can I change the delivery address after ordering?", "下单后可以修改收货地址吗？"),
    "track": ("How do I track my parcel?", "怎么查询包裹的物流？"),
    "pay": ("How can I pay?", "可以用什么方式付款？"),
    "missing": ("My parcel has not arrived. What should I do?", "包裹没有收到怎么办？"),
    "damaged": ("Something arrived damaged. What should I do?", "收到的商品损坏了怎么办？"),
}


def rule_on(wish: str, language: str) -> str:
    """The question whose rule says how a wish about an order is met."""
    return _WISHES[wish][language == "zh"]


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
        passes_on=any(r.passes_on and r.confidence >= 1 for r in parts)  # said to be, whatever else was found
        or (
            any(r.passes_on for r in parts)
            and not any(r.writer == "retrieved" or r.intent == "recommendation" for r in found)
        ),
        confidence=max(r.confidence for r in parts),
        reasons=tuple(reason for r in parts for reason in r.reasons),
        writer="retrieved" if all(r.writer == "retrieved" for r in parts) else "template",
    )
