"""The live version, held open; another one is opened and warmed aside before requests see it."""

from __future__ import annotations

import logging
import threading

from recsys.data.store import Store
from recsys.errors import RecsysError
from recsys.serving.recommender import Recommender
from recsys.settings import Settings

log = logging.getLogger(__name__)


class Following:
    """Holds a `Recommender` on the live version and replaces it when another version goes live.

    A request that has begun keeps the recommender it began with. A version that cannot be opened changes nothing: it is
    logged, said in `problem`, and tried again.

    Raises
    ------
    ArtifactError
        On construction, when there is no version to start with.
    """

    def __init__(self, settings: Settings, every: float = 2.0) -> None:
        self._settings = settings
        self._store = Store(settings.artifacts)
        self._every = every
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.recommender = self._open()
        self.problem: str | None = None

    @property
    def version_id(self) -> str:
        """Id of the version that is being served."""
        assert self.recommender.version is not None
        return self.recommender.version.id

    def start(self) -> None:
        """Look for another version every few seconds, on a thread of its own."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._watch, name="recsys-following", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def check(self) -> None:
        """Switch to the live version if it is another one than the one held."""
        try:
            if self._store.current_id() != self.version_id:
                self.recommender = self._open()
                log.info("serving version %s", self.version_id)
            self.problem = None
        except (RecsysError, OSError) as error:
            if self.problem is None:
                log.error("the live version cannot be opened, %s serves on: %s", self.version_id, error)
            self.problem = str(error)

    def _open(self) -> Recommender:
        recommender = Recommender.open(self._store.require(), self._settings)
        recommender.recommend({}, k=1)  # the first list of a version pays for reading its files
        return recommender

    def _watch(self) -> None:
        while not self._stop.wait(self._every):
            self.check()
