"""The context of one run: settings, store, live version and draft, passed to every step as one object."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from recsys.data.protection import Protection
from recsys.data.store import Draft, Store, Version
from recsys.data.vectors import VectorPool
from recsys.encoders.loading import encoder_for
from recsys.encoders.protocol import Encodes
from recsys.errors import ArtifactError
from recsys.pipeline.inputs import Inputs
from recsys.settings import Settings

log = logging.getLogger(__name__)

SHARDS = "partial"


@dataclass(frozen=True)
class Night:
    """One run that writes a version; while it lasts, no other run writes to the same store.

    Attributes
    ----------
    live
        The version before; None on a first run, or where it is damaged and not needed.
    draft
        The version being written: published whole, or removed.
    make_encoder
        Makes the encoder that the settings name; an engine's spreads the work over machines.
    """

    settings: Settings
    store: Store
    draft: Draft
    live: Version | None
    progress: bool = False
    make_encoder: Callable[[Settings], Encodes] = encoder_for

    @classmethod
    @contextmanager
    def begin(
        cls,
        settings: Settings,
        inputs: Inputs | None = None,
        *,
        progress: bool = False,
        make_encoder: Callable[[Settings], Encodes] = encoder_for,
    ) -> Iterator[Night]:
        """Lock the store; a live version that is damaged is left aside where `inputs` replace all its tables."""
        store = Store(settings.artifacts)
        protection = Protection.wanted(settings)
        with store.writing() as draft:
            live = _live(store, inputs)
            if live is not None:
                protection.require(live.path)
            yield cls(settings, store, draft, live, progress, make_encoder)

    @cached_property
    def encoder(self) -> Encodes:
        """The encoder, loaded at first use: a table that cannot be used is told before the seconds that takes."""
        return self.make_encoder(self.settings)

    @property
    def shards(self) -> Path:
        """Vectors of a run that was stopped while encoding, from which the next one goes on."""
        return self.store.root / SHARDS

    def known_vectors(self, *names: str) -> list[VectorPool]:
        """The live version's vectors of these kinds (``items, histories``), not to be computed again."""
        return [VectorPool.load(self.live.path / "vectors", name) for name in names] if self.live else []


def _live(store: Store, inputs: Inputs | None) -> Version | None:
    try:
        return store.current()
    except ArtifactError as error:
        if inputs is None or inputs.items is None or inputs.interactions is None or inputs.append:
            raise
        log.warning("going on without the live version, whose tables are not needed: %s", error)
        return None
