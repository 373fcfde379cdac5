"""What is true of a recommended product and of what the shopper bought: the only things a reason may say."""

from __future__ import annotations

import html
import math
import re
import unicodedata
from dataclasses import dataclass

from recsys.data.personal import LINK
from recsys.explain.lexicon import vocabulary
from recsys.ranking.features import EvidenceKind

#: Days that count as "lately", for sales and for arrivals.
WINDOW = 30
#: A popular item is among this share of the catalogue by buyers (or the best ten) and has at least so many of them.
POPULAR_SHARE, POPULAR_BUYERS = 0.05, 5
#: Shoppers behind "also bought" and behind "often bought together".
TOGETHER, OFTEN = 2, 5
#: Two products may be called similar when their text vectors are closer than this and closer than all but a few random
#: pairs of the shop (`UNUSUAL`), and they have the noun of their names or a narrow category in common.
SIMILAR, UNUSUAL = 0.5, 0.99
#: A category that holds more than this share of the catalogue makes no two products similar.
NARROW = 0.1
#: A price this close (as a ratio) to what the shopper usually pays is "about" that; beyond it, lower or higher.
NEAR_PRICE = 1.25
#: Characters of a product's name in a sentence, and of what a shop's own block says.
MAX_NAME = MAX_CLAUSE = 80


Kind = EvidenceKind


@dataclass(frozen=True)
class Product:
    """A product as a sentence may describe it.

    Attributes
    ----------
    name
        Its title made safe to print (`safe_name`).
    brand, category
        None where unknown.
    price
        In the shop's currency, None where unknown.
    buyers, recent
        Distinct shoppers who bought it, ever and in the last `WINDOW` days (None where no global time exists).
    rank
        1 for the product with the most buyers (in the window, where there is one).
    """

    name: str
    brand: str | None = None
    category: str | None = None
    price: float | None = None
    buyers: int = 0
    recent: int | None = None
    rank: int = 10**9

    @property
    def count(self) -> int:
        """The number of buyers that `rank` is about."""
        return self.buyers if self.recent is None else self.recent


@dataclass(frozen=True)
class Past:
    """A product of the shopper's history that the score rests on.

    Attributes
    ----------
    product
        The product.
    bought
        Whether it was bought; otherwise it was looked at.
    together
        Shoppers who bought both it and the recommended item.
    shared
        A phrase that both names have (`shared.Names`), '' where there is none.
    similar
        Whether the two texts are unusually close (`SIMILAR`) and the products have more in common than that.
    link
        The kind of evidence by which leaving it out costs the score most and which is true of the pair.
    lately
        Whether it belongs to the shopper's latest visit or the last `WINDOW` days.
    """

    product: Product
    bought: bool = True
    together: int = 0
    shared: str = ""
    similar: bool = False
    link: Kind = Kind.BOUGHT
    lately: bool = False


@dataclass(frozen=True)
class Facts:
    """Everything a sentence about one recommendation may use.

    Attributes
    ----------
    item
        The recommended product.
    because
        Purchases that may be named, the one worth most first.
    extra
        Facts about the item itself that are among the largest parts of the score, largest first.
    clause
        What a block of the shop's own says of the item where it is among the largest parts ("has 214 reviews").
    usual_price
        Median price of the shopper's history, None where unknown.
    new
        Whether the item was first sold in the last `WINDOW` days.
    fits
        Whether the parts of the score that depend on the shopper speak for the item.
    n_items
        Size of the catalogue.
    """

    item: Product
    because: tuple[Past, ...] = ()
    extra: tuple[Kind, ...] = ()
    clause: str = ""
    usual_price: float | None = None
    new: bool = False
    fits: bool = False
    n_items: int = 1

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
            return {
                Kind.OFTEN: past.together >= OFTEN,
                Kind.TOGETHER: past.together >= TOGETHER,
                Kind.WORDS: bool(past.shared),
                Kind.BRAND: _same(self.item.brand, past.product.brand),
                Kind.CATEGORY: _same(self.item.category, past.product.category),
                Kind.SIMILAR: past.similar,
                Kind.BOUGHT: past.bought,
                Kind.VIEWED: not past.bought,
            }.get(kind, False)
        return {
            Kind.POPULAR: self.popular,
            Kind.NEW: self.new,
            Kind.PRICE: self.price_step == 0,
            Kind.CHEAPER: self.price_step == -1,
            Kind.TASTE: self.fits,
            Kind.PICK: True,
        }.get(kind, False)


def _same(a: str | None, b: str | None) -> bool:
    return a is not None and b is not None and a.casefold() == b.casefold()


_MARKUP = re.compile(r"<[^<>]{0,200}>|[`*_#|~^\\\[\]{}<>]+")


def safe_name(title: str, limit: int = MAX_NAME) -> str:
    """A product title as it may stand inside a sentence.

    Markup, links, control and direction characters, quotes and slot braces go; a long title ends at a word, with an
    ellipsis. Whatever it says, it stays a name: the writer never reads it, and the check takes it as one unit.
    """
    text = unicodedata.normalize("NFKC", html.unescape(title[: 20 * limit]))
    text = LINK.sub(" ", _MARKUP.sub(" ", text))
    # Controls, direction marks and surrogates are invisible or harmful; symbols (emoji) are noise in a sentence.
    text = "".join(
        " " if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "So", "Zl", "Zp"} else c for c in text
    )
    text = re.sub(r"[\"“”«»„]", "", text)
    text = " ".join(text.split()).strip(" .,;:!?-–—'")
    if len(text) > limit:
        text = text[:limit].rsplit(" ", 1)[0].rstrip(" .,;:!?-–—'(") + "…"
    return text or "this product"


def safe_clause(clause: str) -> str:
    """What a shop's own block says of a product, as it may stand inside a sentence; '' where nothing printable is left.

    The block answers for its truth.
    """
    return safe_name(clause, MAX_CLAUSE) if re.search(r"\w", clause) else ""


#: Words of titles that say nothing about the product: units, packaging, glue.
GLUE = vocabulary(
    """
    a an and are as at be by for from in is it its of off on or per s set the this to up w with without your you
    our new pack packs count ct pk pcs piece pieces inch inches in ft cm mm ml oz ounce ounces lb lbs fl fluid
    gram grams kg assorted black white size large small medium mini big x vol no number color colour colors
    colours ea each box pair plus one two three four five six 2in1
    """
)
