"""Opinions of a night: reviews are read before anything is learnt, and what they say becomes tables of the version."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from recsys.data.snapshot import ShopTables
from recsys.data.vectors import VectorPool
from recsys.encoders.loading import review_encoder
from recsys.encoders.protocol import Encodes
from recsys.errors import BadInput
from recsys.pipeline.night import Night
from recsys.progress import stage

#: Vectors of reviews and of their sentences, kept for the next night.
VECTORS = "reviews"


def with_opinions(night: Night, tables: ShopTables) -> tuple[ShopTables, dict[str, Any]]:
    """The tables with each review's opinion and the aspects of all items, and counts; as they are without reviews."""
    if tables.reviews is None or not len(tables.reviews):
        return replace(tables, reviews=None, aspects=None), {}
    from recsys.reviews import read_reviews  # only shops with reviews read it

    with stage("read reviews"):
        known = _known(night)
        found = read_reviews(tables.reviews, tables.items, _encoder(night), known, progress=night.progress)
    found.pool.save(night.draft.path / "vectors", VECTORS)
    return replace(tables, reviews=found.reviews, aspects=found.aspects), {"opinions": found.notes}


def _encoder(night: Night) -> Encodes:
    """The encoder of reviews; where the settings' has no [CLS] vector, that one as it is."""
    if night.encoder.pooling == "cls" and night.settings.encoder.max_length is None:
        return night.encoder
    try:
        return review_encoder(night.settings)
    except BadInput:
        return night.encoder


def _known(night: Night) -> list[VectorPool]:
    there = night.live is not None and (night.live.path / "vectors" / f"{VECTORS}_keys.npy").is_file()
    return night.known_vectors(VECTORS) if there else []
