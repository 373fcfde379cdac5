"""Train the ranker on the live version's tables, publish.

Example: python -m jobs.train --artifacts shop
"""

from __future__ import annotations

from typing import Any

from jobs._cli import Artifacts, Json, command, interactive, main
from recsys.settings import load_settings


@command
def train(artifacts: Artifacts = None, as_json: Json = False) -> dict[str, Any]:
    """Train the ranker on the live version's tables and publish a version that serves it.

    Example: python -m jobs.train --artifacts shop
    """
    from recsys.pipeline import nightly

    outcome = nightly.train(load_settings(artifacts=artifacts), progress=interactive())
    assert outcome.version is not None
    notes = outcome.notes
    line = f"published {outcome.version.id}: ranker of {len(notes['features'])} features on {notes['pairs']} pairs"
    return {"version": outcome.version.id, **notes, "line": line}


if __name__ == "__main__":
    main(train)
