"""How the client asks: requests, errors and streams, the same for the synchronous and the asynchronous one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import httpx
from pydantic import TypeAdapter

from recsys.errors import RecsysError

T = TypeVar("T")

#: Seconds that a request may take; the server ends what is slow before that.
TIMEOUT = 60.0


class ServiceError(RecsysError):
    """What the service answered instead; the message is its own.

    Attributes
    ----------
    status
        Of HTTP: 401 and 403 for keys, 404 for unknown ids, 422 for what cannot be used, 429 and 503 for later.
    retry_after
        Seconds after which to try again, where the service says so.
    """

    def __init__(self, status: int, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.status, self.retry_after = status, retry_after


class StreamEvent(NamedTuple):
    """One event of a streamed answer: ``delta`` with a piece of the text, ``answer`` with the whole."""

    event: str
    data: dict[str, Any]


class Transport:
    """A connection to one service.

    Parameters
    ----------
    address
        Such as ``http://127.0.0.1:8000``.
    key
        An API key or a shopper's token.
    """

    def __init__(self, address: str, key: str | None = None, *, timeout: float = TIMEOUT, **options: Any) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=address, headers=headers, timeout=timeout, **options)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _ask(self, method: str, path: str, kind: Any, **given: Any) -> Any:
        return _read(self._http.request(method, path, **_arguments(given)), kind)

    def answer_stream(self, question: str, **fields: Any) -> Iterator[StreamEvent]:
        """An answer as it is written; `fields` are those of `answer`."""
        body = {"question": question, **fields, "stream": True}
        with self._http.stream("POST", "/answer", json=body) as response:
            if response.is_error:
                response.read()
            _refuse(response)
            block: list[str] = []
            for line in response.iter_lines():
                if line:
                    block.append(line)
                elif event := _event(block):
                    yield event
                if not line:
                    block = []


class AsyncTransport:
    """A connection to one service for asyncio; arguments as of the synchronous one."""

    def __init__(self, address: str, key: str | None = None, *, timeout: float = TIMEOUT, **options: Any) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.AsyncClient(base_url=address, headers=headers, timeout=timeout, **options)

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _ask(self, method: str, path: str, kind: Any, **given: Any) -> Any:
        return _read(await self._http.request(method, path, **_arguments(given)), kind)

    async def answer_stream(self, question: str, **fields: Any) -> AsyncIterator[StreamEvent]:
        """An answer as it is written; `fields` are those of `answer`."""
        body = {"question": question, **fields, "stream": True}
        async with self._http.stream("POST", "/answer", json=body) as response:
            if response.is_error:
                await response.aread()
            _refuse(response)
            block: list[str] = []
            async for line in response.aiter_lines():
                if line:
                    block.append(line)
                elif event := _event(block):
                    yield event
                if not line:
                    block = []


def _arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of httpx: parameters that are not given stay away, models become plain values."""
    arguments: dict[str, Any] = {}
    if "params" in given:
        arguments["params"] = {name: value for name, value in given["params"].items() if value not in (None, [], ())}
    if "body" in given:
        plain = TypeAdapter(dict[str, Any]).dump_json(dict(given["body"]), exclude_none=False)
        arguments |= {"content": plain, "headers": {"Content-Type": "application/json"}}
    if "content" in given:
        arguments |= {"content": given["content"], "headers": {"Content-Type": given["media_type"]}}
    return arguments


def _read(response: httpx.Response, kind: Any) -> Any:
    _refuse(response)
    return response.text if kind is str else _adapter(kind).validate_json(response.content)


def _refuse(response: httpx.Response) -> None:
    if response.is_success:
        return
    try:
        detail = str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"{response.status_code} {response.reason_phrase}"
    wait = response.headers.get("retry-after", "")
    raise ServiceError(response.status_code, detail, float(wait) if wait.isdigit() else None)


def _event(block: list[str]) -> StreamEvent | None:
    fields = dict(line.split(": ", 1) for line in block if ": " in line and not line.startswith(":"))
    return StreamEvent(fields["event"], json.loads(fields["data"])) if "data" in fields else None


@lru_cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
