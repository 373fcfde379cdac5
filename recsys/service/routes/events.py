"""Endpoint of events: what shoppers view, put into carts and buy, counted in their next list."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import Response

from recsys.data.columns import EVENT, ITEM, TIME, USER
from recsys.data.events import DAY
from recsys.service.access import needs, only_own
from recsys.service.bodies import Event, EventsBody
from recsys.service.problems import problems
from recsys.service.replies import EventsReply
from recsys.service.rows import reply
from recsys.service.state import service_of

router = APIRouter(tags=["events"], dependencies=[Depends(needs("events"))])


@router.post("/events", response_model=EventsReply, responses=problems(503), status_code=202)
async def events(request: Request, body: EventsBody) -> Response:
    """Take in what shoppers did: on the disk before the answer, in the next list, and in the next night.

    All of the events are taken or none.
    """
    service = service_of(request)
    only_own(request, (event.user_id for event in body.events))
    now = time.time()
    for place, event in enumerate(body.events):
        if event.timestamp is not None and event.timestamp > now + DAY:
            raise HTTPException(422, f"events.{place}.timestamp: more than a day in the future; give UTC seconds")
    try:
        await service.record([_row(event, now) for event in body.events])
    except OSError:
        raise HTTPException(503, "events cannot be kept now: no space or no right to write on the server") from None
    for event in body.events:
        service.metrics.took(event.event)
    unknown = service.served.rec.lookup.known([event.item_id for event in body.events])[1]
    return reply({"accepted": len(body.events), "unknown_items": list(unknown)}, 202)


def _row(event: Event, now: float) -> dict[str, Any]:
    when = round(now, 3) if event.timestamp is None else event.timestamp
    row: dict[str, Any] = {USER: event.user_id, ITEM: event.item_id, EVENT: event.event, TIME: when}
    return row | {n: v for n, v in (("quantity", event.quantity), ("price", event.price)) if v is not None}
