"""What a shop's tables say about its products and who bought them, ready to be quoted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data import schema
from recsys.data.catalogue import Candidates
from recsys.data.events import DAY, Events
from recsys.data.histories import Profile
from recsys.data.snapshot import Snapshot, titles
from recsys.explain.facts import NARROW, SIMILAR, UNUSUAL, WINDOW, Past, Product, safe_name
from recsys.explain.shared_phrases import Names, same_noun

#: Items of which the average candidate is made.
BASELINE_ITEMS = 1_000
#: Random pairs of products that show how close two texts usually are.
_RANDOM_PAIRS = 20_000
#: Days of sales a shop needs before anything in it can be called new.
NEW_AFTER = 90


class ShopStatistics:
    """Counts and names of one snapshot; made once, read by every explanation.

    Attributes
    ----------
    baseline
        The shopper's average candidate: up to `BASELINE_ITEMS` available items, drawn once with a fixed seed.
    buyers, recent
        Distinct shoppers who bought each item, ever and in the last `WINDOW` days (None without global time).
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        purchases = _purchases(snapshot)
        self._purchases = purchases
        self.buyers = _distinct(purchases)
        late = snapshot.now - WINDOW * DAY
        self.recent = _distinct(purchases.where(purchases.time >= late)) if purchases.absolute else None
        count = self.buyers if self.recent is None else self.recent
        self._rank = np.empty(len(count), np.int64)
        self._rank[np.argsort(-count, kind="stable")] = np.arange(1, len(count) + 1)

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

    @cached_property
    def _columns(self) -> dict[str, list[str | None]]:
        items = self.snapshot.tables.value.items
        out: dict[str, list[str | None]] = {schema.TITLE: list(titles(items))}
        for column in (schema.BRAND, schema.CATEGORY):
            if column in items.columns:
                text = items[column].fillna("").astype(str).str.strip()
                out[column] = [safe_name(t) if t else None for t in text]
        return out

    def product(self, code: int) -> Product:
        """What may be said of one product."""
        brand, category = (self._columns.get(c, [None] * (code + 1))[code] for c in (schema.BRAND, schema.CATEGORY))
        log_price = float(self.snapshot.facts.price[code])
        return Product(
            name=safe_name(self._columns[schema.TITLE][code] or ""),
            brand=brand,
            category=category,
            price=None if np.isnan(log_price) else round(float(np.expm1(log_price)), 2),
            buyers=int(self.buyers[code]),
            recent=None if self.recent is None else int(self.recent[code]),
            rank=int(self._rank[code]),
        )

    def past(self, profile: Profile, row: int, item: int, user: int | None) -> Past | None:
        """History row `row` beside the item `item`; None for a product the catalogue does not have."""
        code = int(profile.items[row])
        if code < 0:
            return None
        product, other = self.product(code), self.product(item)
        shared = self._names.shared(other.name, product.name)
        return Past(
            product=product,
            bought=self._bought(user, code),
            together=self.together(code, item),
            shared=shared,
            similar=self._close(code, item) and (same_noun(product.name, other.name) or self._narrow(product, other)),
            lately=bool(profile.ages[row] <= WINDOW if self.snapshot.events.absolute else profile.steps[row] == 0),
        )

    def together(self, a: int, b: int) -> int:
        """Shoppers who bought both."""
        return len(np.intersect1d(self._shoppers(a), self._shoppers(b), assume_unique=True))

    def usual_price(self, profile: Profile) -> float | None:
        """Median price of a history, where at least three of its prices are known."""
        known = profile.facts.price[~np.isnan(profile.facts.price)]
        return round(float(np.expm1(np.median(known))), 2) if len(known) >= 3 else None

    def is_new(self, code: int) -> bool:
        """Whether the item was first sold within the last `WINDOW` days of a shop that has sold for `NEW_AFTER`."""
        if not self._purchases.absolute or not self.buyers[code]:
            return False
        now = self.snapshot.now
        start = float(self._purchases.time.min())
        return bool(now - start >= NEW_AFTER * DAY and now - self._first[code] <= WINDOW * DAY)

    @cached_property
    def _first(self) -> NDArray[np.float64]:
        first = np.full(self.n_items, np.inf)
        np.minimum.at(first, self._purchases.item, self._purchases.time)
        return first

    @cached_property
    def _by_item(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        pair = np.unique(self._purchases.item.astype(np.int64) * self._purchases.n_users + self._purchases.user)
        item, user = np.divmod(pair, max(self._purchases.n_users, 1))
        return np.searchsorted(item, np.arange(self.n_items + 1)), user

    def _shoppers(self, code: int) -> NDArray[np.int64]:
        indptr, user = self._by_item
        return user[indptr[code] : indptr[code + 1]]

    def _bought(self, user: int | None, code: int) -> bool:
        if user is None:  # a history given by hand is a list of purchases
            return True
        shoppers = self._shoppers(code)
        at = int(np.searchsorted(shoppers, user))
        return at < len(shoppers) and int(shoppers[at]) == user

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

    def _narrow(self, a: Product, b: Product) -> bool:
        """Whether both are of one category that is not half the shop."""
        same = a.category is not None and b.category is not None and a.category.casefold() == b.category.casefold()
        return same and self._in_category[str(a.category).casefold()] <= NARROW * self.n_items

    @cached_property
    def _in_category(self) -> Counter[str]:
        return Counter(c.casefold() for c in self._columns.get(schema.CATEGORY, []) if c)

    @cached_property
    def _names(self) -> Names:
        return Names(safe_name(title or "") for title in self._columns[schema.TITLE])


def _purchases(snapshot: Snapshot) -> Events:
    """The events that were purchases (all of them, in a shop that logs nothing else)."""
    events = snapshot.tables.value.interactions
    if (
        schema.EVENT not in events.columns
        or not (events[schema.EVENT].fillna(schema.PURCHASE) != schema.PURCHASE).any()
    ):
        return snapshot.events
    bought: pd.DataFrame = events[events[schema.EVENT].fillna(schema.PURCHASE) == schema.PURCHASE]
    return Events.from_table(bought, snapshot.user_ids, snapshot.item_ids, snapshot.events.kind)


def _distinct(events: Events) -> NDArray[np.int64]:
    """Distinct users of each item, shape ``(n_items,)``."""
    pair = np.unique(events.item.astype(np.int64) * max(events.n_users, 1) + events.user)
    return np.bincount(pair // max(events.n_users, 1), minlength=events.n_items)
