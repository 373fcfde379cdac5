"""Facts of one snapshot: what its tables say of a product, and of a product beside a thing of the history."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data import schema
from recsys.data.catalogue import Candidates
from recsys.data.events import DAY
from recsys.data.histories import Profile
from recsys.data.snapshot import Snapshot, titles
from recsys.data.tfidf import words
from recsys.explain.facts import Facts, Past, Praise, Product
from recsys.explain.measures import NEW_AFTER, SIMILAR, TOP_CATEGORY_ITEMS, UNUSUAL, USUAL_PRICES, WINDOW
from recsys.explain.names import safe_name, same_product, short_name
from recsys.explain.praise import praises
from recsys.explain.records import Records
from recsys.explain.shared_phrases import Names, head_noun
from recsys.explain.slot_templates import Language

#: Items of which the average candidate is made.
BASELINE_ITEMS = 1_000
#: Random pairs of products that show how close two texts usually are.
_RANDOM_PAIRS = 20_000


class ShopStatistics:
    """Counts and names of one snapshot; made once, read by every explanation and by the check.

    Attributes
    ----------
    records
        Orders, buyers and viewers of each item.
    baseline
        The shopper's average candidate: up to `BASELINE_ITEMS` available items, drawn once with a fixed seed.
    """

    def __init__(self, snapshot: Snapshot, language: Language = "en") -> None:
        self.snapshot, self._language = snapshot, language
        self.records = Records(snapshot, WINDOW)
        self._count = (self.records.recent or self.records.buyers).counts
        self._rank = np.empty(len(self._count), np.int64)
        self._rank[np.argsort(-self._count, kind="stable")] = np.arange(1, len(self._count) + 1)

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self.snapshot.item_ids)

    @cached_property
    def baseline(self) -> Candidates:
        """The average candidate's items."""
        available = np.flatnonzero(self.snapshot.available)
        pool = available if len(available) else np.arange(self.n_items)
        size = min(BASELINE_ITEMS, len(pool))
        return self.candidates(np.sort(np.random.default_rng(0).choice(pool, size, replace=False)))

    def item_id(self, code: int) -> str | None:
        """Id of a catalogue code, None for -1."""
        return str(self.snapshot.item_ids[code]) if code >= 0 else None

    def candidates(self, codes: Sequence[int] | NDArray[np.int64]) -> Candidates:
        """These items as candidates."""
        return self.snapshot.catalogue.take(np.asarray(codes, np.int64))

    # --- one product --------------------------------------------------------------------------------------------------

    @cached_property
    def titles(self) -> list[str]:
        """Titles of the catalogue, row = code."""
        return list(titles(self.snapshot.tables.value.items))

    @cached_property
    def _columns(self) -> dict[str, list[str | None]]:
        items = self.snapshot.tables.value.items
        out: dict[str, list[str | None]] = {}
        for column in (schema.BRAND, schema.CATEGORY):
            if column in items.columns:
                text = items[column].fillna("").astype(str).str.strip()
                out[column] = [safe_name(t) if t else None for t in text]
        return out

    def product(self, code: int, name: str | None = None) -> Product:
        """What may be said of one product; `name` is what to call it, by default its title said shorter."""
        brand, category = (self._columns[c][code] if c in self._columns else None for c in _NAMED_COLUMNS)
        log_price = float(self.snapshot.facts.price[code])
        mean, ratings, scale = self._ratings
        recent = self.records.recent
        return Product(
            name=name or short_name(self.titles[code] or ""),
            brand=brand,
            category=category,
            price=None if np.isnan(log_price) else round(float(np.expm1(log_price)), 2),
            buyers=self.records.buyers.count(code),
            recent=None if recent is None else recent.count(code),
            rank=int(self._rank[code]),
            place=self._place(code),
            rating=round(float(mean[code]), 1) if ratings[code] else None,
            ratings=int(ratings[code]),
            scale=scale,
            praise=self._praises.get(str(self.snapshot.item_ids[code])),
        )

    @cached_property
    def _praises(self) -> dict[str, Praise]:
        """What reviews praise most of each item, in the language of the reasons; only what may be told."""
        return praises(self.snapshot.tables.value.aspects, self._language)

    @cached_property
    def _ratings(self) -> tuple[NDArray[np.float64], NDArray[np.int64], float]:
        """Mean and number of each item's ratings, and the largest rating there is."""
        table = self.snapshot.tables.value.interactions
        if schema.RATING not in table.columns or not table[schema.RATING].notna().any():
            return np.zeros(self.n_items), np.zeros(self.n_items, np.int64), 0.0
        item = self.snapshot.item_index.get_indexer(pd.Index(table[schema.ITEM], dtype=object))
        rating = table[schema.RATING].to_numpy(np.float64, na_value=np.nan)
        known = (item >= 0) & np.isfinite(rating)
        number = np.bincount(item[known], minlength=self.n_items)
        total = np.bincount(item[known], rating[known], minlength=self.n_items)
        return total / np.maximum(number, 1), number, float(rating[known].max())

    @cached_property
    def _category(self) -> NDArray[np.int64]:
        """Code of each item's category, -1 where it has none."""
        column = self._columns.get(schema.CATEGORY, [None] * self.n_items)
        return pd.factorize(np.array([c.casefold() if c else None for c in column], dtype=object))[0].astype(np.int64)

    def _place(self, code: int) -> int | None:
        """One more than the items of its category with more buyers."""
        category = self._category[code]
        peers = self._count[self._category == category] if category >= 0 else np.zeros(0)
        return int((peers > self._count[code]).sum()) + 1 if len(peers) >= TOP_CATEGORY_ITEMS else None

    def is_new(self, code: int) -> bool:
        """Whether the item was first sold within the last `WINDOW` days of a shop that has sold for `NEW_AFTER`."""
        if not self.snapshot.events.absolute or not self.records.buyers.count(code):
            return False
        now = self.snapshot.now
        return bool(now - self.records.start >= NEW_AFTER * DAY and now - self.records.first_sold[code] <= WINDOW * DAY)

    # --- a product beside a history -----------------------------------------------------------------------------------

    def facts(
        self, profile: Profile, item: int, rows: Sequence[int], user: int | None, name: str | None = None
    ) -> Facts:
        """Facts of an item (called `name`) for a shopper, naming these rows of the profile where they can be named.

        A thing that the shopper neither bought nor looked at (only put into a cart), that is the item itself in another
        size, or whose name cannot be told from one before it, is left out.
        """
        product = self.product(item, name)
        because: list[Past] = []
        for row in rows:
            past = self.past(profile, row, item, user)
            if past is not None and past.product.name.casefold() not in {
                product.name.casefold(),
                *(other.product.name.casefold() for other in because),
            }:
                because.append(past)
        bought = self._bought(profile, user)
        codes = profile.items[bought & (profile.items >= 0)]
        same = self._category[codes] == self._category[item]
        return Facts(
            item=product,
            because=tuple(because),
            usual_price=_usual_price(profile.facts.price[bought]),
            new=self.is_new(item),
            taste=int(same.sum()) if self._category[item] >= 0 else 0,
            purchases=len(codes),
            n_items=self.n_items,
        )

    def past(self, profile: Profile, row: int, item: int, user: int | None) -> Past | None:
        """History row `row` beside the item `item`; None where nothing may be said of it."""
        code = int(profile.items[row])
        if code < 0 or code == item or same_product(self.titles[code], self.titles[item]):
            return None
        # A history given by hand is a list of purchases.
        bought = user is None or self.records.buyers.holds(code, user)
        if not bought and user is not None and not self.records.viewers.holds(code, user):
            return None
        a, b = short_name(self.titles[item]), short_name(self.titles[code])
        known = bool(self._brand_of(item) and self._brand_of(code))
        noun = head_noun(self._unbranded(a, item), self._unbranded(b, code), unbranded=known)
        return Past(
            product=self.product(code),
            item_id=str(self.snapshot.item_ids[code]),
            bought=bought,
            measures=self.records.measures(code, item),
            shared=self._theme(a, b, item),
            noun="" if self._names.common(noun) else noun,
            similar=bool(noun) and self._close(code, item),
            lately=bool(profile.ages[row] <= WINDOW if self.snapshot.events.absolute else profile.steps[row] == 0),
        )

    def _bought(self, profile: Profile, user: int | None) -> NDArray[np.bool_]:
        """Which rows of a history are purchases; of one given by hand, all."""
        if user is None:
            return np.ones(len(profile), bool)
        return np.array([c >= 0 and self.records.buyers.holds(int(c), user) for c in profile.items], bool)

    def _close(self, a: int, b: int) -> bool:
        """Whether two products' texts are closer than nearly all pairs of the shop."""
        vectors = self.snapshot.facts.vectors
        return bool(vectors[a] @ vectors[b] >= max(SIMILAR, self._usual_closeness))

    @cached_property
    def _usual_closeness(self) -> float:
        """Cosine that only ``1 - UNUSUAL`` of random pairs of different products reach."""
        rng = np.random.default_rng(0)
        a = rng.integers(self.n_items, size=_RANDOM_PAIRS)
        b = rng.integers(self.n_items, size=_RANDOM_PAIRS)
        vectors = self.snapshot.facts.vectors
        cosine = np.einsum("ij,ij->i", vectors[a[a != b]], vectors[b[a != b]])
        return float(np.quantile(cosine, UNUSUAL)) if len(cosine) else 1.0

    def _unbranded(self, name: str, code: int) -> str:
        """A name without the brand it begins with: "Co." or "&" in a brand is no break, and no product is a brand."""
        brand = self._brand_of(code)
        return name[len(brand) :].lstrip(" .") if brand and name.casefold().startswith(brand.casefold()) else name

    def _brand_of(self, code: int) -> str | None:
        return self._columns[schema.BRAND][code] if schema.BRAND in self._columns else None

    def _theme(self, a: str, b: str, item: int) -> str:
        """A rare phrase of both names that is no brand: what a maker calls its lines names no use or subject."""
        phrase = self._names.phrase(a, b)
        brand = self._brand_of(item)
        return "" if brand and set(words(brand)) & set(words(phrase)) else phrase

    @cached_property
    def _names(self) -> Names:
        return Names(safe_name(title or "") for title in self.titles)


def _usual_price(log_prices: NDArray[np.float32]) -> float | None:
    """Median price of what was bought, where at least `USUAL_PRICES` of its prices are known."""
    known = log_prices[~np.isnan(log_prices)]
    return round(float(np.expm1(np.median(known))), 2) if len(known) >= USUAL_PRICES else None


_NAMED_COLUMNS = (schema.BRAND, schema.CATEGORY)
