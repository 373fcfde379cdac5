"""Named feature blocks of a shopper and candidate items; the ranker is a weighted sum of their columns."""

from __future__ import annotations

from recsys.features.base import Block, Shop
from recsys.features.content import Category, Price, Product, Similarity, TextVectors, Words
from recsys.features.copurchase import Completes, Following, Kin, Lately, Taste, Together
from recsys.features.popularity import Age, Popularity, Season

#: All blocks of the library, in the order in which they are shown.
BLOCKS: tuple[type[Block], ...] = (
    TextVectors,
    Product,
    Similarity,
    Words,
    Together,
    Following,
    Completes,
    Kin,
    Lately,
    Taste,
    Popularity,
    Age,
    Season,
    Price,
    Category,
)

__all__ = ["BLOCKS", "Block", "Shop"]
