"""Endpoint of explanations: one item with all parts of its score, or a list with its reasons."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from recsys.data.schema import ITEM
from recsys.service.access import needs, only_own
from recsys.service.bodies import ExplainBody
from recsys.service.problems import problems
from recsys.service.replies import ExplainReply, ReasonsReply
from recsys.service.rows import reply
from recsys.service.state import service_of, version_of

router = APIRouter(tags=["reasons"], dependencies=[Depends(needs("explain"))])
#: What of an explanation belongs to a row of a list.
_OF_A_LIST = ("item_id", "sentence", "kind", "because", "figures", "writer")


@router.post("/explain", response_model=ExplainReply | ReasonsReply, responses=problems(404, 503))
async def explain(request: Request, body: ExplainBody) -> Response:
    """Why an item has its score for a shopper, with all parts of the score; or the reasons of a list."""
    service = service_of(request)
    only_own(request, (body.user_id,))

    def explained() -> Response:
        served = service.served
        rec, user = served.rec, served.user(body.user)
        if body.item_id is not None:
            return reply({"version": version_of(rec), **rec.explain(user, body.item_id).as_dict()})
        items = body.items
        if items is None:
            items = rec.recommend(user, k=body.k or 10, columns=None)[ITEM].tolist()
        told = [one.as_dict() for one in rec.explain_list(user, items)]
        rows = [{name: one[name] for name in _OF_A_LIST} for one in told]
        return reply({"version": version_of(rec), "items": rows})

    return await service.slow.run(explained)
