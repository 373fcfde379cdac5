"""A small shop as arrays, for tests of what learns from behaviour: two tastes, some words, prices, brands."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recsys.data.catalogue import ItemFeatures, Vocabulary
from recsys.data.events import DAY, Events
from recsys.data.histories import Histories
from recsys.data.schema import TimeKind
from recsys.ranking.features import TrainingContext

START = 1_700_000_000.0
TEMPLATE = ("title", "brand", "category")


def tables(
    n_users: int = 120, n_items: int = 60, seed: int = 0, columns: tuple[str, ...] = ("brand", "category", "price")
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Items of two kinds; each user keeps to one, and buys item ``k + 1`` after item ``k``."""
    rng = np.random.default_rng(seed)
    kinds = np.where(np.arange(n_items) % 2, "garden", "kitchen")
    words = np.array(["red", "blue", "small", "large", "plain", "steel", "wooden"])
    items = pd.DataFrame(
        {
            "item_id": [f"i{k:03d}" for k in range(n_items)],
            "title": [f"{kinds[k]} {' '.join(rng.choice(words, 2))} thing {k}" for k in range(n_items)],
            "brand": [f"{kinds[k]} {k % 3}" for k in range(n_items)],
            "category": kinds,
            "price": 2.0 + (np.arange(n_items) % 9),
        }
    )[["item_id", "title", *columns]]
    rows = []
    for user in range(n_users):
        own = np.flatnonzero(kinds == ("garden" if user % 2 else "kitchen"))[: n_items // 2 - 2]
        first = int(rng.integers(0, len(own)))
        began = START + DAY * int(rng.integers(0, 200))
        for step in range(int(rng.integers(3, 9))):
            item = own[(first + step) % len(own)] if rng.random() < 0.7 else rng.choice(own)
            rows.append((f"u{user:03d}", f"i{item:03d}", began + step * 5 * DAY, 1.0))
    return items, pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "weight"])


def events_of(items: pd.DataFrame, rows: pd.DataFrame, kind: TimeKind = TimeKind.ABSOLUTE) -> Events:
    return Events.from_table(rows, sorted(set(rows.user_id)), list(items.item_id), kind)


def facts_of(items: pd.DataFrame, dim: int = 12, seed: int = 0) -> ItemFeatures:
    """Vectors that know the kind of an item and little else."""
    rng = np.random.default_rng(seed)
    garden = items.title.str.startswith("garden").to_numpy()
    vectors = rng.normal(size=(len(items), dim)) * 0.5
    vectors[:, 0] += np.where(garden, 1.0, -1.0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Vocabulary.fit(items, TEMPLATE).facts(items, vectors.astype(np.float32))


def context_of(events: Events, facts: ItemFeatures) -> TrainingContext:
    return TrainingContext.as_of(facts, events, events.end, 8.0)


def mean_texts(facts: ItemFeatures):
    """Stands in for encoded history texts: the mean of the items' vectors."""

    def vectors(histories: Histories, users: np.ndarray) -> np.ndarray:
        zero = np.zeros(facts.vectors.shape[1], np.float32)
        return np.array([histories.profile(int(u), facts, zero).mean for u in users], np.float32).reshape(
            len(users), len(zero)
        )

    return vectors
