"""Endpoints of language: answers, text from a model, feedback on both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic_core import to_json
from starlette.responses import Response

from recsys.assistant.feedback import Feedback
from recsys.service.access import needs, only_own
from recsys.service.bodies import AnswerBody, FeedbackBody, GenerateBody
from recsys.service.problems import problems
from recsys.service.replies import AnswerReply, FeedbackReply, GenerateReply
from recsys.service.rows import reply
from recsys.service.state import service_of

router = APIRouter(tags=["assistant"], dependencies=[Depends(needs("answer"))])
_STREAM = "text/event-stream"


@router.post(
    "/answer",
    response_model=AnswerReply,
    responses={
        **problems(503),
        200: {"content": {_STREAM: {"schema": {"type": "string"}}}, "description": "The answer, or its events"},
    },
)
async def answer(request: Request, body: AnswerBody) -> Response:
    """An answer from the shop's own text, with its sources. `user_id` is who your site says is signed in.

    With ``stream`` (or ``Accept: text/event-stream``) it comes as server-sent events: ``delta`` for each piece of the
    text, then ``answer`` with the whole.
    """
    service = service_of(request)
    only_own(request, (body.user_id,))
    turns = [turn.model_dump() for turn in body.history]

    def answered() -> dict[str, Any]:
        return asdict(service.answers.value.answer(body.question, turns, body.user_id))

    if not body.stream and _STREAM not in request.headers.get("accept", ""):
        return reply(await service.slow.run(answered))
    service.answers.value  # noqa: B018 - what cannot answer at all says so by its status, before the stream begins

    async def events() -> AsyncIterator[bytes]:
        told = asyncio.ensure_future(service.slow.run(answered))
        while not (await asyncio.wait([told], timeout=5.0))[0]:
            yield format_sse_event(comment="still at it")
        try:
            answer = told.result()
        except Exception as error:  # noqa: BLE001 - the status is sent already: the stream says it
            yield _event("problem", {"detail": str(getattr(error, "detail", "a fault of the service"))})
            return
        yield _event("delta", {"text": answer["text"]})
        yield _event("answer", answer)

    return EventSourceResponse(events())


def _event(name: str, data: dict[str, Any]) -> bytes:
    return format_sse_event(event=name, data_str=to_json(data).decode())


@router.post("/generate", response_model=GenerateReply, responses=problems(503))
async def generate(request: Request, body: GenerateBody) -> Response:
    """Text that the configured model writes to a prompt; what it says is the model's, nobody has checked it."""
    service = service_of(request)

    def written() -> dict[str, Any]:
        from recsys.llm.decoding import Sampling  # torch: lists do not wait for it

        writer = service.text_writer()
        sampling = Sampling(max_new_tokens=body.max_tokens, temperature=body.temperature)
        text = writer.write([[{"role": "user", "content": body.prompt}]], sampling, seeds=body.seed)[0]
        return {"text": text, "writer": writer.name}

    return reply(await service.slow.run(written))


@router.post("/feedback", response_model=FeedbackReply, responses=problems(), status_code=202)
async def feedback(request: Request, body: FeedbackBody) -> Response:
    """Keep what a shopper thought of an answer or a recommendation."""
    service = service_of(request)
    only_own(request, (body.user_id,))
    kept = Feedback(service.settings.artifacts / "feedback")

    def added() -> dict[str, Any]:
        kept.add(body.question, body.answer, body.rating, kind=body.kind, sources=body.sources, user_id=body.user_id)
        return {"accepted": 1}

    return reply(await service.slow.run(added), 202)
