"""The live version, followed: another one is opened aside and swapped in by one assignment.

There is one follower for all that serves: `recsys.recommend`, the HTTP service's lists and its assistant.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import pandas as pd

from recsys.data.store import Store
from recsys.errors import RecsysError
from recsys.serving.lookup import Item, User
from recsys.serving.recommender import Recommender
from recsys.settings import Settings, load_settings

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds after which a version that could not be opened is tried again.
RETRY = 2.0


class _Held(NamedTuple, Generic[T]):
    name: Hashable
    value: T
    problem: str | None = None


class Live(Generic[T]):
    """Follower of the live version: holds what was opened of it until another one is open and warm.

    Whoever began with one value keeps it. A version that cannot be opened, for whatever reason, changes nothing: it is
    logged once, said in `problem`, and tried again. Safe to use from several threads.

    Parameters
    ----------
    name
        What is live now: an id, or a tuple of ids.
    open_live
        Opens and warms it.
    """

    def __init__(self, name: Callable[[], Hashable], open_live: Callable[[], T]) -> None:
        self._name = name
        self._open = open_live
        self._lock = threading.Lock()
        self._held: _Held[T] | None = None
        self._failed: tuple[Hashable, float] | None = None

    @property
    def problem(self) -> str | None:
        """Why what is live could not be opened, while what was held before serves on."""
        return self._held.problem if self._held is not None else None

    @property
    def opened(self) -> bool:
        """Whether there is a value to serve."""
        return self._held is not None

    @property
    def value(self) -> T:
        """What is served; the first call opens it, and raises whatever keeps it from being opened."""
        held = self._held
        return self.refresh() if held is None else held.value

    def refresh(self) -> T:
        """Open what is live now if it is not what is held; returns what is to be served."""
        # While one thread opens, the others serve what is held rather than wait.
        if self._lock.acquire(blocking=not self.opened):
            try:
                self._follow()
            finally:
                self._lock.release()
        assert self._held is not None
        return self._held.value

    def _follow(self) -> None:
        name: Hashable = None
        try:
            name = self._name()
            if self._held is not None and self._too_soon(name):
                return
            if self._held is None or self._held.name != name:
                replaced, self._held = self._held is not None, _Held(name, self._open())
                if replaced:
                    gc.collect()  # the maps of the version before are released once its last request has ended
                log.info("serving %s", name)
            elif self._held.problem is not None:
                self._held = self._held._replace(problem=None)
            self._failed = None
        except Exception as error:
            if self._held is None:
                raise
            problem = str(error) if isinstance(error, RecsysError) else f"{type(error).__name__}: {error}"
            if problem != self._held.problem:
                log.error("what is live cannot be opened, %s serves on: %s", self._held.name, problem)
            # Told together with what is held, by one assignment: nobody sees a new version beside an old problem.
            self._held, self._failed = self._held._replace(problem=problem), (name, time.monotonic())

    def _too_soon(self, name: Hashable) -> bool:
        return self._failed is not None and self._failed[0] == name and time.monotonic() < self._failed[1] + RETRY


@contextmanager
def following(lives: Sequence[Live[Any]], every: float) -> Iterator[None]:
    """Refresh what is opened every few seconds, on a thread of its own, so that no request waits for a new version."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(every):
            for live in lives:
                if live.opened:
                    live.refresh()

    thread = threading.Thread(target=watch, name="recsys-following", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def live_recommender(settings: Settings) -> Live[Recommender]:
    """Follower of the live version under ``settings.artifacts``."""
    return Live(Store(settings.artifacts).current_id, lambda: warm(Recommender.load(settings=settings)))


def warm(recommender: Recommender) -> Recommender:
    """The same, after its first list, which pays for reading the version's files."""
    recommender.recommend({}, k=1)
    return recommender


_followed: dict[Path, Live[Recommender]] = {}
_followed_lock = threading.Lock()


def follow(artifacts: Path | str | None = None, settings: Settings | None = None) -> Recommender:
    """The recommender of the live version of a directory; one is kept open a directory, for the whole process.

    Raises
    ------
    ArtifactError
        No version is published there.
    """
    settings = settings or load_settings(artifacts=artifacts)
    root = Path(artifacts or settings.artifacts).resolve()
    with _followed_lock:
        if root not in _followed:
            _followed[root] = live_recommender(settings.model_copy(update={"artifacts": root}))
    return _followed[root].refresh()


def recommend(user: User, items: Sequence[Item] | None = None, k: int = 10, **options: Any) -> pd.DataFrame:
    """`Recommender.recommend` on the default artifacts directory, following the version that is live.

    The directory is ``RECSYS_ARTIFACTS`` or ``./artifacts``; `options` are those of `Recommender.recommend`.
    """
    return follow().recommend(user, items, k, **options)
