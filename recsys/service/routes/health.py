"""Endpoints for those who run the service: version, health, readiness."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import PlainTextResponse, Response

from recsys.errors import DISTRIBUTION
from recsys.service.access import needs
from recsys.service.bodies import TokenBody
from recsys.service.problems import problems
from recsys.service.replies import HealthReply, ReadyReply, TokenReply, VersionReply
from recsys.service.rows import reply
from recsys.service.state import service_of

router = APIRouter(tags=["operations"])


@router.get("/version", response_model=VersionReply, responses=problems(), dependencies=[Depends(needs("recommend"))])
async def version(request: Request) -> Response:
    """What the served version was made of."""
    held = service_of(request).served.rec.version
    assert held is not None
    kept = ("version", "created", "serves", "encoder", "index", "counts")
    return reply({name: held.manifest[name] for name in kept} | {"recsys": metadata.version(DISTRIBUTION)})


# On the event loop: threads that are all taken do not keep these waiting.
@router.get("/healthz", response_model=HealthReply, responses=problems(keyed=False))
async def healthz(request: Request) -> Response:
    """Whether the process answers, from which version, and what keeps a newer one from being served."""
    return reply({"status": "ok", **_state(request)})


@router.get("/readyz", response_model=ReadyReply, responses=problems(503, keyed=False))
async def readyz(request: Request) -> Response:
    """Whether requests should come here; `problem` says what keeps a newer version from being served.

    A version that fails its checks does not make a server unready: the one before serves on.
    """
    service = service_of(request)
    ready = not service.stopping
    state = {"status": "ready" if ready else "stopping", **_state(request)}
    more = {"writer": service.writer_state, "answers": service.answers.opened}
    return reply({**state, **more}, 200 if ready else 503)


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses=problems(),
    dependencies=[Depends(needs("admin"))],
)
async def metrics(request: Request) -> Response:
    """What is counted, for Prometheus."""
    service = service_of(request)
    return Response(service.metrics.text(lambda: service.problem), media_type=service.metrics.content_type)


@router.post("/tokens", response_model=TokenReply, responses=problems(), dependencies=[Depends(needs("admin"))])
async def tokens(request: Request, body: TokenBody) -> Response:
    """A signed, short-lived token with which a browser may ask for this shopper, and for nobody else."""
    token = service_of(request).access.keys.token(body.user_id, body.seconds)
    return reply({"token": token, "seconds": body.seconds})


def _state(request: Request) -> dict[str, Any]:
    service = service_of(request)
    return {"version": service.served.version, "problem": service.problem}
