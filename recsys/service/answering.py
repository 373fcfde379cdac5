"""The assistant of the live version, made when first asked and again when the shop or its knowledge changes."""

from __future__ import annotations

import threading

from recsys.assistant.answers import Assistant
from recsys.assistant.setup import load_assistant
from recsys.data.store import Store, knowledge_store
from recsys.settings import Settings


class Answering:
    """Keeps one assistant; safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._made_from: tuple[str | None, str | None] | None = None
        self._assistant: Assistant | None = None

    @property
    def assistant(self) -> Assistant:
        """The assistant of what is live now.

        Raises
        ------
        ArtifactError
            There is no published version, or no knowledge for it.
        """
        root = self._settings.artifacts
        live = (Store(root).current_id(), knowledge_store(root).current_id())
        with self._lock:
            if self._assistant is None or self._made_from != live:
                self._assistant, self._made_from = load_assistant(self._settings), live
            return self._assistant
