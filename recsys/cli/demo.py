"""The page in one command: publish a first version where there is none, serve it, open the browser."""

from __future__ import annotations

import threading
import time
import webbrowser
from inspect import unwrap
from typing import Annotated, Any
from urllib.error import URLError
from urllib.request import urlopen

from typer import Option

from recsys.cli._command import Artifacts, Json, command, err, interactive
from recsys.cli.serve import serve
from recsys.settings import load_settings

#: Seconds in which the server has to answer before the browser is opened in vain.
STARTING = 60


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
    from recsys.data.store import Store
    from recsys.pipeline import Inputs, runs

    settings = load_settings(artifacts=artifacts)
    if Store(settings.artifacts).current() is None:
        err.print("nothing is published yet: a night of the sample shop comes first, once")
        runs.nightly(Inputs(), settings, progress=interactive())
    address = f"http://127.0.0.1:{port}/"
    if browser:
        threading.Thread(target=_open_when_served, args=(address,), daemon=True).start()
    err.print(f"the page is at {address}")
    summary: dict[str, Any] = unwrap(serve)(port=port, artifacts=settings.artifacts)
    return summary


def _open_when_served(address: str) -> None:
    for _ in range(2 * STARTING):
        try:
            with urlopen(address, timeout=5):  # noqa: S310 - this machine's own
                webbrowser.open(address)
                return
        except (URLError, OSError):
            time.sleep(0.5)
