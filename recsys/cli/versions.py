"""List the versions, check their files' hashes, or go back to an older one."""

from __future__ import annotations

from typing import Annotated, Any

from typer import Option

from recsys.cli._command import Artifacts, Json, command
from recsys.data.store import Store, Version
from recsys.errors import ArtifactError
from recsys.settings import load_settings


@command
def versions(
    use: Annotated[str | None, Option("--use", metavar="ID", help="Make this version the live one.")] = None,
    verify: Annotated[bool, Option("--verify", help="Hash every file of the live version.")] = False,
    artifacts: Artifacts = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """List versions; with --use go back to one, with --verify check the live one's files against its manifest.

    Examples: recsys versions --verify; recsys versions --use 20260101T020000-1a2b
    """
    store = Store(load_settings(artifacts=artifacts).artifacts)
    if use:
        Version.open(store.versions_dir / use)
        store.point_to(use)
    live = store.require()
    names = store.versions()
    if verify and (damaged := live.verify()):
        raise ArtifactError(f"{live.path}: {len(damaged)} files differ from the manifest: {', '.join(damaged[:5])}")
    checked = f", all {len(live.manifest['files'])} files as written" if verify else ""
    return {"live": live.id, "versions": names, "line": f"live {live.id}{checked}; kept: {', '.join(names)}"}
