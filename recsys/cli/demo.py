"""The page in one command: publish a first version where there is none, serve it, open the browser."""

from __future__ import annotations

import threading
import webbrowser
from typing import Annotated, Any

from typer import Option

from recsys.cli._command import Artifacts, Json, command, err, interactive
from recsys.errors import require
from recsys.settings import load_settings

#: Only this machine reaches it, so no key is asked for.
HOST = "127.0.0.1"


@command
def demo(
    port: Annotated[int, Option("--port", min=1, max=65_535, help="Port of the page.")] = 8000,
    browser: Annotated[bool, Option(help="Open the page in the browser of this machine.")] = True,
    artifacts: Artifacts = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Serve the page: choose a shopper, read why, take a purchase away and watch the list change.

    Where nothing is published yet, a night of the synthetic sample shop comes first.

    Example: recsys demo
    """
    for module in ("fastapi", "uvicorn", "limits"):
        require(module, "serve")
    from recsys.data.store import Store
    from recsys.pipeline import Inputs, runs
    from recsys.service import server

    settings = load_settings(artifacts=artifacts)
    if Store(settings.artifacts).current() is None:
        err.print("nothing is published yet: a night of the sample shop comes first, once")
        runs.nightly(Inputs(), settings, progress=interactive())
    page = f"http://{HOST}:{port}/"

    def ready(line: str) -> None:
        err.print(f"{line}\nthe page is at {page}", markup=False)
        if browser:
            threading.Thread(target=webbrowser.open, args=(page,), daemon=True).start()

    address = server.run(settings, HOST, port, say=ready)
    return {"address": address, "line": f"stopped serving at {address}"}
