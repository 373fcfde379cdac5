"""Train the ranker on the live version's tables, publish."""

from __future__ import annotations

from typing import Any

from recsys.cli._command import Artifacts, Json, command, interactive
from recsys.settings import load_settings


@command
def train(artifacts: Artifacts = None, as_json: Json = False) -> dict[str, Any]:
    """Train the ranker on the live version's tables and publish a version that serves it.

    Example: recsys train --artifacts shop
    """
    from recsys.pipeline import runs

    outcome = runs.train(load_settings(artifacts=artifacts), progress=interactive())
    assert outcome.version is not None
    notes = outcome.notes
    line = f"published {outcome.version.id}: ranker of {len(notes['features'])} features on {notes['pairs']} pairs"
    return {"version": outcome.version.id, **notes, "line": line}
