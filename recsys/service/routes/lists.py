"""Endpoints of lists: recommend, batch, score, similar, complete."""

from __future__ import annotations

from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from starlette.responses import Response

from recsys.data.schema import ITEM, USER
from recsys.service.access import caller_of, needs, only_own
from recsys.service.bodies import (
    BatchBody,
    Columns,
    CompleteBody,
    Id,
    K,
    RecommendBody,
    RecommendQuery,
    ScoreBody,
    SimilarBody,
)
from recsys.service.problems import problems
from recsys.service.replies import BatchReply, ListReply, ScoreReply
from recsys.service.rows import Fields, listed, reply, version_of
from recsys.service.state import service_of

router = APIRouter(tags=["lists"], dependencies=[Depends(needs("recommend"))])
_ERRORS = problems(404, 503)


@router.get("/recommend", response_model=ListReply, responses=_ERRORS)
async def recommend(request: Request, query: Annotated[RecommendQuery, Query()]) -> Response:
    """A list for one shopper; rules and described products go with POST."""
    body = RecommendBody.model_construct(**dict(query), candidates=None, rules=None, reasons=False)
    return await _recommended(request, body)


@router.post("/recommend", response_model=ListReply, responses=_ERRORS)
async def recommend_with_body(request: Request, body: RecommendBody) -> Response:
    """A list for one shopper, under rules, or these items in this shopper's order."""
    return await _recommended(request, body)


@router.post("/batch", response_model=BatchReply, responses=_ERRORS)
async def batch(request: Request, body: BatchBody) -> Response:
    """Lists for many users at once; users that the shop does not know get the list of a shopper with no history.

    They are those of the version's tables: what somebody did since it was made counts in `POST /recommend`.
    """
    service = service_of(request)
    only_own(request, body.users)

    def batched() -> Response:
        rec = service.served.rec
        fields = Fields(rec, body.columns)
        found = rec.recommend_many(
            body.users, body.k, exclude_seen=body.exclude_seen, candidates=body.candidates, columns=fields.ask
        )
        lists: dict[str, list[dict[str, Any]]] = {user: [] for user in body.users}
        for row in fields.rows(found):
            lists[row.pop(USER)].append(row)
        by_user = [{"user_id": user, "items": rows} for user, rows in lists.items()]
        return reply({"version": version_of(rec), "lists": by_user})

    return await service.slow.run(batched)


@router.post("/score", response_model=ScoreReply, responses=_ERRORS)
async def score(request: Request, body: ScoreBody) -> Response:
    """Scores of pairs of a shopper and an item, in the order given."""
    service = service_of(request)
    only_own(request, (pair.user_id for pair in body.pairs))

    def scored() -> Response:
        rec = service.served.rec
        pairs = pd.DataFrame([(p.user_id, p.item_id) for p in body.pairs], columns=[USER, ITEM], dtype=object)
        return reply({"version": version_of(rec), "scores": rec.score_pairs(pairs).tolist()})

    return await service.slow.run(scored)


@router.get("/similar", response_model=ListReply, responses=_ERRORS)
async def similar(
    request: Request,
    item_id: Id,
    k: K = 10,
    columns: Annotated[Columns, Query()] = [],  # noqa: B006 - as FastAPI has it
) -> Response:
    """Substitutes for one item."""
    return await _similar(request, SimilarBody(item=item_id, k=k, columns=columns))


@router.post("/similar", response_model=ListReply, responses=_ERRORS)
async def similar_with_body(request: Request, body: SimilarBody) -> Response:
    """Substitutes for one item of the catalogue or for a described product."""
    return await _similar(request, body)


@router.post("/complete", response_model=ListReply, responses=_ERRORS)
async def complete(request: Request, body: CompleteBody) -> Response:
    """Complements of a basket."""
    service = service_of(request)
    rec = service.served.rec

    def completed() -> Response:
        fields = Fields(rec, body.columns)
        return listed(rec, rec.complete(body.basket, body.k, rules=body.rules, columns=fields.ask), fields)

    return await service.quick(completed)


async def _recommended(request: Request, body: RecommendBody) -> Response:
    service = service_of(request)
    only_own(request, (body.user_id,))
    if body.reasons and "explain" not in caller_of(request).scopes:
        raise HTTPException(403, "reasons: this credential is not for 'explain'")
    made = service.made(body)
    if made is None:
        # A model reads or writes: seconds; else milliseconds.
        run = service.slow.run if body.reasons or body.described else service.quick
        made = await run(lambda: service.make(body))
    else:
        service.metrics.cached()
    service.exposed(body, made)
    return made.response


async def _similar(request: Request, body: SimilarBody) -> Response:
    service = service_of(request)
    rec = service.served.rec

    def found() -> Response:
        fields = Fields(rec, body.columns)
        return listed(rec, rec.similar(body.item, body.k, columns=fields.ask), fields)

    return await service.quick(found)
