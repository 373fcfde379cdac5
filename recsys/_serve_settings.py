"""Settings of the HTTP service and of the experiment that runs on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from recsys._setting_names import Section


class ServeSettings(Section):
    """The HTTP service: who may ask, how much, and how long events are kept."""

    keys: Path | None = None
    """The file of API keys (hashes, scopes) that `recsys keys` writes; by default ``keys.json`` under the artifacts.
    The variable ``RECSYS_KEYS`` adds its own."""
    rate: str = "600/minute"
    """Requests of one key, where the key has no rate of its own, in the words of the library `limits`."""
    shopper_rate: str = "120/minute"
    """Requests of one shopper, by a token of theirs."""
    rate_storage: str = "memory://"
    """Where requests are counted: in each process, or for all of them in what `limits` takes, such as ``redis://``."""
    cors_origins: tuple[str, ...] = ()
    """Origins (``https://shop.example``) whose pages a browser lets ask; by default none but this server's own."""
    seconds: float = Field(30.0, gt=0)
    """A caller of what may be slow (reasons, answers, described products) waits so long at most."""
    slow_threads: int = Field(4, ge=1)
    """Slow calls at the same time."""
    cached_lists: int = Field(20_000, ge=0)
    """Latest lists that are kept for who asks again; events and versions make new ones. 0 keeps none."""
    keep_events_days: float = Field(90.0, gt=0)
    """Days after which events that a night has taken in are deleted from the log."""


class Variant(Section):
    """One way to make lists, for a share of the shoppers."""

    share: float = Field(1.0, gt=0)
    """Shoppers who see it, against the shares of the other variants."""
    version: str | None = None
    """A version that is kept (pin it: `recsys versions --pin`); by default the live one."""
    rules: dict[str, Any] = Field({})
    """Rules of its lists, such as ``{diversity = 0.3}``; those of a request win."""
    settings: dict[str, Any] = Field({})
    """Settings that differ, such as ``{retrieval = {candidates = 300}}``."""


class ExperimentSettings(Section):
    """An A/B test: shoppers are assigned by a hash of their id, what they are shown is logged."""

    name: str = ""
    """What it is called; another name draws the shoppers anew."""
    interleave: bool = False
    """Everybody sees the lists of both variants in one (team-draft interleaving), rather than one of them."""
    variants: dict[str, Variant] = Field({})
    """The variants; the first is the one that the others are compared with."""

    @model_validator(mode="after")
    def _whole(self) -> ExperimentSettings:
        if self.variants and not self.name:
            raise ValueError("name: an experiment with variants needs one")
        if self.name and len(self.variants) < 2:
            raise ValueError("variants: an experiment needs two or more")
        if self.interleave and len(self.variants) != 2:
            raise ValueError("interleave: takes two variants")
        return self
