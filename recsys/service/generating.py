"""Makes the Python client and the OpenAPI file of the docs: ``python -m recsys.service.generating``.

A test makes both anew and compares, so that neither falls behind.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recsys.service.app import endpoints

CLIENT = Path(__file__).with_name("client.py")
DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
_HEAD = '''"""Client of the HTTP service, synchronous and asynchronous; made by `recsys.service.generating`.

>>> from recsys.client import Client                                         # doctest: +SKIP
>>> with Client("http://127.0.0.1:8000", key="rk_...") as shop:               # doctest: +SKIP
...     shop.recommend(user_id="12347", k=5, columns=["price"]).items
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from recsys.service.replies import (
{models})
from recsys.service.transport import AsyncTransport, ServiceError, StreamEvent, Transport

__all__ = ["AsyncClient", "Client", "ServiceError", "StreamEvent"]

'''


def openapi() -> dict[str, Any]:
    """The OpenAPI document of the service."""
    document: dict[str, Any] = endpoints().openapi()
    return document


def client() -> str:
    """Source of the client module."""
    document = openapi()
    operations = list(_operations(document))
    models = sorted({name for _, _, operation in operations for name in re.findall(r"\w+Reply\b", _reply(operation))})
    head = _HEAD.replace("{models}", "".join(f"    {name},\n" for name in models))
    classes = []
    for name, base, about in (
        ("Client", "Transport", "The service, as the Python interface has it; a method for each endpoint."),
        ("AsyncClient", "AsyncTransport", "The service for asyncio; methods as of `Client`."),
    ):
        methods = [_method(path, method, operation, document, base) for path, method, operation in operations]
        classes.append(f'class {name}({base}):\n    """{about}"""\n\n' + "\n".join(methods))
    return _formatted(head + "\n\n".join(classes))


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Endpoints that the client has: of those with two methods the one that takes more."""
    for path, methods in document["paths"].items():
        method = "post" if "post" in methods else "get"
        if not path.startswith("/insight"):  # the page's own
            yield path, method, methods[method]


def _method(path: str, method: str, operation: dict[str, Any], document: Mapping[str, Any], base: str) -> str:
    name = operation["operationId"].removesuffix("_with_body")
    wait, define = ("await ", "async def") if base.startswith("Async") else ("", "def")
    parameters = operation.get("parameters", [])
    inside = [p for p in parameters if p["in"] == "path"]
    query = [p for p in parameters if p["in"] == "query"]
    fields = _fields(operation, document)
    required = [f"{p['name']}: {_type(p['schema'])}" for p in (*inside, *(q for q in query if q.get("required")))]
    binary = _binary(operation)
    required += ["content: bytes"] if binary else []
    optional = [_optional(p["name"], p["schema"]) for p in query if not p.get("required")]
    optional += [
        f"{n}: {_type(s)}" if needed else _optional(n, s) for n, s, needed in sorted(fields, key=lambda f: not f[2])
    ]
    signature = ", ".join(["self", *required, *(["*", *optional] if optional else [])])
    target = re.sub(r"\{(\w+)\}", r"{quote(\1, safe='')}", path)
    sent = f'"{method.upper()}", {"f" if inside else ""}"{target}", {_reply(operation)}'
    if query:
        sent += ", params={" + ", ".join(f'"{p["name"]}": {p["name"]}' for p in query) + "}"
    if binary:
        sent += f', content=content, media_type="{binary}"'
    if fields:
        sent += ", body={" + ", ".join(f'"{n}": {n}' for n, _, _ in fields) + "}"
    said = operation["description"].splitlines()[0]
    reply = _reply(operation)
    return (
        f'    {define} {name}({signature}) -> {reply}:\n        """{said}"""\n'
        f"        found: {reply} = {wait}self._ask({sent})\n        return found\n"
    )


def _fields(operation: Mapping[str, Any], document: Mapping[str, Any]) -> list[tuple[str, dict[str, Any], bool]]:
    """Fields of the body: name, schema, and whether they must be given."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body is None:
        return []
    schema = document["components"]["schemas"][body["$ref"].rsplit("/", 1)[1]]
    return [(n, s, n in schema.get("required", ())) for n, s in schema["properties"].items() if n != "stream"]


def _binary(operation: Mapping[str, Any]) -> str:
    """The media type of a body that is bytes, such as a recording; empty where it is JSON or there is none."""
    content = operation.get("requestBody", {}).get("content", {})
    return next((kind for kind in content if kind != "application/json"), "")


def _reply(operation: Mapping[str, Any]) -> str:
    status = next(code for code in operation["responses"] if code.startswith("2"))
    content = operation["responses"][status]["content"]
    return _type(content["application/json"]["schema"], reply=True) if "application/json" in content else "str"


def _optional(name: str, schema: Mapping[str, Any]) -> str:
    default = schema.get("default")
    return f"{name}: {_type(schema)} = {() if default == [] else default!r}"


def _type(schema: Mapping[str, Any], *, reply: bool = False) -> str:
    """Python's type of a JSON schema."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[1]) if reply else "Mapping[str, Any]"
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(one, reply=reply) for one in schema["anyOf"]))
    if "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    if schema.get("type") == "array":
        return f"Sequence[{_type(schema['items'])}]"
    plain = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
    return plain.get(str(schema.get("type")), "Mapping[str, Any]")


def _formatted(source: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--line-length", "120", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    return done.stdout


def text_of(document: Mapping[str, Any]) -> str:
    """A document as it stands in its file."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    CLIENT.write_text(client(), "utf-8")
    DOCUMENT.write_text(text_of(openapi()), "utf-8")
