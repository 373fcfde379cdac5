"""The shop's data: checked tables, arrays, and versions on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys._public import lazily

if TYPE_CHECKING:
    from recsys.data.reading import read_interactions, read_items
    from recsys.data.snapshot import Snapshot
    from recsys.data.store import Store

__all__ = ["Snapshot", "Store", "read_interactions", "read_items"]

__getattr__ = lazily(
    __name__,
    {
        "Snapshot": "recsys.data.snapshot",
        "Store": "recsys.data.store",
        "read_interactions": "recsys.data.reading",
        "read_items": "recsys.data.reading",
    },
)
