"""Print the settings in force and where each came from.

Example: recsys config
"""

from __future__ import annotations

from typing import Any

from recsys.cli._command import Artifacts, Json, command
from recsys.settings import effective


@command
def config(artifacts: Artifacts = None, as_json: Json = False) -> dict[str, Any]:
    """Print every setting in force as a line of TOML; those that are no default say where they came from.

    The lines can be kept as recsys.toml. Passwords of database URLs are not shown.

    Example: recsys config
    """
    settings = effective(artifacts=artifacts)
    if not as_json:
        for setting in settings:
            print(setting)
    changed = sum(setting.origin != "default" for setting in settings)
    return {
        "settings": {s.name: {"value": s.value, "origin": s.origin} for s in settings},
        "line": f"# {len(settings)} settings, {changed} of them not the default",
    }
