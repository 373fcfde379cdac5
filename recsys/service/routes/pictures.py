"""Endpoints of product pictures: search by picture, and the pictures that lie in the shop's own folder."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from recsys.data.validation import MAX_ID
from recsys.service.access import needs
from recsys.service.bodies import Columns, K
from recsys.service.problems import problems
from recsys.service.replies import ListReply
from recsys.service.rows import Fields, listed
from recsys.service.state import service_of

PATH = "/search/image"
router = APIRouter(tags=["catalogue"])
_KINDS = ("image/jpeg", "image/png", "image/webp", "image/gif")
_BINARY = {"schema": {"type": "string", "format": "binary"}}


@router.post(
    PATH,
    response_model=ListReply,
    responses=problems(503),
    dependencies=[Depends(needs("recommend"))],
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


# Without a key: a page's images are fetched without one, and a shop shows its pictures to everybody.
@router.get(
    "/pictures/{item_id:path}",
    response_class=Response,
    responses={
        **problems(404, 503, keyed=False),
        200: {"content": {"image/jpeg": _BINARY}, "description": "A picture"},
    },
)
async def picture(request: Request, item_id: Annotated[str, Path(min_length=1, max_length=MAX_ID)]) -> Response:
    """The picture of one item, small, where the shop's table names a file rather than an address."""
    service = service_of(request)
    rec = service.served.rec
    content = await service.slow.run(lambda: rec.pictures.thumbnail(item_id, rec.items, rec.lookup))
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": "public, max-age=3600"})
