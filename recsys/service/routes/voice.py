"""The endpoint of speech: a recording in, its words out, for the person to see before anything is asked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from recsys.service.access import needs
from recsys.service.problems import problems
from recsys.service.replies import TranscriptReply
from recsys.service.rows import reply
from recsys.service.state import service_of

PATH = "/transcribe"
router = APIRouter(tags=["assistant"], dependencies=[Depends(needs("answer"))])
_WAV = {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}


@router.post(
    PATH,
    response_model=TranscriptReply,
    responses=problems(503),
    openapi_extra={"requestBody": {"required": True, "content": _WAV}},
)
async def transcribe(
    request: Request, language: Annotated[str | None, Query(pattern="^[a-z]{2,3}$")] = None
) -> Response:
    """The words of a recording: a WAV file, 16-bit PCM, at most a minute. Nothing of it is kept.

    `language` is what is spoken, such as ``en`` or ``zh``; without it the model guesses, badly for short sentences.
    """
    recording = await request.body()
    service = service_of(request)
    return reply(await service.slow.run(lambda: asdict(service.transcriber.transcribe(recording, language))))
