"""Item features from descriptions: vectors, TF-IDF terms, brand, category, price.

`ItemFeatures` holds the same arrays for catalogue items, for products the catalogue has never seen, and for a sentence
a shopper typed (a history of one unknown product), so that no caller needs a special case for any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from recsys.data import schema
from recsys.data.attributes import Attributes, AttributeSpace
from recsys.data.sparsity import strongest_of
from recsys.data.tfidf import Tfidf

#: Nearest items by words that are kept of each item, and the most items that may share a word that counts for it.
ALIKE, COMMON = 15, 300


def render(table: pd.DataFrame, template: Sequence[str]) -> list[str]:
    """Text of each row for the encoder: the template's columns that exist and are filled, joined by ``". "``."""
    columns = [
        table[c].astype("string").fillna("").str.strip().to_numpy(object) for c in template if c in table.columns
    ]
    if not columns:
        return [""] * len(table)
    return [". ".join(dict.fromkeys(part for part in row if part)) for row in zip(*columns, strict=True)]


@dataclass(frozen=True)
class ItemFeatures:
    """Features of ``m`` products, one row each.

    Attributes
    ----------
    vectors
        Encoder vectors, unit length, float32, shape ``(m, dim)``.
    terms
        TF-IDF rows, unit length, CSR float32, shape ``(m, vocabulary)``.
    brand, category
        Codes into the catalogue's vocabularies, -1 where unknown; int32, shape ``(m,)``.
    price
        Natural logarithm of ``1 + price``, NaN where unknown; float32, shape ``(m,)``.
    pictures
        Vectors of the pictures, unit length, float32, shape ``(m, dim of the picture encoder)``, zeros where an item
        has none; None where the shop has none at all.
    own
        The shop's own further columns; None where it has none.
    """

    vectors: NDArray[np.float32]
    terms: sparse.csr_array
    brand: NDArray[np.int32]
    category: NDArray[np.int32]
    price: NDArray[np.float32]
    pictures: NDArray[np.float32] | None = None
    own: Attributes | None = None

    def __len__(self) -> int:
        return len(self.brand)

    @cached_property
    def items_by_term(self) -> sparse.csr_array:
        """Inverted index: `terms` transposed, ``(vocabulary, m)``; a few products meet all others through words."""
        return sparse.csr_array(self.terms.T)

    @cached_property
    def directions(self) -> NDArray[np.float32]:
        """Principal components (PCA) of the vectors, strongest first, one per column; shape ``(dim, dim)``."""
        step = max(len(self) // 50_000, 1)  # a sample is enough for directions
        vectors = self.vectors[::step].astype(np.float64)
        centred = vectors - vectors.mean(axis=0) if len(vectors) else vectors
        axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
        # Signs are arbitrary; fix them, so that the same catalogue gives the same directions everywhere.
        return np.asarray(axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(len(axes))]), dtype=np.float32)

    @cached_property
    def alike(self) -> sparse.csr_array:
        """Nearest-neighbour matrix by TF-IDF cosine: `ALIKE` others of each item, shape ``(m, m)``.

        Words of more than `COMMON` items are left out: they say little, and the work grows with the square of how many
        items share a word.
        """
        shared_by = np.bincount(self.terms.indices, minlength=self.terms.shape[1])
        rare = sparse.csr_array(self.terms[:, np.flatnonzero(shared_by <= COMMON)])
        turned = sparse.csr_array(rare.T)

        def others(rows: slice) -> sparse.csr_array:
            near = (rare[rows] @ turned).tocoo()
            other = near.col != near.row + rows.start
            return sparse.csr_array((near.data[other], (near.row[other], near.col[other])), shape=near.shape)

        return strongest_of(others, len(self), ALIKE)

    def take(self, rows: ArrayLike) -> ItemFeatures:
        """The facts of these rows, in this order."""
        at = np.asarray(rows, dtype=np.int64)
        pictures = None if self.pictures is None else self.pictures[at]
        own = None if self.own is None else self.own.take(at)
        return ItemFeatures(
            self.vectors[at], self.terms[at], self.brand[at], self.category[at], self.price[at], pictures, own
        )

    @staticmethod
    def concat(first: ItemFeatures, second: ItemFeatures) -> ItemFeatures:
        """The rows of both, coded by the same vocabulary."""
        return ItemFeatures(
            np.concatenate([first.vectors, second.vectors]),
            sparse.csr_array(sparse.vstack([first.terms, second.terms])),
            np.concatenate([first.brand, second.brand]),
            np.concatenate([first.category, second.category]),
            np.concatenate([first.price, second.price]),
            _stacked(first, second),
            Attributes.concat(first.own, second.own, (len(first), len(second))),
        )


def _stacked(first: ItemFeatures, second: ItemFeatures) -> NDArray[np.float32] | None:
    """Picture vectors of both; products that are only described have none."""
    there = [one.pictures for one in (first, second) if one.pictures is not None]
    if not there:
        return None
    return np.concatenate(
        [
            np.zeros((len(one), there[0].shape[1]), np.float32) if one.pictures is None else one.pictures
            for one in (first, second)
        ]
    )


@dataclass(frozen=True)
class Candidates:
    """Candidates to be scored: their catalogue codes (-1 for a product the catalogue does not have) and facts."""

    codes: NDArray[np.int64]
    facts: ItemFeatures

    @classmethod
    def of(cls, catalogue: ItemFeatures, codes: ArrayLike | None = None) -> Candidates:
        """Products of the catalogue: those of `codes`, or all of them without copying a fact."""
        if codes is None:
            return cls(np.arange(len(catalogue)), catalogue)
        at = np.asarray(codes, dtype=np.int64)
        return cls(at, catalogue.take(at))

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: ArrayLike) -> Candidates:
        """The candidates of these rows, in this order."""
        at = np.asarray(rows, dtype=np.int64)
        return Candidates(self.codes[at], self.facts.take(at))


class Vocabulary:
    """Feature extractor: fitted on the catalogue, maps any product table to `ItemFeatures`.

    Parameters
    ----------
    template
        Columns that make up an item's text, in order.
    tfidf
        Terms of the catalogue and what each weighs.
    brands, categories
        Sorted known values.
    own
        The shop's own further columns.
    """

    def __init__(
        self,
        template: Sequence[str],
        tfidf: Tfidf,
        brands: Sequence[str],
        categories: Sequence[str],
        own: AttributeSpace | None = None,
    ) -> None:
        self.template = tuple(template)
        self.tfidf = tfidf
        self.brands = pd.Index(brands, dtype=object)
        self.categories = pd.Index(categories, dtype=object)
        self.own = own or AttributeSpace(())

    @classmethod
    def fit(cls, table: pd.DataFrame, template: Sequence[str], max_terms: int = 200_000) -> Vocabulary:
        """Learn terms, brands and categories from a catalogue."""
        return cls.learn(table, template, max_terms)[0]

    @classmethod
    def learn(
        cls, table: pd.DataFrame, template: Sequence[str], max_terms: int = 200_000, columns: Sequence[str] = ()
    ) -> tuple[Vocabulary, sparse.csr_array]:
        """`fit`, and the TF-IDF rows of the same catalogue, from one pass over its words.

        `columns` is the setting ``training.columns``.
        """
        tfidf, rows = Tfidf.learn(render(table, template), max_terms)
        own = AttributeSpace.fit(table, template, columns)
        return cls(template, tfidf, _values(table, schema.BRAND), _values(table, schema.CATEGORY), own), rows

    def facts(
        self, table: pd.DataFrame, vectors: NDArray[np.float32], tfidf: sparse.csr_array | None = None
    ) -> ItemFeatures:
        """Facts of the rows of `table`, whose vectors are ``vectors`` of shape ``(len(table), dim)``.

        `tfidf` are their TF-IDF rows where `learn` has made them already.
        """
        return ItemFeatures(
            vectors=vectors,
            terms=self.tfidf.transform(render(table, self.template)) if tfidf is None else tfidf,
            brand=_codes(table, schema.BRAND, self.brands),
            category=_codes(table, schema.CATEGORY, self.categories),
            price=_log_price(table),
            own=self.own.attributes(table),
        )

    def state(self) -> dict[str, Any]:
        """Plain lists and arrays from which `restore` makes an equal object."""
        return {
            "template": list(self.template),
            "terms": self.tfidf.terms,
            "idf": self.tfidf.idf,
            "brands": [str(b) for b in self.brands],
            "categories": [str(c) for c in self.categories],
            "own": self.own.state(),
        }

    @classmethod
    def restore(
        cls,
        template: Sequence[str],
        terms: Sequence[str],
        idf: NDArray[np.float64],
        brands: Sequence[str],
        categories: Sequence[str],
        own: Sequence[dict[str, Any]] = (),
    ) -> Vocabulary:
        """Inverse of `state`."""
        return cls(template, Tfidf(terms, idf), brands, categories, AttributeSpace.restore(own))


def _values(table: pd.DataFrame, column: str) -> list[str]:
    if column not in table.columns:
        return []
    filled = table[column].dropna().astype(str).str.strip()
    return sorted(set(filled[filled != ""]))


def _codes(table: pd.DataFrame, column: str, known: pd.Index) -> NDArray[np.int32]:
    if column not in table.columns:
        return np.full(len(table), -1, np.int32)
    return known.get_indexer(table[column].fillna("").astype(str).str.strip().astype(object)).astype(np.int32)


def _log_price(table: pd.DataFrame) -> NDArray[np.float32]:
    if schema.PRICE not in table.columns:
        return np.full(len(table), np.nan, np.float32)
    price = pd.to_numeric(table[schema.PRICE], errors="coerce").to_numpy(np.float64)
    if schema.CURRENCY in table.columns:
        # A price is compared with prices of its own currency only: those of the commonest are kept, others unknown.
        currency = table[schema.CURRENCY].astype("string").str.strip().str.upper()
        common = currency.mode()
        other = (
            (currency.notna() & (currency != "") & (currency != common.iloc[0])).to_numpy(bool)
            if len(common)
            else False
        )
        price = np.where(other, np.nan, price)
    return np.log1p(np.where(price >= 0, price, np.nan)).astype(np.float32)
