"""Encoder protocol: what every encoder offers, on one device, on several or on a cluster, and what it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Encoded:
    """Vectors of texts, and what it took to make them."""

    vectors: NDArray[np.float32]
    """`(n, dim)` float32, one row per text in the order given."""
    truncated: int
    """How many of the `n` texts were longer than the encoder's `max_length`."""
    cut: NDArray[np.bool_]
    """Which texts those are, `(n,)`."""
    unique: int
    """How many different texts were encoded."""
    tokens: int
    """Tokens in the different texts, special tokens included."""
    padding_waste: float
    """Share of the computed positions that were padding, 0 to 1."""


class Encodes(Protocol):
    """Anything that turns texts into vectors as `recsys.encoders.encoder.Encoder` does.

    Attributes
    ----------
    dim
        Components of a vector.
    pooling
        `cls` or `mean`: what a text's vector is made of.
    max_length
        Tokens of a text that are read, special tokens included; what is longer is cut and counted.
    fingerprint
        Hash of everything that decides a text's vector: weights, tokenizer, pooling, max length, prompts, precision.
    info
        The same in words, for a manifest.
    """

    dim: int
    pooling: str
    max_length: int
    fingerprint: str
    info: dict[str, Any]

    def encode(
        self, texts: Sequence[str], *, kind: str = "document", normalize: bool = True, progress: bool = False
    ) -> Encoded:
        """Vectors of `texts`; see `recsys.encoders.encoder.Encoder.encode`."""
        ...


class Composed:
    """An encoder around another: it shows the inner one's attributes, and may hand texts to it."""

    def __init__(self, inner: Encodes) -> None:
        self.inner = inner
        self.dim, self.pooling, self.max_length = inner.dim, inner.pooling, inner.max_length
        self.fingerprint, self.info = inner.fingerprint, inner.info
