"""Dense retrieval of products: those near a sentence in meaning, whatever words it uses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recsys.encoders.protocol import Encodes
from recsys.serving.search.product_table import ProductTable

MOST_KINDS = 1_000
"""Kinds of product whose names are read, the most frequent ones."""


@dataclass(frozen=True)
class Nearest:
    """Unit vectors of a catalogue's products, categories and kinds, and which of the latter each product is of.

    `reader` reads sentences and the names of kinds: it may know more languages than `encoder`, which read the products.
    A kind is 0 where its product's is none of the frequent ones.
    """

    encoder: Encodes
    products: NDArray[np.float32]
    categories: NDArray[np.float32]
    at: NDArray[np.int64]
    reader: Encodes
    kinds: NDArray[np.float32]
    kind_at: NDArray[np.int64]
    _read: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, table: ProductTable, encoder: Encodes, vectors: NDArray[np.float32], reader: Encodes | None = None
    ) -> Nearest:
        """A catalogue's vectors, shape ``(n_products, dim)``; where one is all zeros, the product's text is encoded."""
        names, reader = sorted(set(table.categories)), reader or encoder
        products = np.array(vectors, np.float32)
        new = np.flatnonzero(~products.any(axis=1))
        if len(new):
            products[new] = encoder.encode([table.texts[row] for row in new]).vectors
        products /= np.maximum(np.linalg.norm(products, axis=1, keepdims=True), 1e-9)
        called = [kind or category.lower() for kind, category in zip(table.kind_of, table.categories, strict=True)]
        frequent = [name for name, _ in Counter(called).most_common(MOST_KINDS)]
        place = {name: at for at, name in enumerate(frequent, 1)}
        read = reader.encode(frequent).vectors
        return cls(
            encoder,
            products,
            encoder.encode(names).vectors,
            np.searchsorted(names, table.categories),
            reader,
            np.concatenate([np.zeros((1, read.shape[1]), np.float32), read]),
            np.array([place.get(name, 0) for name in called]),
        )

    def likeness(self, text: str) -> NDArray[np.float32]:
        """How near each product is to a sentence, shape ``(n_products,)``; it counts as much as its category."""
        query = self.encoder.encode([text]).vectors[0]
        near: NDArray[np.float32] = self.products @ query + (self.categories @ query)[self.at]
        return near

    def of_kind(self, text: str) -> NDArray[np.float32]:
        """Cosine of a sentence and the kind of each product, shape ``(n_products,)``, in any language that is read."""
        if (found := self._read.get(text)) is not None:
            return found
        query = self.reader.encode([text]).vectors[0]
        kinds = self.kinds[:, query != 0]  # a joined encoder leaves out the half that cannot read the sentence
        near = kinds @ query[query != 0] / np.maximum(np.linalg.norm(kinds, axis=1) * np.linalg.norm(query), 1e-9)
        found = near.astype(np.float32)[self.kind_at]
        self._read.clear()  # one turn asks for the same sentence again; another thread's turn may take its place
        self._read[text] = found
        return found
