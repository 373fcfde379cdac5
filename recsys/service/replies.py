"""Response bodies: what each endpoint gives."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from recsys.delivery.carriers import CarrierFigures
from recsys.delivery.published import Coverage
from recsys.service.bodies import example


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Versioned(_Reply):
    """Whatever is computed from one published version."""

    version: str
    """The version that all of this comes from; also in the header ``X-Recsys-Version``."""


class Row(_Reply):
    """One item of a list; beside these the columns that were asked for."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    item_id: str | None
    """Null for a described product."""
    score: float
    """Chance of the item's event, or a similarity where the list is of similar items."""
    rank: int
    """1 for the best."""
    position: int | None = None
    """Place in `items`, from 0, where items were given."""
    rules: str | None = None
    """What the rules did to this row."""
    title: str | None = None
    reason: str | None = None
    """Why, in a sentence; null where nothing worth saying is true."""
    kind: str | None = None
    """The kind of evidence that the reason tells."""
    because: list[str] | None = None
    """Ids of the purchases that the reason names."""


_ROW = {"item_id": "85123A", "score": 0.031, "rank": 1, "title": "White hanging heart", "price": 2.95}
_VERSION = "20261125T161311-3fce"


class ListReply(Versioned):
    """A list, best first."""

    model_config = example(version=_VERSION, items=[_ROW])

    items: list[Row]
    notes: list[str] | None = None
    """What was left out of the request, such as items of a history that the catalogue does not have."""
    variant: str | None = None
    """The variant of the running experiment that made the list."""


class UserList(_Reply):
    """The list of one user."""

    user_id: str
    items: list[Row]


class QuoteRow(_Reply):
    """Words of one review."""

    text: str
    praises: bool


class AspectRow(_Reply):
    """What reviews say of one side of an item; repeats count once."""

    aspect: str
    stars: float
    """1 to 5: the share that praises, on the scale of stars."""
    praised: int
    criticised: int
    share: float
    low: float
    """95% interval of the share (Wilson), with `high`."""
    high: float
    quotes: list[QuoteRow]
    """At most two, word for word, without personal data."""


class OpinionRow(_Reply):
    """What reviews say of an item."""

    reviews: int
    """Reviews that count."""
    praise: int
    """How many of them speak well of it."""
    stars: float
    """Their mean opinion, 1 to 5."""
    low: float
    """95% interval of the share that praises (Wilson), with `high`."""
    high: float
    trend: float | None
    """Stars of the last 90 days less those before; null where too few were written on either side."""
    aspects: list[AspectRow]
    """The most spoken of first."""


class OpinionReply(Versioned):
    """What reviews say of one item."""

    item_id: str
    opinion: OpinionRow | None
    """Null where nobody wrote of it, or the shop has no reviews."""


class BatchReply(Versioned):
    """Lists of many users, in the order asked."""

    model_config = example(version=_VERSION, lists=[{"user_id": "12347", "items": [_ROW]}])

    lists: list[UserList]


class ScoreReply(Versioned):
    """Scores of pairs, in the order given."""

    model_config = example(version=_VERSION, scores=[0.031])

    scores: list[float]


class Part(_Reply):
    """One block's share of a score, in log-odds against the shopper's average candidate."""

    block: str
    meaning: str
    value: float
    personal: bool
    """Whether it looks at the shopper, or at the item alone."""


class Worth(_Reply):
    """What one item of the history is worth to the score."""

    item_id: str | None
    worth: float
    """Drop of the log-odds when it is left out."""
    text: float
    """The part of it that comes from reading the rest of the history again."""


class Reason(_Reply):
    """Why an item is in a list."""

    item_id: str
    sentence: str | None
    """Null where nothing worth saying is true."""
    kind: str | None
    """The kind of evidence that is told."""
    because: list[str]
    """Ids of the purchases that the sentence names."""
    figures: list[dict[str, Any]]
    """What the tables count for each thing that could be named, with bounds."""
    writer: str | None
    """Who wrote the sentence."""


class ExplainReply(Versioned, Reason):
    """One score with all its parts."""

    logit: float
    """Log-odds of the item."""
    baseline: float
    """Log-odds of the shopper's average candidate; with all contributions it makes `logit`."""
    personal: float
    """Share of what speaks for the item that is about this shopper, 0 to 1; the rest is about the item alone."""
    contributions: list[Part]
    purchases: list[Worth]
    decisive: list[str]
    """The fewest purchases without which the item would score no better than the average candidate."""
    facts: dict[str, Any]
    """What a sentence may say."""


class ReasonsReply(Versioned):
    """The reasons of one list, chosen together: no purchase named more than twice, no wording repeated."""

    items: list[Reason]


class AnswerReply(_Reply):
    """What the assistant says."""

    model_config = example(
        text="Three days.", sources=["faq:12"], intent="delivery", confidence=0.9, handover=False, writer="retrieved"
    )

    text: str
    sources: list[str] = []
    """Ids of what was used: passages (``faq:12``), products (``item:85123A``), orders (``order:A20001``)."""
    intent: str = "service"
    confidence: float = 1.0
    handover: bool = False
    """A person should take over; `summary` tells them what was asked."""
    writer: str = "template"
    summary: str = ""
    reasons: list[str] = []

    model_config["extra"] = "allow"


class GenerateReply(_Reply):
    """Text that a model wrote."""

    model_config = example(text="A teapot that brightens every kitchen.", writer="SmolLM2-135M-Instruct b179c952")

    text: str
    writer: str
    """The model, with the first digits of its weights' hash."""


class TranscriptReply(_Reply):
    """What was said in a recording."""

    model_config = example(text="How long does delivery take?", language="en", seconds=1.9)

    text: str
    """Empty where nobody was heard to speak."""
    language: str
    seconds: float
    """Length of the recording."""


class EventsReply(_Reply):
    """Events that are on the disk: no crash loses them."""

    model_config = example(accepted=1, unknown_items=[])

    accepted: int
    unknown_items: list[str]
    """Items that the served version does not have; kept for a version that does."""


class FeedbackReply(_Reply):
    """Feedback that was kept."""

    model_config = example(accepted=1)

    accepted: int


class TokenReply(_Reply):
    """A token of one shopper."""

    model_config = example(token="st_...", seconds=900)  # noqa: S106 - an example

    token: str
    """For `Authorization: Bearer`."""
    seconds: float
    """How long it is good for."""


class ItemReply(Versioned):
    """One item of the catalogue."""

    model_config = example(version=_VERSION, item={"item_id": "85123A", "title": "White hanging heart", "price": 2.95})

    item: dict[str, Any]
    """All of its columns."""


class Met(_Reply):
    """Something a shopper had an event with."""

    item_id: str
    title: str | None
    timestamp: float | None
    """UTC seconds; null where the shop's events have no times."""
    weight: float
    """What the event says about taste; a purchase is 1 by default."""
    event: str | None = None
    """``view``, ``cart`` or ``purchase``, for what happened since the version was made."""


class HistoryReply(Versioned):
    """What a shopper met, oldest first."""

    model_config = example(
        version=_VERSION,
        user_id="12347",
        items=[{"item_id": "85123A", "title": "White hanging heart", "timestamp": 1291367160.0, "weight": 1.0}],
    )

    user_id: str
    items: list[Met]


class VersionReply(Versioned):
    """What the served version was made of."""

    created: str
    serves: str
    encoder: dict[str, Any]
    index: dict[str, Any]
    counts: dict[str, Any]
    recsys: str
    """Version of this package."""


class HealthReply(_Reply):
    """Whether the process answers, from which version, and what keeps a newer one from being served."""

    model_config = example(status="ok", version=_VERSION, problem=None)

    status: str
    version: str
    problem: str | None


class ReadyReply(HealthReply):
    """Whether requests should come here."""

    model_config = example(status="ready", version=_VERSION, problem=None, writer="ready", answers=True)

    writer: str
    """State of the writer of reasons: ``ready``, ``loading``, or ``plain`` (sentences come from templates)."""
    answers: bool
    """Whether the assistant is open, which it is from the first question on."""


class DayShare(_Reply):
    """The part of parcels that take so many days."""

    days: int
    share: float


class Place(_Reply):
    """Where parcels go; '' where the orders do not say."""

    country: str
    region: str


class DeliveryReply(Versioned):
    """When an order arrives."""

    model_config = example(
        version=_VERSION,
        ordered_at="2026-03-31",
        earliest="2026-04-01",
        latest="2026-04-08",
        level=0.9,
        parcels=1461,
        days=[{"days": 2, "share": 0.31}],
        methods=["Standard"],
        places=[{"country": "United Kingdom", "region": "England"}],
    )

    ordered_at: str
    """Day of the order; by default today, or the last day of the orders table where that is older."""
    earliest: str | None
    latest: str | None
    """Null where fewer than 30 such parcels were delivered."""
    level: float | None
    """How often parcels came between both days."""
    parcels: int
    """Delivered parcels that this rests on."""
    days: list[DayShare]
    """Chance of each number of calendar days."""
    methods: list[str]
    places: list[Place]
    """What may be asked for, most parcels first."""


class CarriersReply(Versioned):
    """How carriers do."""

    as_of: str
    """Last day of the orders table."""
    carriers: list[CarrierFigures]
    coverage: list[Coverage]
    """How often later parcels came within the interval that was given before."""


class PriceDropRow(_Reply):
    """An item below its usual price."""

    item_id: str
    title: str | None
    price: float
    usual_price: float
    """Median of its prices on the 90 days before."""
    percent: int
    """How far below that it is, rounded down."""


class PriceDropsReply(Versioned):
    """Items below their usual price, the greatest part first."""

    items: list[PriceDropRow]


class PriceStep(_Reply):
    """A price and the day from which it held."""

    date: str
    price: float


class SaleReply(_Reply):
    """A stretch of days at 5% or more below the usual price."""

    start: str
    end: str | None
    """Null where it lasts."""
    price: float
    part: float


class PricesReply(_Reply):
    """The prices of one item."""

    steps: list[PriceStep]
    today: str
    usual: float | None
    """Null where fewer than 30 of the last 90 days have a price."""
    below_usual: float
    """Part by which today's price is below it, 0 where that is less than 5%."""
    sales: list[SaleReply]
    path: list[list[float]]
    """For each of the next 8 weeks the ends of the 95% and the 80% interval of what prices did earlier; none where too
    little is known."""


class WeekReply(_Reply):
    """A week of an item: pieces sold in the past, what is expected of those to come."""

    week: int
    """0 for the last whole one."""
    starts: str
    sold: float | None
    median: float | None
    mean: float | None
    low_80: float | None
    high_80: float | None
    low_95: float | None
    high_95: float | None


class OutlookReply(Versioned):
    """Prices and demand of one item."""

    item_id: str
    weeks: list[WeekReply]
    """None where no forecast was kept, or the item was never sold."""
    mase: dict[str, float]
    """Mean absolute scaled error of each forecast over all items of the backtest."""
    prices: PricesReply | None
    """Null where no prices are known."""
    elasticity: float | None = None
    """Per cent of demand for a per cent of price; null where prices hardly moved or it would say nothing."""
    elasticity_low: float | None = None
    elasticity_high: float | None = None
