"""Erase users from every kept version, and refuse them from old exports from then on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Option

from recsys.cli._command import Artifacts, Json, Place, command, file
from recsys.settings import load_settings


@command
def forget(
    user: Annotated[list[str] | None, Option("--user", metavar="ID", help="Whom to erase; repeatable.")] = None,
    user_file: Annotated[Place | None, file("--user-file", help="A table with `user_id`, for many.")] = None,
    feedback: Annotated[
        Path | None,
        Option("--feedback", metavar="DIR", help="Another directory of ratings than that of the artifacts."),
    ] = None,
    artifacts: Artifacts = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Erase users: tables, histories, vectors and statistics of every kept version; nothing of them comes back later.

    Versions get new ids, which the receipt (--json) lists. Exports and logs outside the artifacts are yours to clean.

    Example: recsys forget --user 12347
    """
    from recsys.cli._output import requested
    from recsys.data.feedback import Feedback
    from recsys.data.protection import Protection
    from recsys.data.schema import USER
    from recsys.pipeline.forget import forget as erase

    ids = set(user or ())
    if user_file is not None:
        listed, _ = requested(user_file, [USER], "users")
        ids |= set(map(str, listed[USER]))
    settings = load_settings(artifacts=artifacts)
    receipt = erase(ids, settings)
    kept_in = {settings.artifacts / "feedback"} | ({feedback} if feedback is not None else set())
    how = Protection.live(settings.artifacts)
    receipt["feedback_rows"] = sum(Feedback(folder, how).forget(one) for folder in kept_in for one in ids)
    found = sum(any(v.get("removed", {}).values()) for v in receipt["versions"])
    line = f"erased {len(ids)} users from {found} of {len(receipt['versions'])} versions; old exports refuse them now"
    return {**receipt, "line": line}
