"""The pictures of tonight's catalogue: vectors in the snapshot, and a table of what was read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from recsys.data.snapshot import PICTURES
from recsys.data.store import Version
from recsys.data.vectors import VectorPool
from recsys.encoders.snapshots import Built
from recsys.errors import BadInput
from recsys.progress import stage
from recsys.settings import Settings

#: File of a version: what was read of each picture.
FILE = f"{PICTURES}.parquet"


def with_pictures(
    built: Built, settings: Settings, *, live: Version | None = None, draft: Path | None = None, progress: bool = False
) -> Built:
    """The snapshot with vectors of its pictures; as it is where the settings name no model.

    Parameters
    ----------
    live
        The version before, whose vectors of unchanged pictures are kept.
    draft
        Directory of the version that is being written.

    Raises
    ------
    BadInput
        The settings name a model, and no item names a picture.
    """
    asked = settings.pictures
    if not asked.model:
        return built
    from recsys.pictures.collect import collect
    from recsys.pictures.encoder import PictureEncoder

    with stage("encode pictures"):
        encoder = PictureEncoder.load(asked.model, device=settings.encoder.device, offline=settings.offline)
        found = collect(
            built.snapshot.tables.value.items,
            encoder,
            asked.folder,
            known=_known(live),
            offline=settings.offline,
            progress=progress,
        )
    if found is None:
        raise BadInput(
            f"pictures.model is {asked.model!r}, and no item names a picture: the items table needs a column `image` "
            "of paths or addresses"
        )
    if draft is not None:
        found.table.to_parquet(draft / FILE, index=False)
    shop = built.snapshot
    shop = replace(shop, facts=replace(shop.facts, pictures=found.pool.vectors), picture_pool=found.pool)
    about = {"pictures": {"model": asked.model, "fingerprint": encoder.fingerprint}}
    return replace(built, snapshot=shop, notes=built.notes | found.notes, about=built.about | about)


def _known(live: Version | None) -> tuple[VectorPool, pd.DataFrame] | None:
    if live is None or not (live.path / FILE).is_file():
        return None
    return VectorPool.load(live.path / "vectors", PICTURES), pd.read_parquet(live.path / FILE)
