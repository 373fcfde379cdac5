"""Evaluations kept beside the versions they measured, so that a server can show figures it must not compute itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsys.data.store import Store

FOLDER, FIGURES = "evaluations", "figures.json"


def keep(store: Store, version: str, figures: Mapping[str, Any], plots: Mapping[str, str]) -> Path:
    """Write figures (plain data) and plots (SVG by name) of a version; those of versions that are gone are removed."""
    with store.beside(FOLDER, version) as folder:
        (folder / FIGURES).write_text(json.dumps(figures, ensure_ascii=False, default=str), "utf-8")
        for name, svg in plots.items():
            (folder / f"{_slug(name)}.svg").write_text(svg, "utf-8")
    return store.root / FOLDER / version


def read(store: Store, version: str) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """Figures and plots kept of a version; None and none where nothing was."""
    folder = store.root / FOLDER / version
    if not (folder / FIGURES).is_file():
        return None, {}
    figures: dict[str, Any] = json.loads((folder / FIGURES).read_text("utf-8"))
    return figures, {file.stem: file.read_text("utf-8") for file in sorted(folder.glob("*.svg"))}


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
