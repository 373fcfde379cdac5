"""The running experiment: which variant makes a shopper's list, and a log of what was shown."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

from recsys.data.columns import TIME, USER
from recsys.data.event_log import EXPOSURES, EventWriter
from recsys.data.store import Store
from recsys.errors import BadInput
from recsys.serving.experiment import assigned
from recsys.serving.live import Live, live_recommender, warm
from recsys.serving.recommender import Recommender
from recsys.serving.rules import Rules
from recsys.settings import Settings

log = logging.getLogger(__name__)


class Experiment:
    """Variants of one experiment, each with the recommender it needs."""

    def __init__(self, settings: Settings, lists: Live[Recommender]) -> None:
        self._settings = settings
        self.name, self.interleaved = settings.experiment.name, settings.experiment.interleave
        self.shares = {name: variant.share for name, variant in settings.experiment.variants.items()}
        self._lives = {name: self._live(name, lists) for name in self.shares}
        self._lists = lists
        self._log = EventWriter(settings.artifacts / EXPOSURES, vault=lists.value.shop.protection.vault)
        for name, variant in settings.experiment.variants.items():
            try:
                Rules.of(variant.rules)
            except BadInput as error:
                raise BadInput(f"experiment.variants.{name}: {error}") from None

    @property
    def lives(self) -> list[Live[Recommender]]:
        """Followers of the variants, the live version's own among them."""
        return list(self._lives.values())

    def variant(self, user: str) -> str:
        """The variant of a shopper."""
        return assigned(self.name, user, self.shares)

    def recommender(self, variant: str) -> Recommender:
        """What makes the lists of a variant."""
        return self._lives[variant].value

    def rules(self, variant: str, asked: Rules | None) -> Rules | None:
        """Rules of a variant's list: its own, and over them those of the request."""
        own = self._settings.experiment.variants[variant].rules
        if not own:
            return asked
        given = {} if asked is None else asked.model_dump(exclude_unset=True)
        return Rules.of({**own, **given})

    def expose(
        self,
        executor: Executor,
        user: str,
        variant: str | None,
        version: str,
        items: Sequence[str],
        teams: Sequence[int] | None = None,
    ) -> None:
        """Log that a shopper was shown these items; nobody waits for it."""
        row: dict[str, Any] = {
            "experiment": self.name,
            USER: user,
            "variant": variant,
            "version": version,
            "items": list(items),
            TIME: round(time.time(), 3),
            "shares": self.shares,
        }
        if teams is not None:
            names = list(self.shares)
            row["teams"] = [names[team] for team in teams]
        hidden = self._lists.value.shop.protection.pseudonyms
        executor.submit(self._append, row if hidden is None else hidden.row(row))

    def close(self) -> None:
        """End the log."""
        self._log.close()

    def _append(self, row: dict[str, Any]) -> None:
        try:
            self._log.append([row])
        except OSError as error:
            log.error("an exposure is not logged: %s", error.strerror)

    def _live(self, name: str, lists: Live[Recommender]) -> Live[Recommender]:
        variant = self._settings.experiment.variants[name]
        if variant.version is None and not variant.settings:
            return lists
        dumped = self._settings.model_dump()
        for section, given in variant.settings.items():
            known = dumped.get(section)
            dumped[section] = {**known, **given} if isinstance(known, dict) and isinstance(given, dict) else given
        settings = Settings.model_validate(dumped)
        if variant.version is None:
            return live_recommender(settings)
        store, version = Store(self._settings.artifacts), variant.version
        return Live(lambda: version, lambda: warm(Recommender.open(store.version(version), settings)))
