"""The endpoint of search by picture."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from recsys.service.access import needs
from recsys.service.bodies import Columns, K
from recsys.service.problems import problems
from recsys.service.replies import ListReply
from recsys.service.rows import Fields, listed
from recsys.service.state import service_of

PATH = "/search/image"
router = APIRouter(tags=["catalogue"], dependencies=[Depends(needs("recommend"))])
_KINDS = ("image/jpeg", "image/png", "image/webp", "image/gif")
_BINARY = {"schema": {"type": "string", "format": "binary"}}


@router.post(
    PATH,
    response_model=ListReply,
    responses=problems(503),
    openapi_extra={"requestBody": {"required": True, "content": dict.fromkeys(_KINDS, _BINARY)}},
)
async def search_image(
    request: Request,
    k: K = 10,
    columns: Annotated[Columns, Query()] = [],  # noqa: B006 - as FastAPI has it
) -> Response:
    """Items whose pictures look most like the picture in the body; nothing of it is kept."""
    content = await request.body()
    service = service_of(request)
    rec = service.served.rec
    fields = Fields(rec, columns)
    return await service.slow.run(lambda: listed(rec, rec.similar_to_image(content, k, columns=fields.ask), fields))
