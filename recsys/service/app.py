"""HTTP endpoints: each is one call of the Python interface."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from importlib import metadata
from typing import Annotated, Any

import pandas as pd
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from recsys.assistant.answers import Assistant
from recsys.assistant.setup import load_assistant
from recsys.data.store import knowledge_store
from recsys.errors import DISTRIBUTION, ArtifactError, BadInput
from recsys.service.bodies import MAX_BODY, AnswerBody, CompleteBody, ExplainBody, Id, K, RecommendBody, RecommendQuery
from recsys.service.guard import Guard, PlainJSON, SlowCalls, failure
from recsys.serving.live import Live, following, live_recommender
from recsys.serving.recommender import Recommender
from recsys.serving.results import NOTES
from recsys.settings import Settings


def create_app(settings: Settings, *, check_every: float = 2.0) -> FastAPI:
    """An ASGI application on the live version under ``settings.artifacts``.

    Parameters
    ----------
    check_every
        Seconds between looks at which version is live.

    Raises
    ------
    ArtifactError
        When there is no version to serve.
    """
    lists = live_recommender(settings)
    answers = live_assistant(settings, lists)
    lists.refresh()
    slow = SlowCalls()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with following((lists, answers), check_every):
            yield

    app = FastAPI(
        title="recsys", version=metadata.version(DISTRIBUTION), lifespan=lifespan, default_response_class=PlainJSON
    )
    app.state.lists, app.state.answers = lists, answers
    app.add_middleware(Guard, max_body=MAX_BODY)
    _errors(app, settings)

    @app.get("/healthz")
    async def healthz() -> Any:  # on the event loop: threads that are all taken do not keep it waiting
        """Whether lists are served, from which version, and what keeps a newer one from being served."""
        return {"status": "ok", "version": _id(lists.value), "problem": lists.problem or answers.problem}

    @app.get("/version")
    def version() -> Any:
        """What the served version was made of."""
        held = lists.value.version
        assert held is not None
        kept = ("version", "created", "serves", "encoder", "index", "counts")
        return {name: held.manifest[name] for name in kept} | {"recsys": metadata.version(DISTRIBUTION)}

    @app.get("/recommend")
    def recommend(query: Annotated[RecommendQuery, Query()]) -> Any:
        """A list for one shopper; rules and described products go with POST."""
        rec = lists.value
        return _listed(rec, rec.recommend(query.user, query.items, query.k, exclude_seen=query.exclude_seen))

    @app.post("/recommend")
    def recommend_with_body(body: RecommendBody) -> Any:
        """A list for one shopper, under rules, or these items in this shopper's order."""
        rec = lists.value
        found = rec.recommend(body.user, body.items, body.k, exclude_seen=body.exclude_seen, rules=body.rules)
        return _listed(rec, found)

    @app.get("/similar")
    def similar(item_id: Id, k: K = 10) -> Any:
        """Substitutes for one item."""
        rec = lists.value
        return _listed(rec, rec.similar(item_id, k))

    @app.post("/complete")
    def complete(body: CompleteBody) -> Any:
        """Complements of a basket."""
        rec = lists.value
        return _listed(rec, rec.complete(body.basket, body.k, rules=body.rules))

    @app.post("/explain")
    async def explain(body: ExplainBody) -> Any:
        """Why an item has its score for a shopper: what the score is made of, and a sentence."""

        def explained() -> Any:
            rec = lists.value
            return {"version": _id(rec), **rec.explain(body.user, body.item_id).as_dict()}

        return await slow.run(explained)

    @app.post("/answer")
    async def answer(body: AnswerBody) -> Any:
        """An answer from the shop's own text, with its sources. `user_id` is who your site says is signed in."""
        turns = [turn.model_dump() for turn in body.history]
        return await slow.run(lambda: asdict(answers.value.answer(body.question, turns, body.user_id)))

    return app


def live_assistant(settings: Settings, lists: Live[Recommender]) -> Live[Assistant]:
    """Follower of the assistant: of the version that serves lists, and of the live knowledge.

    It shares the recommender of `lists`, so that a damaged version leaves answers as it leaves lists.
    """
    knowledge = knowledge_store(settings.artifacts)

    def open_warm() -> Assistant:
        assistant = load_assistant(settings, lists.value)
        assistant.answer("hello")  # the first answer pays for reading files
        return assistant

    return Live(lambda: (_id(lists.value), knowledge.current_id()), open_warm)


def _listed(rec: Recommender, table: pd.DataFrame) -> dict[str, Any]:
    rows = table.astype(object).where(table.notna(), None)  # JSON has null where tables have NaN
    said = {NOTES: table.attrs[NOTES]} if NOTES in table.attrs else {}
    return {"version": _id(rec), "items": rows.to_dict("records"), **said}


def _id(rec: Recommender) -> str:
    assert rec.version is not None  # it was opened from one
    return rec.version.id


def _errors(app: FastAPI, settings: Settings) -> None:
    """The messages of the Python interface, as JSON, without the server's paths."""

    @app.exception_handler(KeyError)
    def unknown(_: Request, error: KeyError) -> PlainJSON:
        message = error.args[0] if error.args else None
        if not (isinstance(message, str) and message.startswith("unknown ")):
            raise error  # a fault of the program rather than an id nobody knows
        return failure(404, message)

    @app.exception_handler(ArtifactError)
    def unpublished(_: Request, error: ArtifactError) -> PlainJSON:
        return failure(503, str(error).replace(str(settings.artifacts), settings.artifacts.name))

    @app.exception_handler(BadInput)
    def unusable(_: Request, error: BadInput) -> PlainJSON:
        return failure(422, str(error))

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> PlainJSON:
        # Locations begin with "body" or "query"; the values are the caller's own and are not repeated.
        said = (f"{'.'.join(str(p) for p in e['loc'][1:]) or 'request'}: {e['msg']}" for e in error.errors())
        return failure(422, "; ".join(said))

    @app.exception_handler(HTTPException)
    def refused(_: Request, error: HTTPException) -> PlainJSON:
        return failure(error.status_code, str(error.detail), dict(error.headers or {}))
