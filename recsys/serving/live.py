"""The module-level `recommend`: one recommender per artifacts directory that follows the live version."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.data.store import Store
from recsys.serving.lookup import Item, User
from recsys.serving.recommender import Recommender
from recsys.settings import Settings, load_settings

_live: dict[Path, Recommender] = {}
_live_lock = threading.Lock()


def follow(artifacts: Path | str | None = None, settings: Settings | None = None) -> Recommender:
    """A recommender on the live version of a directory, opened again whenever another version goes live."""
    settings = settings or load_settings(artifacts=artifacts)
    root = Path(artifacts or settings.artifacts).resolve()
    store = Store(root)
    held = _live.get(root)
    if held is None or held.version is None or held.version.id != store.current_id():
        with _live_lock:
            held = _live.get(root)
            if held is None or held.version is None or held.version.id != store.current_id():
                held = _live[root] = Recommender.load(root, settings=settings)
    return held


def recommend(user: User, items: Sequence[Item] | None = None, k: int = 10, **options: Any) -> pd.DataFrame:
    """`Recommender.recommend` on the default artifacts directory, following the version that is live."""
    return follow().recommend(user, items, k, **options)
