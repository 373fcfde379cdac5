"""Endpoints of language: answers, text from a model, feedback on both."""

from __future__ import annotations

import asyncio
import logging
import threading
import traceback
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from recsys.assistant.reply import Event, Sources, Token
from recsys.data.feedback import Feedback
from recsys.service.access import needs, only_own
from recsys.service.bodies import AnswerBody, FeedbackBody, GenerateBody
from recsys.service.guard import SlowCalls
from recsys.service.problems import problems
from recsys.service.replies import AnswerReply, FeedbackReply, GenerateReply
from recsys.service.rows import reply
from recsys.service.state import service_of

router = APIRouter(tags=["assistant"], dependencies=[Depends(needs("answer"))])
_STREAM = "text/event-stream"
log = logging.getLogger(__name__)


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

    With ``stream`` (or ``Accept: text/event-stream``) it comes as server-sent events: ``sources``, then ``delta`` for
    each piece of the text as it is written, then ``answer`` with the whole; ``problem`` where it cannot be ended.
    """
    service = service_of(request)
    only_own(request, (body.user_id,))
    turns = [turn.model_dump() for turn in body.history]
    if not body.stream and _STREAM not in request.headers.get("accept", ""):
        return reply(
            await service.slow.run(lambda: asdict(service.answers.value.answer(body.question, turns, body.user_id)))
        )
    # What cannot answer at all says so by its status, before the stream begins.
    assistant = await service.slow.run(lambda: service.answers.value)
    return EventSourceResponse(_streamed(service.slow, assistant.stream(body.question, turns, body.user_id)))


async def _streamed(slow: SlowCalls, told: Iterator[Event]) -> AsyncIterator[bytes]:
    """Events of an answer as bytes; a caller who hangs up ends it after the piece that is being written."""
    waiting: asyncio.Queue[Event | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    gone = threading.Event()

    def write() -> None:
        try:
            for event in told:
                if gone.is_set():
                    return
                loop.call_soon_threadsafe(waiting.put_nowait, event)
        finally:
            loop.call_soon_threadsafe(waiting.put_nowait, None)

    writing = asyncio.ensure_future(slow.run(write))
    try:
        while (event := await _next(waiting, writing)) is not None:
            if isinstance(event, Sources):
                yield _event("sources", {"sources": list(event.ids)})
            elif isinstance(event, Token):
                yield _event("delta", {"text": event.text})
            else:
                yield _event("answer", asdict(event.answer))
        try:
            await writing
        except Exception as error:  # noqa: BLE001 - the status is sent already: the stream says it
            if not isinstance(error, HTTPException):
                where = "".join(traceback.format_tb(error.__traceback__))
                log.error("%s while an answer was streamed\n%s", type(error).__name__, where)
            yield _event("problem", {"detail": str(getattr(error, "detail", "a fault of the service"))})
    finally:
        gone.set()
        if not writing.done():
            writing.cancel()


async def _next(waiting: asyncio.Queue[Event | None], writing: asyncio.Future[None]) -> Event | None:
    """The next event; None where there are no more, or where the deadline has passed."""
    following = asyncio.ensure_future(waiting.get())
    both: list[asyncio.Future[Any]] = [following, writing]
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if following.done():
        return following.result()
    if writing.exception() is None:  # the last events are still on their way
        return await following
    following.cancel()
    return None


def _event(name: str, data: dict[str, Any]) -> bytes:
    return format_sse_event(event=name, data_str=to_json(data).decode())


@router.post("/generate", response_model=GenerateReply, responses=problems(503))
async def generate(request: Request, body: GenerateBody) -> Response:
    """Text that the configured model writes to a prompt; what it says is the model's, nobody has checked it."""
    service = service_of(request)

    def written() -> dict[str, Any]:
        from recsys.llm.decoding import Sampling  # torch: lists do not wait for it

        model = service.chat_model()
        sampling = Sampling(max_new_tokens=body.max_tokens, temperature=body.temperature)
        text = "".join(model.stream([{"role": "user", "content": body.prompt}], sampling))
        return {"text": text, "writer": model.name}

    return reply(await service.slow.run(written))


@router.post("/feedback", response_model=FeedbackReply, responses=problems(), status_code=202)
async def feedback(request: Request, body: FeedbackBody) -> Response:
    """Keep what a shopper thought of an answer or a recommendation."""
    service = service_of(request)
    only_own(request, (body.user_id,))
    kept = Feedback(service.settings.artifacts / "feedback", service.lists.value.shop.protection)

    def added() -> dict[str, Any]:
        kept.add(body.question, body.answer, body.rating, kind=body.kind, sources=body.sources, user_id=body.user_id)
        return {"accepted": 1}

    return reply(await service.slow.run(added), 202)
