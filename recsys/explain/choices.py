"""Reasons to choose from: which are true of one item, and how much each has to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from recsys.explain.facts import Choice, Facts
from recsys.explain.measures import COUNTED, ITEM_ONLY, OFTEN, PAIR, REGULARLY, SOMETIMES, Kind

#: How much a true reason of each kind has to say.
_WORTH = {
    Kind.SAME_ORDER: 1.0,
    Kind.AFTER: 0.95,
    Kind.ALSO_BOUGHT: 0.92,
    Kind.VIEWED_TOGETHER: 0.8,
    Kind.BRAND: 0.7,
    Kind.SIMILAR: 0.6,
    Kind.NOUN: 0.55,
    Kind.WORDS: 0.5,
    Kind.CATEGORY: 0.5,
    Kind.TASTE: 0.55,
    Kind.RATED: 0.5,
    Kind.PRAISED: 0.56,
    Kind.TOP_OF_CATEGORY: 0.5,
    Kind.NEW: 0.45,
    Kind.POPULAR: 0.45,
    Kind.CHEAPER: 0.3,
    Kind.PRICE: 0.28,
    Kind.BUYERS: 0.15,
}
_BAND = {OFTEN: 1.0, REGULARLY: 0.92, SOMETIMES: 0.75}
#: A look says less than a purchase; a kind among the largest parts of the score says more of it.
_LOOKED, _TOP = 0.9, 0.1
#: Kinds about the item alone say more the less of the score is about the shopper: by this less the personal share.
_IMPERSONAL, _ABOUT_ITEM = (
    1.5,
    frozenset([Kind.POPULAR, Kind.TOP_OF_CATEGORY, Kind.RATED, Kind.PRAISED, Kind.NEW, Kind.BUYERS]),
)
#: A price so far below the usual one (as a ratio) is of another kind of thing, and no reason.
_FAR_PRICE = 2.0
#: Second facts, the first true one is told.
_EXTRAS = (Kind.PRAISED, Kind.RATED, Kind.NEW, Kind.POPULAR, Kind.CHEAPER, Kind.PRICE)


def choices_of(
    facts: Facts,
    worth: Sequence[float],
    moved: Sequence[frozenset[Kind]],
    positive: frozenset[Kind],
    top: frozenset[Kind],
    personal: float,
) -> tuple[Choice, ...]:
    """Every reason that is true and that the score rests on, the one with most to say first.

    Parameters
    ----------
    worth, moved
        Of each of ``facts.because``: what the score loses without it, and the kinds of the blocks that lose.
    positive, top
        Kinds of the parts that speak for the item, and of the largest of them.
    personal
        Share of what speaks for the item that is about this shopper (`Evidence.personal`).
    """
    found = []
    for place, past in enumerate(facts.because):
        part = worth[place] / max(max(worth), 1e-9)
        for kind in PAIR:
            if kind in moved[place] and facts.holds(kind, past):
                says = _WORTH[kind] * (0.6 + 0.4 * part) * (1.0 if past.bought else _LOOKED)
                if kind in COUNTED:
                    says *= _BAND[past.measures[kind].band]
                found.append(Choice(kind, place, says))
    for kind in ITEM_ONLY:
        if _holds(kind, facts) and (kind in positive or kind in {Kind.BUYERS, Kind.PRICE, Kind.CHEAPER}):
            says = _WORTH[kind] + (_TOP if kind in top else 0.0)
            found.append(Choice(kind, None, says * (_IMPERSONAL - personal if kind in _ABOUT_ITEM else 1.0)))
    extra = tuple(kind for kind in _EXTRAS if kind in top and _holds(kind, facts))
    ranked = sorted(found, key=lambda choice: -choice.weight)
    return tuple(replace(c, extra=next((kind for kind in extra if _adds(kind, c.kind)), None)) for c in ranked)


def _holds(kind: Kind, facts: Facts) -> bool:
    """Whether evidence about the item is true, and worth telling this shopper."""
    far = (facts.usual_price or 0.0) > _FAR_PRICE * (facts.item.price or 0.0)
    return facts.holds(kind) and not (kind is Kind.CHEAPER and far)


def _adds(extra: Kind, kind: Kind) -> bool:
    """Whether a second fact says something else than the first."""
    sales, prices = {Kind.POPULAR, Kind.TOP_OF_CATEGORY, Kind.BUYERS}, {Kind.PRICE, Kind.CHEAPER}
    said = {Kind.RATED, Kind.PRAISED}
    return extra is not kind and not any({extra, kind} <= group for group in (sales, prices, said))
