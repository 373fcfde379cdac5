"""Content features: text vectors, words, price and category of an item against the shopper's history."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from recsys.data.catalogue import Candidates, ItemFeatures
from recsys.data.histories import Profile
from recsys.ranking.features.base import (
    ALIKE,
    Array,
    Block,
    EvidenceKind,
    State,
    TrainingContext,
    log_gap,
    recency_weights,
)

#: Latest items of a history that a candidate is compared with one by one.
COMPARED = 30


class _Projected(Block):
    """Blocks over text vectors in the catalogue's principal components; fewer columns keep the pairs in memory."""

    SIZE: ClassVar[int] = 64
    STEMS: ClassVar[tuple[str, ...]]
    _directions: NDArray[np.float32]

    @override
    def fit(self, context: TrainingContext) -> None:
        self._set(np.ascontiguousarray(context.catalogue.directions[:, : self.SIZE]))

    @override
    def refreshed(self, context: TrainingContext) -> Block:
        # Directions fitted on another catalogue would turn, and the weights would no longer fit them.
        return self

    def _set(self, directions: NDArray[np.float32]) -> None:
        self._directions = directions
        self.columns = tuple(f"{stem}_{k}" for stem in self.STEMS for k in range(directions.shape[1]))

    @override
    def state(self) -> dict[str, Array]:
        return {"directions": self._directions}

    @override
    def restore(self, state: State) -> None:
        self._set(state["directions"])


class TextVectors(_Projected):
    """Concatenation ``[u ; v]``: the history text's vector beside the item's."""

    name = "text vectors"
    meaning = "what kind of product sells, read from its text, and what kind of shopper this is"
    personal = False
    STEMS = ("u", "v")

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        u = np.broadcast_to(profile.text @ self._directions, (len(candidates), self._directions.shape[1]))
        return np.concatenate([u, candidates.facts.vectors @ self._directions], axis=1).astype(np.float32)

    @override
    def linear_query(self, profile: Profile, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        size = self._directions.shape[1]
        directions = self._directions.astype(np.float64)
        return directions @ weights[size:], float(profile.text @ directions @ weights[:size])

    @override
    def score(self, profile: Profile, candidates: Candidates, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        query, constant = self.linear_query(profile, weights)
        return _inner(candidates.facts, query) + constant


class ElementwiseProduct(_Projected):
    """Elementwise product ``u * v`` of the shopper's mean vector and the item's."""

    name = "text agreement"
    meaning = "the directions of text in which this shopper's history and the item agree, weighed by what sells"
    evidence_kinds = (*ALIKE, EvidenceKind.CATEGORY)
    STEMS = ("u_x_v",)

    def _mean(self, profile: Profile) -> NDArray[np.float64]:
        return profile.mean.astype(np.float64) @ self._directions

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        return (self._mean(profile) * (candidates.facts.vectors @ self._directions)).astype(np.float32)

    @override
    def linear_query(self, profile: Profile, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        return self._directions.astype(np.float64) @ (weights * self._mean(profile)), 0.0

    @override
    def score(self, profile: Profile, candidates: Candidates, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return _inner(candidates.facts, self.linear_query(profile, weights)[0])


def _inner(facts: ItemFeatures, query: NDArray[np.float64]) -> NDArray[np.float64]:
    return (facts.vectors @ query.astype(np.float32)).astype(np.float64)


class Similarity(Block):
    """Cosine similarity of text vectors: to the mean of the history, its nearest items, the latest visit."""

    name = "similarity"
    meaning = "the item reads like things in this shopper's history"
    columns = ("cosine_mean", "cosine_max", "cosine_top3", "cosine_latest", "cosine_max_squared")
    evidence_kinds = (*ALIKE, EvidenceKind.CATEGORY)
    expensive = True

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        depth = slice(max(len(profile) - COMPARED, 0), None)
        mine = profile.facts.vectors[depth]
        mean = profile.mean
        mean = mean / (float(np.linalg.norm(mean)) + 1e-6)
        cosines = np.concatenate([mine, mean[None]]) @ candidates.facts.vectors.T
        best, top3, latest = _summaries(cosines[:-1], profile.steps[depth] == 0)
        return np.stack([cosines[-1], best, top3, latest, best * np.abs(best)], axis=1)


def _summaries(
    cosines: NDArray[np.float32], latest: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Maximum, mean of the three largest, and maximum over the latest visit, of each column."""
    m = cosines.shape[1]
    if not len(cosines):
        zero = np.zeros(m, np.float32)
        return zero, zero, zero
    first = second = third = np.full(m, -np.inf, np.float32)
    for row in cosines:  # insertion into the top three, a row at a time: faster than sorting columns
        first, row = np.maximum(first, row), np.minimum(first, row)
        second, row = np.maximum(second, row), np.minimum(second, row)
        third = np.maximum(third, row)
    top = np.stack([first, second, third])[: len(cosines)]
    return first, top.mean(axis=0), cosines[latest].max(axis=0) if latest.any() else first


class Words(Block):
    """TF-IDF cosine with the history: shared words and word pairs."""

    name = "shared words"
    meaning = "the item shares rare words (a brand, a line, a kind of product) with things in this history"
    columns = (
        "words_mean",
        "words_max",
        "words_top3",
        "words_latest",
        "words_log_max",
        "words_log_latest",
        "words_log_mean",
        "words_log_max_squared",
        "words_log_mean_squared",
        "words_max_x_activity",
        "words_latest_x_gap",
    )
    evidence_kinds = ALIKE

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        depth = slice(max(len(profile) - COMPARED, 0), None)
        mine = profile.facts.terms
        if len(profile) > COMPARED:
            mine = mine[np.arange(len(profile))[depth]]
        shared = np.asarray((mine @ candidates.facts.items_by_term).toarray())
        weights = recency_weights(profile, 4.0)[depth]
        mean = weights @ shared / np.sqrt(max(float(np.square(weights).sum()), 1e-6))
        best, top3, latest = _summaries(shared, profile.steps[depth] == 0)
        logs = [np.log1p(20 * x) for x in (best, latest, mean)]
        return np.stack(
            [
                mean,
                best,
                top3,
                latest,
                *logs,
                np.square(logs[0]),
                np.square(logs[2]),
                logs[0] * np.log1p(len(profile)),
                logs[1] * log_gap(profile),
            ],
            axis=1,
        ).astype(np.float32)


class Pictures(Block):
    """Cosine similarity of picture vectors: to the mean of the history, its nearest items, the latest visit."""

    name = "pictures"
    meaning = "the item looks like things in this shopper's history"
    columns = ("picture_mean", "picture_max", "picture_top3", "picture_latest", "picture_unknown")
    evidence_kinds = ALIKE
    expensive = True

    @classmethod
    @override
    def applies(cls, context: TrainingContext) -> bool:
        pictures = context.catalogue.pictures
        return pictures is not None and bool((pictures != 0).any(axis=1).mean() > 0.2)

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        theirs, mine = candidates.facts.pictures, profile.facts.pictures
        if theirs is None:  # a version whose pictures went with a later feed
            return np.tile(np.array([0, 0, 0, 0, 1], np.float32), (len(candidates), 1))
        depth = slice(max(len(profile) - COMPARED, 0), None)
        met = np.zeros((0, theirs.shape[1]), np.float32) if mine is None else mine[depth]
        there = (met != 0).any(axis=1)
        latest = (profile.steps[depth] == 0)[: len(met)][there]
        weights = profile.recency[depth][: len(met)][there]
        met = met[there]
        mean = weights @ met if len(met) else np.zeros(theirs.shape[1], np.float32)
        mean = mean / (float(np.linalg.norm(mean)) + 1e-6)
        cosines = np.concatenate([met, mean[None]]).astype(np.float32) @ theirs.T
        best, top3, last = _summaries(cosines[:-1], latest)
        unknown = ~(theirs != 0).any(axis=1)
        return np.stack([cosines[-1], best, top3, last, unknown], axis=1).astype(np.float32)


class Price(Block):
    """Price distance: the item's log price against the mean of the history."""

    name = "price"
    meaning = "the item costs what this shopper usually pays"
    columns = ("price", "price_squared", "price_difference", "price_distance", "price_unknown")
    evidence_kinds = (EvidenceKind.PRICE, EvidenceKind.CHEAPER)

    #: Mean and standard deviation of the known log prices.
    scale: NDArray[np.float64]

    @classmethod
    @override
    def applies(cls, context: TrainingContext) -> bool:
        return bool(np.isfinite(context.catalogue.price).mean() > 0.5)

    @override
    def fit(self, context: TrainingContext) -> None:
        known = context.catalogue.price[np.isfinite(context.catalogue.price)]
        self.scale = np.array([float(known.mean()), float(known.std()) or 1.0])

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        mean, deviation = map(float, self.scale)  # plain numbers keep the arrays float32
        price = (candidates.facts.price - mean) / deviation
        paid = (profile.facts.price - mean) / deviation
        known = np.isfinite(paid)
        usual = float(np.average(paid[known], weights=profile.recency[known])) if known.any() else 0.0
        unknown = ~np.isfinite(price)
        price = np.where(unknown, 0.0, price)
        gap = np.where(unknown, 0.0, price - usual)
        return np.stack([price, np.square(price), gap * usual, np.abs(gap), unknown], axis=1).astype(np.float32)


class Category(Block):
    """Category affinity: the share of the history that is of the item's category."""

    name = "category"
    meaning = "this shopper buys from the item's category"
    columns = ("same_category_share", "same_category", "same_category_latest")
    evidence_kinds = (EvidenceKind.CATEGORY, EvidenceKind.TASTE)

    @classmethod
    @override
    def applies(cls, context: TrainingContext) -> bool:
        known = context.catalogue.category
        # One category for all, or hardly any category at all, says nothing.
        return bool((known >= 0).mean() > 0.2 and len(np.unique(known[known >= 0])) > 1)

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        theirs, mine = candidates.facts.category, profile.facts.category
        known = mine >= 0
        size = int(max(mine.max(initial=-1), theirs.max(initial=-1))) + 2
        share = np.bincount(mine[known], profile.recency[known], minlength=size)[theirs]
        latest = np.bincount(mine[known & (profile.steps == 0)], minlength=size)[theirs]
        return np.stack([share, share > 0, latest > 0], axis=1).astype(np.float32)
