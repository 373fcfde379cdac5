"""What is made once a machine: kept in the user cache by a hash of all it is made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

from recsys.data.atomic import replacing
from recsys.errors import ArtifactError

T = TypeVar("T")
_UNWRITTEN: dict[Path, Any] = {}
"""What could not be written, by where it would be kept: it is made once a process then."""


def kept(
    name: str, made_of: Any, load: Callable[[Path], T], make: Callable[[], T], save: Callable[[T, Path], None]
) -> T:
    """What was kept under this name of the same parts, else what `make` gives, which is kept.

    Parameters
    ----------
    made_of
        All that the result depends on, as JSON takes it.
    load, save
        Read and write a directory; what cannot be read is made again, and a cache that cannot be written is no fault.
    """
    parts = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()
    folder = Path(platformdirs.user_cache_dir("recsys")) / f"{name}-{parts[:16]}"
    if folder in _UNWRITTEN:
        made: T = _UNWRITTEN[folder]
        return made
    if folder.is_dir():
        with suppress(ArtifactError, OSError, ValueError):
            return load(folder)
    made = make()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with replacing(folder) as draft:
            draft.mkdir()
            save(made, draft)
    except OSError:  # or another process was as fast, with the same files
        _UNWRITTEN[folder] = made
    return made
