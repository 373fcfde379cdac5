"""The shop's data: checked tables, arrays, and versions on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from recsys.data.reading import read_interactions, read_items
    from recsys.data.snapshot import Snapshot
    from recsys.data.store import Store

__all__ = ["Snapshot", "Store", "read_interactions", "read_items"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={"reading": ["read_interactions", "read_items"], "snapshot": ["Snapshot"], "store": ["Store"]},
)
