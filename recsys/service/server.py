"""The server around the application: sockets, processes, signals, logs."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvicorn
from fastapi import FastAPI
from pythonjsonlogger.json import JsonFormatter
from threadpoolctl import threadpool_limits
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.supervisors import Multiprocess

from recsys.data.personal import MaskPersonal
from recsys.errors import BadInput
from recsys.service.app import create_app
from recsys.service.keys import KEYS
from recsys.service.metrics import SHARED
from recsys.service.state import keys_of
from recsys.settings import Settings, load_settings

#: Seconds within which a new connection has to have sent the head of a request.
FIRST_REQUEST = 10.0
#: Seconds that requests which have begun may take to end when the server is told to stop.
GRACE = 30
#: Seconds that a process may take to start before the one that started it takes it for dead.
STARTING = 300
#: Seconds after which a thread that computes lets another one go on; Python's own 5 ms add up to long waits.
SWITCH = 0.001
#: Connections at the same time in one process; further ones are told to come back (503).
CONNECTIONS = 2_000
_LOG = "RECSYS_LOG"


class Impatient(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
    """Uvicorn's HTTP protocol that hangs up on a connection on which no request has begun in time.

    uvicorn itself waits for ever for a first request, so that idle connections use up the file descriptors.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self.loop.call_later(FIRST_REQUEST, self._hang_up)

    def _hang_up(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


def run(
    settings: Settings, host: str, port: int, *, workers: int = 1, json_logs: bool = False, say: Callable[[str], None]
) -> str:
    """Serve until stopped by a signal; requests that have begun are answered first.

    Parameters
    ----------
    workers
        Processes that share the socket.
    say
        Told the address once it can be reached.

    Returns
    -------
    str
        The address.

    Raises
    ------
    BadInput
        The address cannot be used, or others could reach it and there are no keys.
    ArtifactError
        There is no version to serve.
    """
    refuse_open(settings, host)
    app = create_app(settings)
    listener = listen(host, port)
    address = f"http://{host}:{listener.getsockname()[1]}"
    if json_logs:
        _log_json()
    common: dict[str, Any] = {
        # Access logs of the server would hold queries, and with them user ids; the application logs endpoints.
        "access_log": False,
        "log_config": None,
        "log_level": "warning",
        "http": f"{__name__}:{Impatient.__name__}",
        "timeout_graceful_shutdown": GRACE,
        "timeout_worker_healthcheck": STARTING,
        "limit_concurrency": CONNECTIONS,
        "server_header": False,
    }
    version = app.state.service.served.version
    try:
        if workers > 1:
            app.state.service.close()  # it has shown that there is a version to serve
            with tempfile.TemporaryDirectory(prefix="recsys-metrics-") as shared:
                os.environ |= {SHARED: shared, "RECSYS_ARTIFACTS": str(settings.artifacts)}
                os.environ |= {_JSON: "1"} if json_logs else {}
                config = uvicorn.Config(f"{__name__}:worker", factory=True, workers=workers, **common)
                say(f"serving version {version} at {address} in {workers} processes (stop with Ctrl-C)")
                Multiprocess(config, sockets=[listener]).run()
        else:
            _prepare()
            say(f"serving version {version} at {address} (stop with Ctrl-C)")
            uvicorn.Server(uvicorn.Config(app, **common)).run(sockets=[listener])
    except KeyboardInterrupt:
        pass  # how a server ends
    finally:
        listener.close()
    return address


_JSON = "RECSYS_LOG_JSON"


def worker() -> FastAPI:
    """The application of one of several processes; its settings come from the environment."""
    handler = logging.StreamHandler()
    handler.addFilter(MaskPersonal())
    logging.basicConfig(level=os.environ.get(_LOG, "WARNING").upper(), format="%(message)s", handlers=[handler])
    if os.environ.pop(_JSON, None):
        _log_json()
    _prepare()
    return create_app(load_settings())


def refuse_open(settings: Settings, host: str) -> None:
    """Refuse to listen where others can reach, unless there are keys."""
    if _loopback(host) or keys_of(settings):
        return
    raise BadInput(
        f"--host {host}: others can reach that address, and there are no keys. Make one with "
        f"`recsys keys add NAME --scopes recommend,explain`, give {KEYS}, or listen on 127.0.0.1"
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on.

    Raises
    ------
    BadInput
        The address cannot be used.
    """
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


def _loopback(host: str) -> bool:
    try:
        return all(ipaddress.ip_address(found[4][0]).is_loopback for found in socket.getaddrinfo(host, None))
    except (OSError, ValueError):
        return False  # `listen` says what is wrong with it


def _prepare() -> None:
    # Requests run side by side; a small product split between threads that others hold takes tens of times longer.
    threadpool_limits(1, user_api="blas")
    # Threads that compute lists and reasons let the one that answers go on after this, also where none of them waits.
    sys.setswitchinterval(SWITCH)
    with suppress(ImportError, OSError, ValueError):  # Windows has none, and a limit that cannot be raised stays
        import resource

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _log_json() -> None:
    """Log one JSON object a line: time, level, logger, message, and of a request its route, status, time and id."""
    handler = logging.StreamHandler()
    handler.addFilter(MaskPersonal())
    handler.setFormatter(
        JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", rename_fields={"asctime": "time"})
    )
    logging.getLogger().handlers[:] = [handler]
