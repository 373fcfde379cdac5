"""Sequence features: what a small transformer expects next after this shopper's visits in their order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from recsys.data.catalogue import Candidates
from recsys.data.histories import Profile
from recsys.errors import BadInput
from recsys.ranking.features.base import ALIKE, COUNTED, Array, Block, State, TrainingContext, log_gap
from recsys.ranking.visit_transformer import VisitTransformer


class Sequence(Block):
    """Log-lift of meeting an item next, read by a `VisitTransformer` from all visits in order.

    In training every window reads one network that saw only what all windows know; the one that serves saw everything.
    """

    name = "sequence"
    meaning = "the item is what shoppers with visits like these, in this order, went on to"
    evidence_kinds = (*COUNTED, *ALIKE)
    columns = ("next_fit", "next_fit_squared", "next_fit_x_gap", "next_fit_x_activity", "next_fit_of_all")

    network: VisitTransformer

    @classmethod
    @override
    def applies(cls, context: TrainingContext) -> bool:
        return context.network is not None

    @override
    def fit(self, context: TrainingContext) -> None:
        if context.network is None:
            raise BadInput("the ranker reads sequences of visits, and nothing was learnt of them; train it again.")
        self.network = context.network

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        if not len(profile) or not len(candidates):
            return np.zeros((len(candidates), len(self.columns)), np.float32)
        items = self.network.item_vectors(candidates.codes, candidates.facts.vectors)
        fit = self.network.fit(self.network.shopper(profile), items)
        columns = [
            *(fit, fit * np.abs(fit), fit * log_gap(profile), fit * np.float32(np.log1p(len(profile)))),
            items @ self.network.usual_shopper,  # a fit to this shopper is more or less than a fit to everybody
        ]
        return np.stack(columns, axis=1).astype(np.float32)

    @override
    def refreshed(self, context: TrainingContext) -> Sequence:
        from recsys.ranking import visit_training  # torch, which only training needs

        passes, block = int(self.network.passes[0]), Sequence()
        with visit_training.one_thread():
            block.network = visit_training.train(context.events, context.catalogue, passes=passes, seed=context.seed)
        return block

    @override
    def state(self) -> dict[str, Array]:
        return self.network.state()

    @override
    def restore(self, state: State) -> None:
        self.network = VisitTransformer.restored(state)
