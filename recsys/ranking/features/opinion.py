"""Opinion features: what reviews say of an item, shrunk to what they say of all where there are few."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from recsys.data.catalogue import Candidates
from recsys.data.events import DAY
from recsys.data.histories import Profile
from recsys.ranking.features.base import Block, EvidenceKind, TrainingContext


class Opinion(Block):
    """Shrunken mean opinion, log number of reviews, and trend: the latest reviews against those before.

    Only reviews written before the moment of asking count, so that a training window knows no later ones.
    """

    name = "opinion"
    meaning = "how well reviews speak of the item"
    evidence_kinds = (EvidenceKind.PRAISED,)
    personal = False
    columns = ("opinion", "log_reviews", "opinion_x_log_reviews", "opinion_trend", "no_reviews")

    #: Reviews of the average item that each item is given on top of its own, and days that are "latest".
    SHRINKAGE: ClassVar[float] = 3.0
    LATEST: ClassVar[float] = 90.0
    #: The columns of each item, shape ``(n_items + 1, 5)``.
    table: NDArray[np.float32]

    @classmethod
    @override
    def applies(cls, context: TrainingContext) -> bool:
        return context.events.opinions is not None

    @override
    def fit(self, context: TrainingContext) -> None:
        size = context.events.n_items + 1
        self.table = np.zeros((size, len(self.columns)), np.float32)
        self.table[:, -1] = 1
        written = context.events.opinions
        if written is not None and context.events.absolute:
            written = written.before(context.now)
        if written is None or not len(written):
            return
        number = np.bincount(written.item, minlength=size)
        usual = float(written.score.mean())
        mean = self._shrunk(written.item, written.score, usual, size)
        late = written.time >= context.now - self.LATEST * DAY  # a review without a time is not late
        trend = self._shrunk(written.item[late], written.score[late] - mean[written.item[late]], 0.0, size)
        opinion, log_number = mean - usual, np.log1p(number)
        self.table = np.stack([opinion, log_number, opinion * log_number, trend, number == 0], axis=1).astype(
            np.float32
        )

    def _shrunk(
        self, item: NDArray[np.int32], value: NDArray[np.floating], usual: float, size: int
    ) -> NDArray[np.float64]:
        """Mean of each item's values and `SHRINKAGE` usual ones."""
        total = np.bincount(item, value, minlength=size) + self.SHRINKAGE * usual
        return np.asarray(total / (np.bincount(item, minlength=size) + self.SHRINKAGE))

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        return self.table[candidates.codes]
