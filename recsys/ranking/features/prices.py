"""Price features: how far below its own usual price an item is now."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from recsys.data.catalogue import Candidates
from recsys.data.histories import Profile
from recsys.forecast.prices import DAY, percent
from recsys.ranking.features.base import Block, TrainingContext


class PriceDrop(Block):
    """Price drop: the part by which an item costs less than the median of its own last 90 days.

    In a window of the past it is made of the prices up to then alone.
    """

    name = "price drop"
    meaning = "the item costs less than it usually does"
    columns = ("price_drop", "price_dropped")
    personal = False

    @classmethod
    @override
    def applies(cls, context: TrainingContext) -> bool:
        return context.prices is not None and context.events.absolute and len(context.prices.item) > 0

    @override
    def fit(self, context: TrainingContext) -> None:
        assert context.prices is not None
        self.parts = np.append(context.prices.below_usual(int(context.now // DAY)), 0.0)

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        parts = self.parts[candidates.codes]
        return np.stack([parts, parts > 0], axis=1).astype(np.float32)

    @override
    def describe(self, profile: Profile, candidates: Candidates) -> list[str | None]:
        parts = self.parts[candidates.codes]
        return [f"costs {percent(part)}% less than it usually does" if part > 0 else None for part in parts]
