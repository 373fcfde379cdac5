"""Pools of text vectors with their cache keys, as three arrays on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recsys.data.memmap import open_array, save_array
from recsys.data.vault import Vault

#: dtype of a key.
KEY = "S32"


@dataclass(frozen=True)
class VectorPool:
    """Text vectors by cache key; `truncated` says which texts were longer than the encoder reads."""

    keys: NDArray[np.bytes_]
    vectors: NDArray[np.float32]
    truncated: NDArray[np.bool_]

    @classmethod
    def empty(cls, dim: int) -> VectorPool:
        """A pool without vectors, of this dimension."""
        return cls(np.zeros(0, KEY), np.zeros((0, dim), np.float32), np.zeros(0, bool))

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        """The three arrays, of one length."""
        return self.keys, self.vectors, self.truncated

    def save(self, directory: Path, name: str, vault: Vault | None = None) -> None:
        """Write ``<name>.npy``, ``<name>_keys.npy`` and ``<name>_truncated.npy``, encrypted where there is a vault."""
        directory.mkdir(parents=True, exist_ok=True)
        save_array(directory / f"{name}.npy", self.vectors, vault)
        save_array(directory / f"{name}_keys.npy", self.keys, vault)
        save_array(directory / f"{name}_truncated.npy", self.truncated, vault)

    @classmethod
    def load(cls, directory: Path, name: str) -> VectorPool:
        """Memory-map what `save` wrote."""
        return cls(
            keys=open_array(directory / f"{name}_keys.npy"),
            vectors=open_array(directory / f"{name}.npy"),
            truncated=open_array(directory / f"{name}_truncated.npy"),
        )
