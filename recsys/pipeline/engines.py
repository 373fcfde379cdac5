"""Where heavy steps run: in this process, or on a Ray cluster. The steps and their results are the same."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from recsys.data import outputs
from recsys.encoders.loading import encoder_for
from recsys.encoders.protocol import Encodes
from recsys.errors import BadInput, require
from recsys.serving.recommender import Recommender
from recsys.settings import Settings

NAMES = ("local", "ray")


class Engine(Protocol):
    """What `jobs` ask of the place where they run."""

    def encoder(self, settings: Settings) -> Encodes:
        """The encoder that the settings name; many texts are encoded where the engine runs."""
        ...

    def lists(
        self,
        rec: Recommender,
        users: Sequence[str],
        k: int,
        out: Path,
        *,
        candidates: Collection[str] | None = None,
        progress: bool = False,
    ) -> int:
        """Write ``user_id, rank, item_id, score`` for these users, in their order; returns the number of rows."""
        ...


class Local:
    """Everything in this process, on all its cores."""

    def encoder(self, settings: Settings) -> Encodes:
        """The encoder itself."""
        return encoder_for(settings)

    def lists(
        self,
        rec: Recommender,
        users: Sequence[str],
        k: int,
        out: Path,
        *,
        candidates: Collection[str] | None = None,
        progress: bool = False,
    ) -> int:
        """`Recommender.recommend_many`, written whole or not at all."""
        table = rec.recommend_many(users, k, candidates=candidates, columns=None, progress=progress)
        outputs.write_table(table, out)
        return len(table)


def engine(name: str) -> Engine:
    """The engine of this name, ``local`` or ``ray``.

    Raises
    ------
    BadInput
        There is no such engine, or its extra is not installed.
    """
    if name == "local":
        return Local()
    if name != "ray":
        raise BadInput(f"engine {name!r}: expected one of {', '.join(NAMES)}")
    require("ray.data", "ray")
    from recsys.pipeline.ray import Cluster

    return Cluster()
