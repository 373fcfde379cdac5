"""Training recipe: how a ranker comes out of a snapshot, with the history texts it needs."""

from __future__ import annotations

from collections.abc import Sequence
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
from recsys.data.vectors import VectorPool
from recsys.encoders import vector_cache
from recsys.encoders.protocol import Encodes
from recsys.forecast.prices import prices_of
from recsys.ranking.ranker import RankerTrainer
from recsys.ranking.sampling import Impressions
from recsys.settings import Settings


class HistoryEncoder:
    """Encoder of history texts ([CLS] vectors) as of any moment, each text encoded once.

    Training asks for histories as they were at earlier cuts. Most users' texts are the same then as now, and last
    night's pool holds most of the others.
    """

    def __init__(
        self,
        encoder: Encodes,
        snapshot: Snapshot,
        settings: Settings,
        known: Sequence[VectorPool] = (),
        *,
        progress: bool,
    ) -> None:
        self.encoder = encoder
        self.table = Lazy(lambda: snapshot.tables.value.items)
        self.prices = prices_of(snapshot)
        self._titles = titles(self.table.value)
        self._max_words = settings.history.max_words
        self._known = [snapshot.history_pool, *known]
        self._progress = progress
        self._used: list[VectorPool] = []
        self.encoded = 0

    def __call__(self, histories: Histories, users: NDArray[np.integer]) -> NDArray[np.float32]:
        """Vectors of the users' history texts, shape ``(len(users), dim)``; an empty history is the zero vector."""
        texts = histories.texts(self._titles, self._max_words, users.tolist())
        result = vector_cache.encode(self.encoder, texts, [*self._used, *self._known], progress=self._progress)
        self.encoded += result.encoded
        self._used.append(result.pool)
        return np.where([[bool(t)] for t in texts], result.pool.vectors, np.float32(0))

    @property
    def pool(self) -> VectorPool:
        """Every vector asked for so far that the snapshot itself does not hold; next night's `known`."""
        own = self._known[0]
        if not self._used:
            return VectorPool.empty(own.vectors.shape[1])
        keys = np.concatenate([p.keys for p in self._used])
        keys, first = np.unique(keys, return_index=True)
        fresh = ~np.isin(keys, own.keys)
        vectors = np.concatenate([p.vectors for p in self._used])[first[fresh]]
        truncated = np.concatenate([p.truncated for p in self._used])[first[fresh]]
        return VectorPool(keys[fresh], vectors, truncated)


def prepare_ranker(
    facts: ItemFeatures,
    events: Events,
    texts: HistoryEncoder,
    settings: Settings,
    *,
    impressions: Impressions | None = None,
    progress: bool = False,
) -> RankerTrainer:
    """What a ranker of these events is fitted from; `facts` are the whole catalogue's, row = item code.

    `impressions` later than the events are left out: they belong to the future that the ranker must not see.
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
        table=texts.table,
        prices=texts.prices,
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
