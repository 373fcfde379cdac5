"""Retention: which versions go when a new one is published, and which are pinned.

What counts is the order of publishing and what was live, never names or clocks: a clock set back must not make last
night's version the oldest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from recsys.data.atomic import write_text
from recsys.data.integrity import sealed, unsealed
from recsys.errors import ArtifactError, BadInput

PINS = "pins.json"
_TAG, _LIKE_AN_ID = re.compile(r"[\w.-]{1,60}"), re.compile(r"\d{8}T")


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
    return set(_read(root)["pins"])


def read_tags(root: Path) -> dict[str, str]:
    """Names that were given to pinned versions, each with the version's id; raises as `read_pins` does."""
    return dict(_read(root)["tags"])


def write_pins(root: Path, pins: Collection[str], tags: Mapping[str, str] | None = None) -> None:
    """Keep the pins, and the tags of those among them.

    Raises
    ------
    BadInput
        A tag is no word, or looks like the id of a version.
    """
    kept = {name: version for name, version in (tags or {}).items() if version in pins}
    if wrong := [name for name in kept if not _TAG.fullmatch(name) or _LIKE_AN_ID.match(name)]:
        raise BadInput(f"--tag {wrong[0][:60]!r}: letters, digits, '.', '_' and '-', and not as ids begin")
    write_text(root / PINS, json.dumps(sealed({"pins": sorted(pins), "tags": kept})))


def _read(root: Path) -> dict[str, Any]:
    path = root / PINS
    try:
        found = json.loads(path.read_text("utf-8"))
        if isinstance(found, list):  # an older release's, or written by hand
            found = {"pins": found}
        elif isinstance(found, dict):
            found = unsealed(found, "pins", *({"tags"} & set(found)))
    except (FileNotFoundError, NotADirectoryError):
        return {"pins": [], "tags": {}}
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactError(f"{path}: not readable ({error}); write a list of version ids, or delete it") from None
    ids = found.get("pins") if isinstance(found, dict) else None
    tags = found.get("tags", {}) if isinstance(found, dict) else None
    if not isinstance(ids, list) or not isinstance(tags, dict) or not all(map(_is_text, (*ids, *tags.values()))):
        raise ArtifactError(f"{path}: not a list of version ids; write it as one, or delete it")
    return {"pins": ids, "tags": tags}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
