"""One open version as the service holds it: what shoppers did since it was made, and lists for who asks again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from recsys.data.columns import EVENT, ITEM
from recsys.data.event_log import EVENTS_READ
from recsys.service.rows import version_of
from recsys.serving.lookup import User
from recsys.serving.recommender import Recommender
from recsys.serving.sessions import Sessions


class ListCache:
    """Least recently used lists of one version, which change only when their shopper does something."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Any:
        """What was made for this key; None where nothing is."""
        with self._lock:
            if (found := self._held.get(key)) is not None:
                self._held.move_to_end(key)
            return found

    def put(self, key: Hashable, made: Any) -> None:
        """Keep a list, and let the one go that nobody asked for longest."""
        if self._size:
            with self._lock:
                self._held[key] = made
                if len(self._held) > self._size:
                    self._held.popitem(last=False)


@dataclass(frozen=True)
class Served:
    """One open version, and what shoppers did since it was made."""

    rec: Recommender
    sessions: Sessions
    lists: ListCache

    @classmethod
    def of(cls, rec: Recommender, cached: int) -> Served:
        """Beside an opened version the log, from where its tables end."""
        assert rec.version is not None  # it was opened from one
        root = rec.version.path.parents[1]
        read, hidden = rec.version.manifest.get(EVENTS_READ, {}), rec.shop.protection.pseudonyms
        return cls(rec, Sessions(root, read, hidden), ListCache(cached))

    @property
    def version(self) -> str:
        """Id of the version."""
        return version_of(self.rec)

    def user(self, user: User) -> User:
        """A shopper as the recommender takes one, after what they did since the version was made."""
        name = user.get("user") if isinstance(user, Mapping) else user
        met = self.sessions.of(name) if name is not None else ()
        if not met:
            return user
        since = [{ITEM: m.item_id, EVENT: m.event} for m in met]
        return {**(user if isinstance(user, Mapping) else {"user": user}), "since": since}
