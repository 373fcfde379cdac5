"""Dislike features: how like the things is an item that this shopper disliked, rated low or sent back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from recsys.data.catalogue import Candidates
from recsys.data.histories import Profile
from recsys.ranking.features.base import Block, TrainingContext


class Disliked(Block):
    """Likeness to disliked items: by text, by words, by category and by brand; all 0 for who disliked nothing.

    Whether likeness to something disliked speaks against an item, and how much, is learnt: a reader may dislike one
    book of an author and love the next.
    """

    name = "disliked"
    meaning = "the item is unlike the things this shopper disliked, rated low or sent back"
    columns = (
        "disliked_nearest",
        "disliked_mean",
        "disliked_words",
        "disliked_category",
        "disliked_brand",
        "disliked_category_above_liked",
    )

    @classmethod
    @override
    def applies(cls, context: TrainingContext) -> bool:
        return context.events.dislikes is not None

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        out = np.zeros((len(candidates), len(self.columns)), np.float32)
        bad, facts = profile.disliked, candidates.facts
        if bad is None or not len(candidates):
            return out
        near = facts.vectors @ bad.vectors.T
        words = (facts.terms @ bad.terms.T).toarray().max(axis=1)
        category, brand = _share(facts.category, bad.category), _share(facts.brand, bad.brand)
        liked = _share(facts.category, profile.facts.category)
        out[:] = np.stack([near.max(axis=1), near.mean(axis=1), words, category, brand, category - liked], axis=1)
        return out


def _share(codes: NDArray[np.int32], among: NDArray[np.int32]) -> NDArray[np.float32]:
    """Share of `among` that has each code; 0 for an unknown one."""
    known = among[among >= 0]
    if not len(known):
        return np.zeros(len(codes), np.float32)
    share = np.bincount(known, minlength=int(max(codes.max(initial=0), known.max())) + 2) / len(among)
    return np.asarray(np.where(codes >= 0, share[codes], 0.0), np.float32)
