"""Endpoints of what a version knows of supply: how long parcels take, and how carriers do."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from starlette.responses import Response

from recsys.delivery.published import Delivery, dated, histogram, load
from recsys.service.access import needs
from recsys.service.problems import problems
from recsys.service.replies import CarriersReply, DeliveryReply
from recsys.service.rows import reply
from recsys.service.state import service_of, version_of

router = APIRouter(tags=["supply"])
_Name = Annotated[str, Query(max_length=100)]
_NONE = "this version knows nothing of deliveries: run `recsys nightly --orders F`"


@router.get(
    "/delivery", response_model=DeliveryReply, responses=problems(404, 503), dependencies=[Depends(needs("recommend"))]
)
async def delivery(
    request: Request,
    method: _Name = "",
    country: _Name = "",
    region: _Name = "",
    ordered_at: date | None = None,
) -> Response:
    """When an order arrives: the days between which nine parcels in ten come, and the chance of each number.

    Both days are null where fewer than 30 such parcels were delivered: nothing is promised there.
    """
    version, known = _known(request)
    day = known.today if ordered_at is None else (ordered_at - date(1970, 1, 1)).days
    spelled = known.place(country, region)
    if (country or region) and not any(spelled):
        spelled = country, region  # a place of which nothing is known has no parcels
    span = known.ordered.span(day, method, *spelled)
    bars = [] if span is None else histogram(known.ordered, method, *spelled, day)
    return reply(
        {
            "version": version,
            "ordered_at": dated(day),
            "earliest": None if span is None else dated(span.earliest),
            "latest": None if span is None else dated(span.latest),
            "level": None if span is None else span.level,
            "parcels": known.ordered.parcels(method, *spelled),
            "days": [{"days": days, "share": share} for days, share in bars],
            "methods": known.methods,
            "places": [{"country": c, "region": r} for c, r in known.places],
        }
    )


@router.get(
    "/insight/carriers",
    response_model=CarriersReply,
    responses=problems(404, 503),
    dependencies=[Depends(needs("admin"))],
)
async def carriers(request: Request) -> Response:
    """How fast, punctual and reliable each carrier is, and how often later parcels came within their interval."""
    version, known = _known(request)
    return reply(
        {
            "version": version,
            "as_of": dated(known.as_of),
            "carriers": [one.model_dump() for one in known.carriers],
            "coverage": [one.model_dump() for one in known.coverage],
        }
    )


def _known(request: Request) -> tuple[str, Delivery]:
    rec = service_of(request).served.rec
    assert rec.version is not None  # it was opened from one
    known = load(rec.version.path)
    if known is None:
        raise HTTPException(404, _NONE)
    return version_of(rec), known
