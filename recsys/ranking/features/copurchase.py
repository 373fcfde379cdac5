"""Co-purchase features: item-kNN, sequential kNN, EASE and item factors, summed over a history."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from typing_extensions import override

from recsys.data.catalogue import Candidates
from recsys.data.histories import Profile
from recsys.data.sparsity import strongest, strongest_of
from recsys.ranking import cooccurrence
from recsys.ranking.features.base import (
    ALIKE,
    COUNTED,
    NEIGHBOURS,
    Array,
    Block,
    EvidenceKind,
    ItemNeighbours,
    State,
    TrainingContext,
    log_gap,
    recency_weights,
)

#: Strongest neighbours kept of all items together; neighbours that EASE regresses an item on.
LINKS, EXPLAINERS, RIDGE = 50_000_000, 50, 100.0
#: Neighbours by purchase of each item whose neighbours by words are looked up.
BRIDGES = 60


class _Summed(Block):
    """Neighbourhood sums of one `ItemNeighbours` matrix: over the whole history and over the latest visit."""

    half_life: ClassVar[float]
    _neighbours: ItemNeighbours

    def _keep(self, links: sparse.csr_array) -> None:
        """Keep the strongest neighbours in a matrix whose row ``j`` holds what having item ``j`` adds to others."""
        self._use(ItemNeighbours.of(links, _max_neighbours(links.shape[0])))

    def _use(self, neighbours: ItemNeighbours) -> None:
        self._neighbours = neighbours
        stem = self.name.replace(" ", "_")
        self.columns = tuple(
            f"{stem}_{what}"
            for what in (
                "sum",
                "log_sum",
                "log_sum_squared",
                "any",
                "log_latest",
                "log_latest_x_gap",
                "log_sum_x_activity",
            )
        )

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        depth = slice(max(len(profile) - ItemNeighbours.DEPTH, 0), None)
        codes = profile.items[depth]
        steps = profile.steps[depth]
        decay = 0.5 ** (steps / self.half_life)
        sets = np.stack([decay, steps == 0]).astype(np.float32)
        summed, latest = self._neighbours.summed(codes, sets, candidates.codes)
        log_sum, log_latest = _log(summed), _log(latest)
        columns = [
            summed,
            log_sum,
            np.square(log_sum),
            summed > 0,
            log_latest,
            log_latest * log_gap(profile),
            log_sum * np.log1p(len(profile)),
        ]
        return np.stack(columns, axis=1).astype(np.float32)

    @override
    def neighbours(self) -> ItemNeighbours:
        return self._neighbours

    @override
    def state(self) -> dict[str, Array]:
        return self._neighbours.state("partners")

    @override
    def restore(self, state: State) -> None:
        self._use(ItemNeighbours.restored(state, "partners"))


def _log(x: NDArray[Any]) -> NDArray[np.float64]:
    # Neighbours are scaled so that a strong one is about 1; a weak one is some hundredths.
    return np.log1p(np.maximum(x, 0.0) * 50.0)


def _max_neighbours(n_items: int) -> int:
    """Neighbours kept of each item; fewer above a quarter of a million items, so that memory stays bounded."""
    return max(min(NEIGHBOURS, LINKS // max(n_items, 1)), 10)


class ItemKNN(_Summed):
    """Item-kNN: cosine of the sets of buyers."""

    name = "bought together"
    meaning = "shoppers who bought things in this history also bought the item"
    evidence_kinds = COUNTED
    half_life = 4.0

    @override
    def fit(self, context: TrainingContext) -> None:
        self._keep(context.neighbours)


class SequentialKNN(_Summed):
    """Sequential item-kNN: what was bought with or after an item, decayed by the visits between."""

    name = "bought next"
    meaning = "the item is what others bought with or soon after the latest things in this history"
    evidence_kinds = COUNTED
    half_life = 2.0

    @override
    def fit(self, context: TrainingContext) -> None:
        self._keep(cooccurrence.sequence_weights(context.events))


class LocalEASE(_Summed):
    """EASE on local neighbourhoods: what an item adds once the others of the history are accounted for."""

    name = "completes"
    meaning = "the item is explained by this history after allowing for what the things in it explain of each other"
    evidence_kinds = COUNTED
    half_life = 4.0

    @override
    def fit(self, context: TrainingContext) -> None:
        near = strongest(context.neighbours, EXPLAINERS)
        self._keep(cooccurrence.local_ease(context.cooccurrences, near, RIDGE))


class ContentBridgedKNN(_Summed):
    """Item-kNN bridged by content, so that items that sold little or not at all have neighbours too.

    With ``S`` the item-item cosine of purchases and ``W`` that of words, the matrix is ``S W + W S``. A product that
    is described in a request and is not in the catalogue has no row in it.
    """

    name = "bought with its like"
    meaning = "shoppers who bought things in this history, or things like them, bought the item or things like it"
    evidence_kinds = (*COUNTED, *ALIKE)
    half_life = 4.0

    @override
    def fit(self, context: TrainingContext) -> None:
        near, alike = strongest(context.neighbours, BRIDGES), context.catalogue.alike
        n = near.shape[0]
        self._keep(strongest_of(lambda rows: near[rows] @ alike + alike[rows] @ near, n, _max_neighbours(n)))


class RecentItemKNN(_Summed):
    """Item-kNN over the latest quarter of all events, where time is global."""

    name = "bought together lately"
    meaning = "lately, shoppers who bought things in this history also bought the item"
    evidence_kinds = COUNTED
    half_life = 4.0

    @classmethod
    @override
    def applies(cls, context: TrainingContext) -> bool:
        return context.events.absolute

    @override
    def fit(self, context: TrainingContext) -> None:
        events = context.events
        recent = events.where(events.time >= np.quantile(events.time, 0.75)) if len(events) else events
        self._keep(cooccurrence.cosine(cooccurrence.cooccurrence_counts(recent)))


class LatentFactors(Block):
    """Latent item factors from co-purchase, and the same factors predicted from an item's text."""

    name = "taste"
    meaning = "the item's buyers have the same taste as this shopper, judged by purchases and by what the text says"
    columns = ("taste_dot", "taste_cosine", "taste_cosine_squared", "taste_latest", "taste_text")
    evidence_kinds = (*COUNTED, *ALIKE, EvidenceKind.CATEGORY, EvidenceKind.TASTE)

    SIZE: ClassVar[int] = 64
    _factors: NDArray[np.float32]
    _reader: NDArray[np.float32]
    _lengths: NDArray[np.float32]

    @override
    def fit(self, context: TrainingContext) -> None:
        factors = cooccurrence.item_factors(context.neighbours, self.SIZE, context.seed)
        norm = (
            float(np.sqrt(np.mean(np.square(factors).sum(1)[np.square(factors).sum(1) > 0]))) if factors.any() else 1.0
        )
        factors = factors / max(norm, 1e-9)
        self._set(np.concatenate([factors, np.zeros((1, factors.shape[1]), np.float32)]), _read(context, factors))

    def _set(self, factors: NDArray[np.float32], reader: NDArray[np.float32]) -> None:
        self._factors, self._reader = factors, reader
        self._lengths = np.linalg.norm(factors, axis=1) + np.float32(0.05)

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        theirs, norms = self._factors[candidates.codes], self._lengths[candidates.codes]
        mine = self._factors[profile.items]
        mean = recency_weights(profile, 8.0) @ mine
        latest = (profile.steps == 0).astype(np.float32) @ mine
        length = float(np.linalg.norm(mean)) + 1e-6
        dot, dot_latest = (theirs @ np.stack([mean, latest], axis=1)).T
        cosine = dot / norms / length
        text_mean = recency_weights(profile, 8.0) @ (profile.facts.vectors @ self._reader)
        text_mean = text_mean / (float(np.linalg.norm(text_mean)) + 1e-6)
        return np.stack(
            [
                dot / np.sqrt(max(len(profile), 1)),
                cosine,
                np.square(cosine),
                dot_latest / (np.linalg.norm(latest) + 1e-6) / norms,
                candidates.facts.vectors @ (self._reader @ text_mean),
            ],
            axis=1,
        ).astype(np.float32)

    @override
    def state(self) -> dict[str, Array]:
        return {"factors": self._factors, "reader": self._reader}

    @override
    def restore(self, state: State) -> None:
        self._set(state["factors"], state["reader"])


def _read(context: TrainingContext, factors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ridge regression of the direction of the factors on the text vectors; shape ``(dim, size)``."""
    support = np.bincount(context.events.item, minlength=len(factors))
    known = support > 0
    vectors = context.catalogue.vectors[known].astype(np.float64)
    length = np.linalg.norm(factors[known], axis=1, keepdims=True)
    target = factors[known] / np.maximum(length, 1e-6)
    weight = np.sqrt(support[known] / (support[known] + 5.0))[:, None]
    a = (vectors * weight).T @ (vectors * weight)
    a[np.diag_indices(len(a))] += 0.01 * max(known.sum(), 1) / len(a) + 1e-6
    return np.linalg.solve(a, (vectors * weight).T @ (target * weight)).astype(np.float32)
