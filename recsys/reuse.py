"""Encode only what has not been encoded before.

A vector is known by the hash of what made it: the encoder's fingerprint (weights, pooling, length limit, prompts) and
the text. An unchanged product is never encoded twice, and a second id with the same text gets the same vector.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recsys.encoder import Encoder

KEY = "S32"
_SHARD = 16_384


def text_keys(fingerprint: str, texts: Sequence[str]) -> NDArray[np.bytes_]:
    """Reuse keys of texts under one encoder; dtype `KEY`, shape ``(n,)``."""
    salt = hashlib.blake2b(fingerprint.encode(), digest_size=16).digest()
    return np.array(
        [hashlib.blake2b(t.encode("utf-8", "surrogatepass"), digest_size=16, key=salt).hexdigest() for t in texts],
        dtype=KEY,
    )


@dataclass(frozen=True)
class VectorPool:
    """Vectors by key; `truncated` says which texts were longer than the encoder reads."""

    keys: NDArray[np.bytes_]
    vectors: NDArray[np.float32]
    truncated: NDArray[np.bool_]

    @classmethod
    def empty(cls, dim: int) -> VectorPool:
        """No vectors of this size."""
        return cls(np.zeros(0, KEY), np.zeros((0, dim), np.float32), np.zeros(0, bool))

    def __len__(self) -> int:
        return len(self.keys)

    def save(self, directory: Path, name: str) -> None:
        """Write ``<name>.npy``, ``<name>_keys.npy`` and ``<name>_truncated.npy``."""
        directory.mkdir(parents=True, exist_ok=True)
        np.save(directory / f"{name}.npy", self.vectors)
        np.save(directory / f"{name}_keys.npy", self.keys)
        np.save(directory / f"{name}_truncated.npy", self.truncated)

    @classmethod
    def load(cls, directory: Path, name: str) -> VectorPool:
        """Memory-map what `save` wrote."""
        return cls(
            keys=np.load(directory / f"{name}_keys.npy", mmap_mode="r", allow_pickle=False),
            vectors=np.load(directory / f"{name}.npy", mmap_mode="r", allow_pickle=False),
            truncated=np.load(directory / f"{name}_truncated.npy", mmap_mode="r", allow_pickle=False),
        )


@dataclass(frozen=True)
class Reused:
    """Vectors of texts, and what it took to get them."""

    pool: VectorPool
    encoded: int
    """Texts (of this call, duplicates counted once) that the encoder had to read."""
    reused: int
    """Texts whose vector was known, or equal to another text of this call."""


def encode(
    encoder: Encoder,
    texts: Sequence[str],
    known: Sequence[VectorPool] = (),
    *,
    progress: bool = False,
    shards: Path | None = None,
) -> Reused:
    """Vectors of `texts` in order, shape ``(n, dim)``, taken from `known` pools where they are there.

    Parameters
    ----------
    shards
        Directory to keep finished work in until the caller has published; an interrupted run continues from there.
    """
    keys = text_keys(encoder.fingerprint, texts)
    n = len(texts)
    vectors = np.empty((n, encoder.dim), np.float32)
    truncated = np.zeros(n, bool)
    todo = np.ones(n, bool)
    for pool in [*known, *_finished(shards, encoder.dim)]:
        if not len(pool) or not todo.any():
            continue
        order = np.argsort(pool.keys, kind="stable")
        rows = np.flatnonzero(todo)
        at = np.minimum(np.searchsorted(pool.keys, keys[rows], sorter=order), len(order) - 1)
        source = order[at]
        hit = pool.keys[source] == keys[rows]
        vectors[rows[hit]] = pool.vectors[source[hit]]
        truncated[rows[hit]] = pool.truncated[source[hit]]
        todo[rows[hit]] = False
    rows = np.flatnonzero(todo)
    _, first, inverse = np.unique(keys[rows], return_index=True, return_inverse=True)
    fresh = rows[np.sort(first)]
    for start in range(0, len(fresh), _SHARD):
        part = fresh[start : start + _SHARD]
        result = encoder.encode([texts[i] for i in part], progress=progress)
        vectors[part], truncated[part] = result.vectors, result.cut
        if shards is not None:
            VectorPool(keys[part], result.vectors, result.cut).save(shards, f"{keys[part[0]].decode()}")
    source = rows[first[inverse]] if len(rows) else rows
    vectors[rows], truncated[rows] = vectors[source], truncated[source]
    return Reused(VectorPool(keys, vectors, truncated), encoded=len(fresh), reused=n - len(fresh))


def _finished(shards: Path | None, dim: int) -> list[VectorPool]:
    if shards is None or not shards.is_dir():
        return []
    pools = []
    for path in sorted(shards.glob("*_truncated.npy")):  # written last: a shard with this file is whole
        try:
            pool = VectorPool.load(shards, path.name.removesuffix("_truncated.npy"))
        except (ValueError, OSError):
            continue  # cut short by the interruption; it is encoded again
        if pool.vectors.shape == (len(pool.keys), dim) and len(pool.truncated) == len(pool.keys):
            pools.append(pool)
    return pools
