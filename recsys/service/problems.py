"""Errors as ``application/problem+json`` (RFC 9457), worded for who called over HTTP."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from recsys.errors import ArtifactError, BadInput, MissingExtra
from recsys.service.guard import PROBLEM, PlainJSON, failure
from recsys.settings import Settings


class Problem(BaseModel):
    """What was wrong, where, and what to do."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Unprocessable Entity",
                    "status": 422,
                    "detail": "k: Input should be greater than or equal to 1",
                    "error": "k: Input should be greater than or equal to 1",
                }
            ]
        },
    )

    type: str
    title: str
    """The status in words."""
    status: int
    detail: str
    """What was wrong and what to do."""
    error: str
    """The same as `detail`, under the name that it had before."""


#: Statuses that any endpoint may give, with when.
_ALWAYS = {
    400: "the body is no JSON",
    408: "the body did not come in time",
    413: "the body is too large",
    422: "a field cannot be used; the detail names it",
    500: "a fault of the service; it has been logged",
}
_KEYED = {401: "no key, or an unknown one", 403: "the key may not do this", 429: "too many requests; see `Retry-After`"}
_SOME = {404: "an id is unknown", 503: "not possible now; see `Retry-After` where there is one"}


def problems(*more: int, keyed: bool = True) -> dict[int | str, dict[str, Any]]:
    """Declaration of the errors of one endpoint: those that all have, and `more`."""
    said = _ALWAYS | (_KEYED if keyed else {}) | {status: _SOME[status] for status in more}
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": when, "content": content} for status, when in sorted(said.items())}


def handle_errors(app: FastAPI, settings: Settings) -> None:
    """Give the messages of the Python interface as problems, in words of HTTP and without the server's paths."""

    @app.exception_handler(KeyError)
    def unknown(_: Request, error: KeyError) -> PlainJSON:
        message = error.args[0] if error.args else None
        if not (isinstance(message, str) and message.startswith("unknown ")):
            raise error  # a fault of the program rather than an id nobody knows
        return failure(404, worded(message))

    @app.exception_handler(ArtifactError)
    def unpublished(_: Request, error: ArtifactError) -> PlainJSON:
        return failure(503, str(error).replace(str(settings.artifacts), settings.artifacts.name))

    @app.exception_handler(MissingExtra)
    def missing(_: Request, error: MissingExtra) -> PlainJSON:
        return failure(503, str(error))

    @app.exception_handler(BadInput)
    def unusable(_: Request, error: BadInput) -> PlainJSON:
        return failure(422, worded(str(error)))

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> PlainJSON:
        # Locations begin with "body" or "query"; the values are the caller's own and are not repeated.
        said = (f"{'.'.join(str(p) for p in e['loc'][1:]) or 'request'}: {e['msg']}" for e in error.errors())
        return failure(422, "; ".join(said))

    @app.exception_handler(HTTPException)
    def refused(_: Request, error: HTTPException) -> PlainJSON:
        detail = error.detail if error.detail != _phrase(error.status_code) else _PLAIN.get(error.status_code, "")
        return failure(error.status_code, str(detail or error.detail), dict(error.headers or {}))


_PLAIN = {
    400: "the body is no JSON in UTF-8",
    404: "there is no such endpoint; /docs lists them",
    405: "this endpoint takes another method; /docs lists them",
}
#: What the Python interface recommends, and what that is over HTTP.
_WORDS = (
    (
        re.compile(r": pass \{'history'.*", re.S),
        ": send `history` (item ids) or `text` for a shopper this version has not seen, or neither for one nothing is "
        "known of",
    ),
    (
        re.compile(r": pass a described product.*", re.S),
        ': send a described product such as {"title": "..."} where described products are taken, or wait for the '
        "version that has it",
    ),
    (re.compile(r"^user: 'without'"), "without:"),
    (re.compile(r"; run `recsys train`"), ""),
)


def worded(message: str) -> str:
    """A message of the Python interface, for who called over HTTP."""
    for pattern, words in _WORDS:
        message = pattern.sub(lambda _, words=words: words, message)  # type: ignore[misc]
    return message


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
