"""Serve recommendations over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from typer import Option

from recsys.cli._command import Artifacts, Json, command, err
from recsys.errors import require
from recsys.settings import load_settings


@command
def serve(
    host: Annotated[str, Option("--host", help="Address to listen on; 0.0.0.0 for every one of this machine.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, Option("--port", min=0, max=65_535, help="Port to listen on; 0 for a free one.")] = 8000,
    workers: Annotated[int, Option("--workers", min=1, max=256, help="Processes that share the port.")] = 1,
    json_logs: Annotated[
        bool, Option("--json-logs", help="Log one JSON object a line; RECSYS_LOG=INFO logs every request.")
    ] = False,
    artifacts: Artifacts = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Serve the live version over HTTP until stopped, and the next one as soon as it is published.

    Endpoints and what they take are described at /docs. On this machine alone no key is needed; to be reached by others
    it takes keys (`recsys keys add`).

    Example: recsys serve --artifacts shop --port 8000
    """
    for module in ("fastapi", "uvicorn", "limits"):
        require(module, "serve")
    from recsys.service import server

    settings = load_settings(artifacts=artifacts)
    address = server.run(
        settings, host, port, workers=workers, json_logs=json_logs, say=lambda line: err.print(line, markup=False)
    )
    return {"address": address, "line": f"stopped serving at {address}"}
