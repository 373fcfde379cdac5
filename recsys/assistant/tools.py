"""Tools: what the assistant can look up, as typed functions that return facts with the ids of their sources.

Each takes a `Call`, whose JSON schema is what a language model is given, and works without any model. What they return
is already in the shopper's language: joined, the facts are an answer. `toolbox.TOOLS` says which function takes which.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from recsys.assistant.answerability import Answerability
from recsys.assistant.knowledge import Hit, Knowledge
from recsys.assistant.listener import Listener
from recsys.assistant.messages import message
from recsys.assistant.patterns import SMALL_TALK
from recsys.data.orders import Orders
from recsys.serving.recommender import Recommender
from recsys.serving.search import ProductSearch, ProductTable

BOUND = 0.5
"""Confidence below which a person takes over."""
LENGTH = 3
"""Products named in one answer."""


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

    @classmethod
    def none(cls, lead: str, intent: str = "service", confidence: float = 1.0, *, passes_on: bool = False) -> Result:
        """Nothing was found, which `lead` says."""
        return cls(intent=intent, lead=lead, found=False, passes_on=passes_on, confidence=confidence)

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


@dataclass(frozen=True)
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
    shown, last
        Rows of products shown before, and of those that the latest turn about products spoke of.
    bound
        Confidence from which a passage answers a question.
    listener
        Reads questions for the shop's rules.
    judge
        Tells whether a text answers a question; None where only words do.
    """

    knowledge: Knowledge
    search: ProductSearch | None
    recommender: Recommender | None
    orders: Orders | None
    user: str | None = None
    language: str = "en"
    shown: frozenset[int] = frozenset()
    last: tuple[int, ...] = ()
    bound: float = BOUND
    listener: Listener | None = None
    judge: Answerability | None = None

    @property
    def table(self) -> ProductTable | None:
        """The catalogue, if there is one."""
        return None if self.search is None else self.search.table

    @property
    def products(self) -> ProductSearch:
        """Search of the catalogue, without which no tool over products is called."""
        assert self.search is not None, "tools over products need a catalogue"
        return self.search

    @property
    def catalogue(self) -> ProductTable:
        """The catalogue, for tools over products."""
        return self.products.table

    def say(self, key: str, **values: object) -> str:
        """One of the assistant's own messages."""
        return message(key, self.language, **values)

    def listed(self, parts: Iterable[str]) -> str:
        """Several things one after another, as the language writes them."""
        return self.say("enumerated").join(parts)

    def cited(self, row: int, text: str) -> Fact:
        """What is said of a product of the catalogue."""
        return Fact(text, f"item:{self.catalogue.ids[row]}")

    def told(self, row: int, key: str, **values: object) -> Fact:
        """A message about a product of the catalogue, whose title is its `item`."""
        return self.cited(row, self.say(key, item=self.catalogue.titles[row], **values))

    def rule(self, query: str) -> Hit | None:
        """The passage of the shop's rules that is nearest to a question, where it is about the same."""
        hits = self.knowledge.rules(query, self.language)
        return hits[0] if hits and hits[0].theme >= self.bound else None

    def unknown(self, intent: str = "service", confidence: float = 0.0) -> Result:
        """There is no reliable answer: a person takes over."""
        return Result.none(self.say("no_answer"), intent, confidence, passes_on=True)


class Call(BaseModel):
    """What a tool is asked; its class says which tool that is.

    A model is offered the fields that `schema` shows; the others are the router's.
    """


class SearchProducts(Call):
    """Find products of the shop by what they are and what they cost."""

    query: str = Field(description="the whole wish: kind, colour, size, features, for whom, price limits, 'cheapest'")
    instead: Literal["", "others", "cheaper", "dearer"] = Field("", description="compared with those shown before")
    price_max: SkipJsonSchema[float | None] = None
    price_min: SkipJsonSchema[float | None] = None
    sort: SkipJsonSchema[Literal["relevance", "price", "-price"]] = Field("relevance", description="cheapest first")
    brand: SkipJsonSchema[str] = ""
    refines: SkipJsonSchema[list[str]] = Field([], description="earlier sentences that still hold, oldest first")
    asks: SkipJsonSchema[bool] = Field(False, description="whether something is asked of the products, not for them")
    then: SkipJsonSchema[str] = Field("", description="what is asked of those that are found")


class OfProducts(Call):
    """What is asked of products: of some by their ids, or of those that the question names."""

    items: list[str] = Field([], description="products shown", max_length=4)
    question: str = Field("", description="what the shopper wants to know, with the name of a product not shown")


class Compare(OfProducts):
    """Put products side by side: prices, what they share and what differs."""


class ProductFacts(OfProducts):
    """Answer a question about products from what the catalogue says of them: price, stock, brand, description."""

    brand: SkipJsonSchema[str] = Field("", description="brand whose products are meant, where none is named")


class Recommend(OfProducts):
    """Say why products were recommended to this shopper: these, or without any the kind that the question names."""


class GoesWith(OfProducts):
    """What is bought together with products, or with a kind of them that the question names."""

    kinds: SkipJsonSchema[list[str]] = Field([], description="categories that the shopper has, where none is named")


class Similar(OfProducts):
    """Products like one of the shop's: nearest in what is said of them, or in their pictures where looks are asked."""


class CatalogueFacts(Call):
    """Counts, brands, kinds and price ranges of the catalogue."""

    query: str = Field(description="the question, complete in itself")


class SearchPolicies(Call):
    """The shop's rules: delivery, returns, payment, warranty, vouchers, account, contact."""

    query: str = Field(description="the question, complete in itself")


class Payment(SearchPolicies):
    """Whether something can be paid in a way that the question names."""


class OrderStatus(Call):
    """The shopper's own orders: where they are, and cancelling, returning or changing them."""

    question: str = Field("", description="what the shopper wants to know, complete in itself")
    order: str | None = Field(None, description="order number")
    wish: Literal["", "cancel", "return", "refund", "change", "missing", "damaged"] = ""
    told: SkipJsonSchema[bool] = Field(False, description="whether the answer before told of it")


class HandOver(Call):
    """Pass the conversation on to a person."""

    reason: Literal["asked", "unanswered", "complaint"] = "asked"


Kind = Literal["greeting", "thanks", "goodbye", "identity", "out_of_scope"]


Unplanned = Literal["how_are_you", "chat", "acknowledged", "privacy", "which_product", "sorry", "what_went_wrong"]
"""What no model plans to say."""


class Reply(Call):
    """Say something without looking anything up."""

    kind: Kind | SkipJsonSchema[Unplanned] = Field(description="out_of_scope: not about this shop")


def hand_over(context: Context, asked: HandOver) -> Result:
    """A person takes over."""
    key = {"asked": "agent", "complaint": "handover_complaint"}.get(asked.reason, "handover")
    return Result.none(context.say(key), passes_on=True)


def reply(context: Context, asked: Reply) -> Result:
    """One of the assistant's own messages, by its key."""
    of = {"privacy": "out_of_scope", "out_of_scope": "out_of_scope", "which_product": "product"}
    of |= dict.fromkeys(SMALL_TALK, "small_talk")
    return Result.none(context.say(asked.kind), of.get(asked.kind, "service"))


def schema(arguments: type[BaseModel], name: str) -> dict[str, Any]:
    """A tool as chat-completion interfaces take it."""
    parameters = arguments.model_json_schema()
    parameters.pop("title", None)
    described = (arguments.__doc__ or "").strip()
    return {"type": "function", "function": {"name": name, "description": described, "parameters": parameters}}


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
    told = any(r.writer == "retrieved" or r.intent == "recommendation" for r in found)
    return Result(
        tuple(lines),
        found[0].intent,
        found=any(r.found for r in parts),
        # what passes on for certain was said to, whatever else was found
        passes_on=any(r.passes_on and (r.confidence >= 1 or not told) for r in parts),
        confidence=max(r.confidence for r in parts),
        reasons=tuple(reason for r in parts for reason in r.reasons),
        writer="retrieved" if all(r.writer == "retrieved" for r in parts) else "template",
    )
