"""An engine: the place where heavy steps run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from recsys.data import outputs
from recsys.encoders.loading import encoder_for
from recsys.encoders.protocol import Encodes
from recsys.serving.recommender import Recommender
from recsys.settings import Settings


class Engine:
    """The place where heavy steps run: this process, on all its cores."""

    def encoder(self, settings: Settings) -> Encodes:
        """The encoder that the settings name; many texts are encoded where the engine runs."""
        return encoder_for(settings)

    def lists(
        self,
        rec: Recommender,
        users: Sequence[str],
        k: int,
        out: Path,
        *,
        exclude_seen: bool = True,
        candidates: Collection[str] | None = None,
        progress: bool = False,
    ) -> int:
        """Write ``user_id, rank, item_id, score`` for these users, in their order; returns the number of rows."""
        table = rec.recommend_many(
            users, k, exclude_seen=exclude_seen, candidates=candidates, columns=None, progress=progress
        )
        outputs.write_table(table, out)
        return len(table)
