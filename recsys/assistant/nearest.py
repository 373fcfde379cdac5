"""Dense retrieval of products: those near a sentence in meaning, whatever words it uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.assistant.catalogue import ProductTable
from recsys.assistant.knowledge import Knowledge
from recsys.encoders.universal import for_products

LENGTH = 400
"""Products returned."""


@dataclass(frozen=True)
class Near:
    """Rows of the nearest products, nearest first, and every product's likeness."""

    rows: Sequence[int]
    likeness: NDArray[np.float32]


@dataclass(frozen=True)
class Nearest:
    """Unit vectors of a catalogue's products and of its categories' names; `at` is the category of each product."""

    products: NDArray[np.float32]
    categories: NDArray[np.float32]
    at: NDArray[np.int64]

    @classmethod
    def of(cls, shelves: ProductTable, knowledge: Knowledge) -> Nearest:
        """A catalogue's vectors: those of its passages; only products that have none are encoded."""
        names = sorted(set(shelves.categories))
        encoder = for_products(knowledge.reader.encoder)
        products = knowledge.vectors([f"item:{item}" for item in shelves.ids])
        new = np.flatnonzero(~products.any(axis=1))
        if len(new):
            products[new] = encoder.encode([shelves.texts[row] for row in new]).vectors
        products /= np.maximum(np.linalg.norm(products, axis=1, keepdims=True), 1e-9)
        return cls(products, encoder.encode(names).vectors, np.searchsorted(names, shelves.categories))

    def to(self, query: NDArray[np.float32]) -> Near:
        """What is nearest to a sentence; a product counts as much as its category."""
        likeness = self.products @ query + (self.categories @ query)[self.at]
        return Near([int(row) for row in np.argsort(-likeness, kind="stable")[:LENGTH]], likeness)
