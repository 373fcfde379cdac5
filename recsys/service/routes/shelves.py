"""Endpoints of named lists: what to buy again, what rises, what is new, what was met last."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from recsys.service.access import needs, only_own
from recsys.service.bodies import ShelfBody, TrendingBody
from recsys.service.problems import problems
from recsys.service.replies import ListReply
from recsys.service.rows import Fields, listed
from recsys.service.state import service_of
from recsys.serving.recommender import Recommender

router = APIRouter(tags=["lists"], dependencies=[Depends(needs("recommend"))])
_ERRORS = problems(404, 503)


@router.post("/buy-again", response_model=ListReply, responses=_ERRORS)
async def buy_again(request: Request, body: ShelfBody) -> Response:
    """What this shopper has bought, likeliest to be bought again first."""
    return await _own_shelf(request, body, Recommender.buy_again)


@router.post("/new-arrivals", response_model=ListReply, responses=_ERRORS)
async def new_arrivals(request: Request, body: ShelfBody) -> Response:
    """New items in this shopper's order."""
    return await _own_shelf(request, body, Recommender.new_arrivals)


@router.post("/recently-viewed", response_model=ListReply, responses=_ERRORS)
async def recently_viewed(request: Request, body: ShelfBody) -> Response:
    """What this shopper met last, the latest first."""
    return await _own_shelf(request, body, Recommender.recently_viewed)


@router.post("/trending", response_model=ListReply, responses=_ERRORS)
async def trending(request: Request, body: TrendingBody) -> Response:
    """Items that more shoppers met lately than before lets expect."""
    rec = service_of(request).served.rec
    fields = Fields(rec, body.columns)
    return await service_of(request).quick(lambda: listed(rec, rec.trending(body.k, columns=fields.ask), fields))


async def _own_shelf(request: Request, body: ShelfBody, shelf: Callable[..., pd.DataFrame]) -> Response:
    only_own(request, (body.user_id,))
    service = service_of(request)
    served = service.served
    rec, fields = served.rec, Fields(served.rec, body.columns)
    user = served.user(body.user)
    return await service.quick(lambda: listed(rec, shelf(rec, user, body.k, columns=fields.ask), fields))
