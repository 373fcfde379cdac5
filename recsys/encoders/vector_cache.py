"""Vector cache: texts that were encoded before are not encoded again.

A vector is known by the hash of what made it: the encoder's fingerprint (weights, pooling, length limit, prompts) and
the text. An unchanged product is never encoded twice, and a second id with the same text gets the same vector.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recsys.data.atomic import private_folder
from recsys.data.vectors import KEY, VectorPool
from recsys.encoders.protocol import Encodes

#: Texts encoded between two savings, and rows moved at a time.
SHARD = 16_384


def text_keys(fingerprint: str, texts: Sequence[str]) -> NDArray[np.bytes_]:
    """Cache keys of texts under one encoder; dtype `KEY`, shape ``(n,)``."""
    salt = hashlib.blake2b(fingerprint.encode(), digest_size=16).digest()
    return np.array(
        [hashlib.blake2b(t.encode("utf-8", "surrogatepass"), digest_size=16, key=salt).hexdigest() for t in texts],
        dtype=KEY,
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
    encoder: Encodes,
    texts: Sequence[str],
    known: Sequence[VectorPool] = (),
    *,
    progress: bool = False,
    shards: Path | None = None,
) -> Reused:
    """Vectors of `texts` in order, shape ``(n, dim)``, taken from `known` pools where they are there.

    Memory holds one shard of vectors at a time: with `shards`, the result is a memory map.

    Parameters
    ----------
    shards
        Directory to keep finished work in until the caller has published; an interrupted run continues from there.
    """
    keys = text_keys(encoder.fingerprint, texts)
    vectors = _room(len(texts), encoder.dim, shards)
    truncated = np.zeros(len(texts), bool)
    todo = np.ones(len(texts), bool)

    def take(pool: VectorPool) -> None:
        rows = np.flatnonzero(todo)
        there, wanted = _digests(pool.keys), _digests(keys[rows])
        order = np.argsort(there, kind="stable")
        source = order[np.minimum(np.searchsorted(there, wanted, sorter=order), len(order) - 1)]
        hit = pool.keys[source] == keys[rows]
        rows, source = rows[hit], source[hit]
        for start in range(0, len(rows), SHARD):
            vectors[rows[start : start + SHARD]] = pool.vectors[source[start : start + SHARD]]
        truncated[rows] = pool.truncated[source]
        todo[rows] = False

    for pool in [*known, *_finished(shards, encoder.dim)]:
        if len(pool) and todo.any():
            take(pool)
    rows = np.flatnonzero(todo)
    _, first = np.unique(keys[rows], return_index=True)
    fresh = rows[np.sort(first)]
    shard = int(getattr(encoder, "shard", SHARD))  # an engine with many workers asks for more at a time
    for start in range(0, len(fresh), shard):
        part = fresh[start : start + shard]
        result = encoder.encode([texts[i] for i in part], progress=progress)
        done = VectorPool(keys[part], result.vectors, result.cut)
        if shards is not None:
            done.save(shards, keys[part[0]].decode())
        vectors[part], truncated[part], todo[part] = done.vectors, done.truncated, False
    if todo.any():  # the same texts once more
        again = np.flatnonzero(todo)
        order = fresh[np.argsort(keys[fresh])]
        source = order[np.searchsorted(keys[order], keys[again])]
        for start in range(0, len(again), SHARD):
            vectors[again[start : start + SHARD]] = vectors[source[start : start + SHARD]]
        truncated[again] = truncated[source]
    return Reused(VectorPool(keys, vectors, truncated), encoded=len(fresh), reused=len(texts) - len(fresh))


def _digests(keys: NDArray[np.bytes_]) -> NDArray[np.uint64]:
    """64-bit hashes of keys: they sort ten times as fast, and two keys with the same hash only cost an encoding."""
    parts = np.ascontiguousarray(keys).view(np.uint64).reshape(len(keys), -1)
    # Powers of an odd number: no bit of a part is lost.
    spread = np.uint64(0x9E3779B97F4A7C15) ** np.arange(1, parts.shape[1] + 1, dtype=np.uint64)
    return np.asarray((parts * spread).sum(axis=1, dtype=np.uint64))


def _room(n: int, dim: int, folder: Path | None) -> NDArray[np.float32]:
    """Array for vectors: in memory, or mapped from a file without a name, which goes when nobody maps it any more."""
    if folder is None or n * dim == 0:
        return np.empty((n, dim), np.float32)
    private_folder(folder)
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            # A sparse file would find the disk full only when a page of it is written: a signal instead of an error.
            os.posix_fallocate(file.fileno(), 0, 4 * n * dim)
        return np.memmap(file, np.float32, "w+", shape=(n, dim))


def _finished(shards: Path | None, dim: int) -> list[VectorPool]:
    if shards is None or not shards.is_dir():
        return []
    pools = []
    for path in sorted(shards.glob("*_truncated.npy")):  # written last: a shard with this file is whole
        try:
            pool = VectorPool.load(shards, path.name.removesuffix("_truncated.npy"))
        except (ValueError, OSError, EOFError):
            continue  # cut short by the interruption; it is encoded again
        if pool.vectors.shape == (len(pool.keys), dim) and len(pool.truncated) == len(pool.keys):
            pools.append(pool)
    return pools
