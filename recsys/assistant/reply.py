"""What the assistant says, and what belongs to it."""

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
