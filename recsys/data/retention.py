"""Retention: which versions go when a new one is published, and which are pinned.

What counts is the order of publishing and what was live, never names or clocks: a clock set back must not make last
night's version the oldest.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from recsys.data.atomic import write_text
from recsys.data.integrity import sealed, unsealed
from recsys.errors import ArtifactError

PINS = "pins.json"


def expendable(
    versions: Sequence[str], *, live: str, before: str | None, pinned: Collection[str], keep: int
) -> list[str]:
    """Versions that may be deleted.

    Parameters
    ----------
    versions
        Ids in the order of publishing, oldest first.
    live, before
        What is live now, and what was until now: the first to go back to, however old it is.
    pinned
        Never deleted, and not counted.
    keep
        Versions to keep, `live` included.
    """
    wanted = [live, *([before] if before in versions else []), *reversed(versions)]
    counted = [v for v in dict.fromkeys(wanted) if v == live or v not in pinned]
    kept = {*counted[:keep], *pinned}
    return [v for v in versions if v not in kept]


def read_pins(root: Path) -> set[str]:
    """Ids of pinned versions.

    Raises
    ------
    ArtifactError
        The file of pins cannot be read; nothing is deleted then.
    """
    path = root / PINS
    try:
        pins = json.loads(path.read_text("utf-8"))
        if isinstance(pins, dict):  # a list is an older release's, or was written by hand
            pins = unsealed(pins, "pins")["pins"]
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactError(f"{path}: not readable ({error}); write a list of version ids, or delete it") from None
    if not isinstance(pins, list) or not all(isinstance(p, str) for p in pins):
        raise ArtifactError(f"{path}: not a list of version ids; write it as one, or delete it")
    return set(pins)


def write_pins(root: Path, pins: Collection[str]) -> None:
    """Keep the pins."""
    write_text(root / PINS, json.dumps(sealed({"pins": sorted(pins)})))
