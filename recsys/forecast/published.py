"""A forecast kept beside the version whose tables it was made from, for the page, HTTP and the assistant to read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.data.columns import ITEM
from recsys.data.store import Store
from recsys.errors import ArtifactError
from recsys.forecast.outlook import Outlook

FOLDER, ITEMS, WEEKS, FIGURES = "forecasts", "items.parquet", "weeks.parquet", "figures.json"


@dataclass(frozen=True)
class Kept:
    """A kept forecast: see `Outlook`."""

    items: pd.DataFrame
    weeks: pd.DataFrame
    figures: Mapping[str, Any]

    def of(self, item_id: str) -> pd.DataFrame:
        """The weeks of one item, oldest first; none where it was never sold."""
        return self.weeks[self.weeks[ITEM] == item_id]


def keep(store: Store, version: str, found: Outlook) -> Path:
    """Write a forecast beside its version; those of versions that are gone are removed."""
    with store.beside(FOLDER, version) as folder:
        found.items.to_parquet(folder / ITEMS, index=False)
        found.weeks.to_parquet(folder / WEEKS, index=False)
        (folder / FIGURES).write_text(json.dumps(found.figures), "utf-8")
    load.cache_clear()
    return store.root / FOLDER / version


@lru_cache(maxsize=4)
def load(root: Path, version: str) -> Kept | None:
    """The forecast of a version under the artifacts directory `root`; None where none was kept.

    Raises
    ------
    ArtifactError
        A file of it is damaged.
    """
    folder = root / FOLDER / version
    if not (folder / FIGURES).is_file():
        return None
    try:
        figures = json.loads((folder / FIGURES).read_text("utf-8"))
        return Kept(pd.read_parquet(folder / ITEMS), pd.read_parquet(folder / WEEKS), figures)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{folder}: damaged ({type(error).__name__}); run `recsys forecast --keep`") from None
