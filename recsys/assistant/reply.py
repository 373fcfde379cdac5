"""What the assistant says, whole or as a stream of events.

A stream is `Sources`, then `Token`s, then `Done`. Pieces are sentences that passed the check (or the shop's own words),
so nothing shown has to be taken back: a reader appends, and the pieces joined are the text of the answer in `Done`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

TEMPLATE = "template"
"""Writer of what the assistant says in its own fixed sentences."""


@dataclass(frozen=True)
class Answer:
    """What the assistant says.

    Attributes
    ----------
    text
        For the shopper.
    sources
        Ids of what was used: passages (``faq:12``), products (``item:85123A``), orders (``order:A20001``).
    intent
        ``product``, ``recommendation``, ``order_status``, ``delivery``, ``returns``, ``service`` (account, payment,
        gifts, contact), ``small_talk`` or ``out_of_scope``.
    confidence
        0 to 1.
    handover
        A person should take over; the text says so and `summary` tells them what was asked.
    writer
        Who worded it: a model's name, ``retrieved`` (the shop's own words) or ``template``.
    reasons
        The sentences among the text that the explanations gave for products recommended, checked on their evidence.
    """

    text: str
    sources: tuple[str, ...] = ()
    intent: str = "service"
    confidence: float = 1.0
    handover: bool = False
    writer: str = TEMPLATE
    summary: str = field(default="", repr=False)
    reasons: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Sources:
    """Ids of what was looked up for the answer; sent once, before the first piece."""

    ids: tuple[str, ...]


@dataclass(frozen=True)
class Token:
    """A piece of the answer to append: a sentence or a line, with the white space before it."""

    text: str


@dataclass(frozen=True)
class Done:
    """The whole answer, last."""

    answer: Answer


Event = Sources | Token | Done
"""What `Assistant.stream` yields."""
