"""Products near a sentence in meaning, for sentences that name nothing the catalogue has a word for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.assistant.constraints import ProductTable
from recsys.assistant.knowledge import Knowledge

LENGTH = 400
"""Products returned."""
SURE, LEAD = 0.4, 0.05
"""Cosine, and lead over the second, from which a category's name is what the sentence asks for."""


@dataclass(frozen=True)
class Near:
    """Rows of the nearest products, nearest first, and the one category the sentence means, if it is clear."""

    rows: Sequence[int]
    category: frozenset[str]


@dataclass(frozen=True)
class Nearest:
    """Vectors of a catalogue's products and of its categories' names; `at` is the category of each product."""

    names: Sequence[str]
    products: NDArray[np.float32]
    categories: NDArray[np.float32]
    at: NDArray[np.int64]

    @classmethod
    def of(cls, shelves: ProductTable, knowledge: Knowledge) -> Nearest:
        """A catalogue's vectors: those of its passages; only products that have none are encoded."""
        names = sorted(set(shelves.categories))
        reader = knowledge.reader
        products = knowledge.vectors([f"item:{item}" for item in shelves.ids])
        new = np.flatnonzero(~products.any(axis=1))
        products[new] = reader.vectors([shelves.texts[row] for row in new])
        products /= np.maximum(np.linalg.norm(products, axis=1, keepdims=True), 1e-9)
        return cls(names, products, reader.vectors(names), np.searchsorted(names, shelves.categories))

    def to(self, query: NDArray[np.float32]) -> Near:
        """What is nearest to a sentence; a product counts as much as its category."""
        by_category = self.categories @ query
        likeness = self.products @ query + by_category[self.at]
        rows = [int(row) for row in np.argsort(-likeness, kind="stable")[:LENGTH]]
        best = np.sort(by_category)[::-1][:2]
        clear = len(best) and best[0] >= SURE and (len(best) == 1 or best[0] - best[1] >= LEAD)
        name = self.names[int(by_category.argmax())] if clear else ""
        return Near(rows, frozenset({name} - {""}))
