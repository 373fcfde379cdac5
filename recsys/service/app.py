"""The ASGI application: endpoints, each one call of the Python interface, behind one guard."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import metadata
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline

from recsys.errors import DISTRIBUTION
from recsys.pictures import images
from recsys.service.bodies import MAX_BODY
from recsys.service.guard import Guard, PlainJSON, SlowCalls
from recsys.service.pages import POLICIES, mount_page
from recsys.service.problems import Problem, handle_errors
from recsys.service.routes import (
    assistant,
    catalogue,
    events,
    health,
    insight,
    lists,
    pictures,
    prices,
    reasons,
    shelves,
    supply,
    voice,
)
from recsys.service.rows import VERSION_HEADER
from recsys.service.state import Service, live_assistant
from recsys.serving.live import Live, following, live_recommender
from recsys.settings import Settings
from recsys.voice import audio

__all__ = ["create_app", "live_assistant"]

#: Seconds between looks at which version is live: with those it takes to open one, processes agree within two.
CHECK_EVERY = 0.5
#: Paths that take more than text.
_LARGER = {voice.PATH: audio.MAX_BYTES, pictures.PATH: images.MAX_BYTES}
_ABOUT = """Lists, scores, reasons and answers of one shop, from the version that is live.

Every response names its version. Errors are problems (RFC 9457). The Python client is `recsys.client`.
"""


def create_app(settings: Settings, *, check_every: float = CHECK_EVERY) -> FastAPI:
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
    live = live_recommender(settings)
    live.refresh()
    slow = SlowCalls(settings.serve.slow_threads, settings.serve.seconds)
    service = Service(settings, live, live_assistant(settings, live), slow)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=service.warm, name="recsys-warming", daemon=True).start()
        variants = service.experiment.lives if service.experiment else []
        followed: list[Live[Any]] = [
            service.lists,
            service.answers,
            *(live for live in variants if live is not service.lists),
        ]
        with following(followed, check_every):
            yield
        service.close()

    app = endpoints(lifespan, settings)
    app.state.service, app.state.lists, app.state.answers = service, service.lists, service.answers
    if settings.serve.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.serve.cors_origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type", "X-Request-ID"),
            expose_headers=(VERSION_HEADER, "X-Request-ID", "Retry-After"),
        )
    app.add_middleware(Guard, max_body=MAX_BODY, observe=service.metrics.observe, policies=POLICIES, larger=_LARGER)
    handle_errors(app, settings)
    mount_page(app)
    return app


def endpoints(
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None, settings: Settings | None = None
) -> FastAPI:
    """The endpoints and their description, with nothing behind them yet.

    Parameters
    ----------
    settings
        Those of a service, which has only the parts that they name a model for; by default there are all.
    """
    app = FastAPIOffline(
        title="recsys",
        description=_ABOUT,
        version=metadata.version(DISTRIBUTION),
        lifespan=lifespan,
        default_response_class=PlainJSON,
        separate_input_output_schemas=False,
        generate_unique_id_function=lambda route: route.name,
    )
    parts = [lists, shelves, reasons, assistant, catalogue, supply, prices, events, health, insight]
    parts += [pictures] if settings is None or settings.pictures.model else []
    parts += [voice] if settings is None or settings.voice.model else []
    for part in parts:
        app.include_router(part.router)
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """The OpenAPI document, with the one schema of errors that all endpoints refer to."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        document = plain()
        document["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}, {}]  # none where the service has no keys
        return document

    app.openapi = described  # type: ignore[method-assign]
