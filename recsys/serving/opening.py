"""Opening a published version: snapshot, ranker and index, memory-mapped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from recsys.data import snapshot
from recsys.data.snapshot import Snapshot
from recsys.data.store import Store, Version
from recsys.errors import ArtifactError, RecsysError
from recsys.ranking.ranker import Ranker
from recsys.serving.index import ItemIndex
from recsys.settings import Settings

T = TypeVar("T")


def open_parts(version: Version, settings: Settings) -> tuple[Snapshot, Ranker | None, ItemIndex]:
    """What a version serves from; there is no ranker where it was only embedded.

    Raises
    ------
    ArtifactError
        A file is missing or damaged.
    """
    try:
        shop = snapshot.load(version.path)
        has_ranker = version.manifest["ranker"] is not None
        ranker = Ranker.load(version.path / "ranker", settings.training.extra_blocks) if has_ranker else None
        ranker = ranker and replace(ranker, products=shop.products)
        return shop, ranker, ItemIndex.load(version.path / "index", shop.facts.vectors)
    except RecsysError:
        raise
    except Exception as error:
        raise ArtifactError(
            f"{version.path}: cannot be opened ({type(error).__name__}: {error}). `recsys versions --verify` "
            "names the damaged file, `--use ID` goes back to another version"
        ) from error


def open_live(store: Store, open_version: Callable[[Version], T]) -> T:
    """Open the live version; where another one goes live and this one is deleted meanwhile, open that one.

    Raises
    ------
    ArtifactError
        No version is published there, or a file is missing or damaged.
    """
    while True:
        live = store.current_id()
        try:
            return open_version(store.require())
        except (ArtifactError, OSError):
            if store.current_id() == live:
                raise
