"""A snapshot of a shop from its checked tables: every text encoded once, every statistic counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data import schema
from recsys.data.activity import bounded
from recsys.data.attributes import shopper_attributes
from recsys.data.catalogue import Vocabulary, render
from recsys.data.dislikes import Dislikes
from recsys.data.events import Events
from recsys.data.histories import Histories
from recsys.data.products import product_codes
from recsys.data.reviews import Opinions
from recsys.data.snapshot import Lazy, ShopTables, Snapshot, titles
from recsys.data.vectors import VectorPool
from recsys.encoders import vector_cache
from recsys.encoders.protocol import Encodes
from recsys.settings import Settings


@dataclass(frozen=True)
class Built:
    """A snapshot and what it took to make it.

    Attributes
    ----------
    notes
        Counts for the summary and the manifest.
    about
        Parts of the manifest that say what it was made with.
    said
        Words for the summary alone, as they name accounts.
    """

    snapshot: Snapshot
    notes: dict[str, Any]
    about: dict[str, Any] = field(default_factory=dict)
    said: tuple[str, ...] = ()


def build_snapshot(
    tables: ShopTables,
    encoder: Encodes,
    settings: Settings,
    *,
    previous: Sequence[VectorPool] = (),
    progress: bool = False,
    shards: Path | None = None,
) -> Built:
    """Encode what `previous` pools do not hold, and count everything."""
    items = tables.items.sort_values(schema.ITEM, ignore_index=True)
    item_ids = items[schema.ITEM].to_numpy(object)
    user_ids = np.array(sorted(tables.interactions[schema.USER].unique()), dtype=object)
    wanted = settings.training.columns
    vocabulary, tfidf = Vocabulary.learn(items, settings.encoder.template, columns=wanted)
    item_vectors = vector_cache.encode(
        encoder, render(items, settings.encoder.template), previous, progress=progress, shards=shards
    )
    activity = bounded(Events.from_table(tables.interactions, user_ids, item_ids, tables.kind), user_ids)
    events = activity.events
    if tables.dislikes is not None:
        events = replace(events, dislikes=Dislikes.from_table(tables.dislikes, user_ids, item_ids))
    events = replace(events, shoppers=shopper_attributes(tables.users, user_ids, schema.USER, wanted))
    if tables.reviews is not None:
        events = replace(events, opinions=Opinions.from_table(tables.reviews, item_ids))
    products = product_codes(items)
    histories = Histories.build(events, events.end, settings.training.half_life, products)
    history_vectors = vector_cache.encode(
        encoder,
        histories.texts(titles(items), settings.history.max_words),
        previous,
        progress=progress,
        shards=shards,
    )
    snapshot = Snapshot(
        item_ids=item_ids,
        user_ids=user_ids,
        available=_available(items),
        facts=vocabulary.facts(items, item_vectors.pool.vectors, tfidf),
        events=events,
        histories=histories,
        item_pool=item_vectors.pool,
        history_pool=history_vectors.pool,
        vocabulary=Lazy(lambda: vocabulary),
        tables=Lazy(lambda: replace(tables, items=items)),
        products=products,
        protection=tables.protection,
    )
    notes = {
        "items": len(item_ids),
        "users": len(user_ids),
        "events": len(events),
        "time": tables.kind.value,
        "items_encoded": item_vectors.encoded,
        "items_reused": item_vectors.reused,
        "items_truncated": int(item_vectors.pool.truncated.sum()),
        "histories_encoded": history_vectors.encoded,
        "histories_reused": history_vectors.reused,
        "histories_truncated": int(history_vectors.pool.truncated.sum()),
        "items_missing": tables.missing,
        "cold_items": int(len(item_ids) - len(np.unique(events.item))),
    }
    return Built(snapshot, notes, said=tuple(activity.said))


def _available(items: pd.DataFrame) -> NDArray[np.bool_]:
    if schema.AVAILABLE not in items.columns:
        return np.ones(len(items), bool)
    return items[schema.AVAILABLE].fillna(True).to_numpy(bool)
