"""Candidate retrieval: everything while scoring all is cheap, else items found in the ranker's own order.

The part of a learned score that is linear in an item's vector is an inner product, ``(w_v + w_x * u) . v``, so the
vector index is searched with the ranker itself as the query (`Ranker.linear_query`). What does not fold (co-purchase,
popularity, newness) adds candidates of its own, and a first, cheap score decides which of all these the ranker sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys.data.catalogue import Candidates
from recsys.data.histories import Profile
from recsys.data.snapshot import Lazy, Snapshot
from recsys.ranking.features.base import ItemNeighbours
from recsys.ranking.ranker import Ranker
from recsys.ranking.topk import top_k
from recsys.serving.fallback import PopularityFallback, catalogue_scores
from recsys.serving.index import ItemIndex
from recsys.serving.index_kinds import Selection
from recsys.settings import RetrievalSettings

#: Latest items of a history whose neighbours are candidates.
LATEST = 5
#: Share of the exhaustive lists' nDCG@10 that lists from candidates must keep, and shoppers it is measured on.
KEPT, _MEASURED = 0.99, 100


@dataclass(frozen=True)
class Pool:
    """Candidate pool: what may be recommended.

    Attributes
    ----------
    whole
        The items to score, codes ascending, where all of them are scored; None where they have to be searched.
    possible
        Which items of `whole` (or of the catalogue) may be in a list.
    selection
        `possible` for the index, None where it leaves nothing out.
    """

    whole: Candidates | None
    possible: NDArray[np.bool_]
    selection: Selection | None = None


class Found(NamedTuple):
    """Candidates of one shopper, codes ascending (ties keep the catalogue's order), and which may be in a list."""

    candidates: Candidates
    possible: NDArray[np.bool_]


class Retriever:
    """Candidate retrieval for one shopper at a time; safe to use from several threads."""

    def __init__(
        self,
        shop: Snapshot,
        ranker: Ranker | None,
        index: ItemIndex,
        fallback: Lazy[PopularityFallback],
        settings: RetrievalSettings,
    ) -> None:
        self._shop = shop
        self._ranker = ranker
        self._index = index
        self._fallback = fallback
        self._settings = settings

    @cached_property
    def everything(self) -> Pool:
        """The pool of a search without restrictions."""
        return self.restricted(self._shop.available)

    def restricted(self, possible: NDArray[np.bool_]) -> Pool:
        """A pool of exactly these items, available or not; `possible` has shape ``(n_items,)``."""
        catalogue, limit = self._shop.catalogue, self._settings.exhaustive_limit
        if len(catalogue) <= limit:
            return Pool(catalogue, possible)
        codes = np.flatnonzero(possible)
        if len(codes) <= limit:
            return Pool(catalogue.take(codes), np.ones(len(codes), bool))
        return Pool(None, possible, None if len(codes) == len(possible) else self._index.select(possible))

    def candidates(self, profile: Profile, k: int, pool: Pool, seen: NDArray[np.integer]) -> Found:
        """Items for the ranker to order: the pool where it is scored whole, else the most promising of it.

        Parameters
        ----------
        k
            Length of the list that is asked for; candidates are never fewer than five times that.
        seen
            Codes that are not wanted.
        """
        if pool.whole is not None:
            return Found(pool.whole, _without(pool, seen))
        size = max(self._settings.candidates, 5 * k)
        codes = self._gather(profile, size, pool, len(seen))
        codes = codes[pool.possible[codes] & ~np.isin(codes, seen)]
        if len(codes) > size:
            codes = np.sort(codes[top_k(self._promise(profile, codes), size)])
        return Found(Candidates.of(self._shop.facts, codes), np.ones(len(codes), bool))

    def _gather(self, profile: Profile, size: int, pool: Pool, extra: int) -> NDArray[np.int64]:
        """Distinct codes from all sources, ascending."""
        _, near = self._index.search(query_of(self._ranker, profile), size + extra, pool.selection)
        if len(profile):
            latest = profile.facts.vectors[-LATEST:]
            _, alike = self._index.search(latest, size // LATEST, pool.selection, share=1 / 8)
            near = np.concatenate([near, alike.reshape(1, -1)], axis=1)
        fallback = self._fallback.value
        gap = float(profile.ages.min()) if len(profile) else 0.0
        found = [near[0][near[0] >= 0], fallback.of_gap(gap), fallback.newest]
        found += [self._partners_of(partners, profile, size // 2) for partners in self._partners]
        return np.unique(np.concatenate(found).astype(np.int64))

    def _partners_of(self, partners: ItemNeighbours, profile: Profile, size: int) -> NDArray[np.int64]:
        products = self._shop.products
        if products is None or self._ranker is None:
            return _partners(partners, profile, size)
        known, _ = self._ranker.product_level(profile, self._shop.catalogue.take([]))
        return np.flatnonzero(np.isin(products, _partners(partners, known, size)))

    def _promise(self, profile: Profile, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """First-stage score, without the features that compare every vector with every item of the history."""
        few = Candidates.of(self._shop.facts, codes)
        if self._ranker is None:
            return np.asarray(few.facts.vectors @ query_of(self._ranker, profile), np.float64)
        profile, few = self._ranker.product_level(profile, few)
        pairs = zip(self._ranker.blocks, self._ranker.weights, strict=True)
        return np.sum([b.score(profile, few, w) for b, w in pairs if not b.expensive], axis=0)

    @cached_property
    def _partners(self) -> list[ItemNeighbours]:
        blocks = self._ranker.blocks if self._ranker is not None else ()
        return [found for block in blocks if (found := block.neighbours()) is not None]

    def measure(self, users: Sequence[int] | NDArray[np.integer], *, enough: float = 0.0) -> float:
        """Mean nDCG@10 of lists from candidates against lists from scoring everything, over these users.

        The gain of an item is 10 for the first place of the exhaustive list, 9 for the second, ... and 0 beyond.

        Parameters
        ----------
        enough
            While it is less, the index raises its search effort, as far as it can.
        """
        if self._ranker is None or self.everything.whole is not None or not len(users):
            return 1.0
        wanted = [self._best(int(user)) for user in users]
        while True:
            figure = float(np.mean([self._kept(int(user), best) for user, best in zip(users, wanted, strict=True)]))
            if figure >= enough or not self._index.raise_effort():
                return figure

    def _best(self, user: int) -> NDArray[np.int64]:
        """The ten best of everything, scored whole."""
        assert self._ranker is not None
        scores = catalogue_scores(self._shop, self._ranker, self._shop.profile(user))
        scores[~self._shop.available] = -np.inf
        scores[self._shop.seen(user)] = -np.inf
        return top_k(scores, 10)

    def _kept(self, user: int, wanted: NDArray[np.int64]) -> float:
        """The nDCG@10 of the list from candidates against the list that is wanted."""
        assert self._ranker is not None
        profile = self._shop.profile(user)
        found = self.candidates(profile, 10, self.everything, self._shop.seen(user)).candidates
        listed = found.codes[top_k(self._ranker.logit(profile, found), 10)]
        discount = 1 / np.log2(np.arange(2, 12))
        gain = {int(code): 10 - place for place, code in enumerate(wanted)}
        gains = np.array([gain.get(int(code), 0) for code in listed])
        ideal = float(discount[: len(wanted)] @ (10 - np.arange(len(wanted))))
        return float(discount[: len(gains)] @ gains) / ideal


def query_of(ranker: Ranker | None, profile: Profile) -> NDArray[np.float32]:
    """The query of one shopper: the ranker's linear part, or the mean of their items where there is no ranker."""
    query = profile.mean if ranker is None else ranker.linear_query(profile)[0]
    return np.asarray(query, np.float32)


def sampled_queries(shop: Snapshot, ranker: Ranker | None, seed: int = 0) -> NDArray[np.float32]:
    """Queries of a sample of users, to measure an index with; shape ``(q, dim)``."""
    users = sampled_users(shop, 200, seed)
    rows = [query_of(ranker, shop.profile(int(u))) for u in users]
    return np.stack(rows) if rows else np.zeros((0, shop.facts.vectors.shape[1]), np.float32)


def sampled_users(shop: Snapshot, size: int = _MEASURED, seed: int = 0) -> NDArray[np.int64]:
    """Users with a history, drawn from a seed."""
    users = np.flatnonzero(np.diff(shop.histories.indptr) > 0)
    return np.sort(np.random.default_rng(seed).choice(users, min(size, len(users)), replace=False))


def _without(pool: Pool, seen: NDArray[np.integer]) -> NDArray[np.bool_]:
    assert pool.whole is not None
    if not len(seen) or not len(pool.whole):
        return pool.possible
    at = np.minimum(np.searchsorted(pool.whole.codes, seen), len(pool.whole) - 1)
    possible = np.array(pool.possible)  # the version's own may be a read-only map
    possible[at[pool.whole.codes[at] == seen]] = False
    return possible


def _partners(partners: ItemNeighbours, profile: Profile, size: int) -> NDArray[np.int64]:
    """The items that a history speaks for most strongly, at most `size`."""
    latest = slice(max(len(profile) - ItemNeighbours.DEPTH, 0), None)
    items, values = partners.lookup(profile.items[latest], (0.5 ** (profile.steps[latest] / 4.0)).astype(np.float32))
    codes, at = np.unique(items, return_inverse=True)
    if len(codes) <= size:
        return codes.astype(np.int64)
    return codes[top_k(np.bincount(at, values).astype(np.float64), size)].astype(np.int64)
