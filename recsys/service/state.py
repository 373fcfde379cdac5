"""What all endpoints of one application share: settings, what is live, and threads for slow calls."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import Request

from recsys.assistant.answers import Assistant
from recsys.assistant.reply import TEMPLATE
from recsys.assistant.setup import load_assistant
from recsys.assistant.wording import RETRIEVED
from recsys.data.store import knowledge_store
from recsys.errors import ArtifactError
from recsys.service.guard import SlowCalls
from recsys.serving.live import Live
from recsys.serving.recommender import Recommender
from recsys.settings import Settings

if TYPE_CHECKING:
    from recsys.llm.gpt import TextWriter

log = logging.getLogger(__name__)


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
