"""Middleware around every request: bounds, an answer in JSON whatever happens, logs without personal data."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

T = TypeVar("T")

PROBLEM = "application/problem+json"
#: Seconds within which a request's body has to be there.
BODY_SECONDS = 20.0
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
#: What a browser is told of every answer; pages of their own (docs, the page) say their own policy.
_POLICY = b"default-src 'none'; frame-ancestors 'none'"
_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]


class PlainJSON(JSONResponse):
    """JSON in UTF-8, also of text that is not quite text (half a surrogate pair in somebody's id)."""

    def render(self, content: Any) -> bytes:
        """Encode `content`."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str)
        return text.encode("utf-8", "replace")


def failure(status: int, message: str, headers: dict[str, str] | None = None) -> PlainJSON:
    """An error as every endpoint gives it: a problem (RFC 9457) whose ``detail`` is also under ``error``."""
    title = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Error"
    body = {"type": "about:blank", "title": title, "status": status, "detail": message, "error": message}
    return PlainJSON(body, status, headers, media_type=PROBLEM)


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
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="recsys-slow")
        self._seconds = seconds

    async def run(self, call: Callable[[], T]) -> T:
        """Result of `call`, or 503 after the deadline."""
        try:
            return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(self.pool, call), self._seconds)
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
    larger
        Bytes for paths that take recordings or pictures.
    observe
        Told of every request: method, route, status and seconds.
    policies
        Content security policies of paths that are pages; of all else a browser may load nothing.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_body: int,
        observe: Callable[[str, str, int, float], None] = lambda *_: None,
        policies: Mapping[str, str] = MappingProxyType({}),
        larger: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._app = app
        self._max_body = max_body
        self._larger = larger
        self._observe = observe
        self._policies = {path: policy.encode() for path, policy in policies.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        scope["request_id"] = request_id.decode()
        max_body = self._larger.get(scope["path"], self._max_body)
        status = read = 0
        complete = False

        async def bounded() -> Message:
            nonlocal read, complete
            if complete:  # from here on only the end of the connection is waited for
                return await receive()
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, f"the body did not come within {BODY_SECONDS:g} seconds") from None
            complete = not message.get("more_body", False)
            read += len(message.get("body", b""))
            if read > max_body:
                raise HTTPException(413, f"a request holds at most {max_body} bytes")
            return message

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = [*message.get("headers", ()), *_SECURITY, (b"x-request-id", request_id)]
                if not any(name == b"content-security-policy" for name, _ in headers):
                    headers.append((b"content-security-policy", self._policies.get(scope["path"], _POLICY)))
            await send(message)

        try:
            await self._app(scope, bounded, watched)
        except Exception as error:  # noqa: BLE001 - the last resort of a request
            # Messages of unexpected errors may quote the request, so only where it happened is logged.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("%s while answering %s\n%s", type(error).__name__, route_of(scope), where)
            if not status:
                await failure(500, "this request met a fault of the service; it has been logged")(
                    scope, receive, watched
                )
        finally:
            seconds = time.perf_counter() - started
            self._observe(scope["method"], route_of(scope), status, seconds)
            if log.isEnabledFor(logging.INFO):
                _log(scope, status, 1e3 * seconds)


def _log(scope: Scope, status: int, milliseconds: float) -> None:
    method, route = scope["method"], route_of(scope)
    fields = {"method": method, "route": route, "status": status, "request_id": scope["request_id"]}
    took = {"milliseconds": round(milliseconds, 1)}
    log.info("%s %s %d %.1f ms", method, route, status, milliseconds, extra=fields | took)


def _request_id(scope: Scope) -> bytes:
    """The caller's own id of the request, where it is one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return uuid.uuid4().hex.encode()


def route_of(scope: Scope) -> str:
    """The pattern of the endpoint rather than the path: queries and paths name shoppers."""
    return getattr(scope.get("route"), "path", "-")
