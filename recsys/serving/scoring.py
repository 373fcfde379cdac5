"""Scoring and top-k of one version: what every kind of list is made from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from recsys.data.catalogue import Candidates
from recsys.data.events import DAY
from recsys.data.histories import Profile
from recsys.data.products import one_of_each
from recsys.data.snapshot import Lazy, Snapshot
from recsys.data.store import Version
from recsys.ranking.ranker import Ranker
from recsys.ranking.topk import top_k
from recsys.serving.candidates import Found, Pool, Retriever
from recsys.serving.fallback import PopularityFallback
from recsys.serving.index import ItemIndex
from recsys.serving.lookup import Shopper
from recsys.serving.rule_items import RuleItems, allowed, apply, boosts
from recsys.serving.rules import Rules
from recsys.settings import RetrievalSettings

#: Days after its first event for which an item counts as new.
NEW_DAYS = 30
#: Shoppers that the usual item's share counts for, where there is no ranker.
PRIOR = 10.0
#: Nearest items by vector that `Scoring.similar` looks at.
SIMILAR_POOL = 200


class Scoring:
    """Scores of a snapshot's items by its ranker; where a version has no ranker, similarity (cosine) stands in.

    For a shopper without a history there is no similarity either: what most shoppers have met stands in for that.
    """

    def __init__(
        self,
        shop: Snapshot,
        ranker: Ranker | None,
        index: ItemIndex,
        settings: RetrievalSettings,
        version: Version | None = None,
    ) -> None:
        self.shop = shop
        self.ranker = ranker
        self.index = index
        self._settings = settings
        self._retriever = Retriever(shop, ranker, index, _fallback(shop, ranker, version), settings)

    def score(self, profile: Profile, candidates: Candidates) -> NDArray[np.float64]:
        """Scores of candidates for one profile: probabilities, or cosines where there is no ranker."""
        return self._as_score(self.logits(profile, candidates))

    def logits(self, profile: Profile, candidates: Candidates) -> NDArray[np.float64]:
        """Log-odds of candidates, by which lists are ordered, or cosines where there is no ranker."""
        if self.ranker is not None:
            return self.ranker.logit(profile, candidates)
        if not len(profile):
            return np.where(candidates.codes >= 0, self.popularity[candidates.codes], 0.0)
        mean = profile.mean.astype(np.float64)
        return candidates.facts.vectors @ (mean / max(float(np.linalg.norm(mean)), 1e-12))

    @cached_property
    def popularity(self) -> NDArray[np.float64]:
        """Share of shoppers that have met each item, shrunk to that of the usual item; shape ``(n_items,)``."""
        if self.shop.products is not None:
            return Scoring(self.shop.by_product, None, self.index, self._settings).popularity[self.shop.products]
        events, items = self.shop.events, max(len(self.shop.item_ids), 1)
        pairs = np.unique(events.user.astype(np.int64) * items + events.item)
        met = np.bincount(pairs % items, minlength=items).astype(np.float64)
        # As if PRIOR more shoppers had been seen, who met the usual item as often as such a shop can be sure of.
        shoppers = events.n_users + PRIOR
        return np.asarray((met + PRIOR * met.mean() / shoppers) / shoppers)

    def pool(self, only: NDArray[np.int64] | None = None) -> Pool:
        """The candidate pool: every available item, or those of these codes."""
        if only is None:
            return self._retriever.everything
        mask = np.zeros(len(self.shop.item_ids), bool)
        mask[only] = True
        return self._retriever.restricted(self.shop.available & mask)

    def top(
        self, shopper: Shopper, k: int, pool: Pool, *, exclude_seen: bool = True
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Codes and scores of the best `k` items of a pool, best first, ties by item id."""
        found, order = self._ordered(shopper, k, pool, shopper.left_out("never" if exclude_seen else "always"))
        rows = top_k(self._one_of_each(order, found.codes, shopper), k)
        return found.codes[rows], self._as_score(order[rows])

    def top_with_rules(
        self, shopper: Shopper, k: int, rules: Rules, *, only: NDArray[np.int64] | None, exclude_seen: bool, seed: str
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], list[str]]:
        """Codes, scores and notes of the best list that the business rules allow."""
        possible = allowed(rules, self.rule_items)
        if only is not None:
            possible &= np.isin(np.arange(len(possible)), only)
        pool = self._retriever.restricted(possible)
        named = self.rule_items.rows([*rules.pinned.values(), *rules.boost_items])
        policy = ("never" if exclude_seen else "always") if rules.repeat is None else rules.repeat
        found, order = self._ordered(shopper, k, pool, shopper.left_out(policy), named[named >= 0])
        items = self.rule_items if len(found) == len(self.rule_items.ids) else self.rule_items.take(found.codes)
        pinned = self.rule_items.rows(rules.pinned.values())
        kept = self._one_of_each(order + boosts(rules, items), found.codes, shopper, pinned, rules.max_per_group)
        order = np.where(kept > -np.inf, order, -np.inf)
        result = apply(rules, order, items, k, seed=seed)
        return found.codes[result.rows], self._as_score(order[result.rows]), result.notes

    def similar(self, one: Candidates, k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Codes and scores of the `k` available items whose texts are nearest to one item's: mean of both cosines."""
        facts = self.shop.facts
        _, near = self.index.search(one.facts.vectors, min(len(facts), max(SIMILAR_POOL, 4 * k)))
        rows = np.sort(near[0][near[0] >= 0])
        meaning = facts.vectors[rows] @ one.facts.vectors[0]
        words = (facts.terms[rows] @ one.facts.terms[[0]].T).toarray()[:, 0]
        same = self.shop.variants(one.codes[one.codes >= 0])
        score = np.where(self.shop.available[rows] & ~np.isin(rows, same), (meaning + words) / 2, -np.inf)
        if self.shop.products is not None:
            score = one_of_each(score, self.shop.products[rows], np.zeros(len(rows)))
        best = top_k(score, k)
        return rows[best], score[best].astype(np.float64)

    def _ordered(
        self,
        shopper: Shopper,
        k: int,
        pool: Pool,
        left_out: NDArray[np.integer],
        named: NDArray[np.int64] | Sequence[int] = (),
    ) -> tuple[Candidates, NDArray[np.float64]]:
        """Candidates and what they are ordered by; among them are all that are `named`, or met before and allowed."""
        found = self._retriever.candidates(shopper.profile, k, pool, left_out)
        if pool.whole is None:
            wanted = np.union1d(np.asarray(named, np.int64), shopper.profile.items[shopper.profile.items >= 0])
            missed = np.setdiff1d(wanted, np.concatenate([found.candidates.codes, left_out])).astype(np.int64)
            codes = np.union1d(found.candidates.codes, missed[pool.possible[missed]])
            found = Found(self.shop.catalogue.take(codes), np.ones(len(codes), bool))
        order = self.logits(shopper.profile, found.candidates)
        return found.candidates, np.where(found.possible, order, -np.inf)

    def _one_of_each(
        self,
        order: NDArray[np.float64],
        codes: NDArray[np.int64],
        shopper: Shopper,
        pinned: NDArray[np.int64] | None = None,
        most: int = 1,
    ) -> NDArray[np.float64]:
        """The order with the best variants of each product only: pinned ones, else those this shopper has met."""
        if self.shop.products is None:
            return order
        preferred = np.isin(codes, shopper.profile.items).astype(np.int64)
        if pinned is not None:
            preferred += 2 * np.isin(codes, pinned)
        return one_of_each(order, self.shop.products[codes], preferred, most)

    def _as_score(self, order: NDArray[np.float64]) -> NDArray[np.float64]:
        return order if self.ranker is None else np.asarray(expit(order))

    @cached_property
    def rule_items(self) -> RuleItems:
        """The whole catalogue as rules see it."""
        events, vocabulary = self.shop.events, self.shop.vocabulary.value
        first = np.full(len(self.shop.by_product.item_ids), np.inf)
        np.minimum.at(first, self.shop.by_product.events.item, events.time)
        first = first if self.shop.products is None else first[self.shop.products]
        fresh = first >= events.end - NEW_DAYS * DAY if events.absolute else np.isinf(first)
        return RuleItems(
            ids=self.shop.item_ids,
            facts=self.shop.facts,
            brands=vocabulary.brands,
            categories=vocabulary.categories,
            available=self.shop.available,
            is_new=fresh,
        )


def _fallback(shop: Snapshot, ranker: Ranker | None, version: Version | None) -> Lazy[PopularityFallback]:
    """What the version has prepared, read now: it may be deleted while it serves; else made when first needed."""
    saved = version.path / "ranker" / "standing" if version else None
    if saved is None or not saved.is_dir():
        return Lazy(lambda: PopularityFallback.of(shop, ranker))
    read = PopularityFallback.load(saved)
    return Lazy(lambda: read)
