"""Endpoints of what the shop has: items, search, a shopper's history."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from recsys.data.columns import IMAGES
from recsys.data.schema import EVENT_WEIGHTS, ITEM
from recsys.data.validation import MAX_ID
from recsys.service.access import needs, only_own
from recsys.service.bodies import MAX_QUESTION, Columns, K
from recsys.service.problems import problems
from recsys.service.replies import HistoryReply, ItemReply, ListReply, OpinionReply
from recsys.service.rows import IMAGE, Fields, plain, reply
from recsys.service.state import service_of, version_of

router = APIRouter(tags=["catalogue"], dependencies=[Depends(needs("recommend"))])
_Id = Annotated[str, Path(min_length=1, max_length=MAX_ID)]
Asked = Annotated[str, Query(min_length=1, max_length=MAX_QUESTION)]


@router.get("/items/{item_id:path}", response_model=ItemReply, responses=problems(404, 503))
async def item(request: Request, item_id: _Id) -> Response:
    """One item with all of its columns."""
    rec = service_of(request).served.rec

    def found() -> Response:
        code = rec.lookup.codes([item_id])
        row: dict[str, Any] = {ITEM: item_id}
        for name in rec.items.names:
            row[name] = plain(rec.items.column(name).iloc[code])[0]
        if image := next((row[name] for name in IMAGES if row.get(name)), None):
            row[IMAGE] = image
        return reply({"version": version_of(rec), "item": row})

    return await service_of(request).quick(found)


@router.get("/opinions/{item_id:path}", response_model=OpinionReply, responses=problems(404, 503))
async def opinion(request: Request, item_id: _Id) -> Response:
    """What reviews praise and blame of an item: stars and quotes by aspect."""
    rec = service_of(request).served.rec

    def found() -> Response:
        rec.lookup.codes([item_id])  # says that it is unknown
        tables = rec.shop.tables.value
        said = None
        if tables.reviews is not None:
            from recsys.reviews.view import opinion_of  # only shops with reviews read it

            said = opinion_of(tables, item_id)
        shown = None
        if said is not None:
            aspects = [{**asdict(one), "stars": one.stars} for one in said.aspects]
            shown = {**asdict(said), "aspects": aspects}
        return reply({"version": version_of(rec), "item_id": item_id, "opinion": shown})

    return await service_of(request).quick(found)


@router.get("/search", response_model=ListReply, responses=problems(503))
async def search(
    request: Request,
    q: Asked,
    k: K = 10,
    columns: Annotated[Columns, Query()] = [],  # noqa: B006 - as FastAPI has it
) -> Response:
    """Products for a sentence, in the words of `Recommender.search`: prices, kinds and brands in it are filters.

    An item whose id the sentence is comes first.
    """
    service = service_of(request)
    rec = service.served.rec

    def found() -> Response:
        fields = Fields(rec, columns)
        rows = fields.rows(rec.search(q, k, columns=fields.ask))
        if len(rec.lookup.known([q])[0]):
            exact = fields.rows(rec.recommend({}, [q], columns=fields.ask))[0]
            exact.pop("position")
            rows = [exact, *(row for row in rows if row[ITEM] != q)][:k]
            rows = [{**row, "rank": place} for place, row in enumerate(rows, start=1)]
        return reply({"version": version_of(rec), "items": rows})

    # The first search of a version reads every title; those after it take milliseconds.
    return await (service.quick if rec.searches else service.slow.run)(found)


@router.get("/users/{user_id:path}/history", response_model=HistoryReply, responses=problems(404, 503))
async def history(request: Request, user_id: _Id) -> Response:
    """What a shopper met, oldest first."""
    only_own(request, (user_id,))
    served = service_of(request).served
    rec = served.rec

    def found() -> Response:
        since = served.sessions.of(user_id)
        code, events, titles = rec.lookup.user_code(user_id), rec.shop.events, rec.lookup.titles
        if code is None and not since:
            rec.lookup.shopper(user_id)  # says that they are unknown
        rows = slice(0, 0) if code is None else slice(events.indptr[code], events.indptr[code + 1])
        met = [
            {
                "item_id": str(rec.shop.item_ids[item]),
                "title": titles[item],
                "timestamp": float(time) if events.absolute else None,
                "weight": float(weight),
                "event": None,
            }
            for item, time, weight in zip(events.item[rows], events.time[rows], events.weight[rows], strict=True)
        ]
        known = {name: rec.title(name) for name in {m.item_id for m in since} if len(rec.lookup.known([name])[0])}
        met += [
            {
                "item_id": one.item_id,
                "title": known.get(one.item_id),
                "timestamp": one.time,
                "weight": EVENT_WEIGHTS[one.event],
                "event": one.event,
            }
            for one in since
        ]
        return reply({"version": version_of(rec), "user_id": user_id, "items": met})

    return await service_of(request).quick(found)
