"""Dense retrieval of products: those near a sentence in meaning, whatever words it uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.encoders.protocol import Encodes
from recsys.serving.search.product_table import ProductTable


@dataclass(frozen=True)
class Nearest:
    """Unit vectors of a catalogue's products and of its categories' names; `at` is the category of each product."""

    encoder: Encodes
    products: NDArray[np.float32]
    categories: NDArray[np.float32]
    at: NDArray[np.int64]

    @classmethod
    def of(cls, table: ProductTable, encoder: Encodes, vectors: NDArray[np.float32]) -> Nearest:
        """A catalogue's vectors, shape ``(n_products, dim)``; where one is all zeros, the product's text is encoded."""
        names = sorted(set(table.categories))
        products = np.array(vectors, np.float32)
        new = np.flatnonzero(~products.any(axis=1))
        if len(new):
            products[new] = encoder.encode([table.texts[row] for row in new]).vectors
        products /= np.maximum(np.linalg.norm(products, axis=1, keepdims=True), 1e-9)
        return cls(encoder, products, encoder.encode(names).vectors, np.searchsorted(names, table.categories))

    def likeness(self, text: str) -> NDArray[np.float32]:
        """How near each product is to a sentence, shape ``(n_products,)``; it counts as much as its category."""
        query = self.encoder.encode([text]).vectors[0]
        near: NDArray[np.float32] = self.products @ query + (self.categories @ query)[self.at]
        return near
