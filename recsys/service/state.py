"""What all endpoints of one application share: settings, what is live, and threads for slow calls."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import Request

from recsys.assistant.answers import Assistant
from recsys.assistant.reply import TEMPLATE
from recsys.assistant.setup import load_assistant
from recsys.assistant.wording import RETRIEVED
from recsys.data.columns import EVENT, ITEM
from recsys.data.event_log import EVENTS, EVENTS_READ, EventWriter
from recsys.data.store import knowledge_store
from recsys.errors import ArtifactError, BadInput
from recsys.service.access import Access
from recsys.service.guard import SlowCalls
from recsys.service.keys import Keys
from recsys.service.metrics import Metrics
from recsys.serving.live import Live
from recsys.serving.lookup import User
from recsys.serving.recommender import Recommender
from recsys.serving.sessions import Sessions
from recsys.settings import Settings

if TYPE_CHECKING:
    from recsys.llm.gpt import TextWriter

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Served:
    """One open version, and what shoppers did since it was made."""

    rec: Recommender
    sessions: Sessions

    @classmethod
    def of(cls, rec: Recommender) -> Served:
        """Beside an opened version the log, from where its tables end."""
        assert rec.version is not None  # it was opened from one
        root = rec.version.path.parents[1]
        return cls(rec, Sessions(root, rec.version.manifest.get(EVENTS_READ, {})))

    @property
    def version(self) -> str:
        """Id of the version."""
        return version_of(self.rec)

    def user(self, user: User) -> User:
        """A shopper as the recommender takes one, after what they did since the version was made."""
        name = user.get("user") if isinstance(user, Mapping) else user
        met = self.sessions.of(str(name)) if name is not None else ()
        if not met:
            return user
        since = [{ITEM: m.item_id, EVENT: m.event} for m in met]
        return {**(user if isinstance(user, Mapping) else {"user": user}), "since": since}


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
        self._writer: TextWriter | None = None
        self._writer_lock = threading.Lock()
        self._recording = ThreadPoolExecutor(8, thread_name_prefix="recsys-log")
        self.events = EventWriter(self.settings.artifacts / EVENTS)
        self.access = Access(self.settings.serve, keys_of(self.settings))
        self.metrics = Metrics()
        self._served = Served.of(self.lists.value)
        self._served_lock = threading.Lock()

    @property
    def served(self) -> Served:
        """What is served now; a request takes it once and keeps to it, so that no answer mixes two versions."""
        rec = self.lists.value
        if self._served.rec is not rec:
            with self._served_lock:
                if self._served.rec is not rec:
                    self._served = Served.of(rec)
        return self._served

    async def record(self, rows: list[dict[str, Any]]) -> None:
        """Put events on the disk; returns when no crash can lose them."""
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
        self.slow.pool.shutdown(wait=False, cancel_futures=True)

    def text_writer(self) -> TextWriter:
        """The causal model that writes to prompts: the assistant's, or the one that words the reasons, unadapted.

        Raises
        ------
        ArtifactError
            The settings name none.
        """
        from recsys.llm import gpt  # torch: a process that only lists does not wait for it

        named = (self.settings.assistant.writer, self.settings.explain.writer)
        name = next((name for name in named if name not in (RETRIEVED, TEMPLATE)), None)
        if name is None:
            raise ArtifactError("no model writes here: assistant.writer and explain.writer name none")
        with self._writer_lock:
            if self._writer is None:
                if name.startswith(gpt.ENDPOINT):
                    self._writer = gpt.EndpointWriter(name.removeprefix(gpt.ENDPOINT))
                else:
                    device, offline = self.settings.encoder.device, self.settings.offline
                    self._writer = gpt.load(name, device=device, offline=offline)
            return self._writer

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


def version_of(rec: Recommender) -> str:
    """Id of the version that a recommender serves."""
    assert rec.version is not None  # it was opened from one
    return rec.version.id


def live_assistant(settings: Settings, lists: Live[Recommender]) -> Live[Assistant]:
    """Follower of the assistant: of the version that serves lists, and of the live knowledge.

    It shares the recommender of `lists`, so that a damaged version leaves answers as it leaves lists.
    """
    knowledge = knowledge_store(settings.artifacts)

    def open_warm() -> Assistant:
        assistant = load_assistant(settings, lists.value)
        assistant.answer("hello")  # the first answer pays for reading files
        return assistant

    return Live(lambda: (version_of(lists.value), knowledge.current_id()), open_warm)
