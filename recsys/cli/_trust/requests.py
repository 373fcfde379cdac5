"""HTTP requests as strangers write them, through the real ASGI application: every endpoint, by its own description.

Bodies follow the OpenAPI document and are then damaged, as trees and as bytes; paths, queries and headers as well.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from recsys.cli._trust import mutations
from recsys.cli._trust.result import Breach
from recsys.cli._trust.shop import SHOPPERS, enter
from recsys.cli._trust.supervised import LeftOut, Make, Work

COUNT = 80_000
_HEADERS = (b"authorization", b"accept", b"content-type", b"x-request-id", b"accept-language", b"cookie", b"range")
_DEEP = 6


@dataclass(frozen=True)
class Operation:
    """An endpoint's method, path, and what its description says of its parameters and body."""

    method: str
    path: str
    parameters: tuple[dict[str, Any], ...]
    body: dict[str, Any] | None


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """The endpoints of an OpenAPI document."""
    found = []
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            content = about.get("requestBody", {}).get("content", {})
            body = content.get("application/json", {}).get("schema")
            found.append(Operation(method.upper(), path, tuple(about.get("parameters", ())), body))
    return found


class _Values:
    """Values that a schema allows, most of them; ids are the shop's own half of the time."""

    def __init__(self, document: Mapping[str, Any], rng: Random) -> None:
        self._schemas = document["components"]["schemas"]
        self._rng = rng

    def of(self, schema: Mapping[str, Any], name: str = "", deep: int = 0) -> Any:
        rng = self._rng
        if "$ref" in schema:
            return self.of(self._schemas[schema["$ref"].rsplit("/", 1)[1]], name, deep)
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                return self.of(rng.choice(schema[several]), name, deep)
        if "enum" in schema or "const" in schema:
            return rng.choice(schema.get("enum") or [schema["const"]])
        match schema.get("type"):
            case "object":
                wanted = schema.get("required", ())
                inside = schema.get("properties", {})
                return {
                    key: self.of(one, key, deep + 1)
                    for key, one in inside.items()
                    if key in wanted or (deep < _DEEP and rng.random() < 0.4)
                }
            case "array":
                size = rng.choice((0, 1, 2, 5)) if deep < _DEEP else 0
                return [self.of(schema.get("items", {}), name, deep + 1) for _ in range(size)]
            case "integer" | "number":
                return rng.choice((0, 1, 3, 10, schema.get("minimum", -1), schema.get("maximum", 10**9), 0.5, -7))
            case "boolean":
                return rng.random() < 0.5
            case "null":
                return None
        if rng.random() < 0.5 and ("user" in name or "item" in name or name in ("users", "items", "candidates")):
            return rng.choice(SHOPPERS if "user" in name else ("G001", "K002", "G013"))
        return mutations.cell(rng)


def request(rng: Random, document: Mapping[str, Any], operation: Operation) -> tuple[dict[str, Any], bytes]:
    """An ASGI scope and a body."""
    values = _Values(document, rng)
    path, query, headers = operation.path, [], [(b"host", b"shop.example")]
    for parameter in operation.parameters:
        value = values.of(parameter.get("schema", {}), parameter["name"])
        if rng.random() < 0.2:
            value = mutations.cell(rng)
        text = value if isinstance(value, str) else json.dumps(value)
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", text)
        elif parameter["in"] == "query" and (parameter.get("required") or rng.random() < 0.6):
            query.append((parameter["name"], text.encode("utf-8", "replace")))
        elif parameter["in"] == "header" and rng.random() < 0.3:
            headers.append((parameter["name"].lower().encode(), text.encode("utf-8", "replace")))
    raw = b""
    if operation.body is not None:
        body = values.of(operation.body)
        for _ in range(rng.choice((0, 0, 1, 1, 3))):
            body = mutations.tree(rng, body)
        raw = json.dumps(body).encode()
        if rng.random() < 0.15:
            raw = mutations.mutated(rng, raw)
        headers.append((b"content-type", b"application/json"))
    if rng.random() < 0.1:
        headers.append((rng.choice(_HEADERS), mutations.cell(rng).encode("utf-8", "replace")))
    if rng.random() < 0.03:
        path += mutations.cell(rng)
    found = urlencode(query).encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": operation.method if rng.random() < 0.98 else rng.choice(("PUT", "DELETE", "HEAD", "OPTIONS", "FOO")),
        "scheme": "http",
        "path": path.encode("utf-8", "replace").decode(),
        "raw_path": quote(path, safe="/", errors="replace").encode(),
        "query_string": mutations.mutated(rng, found) if rng.random() < 0.05 else found,
        "root_path": "",
        "headers": [*headers, (b"content-length", str(len(raw)).encode())],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8_000),
        "state": {},
    }
    return scope, raw


async def ask(app: Any, scope: dict[str, Any], body: bytes) -> tuple[int, bytes]:
    """Status and body of the application's answer."""
    sent: list[dict[str, Any]] = []
    given = [{"type": "http.request", "body": body, "more_body": False}]
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if given:
            return given.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    status = next(message["status"] for message in sent if message["type"] == "http.response.start")
    return status, b"".join(message.get("body", b"") for message in sent)


def maker(base: Path, variables: Mapping[str, str], seed: int) -> Make:
    """Requests to a service of a copy of the shop at `base`; each endpoint in its turn."""

    def make(folder: Path) -> Work:
        if not (find_spec("fastapi") and find_spec("limits")):
            raise LeftOut("the extra 'serve' is not installed")
        from recsys.service.app import create_app
        from recsys.settings import load_settings

        enter(variables)
        shop = shutil.copytree(base, folder / "shop")
        app = create_app(load_settings(artifacts=shop))
        document = app.openapi()
        wanted = operations(document)
        loop = asyncio.new_event_loop()
        loop.run_until_complete(app.router.lifespan_context(app).__aenter__())

        def work(number: int) -> str:
            rng = Random(f"{seed} {number}")  # noqa: S311 - no secret
            operation = wanted[number % len(wanted)]
            scope, body = request(rng, document, operation)
            status, answer = loop.run_until_complete(ask(app, scope, body))
            if (status >= 500 and status != 503) or b"Traceback" in answer:
                raise Breach(f"{scope['method']} {operation.path}: status {status}: {answer[:200]!r}")
            return f"status {status}"

        return work

    return make
