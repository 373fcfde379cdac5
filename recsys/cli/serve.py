"""Serve recommendations over HTTP."""

from __future__ import annotations

import socket
from typing import Annotated, Any

from threadpoolctl import threadpool_limits
from typer import Option

from recsys.cli._command import Artifacts, Json, command, err
from recsys.errors import BadInput, require
from recsys.settings import load_settings

#: Seconds within which a new connection has to have sent the head of a request.
FIRST_REQUEST = 10.0


@command
def serve(
    host: Annotated[str, Option("--host", help="Address to listen on; 0.0.0.0 for every one of this machine.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, Option("--port", min=0, max=65_535, help="Port to listen on; 0 for a free one.")] = 8000,
    artifacts: Artifacts = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Serve the live version over HTTP until stopped, and the next one as soon as it is published.

    Endpoints and what they take are described at /docs. There is no authentication: put it behind the shop's own.

    Example: recsys serve --artifacts shop --port 8000
    """
    uvicorn = require("uvicorn", "serve")
    require("fastapi", "serve")
    from recsys.service.app import create_app

    app = create_app(load_settings(artifacts=artifacts))
    # Requests run side by side; a small product split between threads that others hold takes tens of times longer.
    threadpool_limits(1, user_api="blas")
    listener = _listen(host, port)
    address = f"http://{host}:{listener.getsockname()[1]}"
    # Access logs of the server would hold queries, and with them user ids; the application logs endpoints.
    config = uvicorn.Config(app, log_level="warning", access_log=False, log_config=None, http=_impatient())
    server = uvicorn.Server(config)
    err.print(f"serving version {app.state.lists.value.version.id} at {address} (stop with Ctrl-C)")
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        pass  # how a server ends
    finally:
        listener.close()
    return {"address": address, "line": f"stopped serving at {address}"}


def _impatient() -> type[Any]:
    """Uvicorn's HTTP protocol that hangs up on a connection on which no request has begun in time.

    uvicorn itself waits for ever for a first request, so that idle connections use up the file descriptors; of these
    the process takes as many as it may.
    """
    import asyncio

    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    try:
        import resource

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (ImportError, OSError, ValueError):
        pass  # Windows has none, and a limit that cannot be raised stays

    class Impatient(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self.loop.call_later(FIRST_REQUEST, self._hang_up)

        def _hang_up(self) -> None:
            if self.cycle is None and not self.transport.is_closing():
                self.transport.close()

    return Impatient


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        # Connections inherit it; otherwise an answer waits for the caller's delayed acknowledgement, about 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1_024)  # from here on callers wait rather than being refused
    except OSError as error:
        raise BadInput(
            f"{host}:{port}: cannot listen there ({error.strerror}); give another --host or --port"
        ) from None
    return listener
