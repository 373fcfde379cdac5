"""What all endpoints of one application share: settings, what is live, and threads for slow calls."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import Request

from recsys.assistant.answers import Assistant
from recsys.assistant.reply import TEMPLATE
from recsys.assistant.setup import load_assistant
from recsys.data.event_log import EVENTS, EventWriter
from recsys.data.handovers import Handovers
from recsys.data.store import knowledge_store
from recsys.errors import ArtifactError, BadInput
from recsys.service.access import Access
from recsys.service.bodies import RecommendBody
from recsys.service.experiments import Experiment
from recsys.service.guard import SlowCalls
from recsys.service.keys import Keys
from recsys.service.metrics import Metrics
from recsys.service.recommending import Made, cache_key, mixed, recommended
from recsys.service.rows import version_of
from recsys.service.served import Served
from recsys.serving.live import Live
from recsys.serving.recommender import Recommender
from recsys.settings import Settings

if TYPE_CHECKING:
    from recsys.llm.chat import ChatModel
    from recsys.voice import Transcriber

__all__ = ["Service", "keys_file", "keys_of", "live_assistant", "service_of", "version_of"]

log = logging.getLogger(__name__)

T = TypeVar("T")

INTERLEAVED = "interleaved"


@dataclass
class Service:
    """The state of one application.

    Attributes
    ----------
    lists, answers
        Followers of what is live.
    slow
        Threads for calls that may take seconds.
    """

    settings: Settings
    lists: Live[Recommender]
    answers: Live[Assistant]
    slow: SlowCalls = field(default_factory=SlowCalls)
    stopping: bool = False
    writer_state: str = "plain"

    def __post_init__(self) -> None:
        self._writer: ChatModel | None = None
        self._writer_lock = threading.Lock()
        self._transcriber: Transcriber | None = None
        self._transcriber_lock = threading.Lock()
        # Scoring a small catalogue holds the interpreter: more threads than cores only hinder one another.
        self._listing = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="recsys-lists")
        self._recording = ThreadPoolExecutor(8, thread_name_prefix="recsys-log")
        self.events = EventWriter(self.settings.artifacts / EVENTS, vault=self.lists.value.shop.protection.vault)
        self.access = Access(self.settings.serve, keys_of(self.settings))
        self.metrics = Metrics()
        self.experiment = Experiment(self.settings, self.lists) if self.settings.experiment.name else None
        self._served: dict[int, Served] = {}
        self._served_lock = threading.Lock()

    @property
    def served(self) -> Served:
        """What is served now; a request takes it once and keeps to it, so that no answer mixes two versions."""
        return self._of(self.lists.value)

    def _of(self, rec: Recommender) -> Served:
        found = self._served.get(id(rec))
        if found is None or found.rec is not rec:
            with self._served_lock:
                found = self._served.get(id(rec))
                if found is None or found.rec is not rec:
                    found = Served.of(rec, self.settings.serve.cached_lists)
                    lives = [self.lists, *(self.experiment.lives if self.experiment else ())]
                    live = {id(one.value) for one in lives if one.opened}  # what is live no more is let go
                    self._served = {k: v for k, v in self._served.items() if k in live} | {id(rec): found}
        return found

    def made(self, body: RecommendBody) -> Made | None:
        """A list that was made before, for the same shopper in the same state."""
        served, _, key = self._asked(body)
        found: Made | None = None if key is None else served.lists.get(key)
        return found

    def make(self, body: RecommendBody) -> Made:
        """A list for one shopper, by the variant of the experiment that they are in."""
        served, variant, key = self._asked(body)
        if variant == INTERLEAVED and self.experiment is not None:
            one, other = (self._of(self.experiment.recommender(name)) for name in self.experiment.shares)
            made = mixed(one, other, body, self.experiment)
        else:
            rules = body.rules
            if variant is not None and self.experiment is not None:
                rules = self.experiment.rules(variant, rules)
            made = recommended(served, body, rules, variant)
        if key is not None:
            served.lists.put(key, made)
        return made

    def exposed(self, body: RecommendBody, made: Made) -> None:
        """Log what a shopper of the experiment is shown."""
        if self.experiment is not None and body.user_id is not None and (made.variant or made.teams):
            self.experiment.expose(self._recording, body.user_id, made.variant, made.version, made.items, made.teams)

    def _asked(self, body: RecommendBody) -> tuple[Served, str | None, Hashable | None]:
        """What makes the list, the shopper's variant, and what the list is kept under."""
        variant, rec = None, self.lists.value
        if self.experiment is not None and body.user_id is not None and body.items is None:
            variant = INTERLEAVED if self.experiment.interleaved else self.experiment.variant(body.user_id)
            rec = rec if variant == INTERLEAVED else self.experiment.recommender(variant)
        served = self._of(rec)
        return served, variant, cache_key(served, body, variant)

    async def quick(self, call: Callable[[], T]) -> T:
        """Result of a call of milliseconds, on a thread of those for lists."""
        return await asyncio.get_running_loop().run_in_executor(self._listing, call)

    async def record(self, rows: list[dict[str, Any]]) -> None:
        """Put events on the disk; returns when no crash can lose them."""
        if (hidden := self.lists.value.shop.protection.pseudonyms) is not None:
            rows = [hidden.row(row) for row in rows]
        await asyncio.get_running_loop().run_in_executor(self._recording, self.events.append, rows)

    @property
    def problem(self) -> str | None:
        """What keeps a newer version from being served, or the assistant from following."""
        return self.lists.problem or self.answers.problem

    def close(self) -> None:
        """End what writes and computes; what was acknowledged is on the disk already."""
        self.stopping = True
        self._recording.shutdown()
        self.events.close()
        if self.experiment is not None:
            self.experiment.close()
        self._listing.shutdown(wait=False, cancel_futures=True)
        self.slow.pool.shutdown(wait=False, cancel_futures=True)

    def chat_model(self) -> ChatModel:
        """What writes to prompts: the assistant's model, or the one that words the reasons, unadapted.

        Raises
        ------
        ArtifactError
            The settings name none.
        """
        from recsys.llm.chat import load_chat  # torch: a process that only lists does not wait for it

        with self._writer_lock:
            if self._writer is None:
                wording = self.answers.value.wording if self.answers.opened else None
                name = self.settings.explain.writer
                if wording is not None:
                    self._writer = wording.model
                elif name == TEMPLATE:
                    raise ArtifactError("no model writes here: assistant.writer and explain.writer name none")
                else:
                    device, offline = self.settings.encoder.device, self.settings.offline
                    self._writer = load_chat(name, device=device, offline=offline)
            return self._writer

    @property
    def transcriber(self) -> Transcriber:
        """What hears; loaded when it is first asked for."""
        from recsys.voice import Transcriber  # its libraries: who has no voice does not pay for them

        with self._transcriber_lock:
            if self._transcriber is None:
                self._transcriber = Transcriber.load(
                    self.settings.voice.model, device=self.settings.encoder.device, offline=self.settings.offline
                )
            return self._transcriber

    def warm(self) -> None:
        """Load the writer of reasons aside, so that the first reasons after a start are its own."""
        if self.settings.explain.writer == TEMPLATE or self.lists.value.ranker is None:
            return
        self.writer_state = "loading"
        try:
            self.lists.value.explainer.writer  # noqa: B018 - loaded by being asked for
            self.writer_state = "ready"
        except Exception as error:  # noqa: BLE001 - whatever it is, sentences come from templates
            self.writer_state = "plain"
            log.warning("no writer of reasons, templates serve: %s", error)


def keys_file(settings: Settings) -> Path:
    """Where the keys are kept."""
    return settings.serve.keys or settings.artifacts / "keys.json"


def keys_of(settings: Settings) -> Keys:
    """The keys of the file and of the environment.

    Raises
    ------
    BadInput
        They cannot be read, or a file that the settings name is not there.
    """
    if settings.serve.keys is not None and not settings.serve.keys.is_file():
        raise BadInput(f"serve.keys: {settings.serve.keys} is not there; `recsys keys add NAME` makes it")
    return Keys(keys_file(settings))


def service_of(request: Request) -> Service:
    """The state of the application that a request came to."""
    found: Service = request.app.state.service
    return found


def live_assistant(settings: Settings, lists: Live[Recommender]) -> Live[Assistant]:
    """Follower of the assistant: of the version that serves lists, and of the live knowledge.

    It shares the recommender of `lists`, so that a damaged version leaves answers as it leaves lists.
    """
    knowledge = knowledge_store(settings.artifacts)

    def open_warm() -> Assistant:
        assistant = load_assistant(settings, lists.value)
        assistant.answer("hello")  # the first answer pays for reading files
        assistant.handovers = Handovers(settings.artifacts, lists.value.shop.protection)
        return assistant

    return Live(lambda: (version_of(lists.value), knowledge.current_id()), open_warm)
