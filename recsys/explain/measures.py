"""Evidence kinds and their measures: what each claim counts, of how many, and which quantifier the share bears.

A sentence that says "often" is only as true as the definition behind the word. So every kind of claim has one
definition here that a person can check against the tables, one threshold and, where it counts, a lower confidence
bound; evidence, wordings, check and documentation all read this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from recsys.ranking.features.base import COUNTED, EvidenceKind

__all__ = ["BANDS", "COUNTED", "DEFINITIONS", "ITEM_ONLY", "PAIR", "Kind", "Measure", "table", "wilson_lower"]

Kind = EvidenceKind
#: Kinds that link the item to one thing of the history.
PAIR = (*COUNTED, Kind.BRAND, Kind.NOUN, Kind.WORDS, Kind.CATEGORY, Kind.SIMILAR)
#: Kinds about the item (and, for some, about the history as a whole), which name nothing of the history.
ITEM_ONLY = tuple(kind for kind in Kind if kind not in PAIR)

#: Days that count as "lately", for sales and for arrivals.
WINDOW = 30
#: A popular item is among this share of the catalogue by buyers (or the best ten) and has at least so many of them.
POPULAR_SHARE, POPULAR_BUYERS = 0.05, 5
#: An item at the top of its category has fewer than so many others before it, in a category of at least so many items.
TOP_PLACES, TOP_CATEGORY_ITEMS = 5, 10
#: Buyers from which their number alone is told.
TOLD_BUYERS = 3
#: An item is called well rated from so many ratings, and from this share of the scale by their mean.
RATINGS, RATED_SHARE = 5, 0.8
#: An item is praised for an aspect from so many reviews that speak well or ill of it, and from this lower bound of the
#: share that speaks well.
PRAISES, PRAISED_SHARE = 5, 0.5
#: Products of one category in a history that make it a taste, and known prices in it that make a usual one.
TASTE_PURCHASES = USUAL_PRICES = 3
#: Days of sales a shop needs before anything in it can be called new.
NEW_AFTER = 90
#: Two products may be called similar when their text vectors are closer than this and closer than all but a few random
#: pairs of the shop (`UNUSUAL`), and they have the noun of their names in common.
SIMILAR, UNUSUAL = 0.5, 0.99
#: A price this close (as a ratio) to what the shopper usually pays is "about" that; beyond it, lower or higher.
NEAR_PRICE = 1.25
#: A phrase that two names share must be held by at most this share of the catalogue's names (or by three).
RARE_PHRASE = 0.01

#: Orders or shoppers with both from which a pair may be spoken of at all: what three did is no habit of anybody's.
LEAST = 5
#: Normal quantile of the one-sided 95% bound.
_Z = 1.645
#: Quantifiers, and the lower bound of the share from which each may be used.
BANDS = {"often": 0.25, "regularly": 0.10, "sometimes": 0.05}
OFTEN, REGULARLY, SOMETIMES = BANDS


def wilson_lower(count: int, of: int) -> float:
    """Lower end of Wilson's score interval (one-sided, 95%) of a share.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927).
    """
    if of <= 0:
        return 0.0
    share, z2 = count / of, _Z * _Z
    centre = share + z2 / (2 * of)
    margin = _Z * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return max(0.0, (centre - margin) / (1 + z2 / of))


@dataclass(frozen=True)
class Measure:
    """The figures behind a claim: `count` of `of`, beside what chance alone would give.

    Attributes
    ----------
    kind
        What is counted (`DEFINITIONS`).
    count, of
        Numerator and denominator, in orders or in shoppers.
    chance
        The share that would be expected if the two had nothing to do with each other.
    of_item
        Whether `of` counts the recommended item, not the thing of the history.
    of_other
        The same of the other one of the two, whose share is smaller.
    """

    kind: Kind
    count: int
    of: int
    chance: float = 0.0
    of_item: bool = False
    of_other: int = 0

    def given(self, *, item: bool) -> Measure:
        """The share among the orders (shoppers) of the item, or of the thing of the history."""
        if item == self.of_item:
            return self
        chance = self.chance * self.of / self.of_other if self.of_other else 1.0
        return Measure(self.kind, self.count, self.of_other, chance, item, self.of)

    @property
    def share(self) -> float:
        """`count` / `of`."""
        return self.count / self.of if self.of else 0.0

    @property
    def lower(self) -> float:
        """Lower confidence bound of the share."""
        return wilson_lower(self.count, self.of)

    @property
    def band(self) -> str:
        """The strongest quantifier that the figures bear; '' where the two are not linked at all.

        A share that is not above chance, or that rests on fewer than `LEAST`, is no link however large it looks.
        """
        if self.count < LEAST or self.lower <= self.chance:
            return ""
        return next((name for name, least in BANDS.items() if self.lower >= least), "")

    def bears(self, quantifier: str) -> bool:
        """Whether this quantifier, or a weaker one, may be said."""
        return bool(self.band) and self.lower >= BANDS[quantifier]

    @property
    def unit(self) -> str:
        """What is counted."""
        return "orders" if self.kind is Kind.SAME_ORDER else "shoppers"

    @property
    def text(self) -> str:
        """The figures in words: "9 of 42 orders"."""
        return f"{self.count:,} of {self.of:,} {self.unit}"


#: What each kind means in the tables.
DEFINITIONS: dict[Kind, str] = {
    Kind.SAME_ORDER: "orders that hold both, of the orders that hold the rarer one; an order is one order or invoice "
    "id of one shopper, else the purchases of one shopper at one time (whole days are no orders)",
    Kind.AFTER: "shoppers whose first purchase of the item came after their first purchase of the other, of all who "
    "bought the other; significantly more than the other way round",
    Kind.ALSO_BOUGHT: "shoppers who ever bought both, of the shoppers who bought the rarer one",
    Kind.VIEWED_TOGETHER: "shoppers who ever looked at both, of the shoppers who looked at the rarer one",
    Kind.BRAND: "the column `brand` of both is the same",
    Kind.NOUN: "both names close with the same noun (where brands are not known, not with all that both begin with)",
    Kind.WORDS: f"both names hold one phrase of two words or more that at most {RARE_PHRASE:.0%} of all names hold",
    Kind.CATEGORY: "the column `category` of both is the same",
    Kind.SIMILAR: f"both names close with the same noun, and the text vectors are closer than {SIMILAR} and than "
    f"{UNUSUAL:.0%} of random pairs",
    Kind.TASTE: f"the shopper bought at least {TASTE_PURCHASES} products of the item's category",
    Kind.POPULAR: f"among the {POPULAR_SHARE:.0%} (or ten) items with most buyers in the last {WINDOW} days (ever, "
    f"where times cannot be compared), at least {POPULAR_BUYERS} of them",
    Kind.TOP_OF_CATEGORY: f"fewer than {TOP_PLACES} items of its category (of {TOP_CATEGORY_ITEMS} items or more) have "
    f"more buyers in the last {WINDOW} days, and it has at least {POPULAR_BUYERS}",
    Kind.RATED: f"at least {RATINGS} ratings whose mean is at least {RATED_SHARE:.0%} of the scale",
    Kind.PRAISED: f"at least {PRAISES} reviews praise or blame one aspect of it, repeats counted once, and the lower "
    f"bound of the share that praises is at least {PRAISED_SHARE:.0%}; the quote stands word for word in one of those "
    "that praise",
    Kind.NEW: f"first sold in the last {WINDOW} days, in a shop that has sold for {NEW_AFTER} days or more",
    Kind.PRICE: f"within a factor of {NEAR_PRICE} of the median price of what the shopper bought "
    f"({USUAL_PRICES} prices or more)",
    Kind.CHEAPER: f"more than a factor of {NEAR_PRICE} below the median price of what the shopper bought "
    f"({USUAL_PRICES} prices or more)",
    Kind.BUYERS: f"at least {TOLD_BUYERS} shoppers bought it, in the last {WINDOW} days or ever",
}


def table() -> str:
    """The definitions and bands as a Markdown table, as the documentation prints them."""
    rows = ["| claim | what is counted in the tables | words it may use |", "|---|---|---|"]
    bands = ", ".join(f"{name} from {least:.0%}" for name, least in BANDS.items())
    for kind in Kind:
        words = f"{bands} (lower bound), at least {LEAST}, above chance" if kind in COUNTED else "no quantifier"
        rows.append(f"| {kind.value} | {DEFINITIONS[kind]} | {words} |")
    return "\n".join(rows)
