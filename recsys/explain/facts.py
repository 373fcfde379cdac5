"""Groundable facts of one recommendation: the only things a reason may say.

They are looked up in the tables by `statistics`; a writer never sees more, and the check lets nothing else pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from recsys.explain.measures import (
    COUNTED,
    NEAR_PRICE,
    POPULAR_BUYERS,
    POPULAR_SHARE,
    PRAISED_SHARE,
    PRAISES,
    RATED_SHARE,
    RATINGS,
    TASTE_PURCHASES,
    TOLD_BUYERS,
    TOP_PLACES,
    Kind,
    Measure,
    wilson_lower,
)


@dataclass(frozen=True)
class Praise:
    """What reviews praise of a product.

    Attributes
    ----------
    aspect
        What is praised, in the words of the reviews.
    count, of
        Reviews that praise it, of those that praise or blame it; repeats count once.
    quote
        Words that stand in one of the `count` reviews just so.
    """

    aspect: str
    count: int
    of: int
    quote: str

    @property
    def holds(self) -> bool:
        """Whether enough praise it for a reason to say so."""
        return self.of >= PRAISES and wilson_lower(self.count, self.of) >= PRAISED_SHARE


@dataclass(frozen=True)
class Product:
    """A product as a sentence may describe it.

    Attributes
    ----------
    name
        Its title as a person would say it (`names.short_name`).
    brand, category
        None where unknown.
    price
        In the shop's currency, None where unknown.
    buyers, recent
        Distinct shoppers who bought it, ever and in the last `WINDOW` days (None where no global time exists).
    rank, place
        1 for the product with the most buyers (in the window, where there is one), of all and of its category; `place`
        is None without a category, and in one of few items.
    rating, ratings, scale
        Mean and number of its ratings, and the largest rating of the shop; None where it has none.
    praise
        What most reviews praise of it; None where they praise nothing enough.
    """

    name: str
    brand: str | None = None
    category: str | None = None
    price: float | None = None
    buyers: int = 0
    recent: int | None = None
    rank: int = 10**9
    place: int | None = None
    rating: float | None = None
    ratings: int = 0
    scale: float = 5.0
    praise: Praise | None = None

    @property
    def lately(self) -> bool:
        """Whether enough shoppers bought it in the last `WINDOW` days for their number to be told."""
        return self.recent is not None and self.recent >= TOLD_BUYERS

    @property
    def count(self) -> int:
        """The number of buyers that `rank` is about."""
        return self.buyers if self.recent is None else self.recent


@dataclass(frozen=True)
class Past:
    """A product of the shopper's history that the score rests on, and how it is linked to the item.

    Attributes
    ----------
    product
        The product.
    item_id
        Its id.
    bought
        Whether it was bought; otherwise it was looked at.
    measures
        The counted kinds by which the two are linked, with their figures.
    shared
        A rare phrase that both names have (`shared_phrases`), '' where there is none.
    noun
        The noun that both names close with, '' where they do not.
    similar
        Whether the two texts are unusually close (`SIMILAR`) and the names have their noun in common.
    lately
        Whether it belongs to the shopper's latest visit or the last `WINDOW` days.
    """

    product: Product
    item_id: str = ""
    bought: bool = True
    measures: Mapping[Kind, Measure] = field(default_factory=dict)
    shared: str = ""
    noun: str = ""
    similar: bool = False
    lately: bool = False


@dataclass(frozen=True)
class Choice:
    """The reason that was chosen among those that are true.

    Attributes
    ----------
    kind
        The kind of evidence.
    named
        Place in `Facts.because` of the purchase (or look) that the sentence names; None where it names none.
    weight
        How much it has to say for this shopper, to choose by.
    extra
        A second fact, about the item itself.
    """

    kind: Kind
    named: int | None = None
    weight: float = 0.0
    extra: Kind | None = None


@dataclass(frozen=True)
class Facts:
    """Everything a sentence about one recommendation may use.

    Attributes
    ----------
    item
        The recommended product.
    because
        What of the history may be named, the one worth most first.
    choice
        The reason to tell; None where nothing worth telling is true: then there is no sentence.
    clause
        What a block of the shop's own says of the item where it is among the largest parts ("has 214 reviews").
    usual_price
        Median price of the shopper's history, None where unknown.
    new
        Whether the item was first sold in the last `WINDOW` days.
    taste, purchases
        Products of the item's category that the shopper bought, and products they bought at all.
    n_items
        Size of the catalogue.
    """

    item: Product
    because: tuple[Past, ...] = ()
    choice: Choice | None = None
    clause: str = ""
    usual_price: float | None = None
    new: bool = False
    taste: int = 0
    purchases: int = 0
    n_items: int = 1

    @property
    def named(self) -> Past | None:
        """What of the history the chosen reason names."""
        return None if self.choice is None or self.choice.named is None else self.because[self.choice.named]

    @property
    def popular(self) -> bool:
        """Whether the item is among the most bought."""
        return self.item.count >= POPULAR_BUYERS and self.item.rank <= max(10, POPULAR_SHARE * self.n_items)

    @property
    def price_step(self) -> int | None:
        """-1, 0, 1: the item costs less than, about as much as, more than the shopper usually pays."""
        if self.item.price is None or not self.usual_price or self.item.price <= 0:
            return None
        ratio = self.item.price / self.usual_price
        return int(math.copysign(1, math.log(ratio))) if max(ratio, 1 / ratio) > NEAR_PRICE else 0

    def holds(self, kind: Kind, past: Past | None = None) -> bool:
        """Whether evidence of this kind is true of the item (and of `past`, for kinds about a pair)."""
        if past is not None:
            if kind in COUNTED:
                return kind in past.measures
            return {
                Kind.BRAND: _same(self.item.brand, past.product.brand),
                Kind.CATEGORY: _same(self.item.category, past.product.category),
                Kind.WORDS: bool(past.shared),
                Kind.NOUN: bool(past.noun),
                Kind.SIMILAR: past.similar,
            }.get(kind, False)
        item = self.item
        return {
            Kind.TASTE: self.taste >= TASTE_PURCHASES and item.category is not None,
            Kind.POPULAR: self.popular,
            Kind.TOP_OF_CATEGORY: item.place is not None and item.place <= TOP_PLACES and item.count >= POPULAR_BUYERS,
            Kind.RATED: item.ratings >= RATINGS and (item.rating or 0) >= RATED_SHARE * item.scale,
            Kind.PRAISED: item.praise is not None and item.praise.holds,
            Kind.NEW: self.new,
            Kind.PRICE: self.price_step == 0,
            Kind.CHEAPER: self.price_step == -1,
            Kind.BUYERS: item.buyers >= TOLD_BUYERS,
        }.get(kind, False)


def _same(a: str | None, b: str | None) -> bool:
    return a is not None and b is not None and a.casefold() == b.casefold()
