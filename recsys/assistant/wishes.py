"""Whether a product is what a shopper wishes for, by a causal cross-encoder taught on wishes beside products.

Words and likeness find what a wish speaks of, and find it as well where the wish refuses it ("chicken upsets him") or
means another thing by the same word. The cross-encoder reads a product's text and the wish together (Nogueira and Cho,
"Passage Re-ranking with BERT", 2019). It was taught on shelves of invented shops and on wishes at the sample shop
(`data/wishes`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from recsys.assistant.adapters import WriterAdapter, of_lines
from recsys.encoders.pair_training import LabelledPair
from recsys.llm.causal_cross_encoder import MOST_FIRST
from recsys.serving.search import ProductTable

OUTPUTS = ("another", "open", "fits")
"""Scores of the cross-encoder: a product is another thing or speaks against the wish, is such a thing and leaves some
of the wish open, or is what the wish asks for."""
LETTERS = "xof"
"""How a file of shelves writes `OUTPUTS`."""
ADAPTER = "wishes.safetensors"
"""The adapter's file, the package's own and in a directory that `recsys finetune wishes` writes."""
KEPT_TOKENS = 32_000
"""Tokens of products whose keys and values are kept: some five hundred products, a quarter of a gigabyte."""
WISH = "Wish: {}"
MOST_WISH = MOST_FIRST - len(WISH.format(""))
"""Characters of a wish that are read, the last ones: the latest turn says what holds now."""


class Wishes(WriterAdapter):
    """Judges products beside a wish.

    Parameters
    ----------
    encoder
        Scores a wish beside a product's text, in the order of `OUTPUTS`.
    """

    file = ADAPTER
    lost = "whether a product is what was wished for is told by words and likeness alone"
    kept_tokens = KEPT_TOKENS

    def __call__(self, wish: str, products: Sequence[str]) -> NDArray[np.float64]:
        """Probability of each of `OUTPUTS`, shape ``(len(products), 3)``; a wish over several turns is its lines."""
        scores = self._encoder([(WISH.format(wish[-MOST_WISH:]), product) for product in products])
        found: NDArray[np.float64] = softmax(scores.astype(np.float64), axis=1)
        return found

    def over(self, table: ProductTable) -> Callable[[str, Sequence[int]], NDArray[np.float64]]:
        """Probability that rows of a catalogue are what a wish asks for, as `ProductSearch` takes it."""

        def told(row: int) -> str:
            price = f" {table.prices[row]:g}" if np.isfinite(table.prices[row]) else ""
            return f"{table.titles[row]}. {table.said(row)}{price}"

        return lambda wish, rows: self(wish, list(map(told, rows)))[:, OUTPUTS.index("fits")]


def read_shelves(files: Sequence[Path]) -> list[LabelledPair]:
    """Wishes beside products, of files in JSON lines.

    A line is a shelf: ``products``, a list of texts, and ``wishes``, a list of ``[wish, letters]`` with a letter of
    `LETTERS` for each product. A wish that goes on over several turns is their lines.

    Raises
    ------
    BadInput
        A line is of another form; file, line and what is wrong are named.
    """
    return [pair for file in files for pair in of_lines(file, _of_shelf, "no shelf of products with wishes")]


def _of_shelf(shelf: dict[str, Any]) -> list[LabelledPair]:
    every = tuple(range(len(OUTPUTS)))
    pairs: list[LabelledPair] = []
    for wish, letters in shelf["wishes"]:
        if len(letters) != len(shelf["products"]) or not set(letters) <= set(LETTERS):
            raise ValueError(f"{letters!r} is not a letter of {LETTERS!r} for each product (wish {wish!r})")
        judged = zip(shelf["products"], letters, strict=True)
        pairs += [LabelledPair(WISH.format(wish), text, every, LETTERS.index(letter)) for text, letter in judged]
    return pairs
