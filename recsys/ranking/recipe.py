"""Training recipe: how a ranker comes out of a snapshot, with the history texts it needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console

from recsys.data import schema
from recsys.data.catalogue import ItemFeatures
from recsys.data.events import Events
from recsys.data.histories import Histories
from recsys.data.snapshot import Lazy, Snapshot, titles
from recsys.encoders import vector_cache
from recsys.encoders.protocol import Encodes
from recsys.forecast.prices import PriceHistory
from recsys.ranking.ranker import RankerTrainer
from recsys.ranking.sampling import HistoryVectors, Impressions
from recsys.settings import Settings


class HistoryEncoder:
    """Encoder of history texts ([CLS] vectors) as of any moment, each text encoded once.

    Figures of probabilities need the vectors that would have been served; training does with `HistoryRegression`.
    """

    def __init__(
        self,
        encoder: Encodes,
        snapshot: Snapshot,
        settings: Settings,
        *,
        progress: bool,
    ) -> None:
        self.encoder = encoder
        self._titles = titles(snapshot.tables.value.items)
        self._max_words = settings.history.max_words
        self._known = [snapshot.history_pool]
        self._progress = progress

    def __call__(self, histories: Histories, users: NDArray[np.integer]) -> NDArray[np.float32]:
        """Vectors of the users' history texts, shape ``(len(users), dim)``; an empty history is the zero vector."""
        texts = histories.texts(self._titles, self._max_words, users.tolist())
        pool = vector_cache.encode(self.encoder, texts, self._known, progress=self._progress).pool
        self._known.append(pool)
        return np.where([[bool(t)] for t in texts], pool.vectors, np.float32(0))


def prepare_ranker(
    facts: ItemFeatures,
    events: Events,
    texts: HistoryVectors,
    settings: Settings,
    *,
    table: Lazy[pd.DataFrame] | None = None,
    prices: PriceHistory | None = None,
    impressions: Impressions | None = None,
    progress: bool = False,
) -> RankerTrainer:
    """What a ranker of these events is fitted from; `facts` are the whole catalogue's, row = item code.

    `impressions` later than the events are left out: they belong to the future that the ranker must not see. `table`
    reads the items, for blocks that look at further columns; `prices` says what the items cost from when on.
    """
    if impressions is not None and events.absolute:
        impressions = impressions.where(impressions.time <= events.end)
    return RankerTrainer.prepare(
        facts,
        events,
        texts,
        settings.training,
        seed=settings.seed,
        impressions=impressions,
        table=table,
        prices=prices,
        progress=Console(stderr=True, style="dim").print if progress else None,
    )


def impressions_of(shop: Snapshot) -> Impressions | None:
    """Impressions of a shop as codes; what was disliked was seen and not wanted. None where there is neither."""
    said, table = shop.events.dislikes, shop.tables.value.impressions
    disliked = None if said is None else Impressions(said.user, said.item, said.time, np.zeros(len(said), bool))
    if table is None:
        return disliked
    user = shop.user_index.get_indexer(pd.Index(table[schema.USER], dtype=object)).astype(np.int32)
    item = shop.item_index.get_indexer(pd.Index(table[schema.ITEM], dtype=object)).astype(np.int32)
    known = Impressions(user, item, table[schema.TIME].to_numpy(np.float64), table[schema.CLICKED].to_numpy(bool))
    known = known.where((user >= 0) & (item >= 0))
    return known if disliked is None else known.with_more(disliked)


def training_recipe(settings: Settings) -> dict[str, Any]:
    """The settings that decide how a ranker comes out of the same tables."""
    return {
        "encoder": settings.encoder.model_dump(mode="json", exclude={"device"}),
        "history": settings.history.model_dump(mode="json"),
        "training": settings.training.model_dump(mode="json"),
        "seed": settings.seed,
    }
