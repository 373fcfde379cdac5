"""Shelves of a shop front beside the list: what was searched for, what to buy again, what rises, what is new."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data import schema
from recsys.data.products import one_of_each
from recsys.data.snapshot import Snapshot
from recsys.ranking.topk import top_k
from recsys.serving.lookup import Lookup, User
from recsys.serving.results import ResultTables, check_length
from recsys.serving.scoring import Scoring
from recsys.serving.search import Nearest, ProductSearch, ProductTable, parse

#: Share of all events, the latest, that shows what is rising.
LATELY = 1 / 16


class Shelves:
    """Named lists of one version, each in one call; results and errors are those of `Recommender.recommend`."""

    shop: Snapshot
    lookup: Lookup
    scoring: Scoring
    tables: ResultTables

    def search(
        self, query: str, k: int = 10, *, user: str | None = None, columns: Collection[str] | None = ()
    ) -> pd.DataFrame:
        """Hybrid product search: available products for a sentence such as "tent for 4 people under 300".

        Prices, kinds, brands and measures in it are filters, "cheapest" and "best rated" sort, the rest ranks by words
        and meaning. `rank` is the order of the search; `score` is that of `Recommender.recommend` and orders only what
        fits equally well. Empty where nothing fits.

        Parameters
        ----------
        user
            Whose purchase probability orders what the sentence hardly narrows down.
        """
        check_length(k)
        search, known = self.product_search, None if user is None else self.lookup.user_code(user)
        found = search.find(parse(query, search.table), query, None if known is None else user)
        codes = self.lookup.codes([search.table.ids[row] for row in found.rows[:k]])
        shopper = self.lookup.shopper({} if known is None else str(user))
        scores = self.scoring.score(shopper.profile, self.shop.catalogue.take(codes))
        return self.tables.found(codes, scores, columns, shopper)

    @property
    def searches(self) -> bool:
        """Whether the catalogue's words were read already, so that a search takes milliseconds."""
        return "product_search" in vars(self)

    @cached_property
    def product_search(self) -> ProductSearch:
        """Search of this version's items by their vectors and words."""
        table = ProductTable(self.shop.tables.value.items)

        def nearest() -> Nearest:
            return Nearest.of(table, self.lookup.encoder, self.shop.facts.vectors[self.lookup.codes(table.ids)])

        return ProductSearch(table, nearest, self.likeliest, self.liked)

    @cached_property
    def liked(self) -> Mapping[str, float]:
        """What reviews make of each item, by its id: their mean opinion, shrunken to that of the shop."""
        if self.shop.tables.value.reviews is None:
            return {}
        from recsys.reviews.view import liked  # only shops with reviews read it

        return liked(self.shop.tables.value.reviews)

    def likeliest(self, items: Sequence[str], user: str | None = None) -> list[str]:
        """These items by purchase probability; what the shopper met before is left out, where that leaves any."""
        code = None if user is None else self.lookup.user_code(user)
        shopper = self.lookup.shopper({} if code is None else str(user))
        met = set() if code is None else set(self.shop.item_ids[self.shop.seen(code)])
        given = self.lookup.candidates([item for item in items if item not in met] or list(items))
        ranked = self.tables.given(given, self.scoring.score(shopper.profile, given.candidates), None, shopper)
        return [str(item) for item in ranked[schema.ITEM]]

    def buy_again(self, user: User, k: int = 10, *, columns: Collection[str] | None = ()) -> pd.DataFrame:
        """Repeat purchases: what this shopper has bought, likeliest to be bought again first.

        The score is that of ``recommend(user, exclude_seen=False)``. Looks and carts alone are not listed where the
        shop logs them apart; who has bought nothing gets an empty list.
        """
        check_length(k)
        shopper = self.lookup.shopper(user)
        bought = np.unique(shopper.profile.items[shopper.profile.items >= 0])
        if (code := self.lookup.user_code(user)) is not None:
            bought = np.intersect1d(bought, self.shop.variants(self.shop.bought(code)))
        codes, scores = self.scoring.top(shopper, k, self.scoring.pool(bought), exclude_seen=False)
        return self.tables.found(codes, scores, columns, shopper)

    def trending(self, k: int = 10, *, columns: Collection[str] | None = ()) -> pd.DataFrame:
        """Trending items: those that more shoppers met lately than their share of earlier events lets expect.

        The score is ``(n - e) / sqrt(e + 1)`` of the latest sixteenth of all events: ``n`` shoppers, ``e`` expected.
        Where no global time exists nothing can rise, and the score is the share of shoppers who met the item.
        """
        check_length(k)
        codes = top_k(self._rise, k)
        scores = self._rise[codes]
        return self.tables.found(codes[scores > 0], scores[scores > 0], columns)

    def new_arrivals(self, user: User, k: int = 10, *, columns: Collection[str] | None = ()) -> pd.DataFrame:
        """New items for one shopper: first met by anybody within 30 days, or by nobody yet, and not by this shopper.

        Ordered by the score of `Recommender.recommend`.
        """
        check_length(k)
        shopper = self.lookup.shopper(user)
        pool = self.scoring.pool(np.flatnonzero(self.scoring.rule_items.is_new))
        codes, scores = self.scoring.top(shopper, k, pool)
        return self.tables.found(codes, scores, columns, shopper)

    def recently_viewed(self, user: User, k: int = 10, *, columns: Collection[str] | None = ()) -> pd.DataFrame:
        """Recently met items: what this shopper looked at or bought, the latest first, as far as it is available.

        `rank` is the order in time; `score` is that of `Recommender.recommend` and orders nothing here.
        """
        check_length(k)
        shopper = self.lookup.shopper(user)
        latest = shopper.profile.items[::-1]
        latest = latest[latest >= 0]
        latest = latest[self.shop.available[latest]][:k]
        scores = self.scoring.score(shopper.profile, self.shop.catalogue.take(latest))
        return self.tables.found(latest, scores, columns, shopper)

    @cached_property
    def _rise(self) -> NDArray[np.float64]:
        if not self.shop.events.absolute:
            rising = self.scoring.popularity
        else:
            rising = rise(self.shop.by_product)
            rising = rising if self.shop.products is None else rising[self.shop.products]
        rising = np.where(self.shop.available, rising, -np.inf)
        if self.shop.products is None:
            return rising
        sold = np.bincount(self.shop.events.item, minlength=len(rising))
        return one_of_each(rising, self.shop.products, sold)


def rise(shop: Snapshot) -> NDArray[np.float64]:
    """How far each item's latest shoppers are above those expected, in standard deviations; shape ``(n_items,)``."""
    events, n = shop.events, max(len(shop.item_ids), 1)
    late = events.time >= np.quantile(events.time, 1 - LATELY) if len(events) else np.zeros(0, bool)

    def shoppers(rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        met = np.unique(events.user[rows].astype(np.int64) * n + events.item[rows]) % n
        return np.bincount(met, minlength=n).astype(np.float64)

    lately, before = shoppers(late), shoppers(~late)
    expected = before * (lately.sum() / max(before.sum(), 1.0))
    return np.asarray((lately - expected) / np.sqrt(expected + 1.0))
