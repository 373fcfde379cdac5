"""What shoppers did since the served version was made, so that it counts in their next list.

The log is the one truth: each process follows it, its own rows and those of processes beside it alike. What the
version's tables hold already lies before the position that the version was read to.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from recsys.data.columns import EVENT, ITEM, TIME, USER
from recsys.data.event_log import EventLog, Position
from recsys.data.forgotten import FORGOTTEN, Tombstones
from recsys.data.pseudonyms import Pseudonym, Pseudonyms, logged_user

#: Latest events of one shopper that are held, and shoppers at most: the longest silent ones are dropped first.
LATEST, SHOPPERS = 100, 200_000


class Met(NamedTuple):
    """Something a shopper did: with which item, what, and when (UTC seconds)."""

    item_id: str
    event: str
    time: float


class Sessions:
    """Events of shoppers after a position of the log; safe to use from several threads."""

    def __init__(self, artifacts: Path, since: Position, pseudonyms: Pseudonyms | None = None) -> None:
        self._pseudonyms = pseudonyms
        self._log = EventLog.of(artifacts)
        self._artifacts = artifacts
        self._since = dict(since)
        self._lock = threading.Lock()
        self._met: OrderedDict[str, tuple[Met, ...]] = OrderedDict()
        self._reached: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._tombstones, self._erased = Tombstones.read(artifacts), -1

    def of(self, user: str) -> tuple[Met, ...]:
        """What the shopper did, oldest first."""
        self._follow()
        return self._met.get(user if self._pseudonyms is None else self._pseudonyms.of(user), ())

    def _follow(self) -> None:
        erased = _changed(self._artifacts / FORGOTTEN)
        sizes = self._log.sizes()
        if erased == self._erased and sizes == self._sizes:
            return  # also where a crash left half a line, which stays
        with self._lock:
            if erased != self._erased:
                self._reset()
            rows, self._reached = self._log.read(self._reached)
            self._sizes = sizes  # of before the reading: what was written meanwhile is read again next time
            kind = str if self._pseudonyms is None else Pseudonym
            named = [(logged_user(row, self._pseudonyms), row) for row in rows if USER in row]
            gone = self._tombstones.among({kind(user) for user, _ in named if user is not None})
            for user, row in named:
                if user is not None and user not in gone:
                    self._add(user, row)

    def _reset(self) -> None:
        self._met.clear()
        self._reached = dict(self._since)
        self._erased = _changed(self._artifacts / FORGOTTEN)
        self._tombstones = Tombstones.read(self._artifacts)

    def _add(self, user: str, row: Mapping[str, Any]) -> None:
        try:
            met = Met(str(row[ITEM]), str(row[EVENT]), float(row[TIME]))
        except (KeyError, TypeError, ValueError):
            return  # another program's line
        known = self._met.get(user, ())
        late = not known or met.time >= known[-1].time
        self._met[user] = ((*known, met) if late else tuple(sorted((*known, met), key=lambda m: m.time)))[-LATEST:]
        self._met.move_to_end(user)
        if len(self._met) > SHOPPERS:
            self._met.popitem(last=False)


def _changed(path: Path) -> int:
    """When a file was last changed; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
