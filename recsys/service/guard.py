"""Middleware around every request: bounded size, an answer in JSON whatever happens, logs without personal data."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

T = TypeVar("T")


class PlainJSON(JSONResponse):
    """JSON in UTF-8, also of text that is not quite text (half a surrogate pair in somebody's id)."""

    def render(self, content: Any) -> bytes:
        """Encode `content`."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def failure(status: int, message: str, headers: dict[str, str] | None = None) -> PlainJSON:
    """An error as every endpoint gives it: ``{"error": message}``."""
    return PlainJSON({"error": message}, status, headers)


class SlowCalls:
    """Threads of their own for calls that may take seconds, so that lists never queue behind them.

    Parameters
    ----------
    threads
        Calls at the same time.
    seconds
        A caller waits so long, for a thread and the result together, and is then told to come back; what waited is not
        begun, what was begun is ended first.
    """

    def __init__(self, threads: int = 4, seconds: float = 30.0) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="recsys-slow")
        self._seconds = seconds

    async def run(self, call: Callable[[], T]) -> T:
        """Result of `call`, or 503 after the deadline."""
        try:
            return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(self._pool, call), self._seconds)
        except TimeoutError:
            raise HTTPException(
                503, f"not answered within {self._seconds:g} seconds; try again later", {"Retry-After": "5"}
            ) from None


class Guard:
    """ASGI middleware; the outermost layer.

    Parameters
    ----------
    max_body
        Bytes of a request's body, whether or not it says its length.
    """

    def __init__(self, app: ASGIApp, max_body: int) -> None:
        self._app = app
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._max_body:
                raise HTTPException(413, f"a request holds at most {self._max_body} bytes")
            return message

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, bounded, watched)
        except Exception as error:  # noqa: BLE001 - the last resort of a request
            # Messages of unexpected errors may quote the request, so only where it happened is logged.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("%s while answering %s\n%s", type(error).__name__, _route(scope), where)
            if not status:
                await failure(500, "this request met a fault of the service; it has been logged")(
                    scope, receive, watched
                )
        finally:
            log.info("%s %s %d %.1f ms", scope["method"], _route(scope), status, 1e3 * (time.perf_counter() - started))


def _route(scope: Scope) -> str:
    """The pattern of the endpoint rather than the path: queries and paths name shoppers."""
    return getattr(scope.get("route"), "path", "-")
