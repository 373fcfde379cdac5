"""The page on the sample shop in one command: publish a first version where there is none, serve it, open the browser."""

from __future__ import annotations

import threading
import webbrowser
from typing import Annotated, Any

from typer import Option

from recsys.cli._command import Artifacts, Json, command, err, interactive, out
from recsys.cli.serve import Host, Port, run_server
from recsys.settings import Settings, load_settings


@command
def demo(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    browser: Annotated[bool, Option(help="Open the page in the browser of this machine.")] = True,
    artifacts: Artifacts = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Serve the page: choose a shopper, read why, take a purchase away and watch the list change.

    Where nothing is published yet, a night of the synthetic sample shop comes first, with what its assistant knows.

    Example: recsys demo
    """
    from recsys.data.store import Store

    settings = load_settings(artifacts=artifacts)
    if Store(settings.artifacts).current() is None:
        err.print("No version yet: a night of the sample shop, once (a minute or two, weights included)")
        _sample_night(settings)

    def ready(address: str) -> None:
        out.print(f"the page is at {address} (stop with Ctrl-C)")
        if browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    address = run_server(settings, host, port, ready)
    return {"address": address, "line": f"stopped serving at {address}"}


def _sample_night(settings: Settings) -> None:
    """Publish the sample shop, and what its assistant answers from."""
    from recsys.assistant.setup import publish_knowledge
    from recsys.data.sample import sample_knowledge
    from recsys.pipeline import Inputs, runs

    runs.nightly(Inputs(), settings, progress=interactive())
    publish_knowledge(sample_knowledge(), settings, progress=interactive())
