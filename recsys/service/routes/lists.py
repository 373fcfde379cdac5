"""Endpoints of lists: recommend, batch, score, similar, complete."""

from __future__ import annotations

from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from starlette.concurrency import run_in_threadpool
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
from recsys.service.rows import Fields, reply
from recsys.service.state import service_of, version_of
from recsys.serving.lookup import User
from recsys.serving.recommender import Recommender
from recsys.serving.results import NOTES

router = APIRouter(tags=["lists"], dependencies=[Depends(needs("recommend"))])
_ERRORS = problems(404, 503)


@router.get("/recommend", response_model=ListReply, responses=_ERRORS)
async def recommend(request: Request, query: Annotated[RecommendQuery, Query()]) -> Response:
    """A list for one shopper; rules and described products go with POST."""
    body = RecommendBody.model_construct(**query.model_dump(), candidates=None, rules=None, reasons=False)
    return await _recommended(request, body)


@router.post("/recommend", response_model=ListReply, responses=_ERRORS)
async def recommend_with_body(request: Request, body: RecommendBody) -> Response:
    """A list for one shopper, under rules, or these items in this shopper's order."""
    return await _recommended(request, body)


@router.post("/batch", response_model=BatchReply, responses=_ERRORS)
async def batch(request: Request, body: BatchBody) -> Response:
    """Lists for many users at once; users that the shop does not know get the list of a shopper with no history."""
    service = service_of(request)
    only_own(request, body.users)

    def listed() -> Response:
        rec = service.served.rec
        fields = Fields(rec, body.columns)
        found = rec.recommend_many(
            body.users, body.k, exclude_seen=body.exclude_seen, candidates=body.candidates, columns=fields.ask
        )
        lists: dict[str, list[dict[str, Any]]] = {user: [] for user in body.users}
        for row in fields.rows(found):
            lists[row.pop(USER)].append(row)
        return reply({"version": version_of(rec), "lists": [{"user_id": user, "items": lists[user]} for user in lists]})

    return await service.slow.run(listed)


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
    rec = service_of(request).served.rec

    def completed() -> Response:
        fields = Fields(rec, body.columns)
        return listed(rec, rec.complete(body.basket, body.k, rules=body.rules, columns=fields.ask), fields)

    return await run_in_threadpool(completed)


def listed(rec: Recommender, table: pd.DataFrame, fields: Fields, **more: Any) -> Response:
    """The response with one list."""
    said = {NOTES: table.attrs[NOTES]} if NOTES in table.attrs else {}
    return reply({"version": version_of(rec), "items": fields.rows(table), **said, **more})


async def _recommended(request: Request, body: RecommendBody) -> Response:
    service = service_of(request)
    only_own(request, (body.user_id,))
    if body.reasons and "explain" not in caller_of(request).scopes:
        raise HTTPException(403, "reasons: this credential is not for 'explain'")
    served = service.served
    rec = served.rec

    def recommended() -> Response:
        fields, user = Fields(rec, body.columns), served.user(body.user)
        found = rec.recommend(
            user,
            body.items,
            body.k,
            exclude_seen=body.exclude_seen,
            candidates=body.candidates,
            rules=body.rules,
            columns=fields.ask,
        )
        if body.reasons:
            found = with_reasons(rec, user, found)
        return listed(rec, found, fields)

    if body.reasons or body.described:  # a model reads or writes: seconds
        return await service.slow.run(recommended)
    return await run_in_threadpool(recommended)


def with_reasons(rec: Recommender, user: User, table: pd.DataFrame) -> pd.DataFrame:
    """A list with `reason`, `kind` and `because` beside each item of the catalogue."""
    named = table[ITEM].notna()
    reasons = iter(rec.explain_list(user, table.loc[named, ITEM].tolist()))
    told = [next(reasons) if known else None for known in named]
    columns = {
        "reason": [one.sentence or None if one else None for one in told],
        "kind": [one.kind if one else None for one in told],
        "because": [list(one.because) if one else None for one in told],
    }
    for name, values in columns.items():
        table[name] = pd.Series(values, index=table.index, dtype=object)
    return table


async def _similar(request: Request, body: SimilarBody) -> Response:
    service = service_of(request)
    rec = service.served.rec

    def found() -> Response:
        fields = Fields(rec, body.columns)
        return listed(rec, rec.similar(body.item, body.k, columns=fields.ask), fields)

    return await run_in_threadpool(found)
