"""Cold-start features: what the text alone is worth where an item has sold little or not at all."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from recsys.data.catalogue import Candidates
from recsys.data.histories import Profile
from recsys.ranking.features.base import ALIKE, Array, Block, State, TrainingContext
from recsys.ranking.features.content import Similarity, Words

#: Blocks that read texts, and their features that count on their own for new items.
SOURCES: tuple[type[Block], ...] = (Similarity, Words)
READ = ("cosine_mean", "cosine_max", "cosine_top3", "words_mean", "words_max", "words_log_max", "words_log_mean")
_AT = [[column for kind in SOURCES for column in kind.columns].index(name) for name in READ]


class NewProducts(Block):
    """Text similarity times coldness ``1 / (1 + sales)``: weights of its own where nothing else is known.

    Of an item that sells, co-purchase says most and its text little; one set of weights for both makes the text count
    for too little where it is all there is. Windows in which an item was new teach how much it is worth there.
    """

    name = "new products"
    meaning = "the item is new and reads like things in this shopper's history"
    evidence_kinds = ALIKE
    expensive = True
    columns = tuple(f"{column}_x_new" for column in READ)

    #: Coldness below which an item is no longer new: most candidates are not, and cost nothing.
    LEAST: ClassVar[float] = 0.1
    #: Coldness of each item, shape ``(n_items + 1,)``.
    coldness: NDArray[np.float32]

    @override
    def fit(self, context: TrainingContext) -> None:
        sales = np.bincount(context.events.item, minlength=len(context.catalogue) + 1)
        cold = 1.0 / (1.0 + sales)
        self.coldness = np.where(cold >= self.LEAST, cold, 0.0).astype(np.float32)

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        rows = np.flatnonzero(self.coldness[candidates.codes])
        new = candidates.take(rows)
        parts = {kind.name: kind().transform(profile, new) for kind in SOURCES} if len(rows) and len(profile) else {}
        out = np.zeros((len(candidates), len(READ)), np.float32)
        out[rows] = self.transform_beside(parts, profile, new) if parts else 0.0
        return out

    @override
    def transform_beside(self, made: State, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        if not all(kind.name in made for kind in SOURCES):
            return self.transform(profile, candidates)
        if not len(profile):
            return np.zeros((len(candidates), len(READ)), np.float32)
        read = np.concatenate([made[kind.name] for kind in SOURCES], axis=1)[:, _AT]
        return np.asarray(read * self.coldness[candidates.codes, None])

    @override
    def state(self) -> dict[str, Array]:
        return {"coldness": self.coldness}

    @override
    def restore(self, state: State) -> None:
        self.coldness = state["coldness"]
