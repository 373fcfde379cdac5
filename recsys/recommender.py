"""Answers from a published version: who gets what, in which order."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from threadpoolctl import threadpool_limits

from recsys import publishing, schema, snapshot
from recsys.catalogue import Candidates
from recsys.encoder import Encoder
from recsys.errors import BadInput
from recsys.histories import Profile
from recsys.index import ItemIndex
from recsys.lookup import Item, Lookup, Shopper, User
from recsys.ranker import Ranker
from recsys.recipe import HistoryTexts, encoder_for, fit_ranker
from recsys.retrieval import Pool, Retriever, Standing
from recsys.schema import ITEM, USER
from recsys.settings import Settings, load_settings
from recsys.snapshot import Lazy, ShopTables, Snapshot
from recsys.store import Store, Version
from recsys.topk import top_k

log = logging.getLogger(__name__)

SCORE, RANK, POSITION = "score", "rank", "position"


class Recommender:
    """Retrieves, ranks and explains from one version; safe to use from several threads."""

    def __init__(
        self,
        shop: Snapshot,
        ranker: Ranker | None,
        index: ItemIndex,
        settings: Settings,
        encoder: Callable[[], Encoder],
        version: Version | None = None,
    ) -> None:
        self.shop = shop
        self.ranker = ranker
        self.index = index
        self.settings = settings
        self.version = version
        self.lookup = Lookup(shop, settings, encoder)
        self._retriever = Retriever(shop, ranker, index, Lazy(self._standing), settings.retrieval)
        if ranker is None:
            log.warning("this version has no ranker: similarity (cosine) serves; run `python -m jobs.train`")

    # --- making one ---------------------------------------------------------------------------------------------------

    @classmethod
    def build(
        cls,
        items: pd.DataFrame,
        interactions: pd.DataFrame,
        *,
        artifacts: Path | str | None = None,
        settings: Settings | None = None,
        progress: bool = False,
    ) -> Recommender:
        """Encode, index and train from two tables, in memory or (with `artifacts`) published as a version."""
        settings = settings or load_settings()
        checked = schema.check_items(items, "items")
        events = schema.check_interactions(interactions, set(checked.table[ITEM]), "interactions")
        tables = ShopTables(checked.table, events.table, events.time_kind or schema.TimeKind.ORDER)
        if artifacts is not None:
            settings = settings.model_copy(update={"artifacts": Path(artifacts)})
            publishing.publish_tables(tables, settings, progress=progress)
            return cls.load(artifacts, settings=settings)
        encoder = encoder_for(settings)
        shop = snapshot.build(tables, encoder, settings, progress=progress).snapshot
        texts = HistoryTexts(encoder, shop, settings, progress=progress)
        ranker = fit_ranker(shop.facts, shop.events, texts, settings, progress=progress)
        index = ItemIndex.build(shop.facts.vectors, settings=settings.retrieval)
        return cls(shop, ranker, index, settings, lambda: encoder)

    @classmethod
    def load(cls, artifacts: Path | str | None = None, *, settings: Settings | None = None) -> Recommender:
        """Open the live version, memory-mapped; the encoder is loaded only when a text has to be read.

        Raises
        ------
        ArtifactError
            No version is published there, or a file is missing or damaged.
        """
        settings = settings or load_settings(artifacts=artifacts)
        version = Store(artifacts or settings.artifacts).require()
        return cls.open(version, settings)

    @classmethod
    def open(cls, version: Version, settings: Settings) -> Recommender:
        """Open one version."""
        shop = snapshot.load(version.path)
        has_ranker = version.manifest["ranker"] is not None
        return cls(
            shop,
            Ranker.load(version.path / "ranker", settings.training.extra_blocks) if has_ranker else None,
            ItemIndex.load(version.path / "index", shop.facts.vectors),
            settings,
            lambda: publishing.encoder_of(version, settings),
            version,
        )

    # --- answering ----------------------------------------------------------------------------------------------------

    def recommend(
        self,
        user: User,
        items: Sequence[Item] | None = None,
        k: int = 10,
        *,
        exclude_seen: bool = True,
        candidates: Collection[str] | None = None,
    ) -> pd.DataFrame:
        """Rank for one shopper.

        Parameters
        ----------
        user
            A known id, or a history and/or a sentence of someone the shop has never seen.
        items
            Rank exactly these (ids or described products); nothing is left out. By default the whole catalogue is
            searched, less seen and unavailable items.
        k
            Length of the list when `items` is not given; fewer rows where fewer items are possible.
        candidates
            Restrict the search to these item ids.

        Returns
        -------
        pandas.DataFrame
            ``item_id, score, rank`` (and ``position``, the place in `items`, where `items` is given), best first,
            ties by ``item_id``.

        Raises
        ------
        KeyError
            The user or an item id is unknown; the message says what to pass instead.
        BadInput
            An argument makes no sense (``k < 1``, an empty list, a product without text).
        """
        shopper = self.lookup.shopper(user)
        if items is not None:
            return self._rank_given(shopper, items)
        _check_k(k)
        rows, scores = self._top(shopper, k, exclude_seen, self._pool(candidates))
        return pd.DataFrame({ITEM: self.shop.item_ids[rows], SCORE: scores, RANK: np.arange(1, len(rows) + 1)})

    def recommend_many(
        self,
        users: Iterable[str],
        k: int = 10,
        *,
        exclude_seen: bool = True,
        candidates: Collection[str] | None = None,
        progress: bool = False,
    ) -> pd.DataFrame:
        """Lists for many users at once: ``user_id, rank, item_id, score``.

        A user the shop does not know gets the list of a shopper with no history; one row per user and rank.
        """
        _check_k(k)
        ids = list(users)
        pool = self._pool(candidates)

        def one(user: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
            return self._top(self.lookup.known_or_new(user), k, exclude_seen, pool)

        found = self._each(one, ids, "recommending", progress)
        sizes = [len(rows) for rows, _ in found]
        rows = np.concatenate([r for r, _ in found]) if found else np.zeros(0, np.int64)
        return pd.DataFrame(
            {
                USER: np.repeat(np.array(ids, dtype=object), sizes),
                RANK: np.concatenate([np.arange(1, n + 1) for n in sizes]) if found else rows,
                ITEM: self.shop.item_ids[rows],
                SCORE: np.concatenate([s for _, s in found]) if found else np.zeros(0),
            }
        )

    def score_pairs(self, pairs: pd.DataFrame, *, progress: bool = False) -> NDArray[np.float64]:
        """Score of each row of ``user_id, item_id``, in the order given, shape ``(len(pairs),)``.

        Raises
        ------
        KeyError
            An item is not in the catalogue. Users the shop does not know are scored as shoppers with no history.
        """
        code = self.lookup.codes(pairs[ITEM].tolist())
        users, at = np.unique(pairs[USER].to_numpy(object).astype(str), return_inverse=True)
        order = np.argsort(at, kind="stable")
        groups = np.split(order, np.searchsorted(at[order], np.arange(1, len(users))))
        catalogue = self.shop.catalogue

        def one(group: NDArray[np.int64]) -> NDArray[np.float64]:
            profile = self.lookup.known_or_new(str(users[at[group[0]]])).profile
            return self.score(profile, catalogue.take(code[group]))

        out = np.empty(len(pairs))
        for group, scores in zip(groups, self._each(one, groups, "scoring", progress), strict=True):
            out[group] = scores
        return out

    def score(self, profile: Profile, candidates: Candidates) -> NDArray[np.float64]:
        """Scores of candidates for one profile: probabilities, or cosines where the version has no ranker."""
        if self.ranker is not None:
            return self.ranker.score(profile, candidates)
        mean = profile.mean.astype(np.float64)
        return candidates.facts.vectors @ (mean / max(float(np.linalg.norm(mean)), 1e-12))

    def _rank_given(self, shopper: Shopper, items: Sequence[Item]) -> pd.DataFrame:
        candidates, ids = self.lookup.candidates(items)
        scores = self.score(shopper.profile, candidates)
        # Ties by item_id (codes follow sorted ids); unknown products after known ones, in the order given.
        codes = np.where(candidates.codes >= 0, candidates.codes, len(self.shop.item_ids))
        order = np.lexsort((np.arange(len(scores)), codes, -scores))
        return pd.DataFrame(
            {ITEM: ids[order], SCORE: scores[order], RANK: np.arange(1, len(order) + 1), POSITION: order}
        )

    # --- searching the catalogue --------------------------------------------------------------------------------------

    def _pool(self, candidates: Collection[str] | None) -> Pool:
        if candidates is None:
            return self._retriever.everything
        allowed = np.zeros(len(self.shop.item_ids), bool)
        allowed[self.lookup.codes(list(candidates))] = True
        return self._retriever.pool(allowed)

    def _standing(self) -> Standing:
        saved = self.version.path / "ranker" / "standing" if self.version else None
        return Standing.load(saved) if saved and saved.is_dir() else Standing.of(self.shop, self.ranker)

    def _top(
        self, shopper: Shopper, k: int, exclude_seen: bool, pool: Pool
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        seen = shopper.seen if exclude_seen else shopper.seen[:0]
        found = self._retriever.candidates(shopper.profile, k, pool, seen)
        scores = self.score(shopper.profile, found.candidates)
        rows = top_k(np.where(found.possible, scores, -np.inf), k)
        return found.candidates.codes[rows], scores[rows]

    def _each(self, work: Callable[[Any], Any], things: Sequence[Any], what: str, progress: bool) -> list[Any]:
        """`work` on each thing, in order, on all cores: one thread a thing, one BLAS thread each."""
        with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as pool:
            results = pool.map(work, things)
            return list(
                track(
                    results, what, total=len(things), console=Console(stderr=True), disable=not progress, transient=True
                )
            )

    @cached_property
    def _titles(self) -> list[str]:
        return snapshot.titles(self.shop.tables.value.items)

    def title(self, item_id: str) -> str:
        """Title of a catalogue item."""
        return self._titles[int(self.lookup.codes([item_id])[0])]


def _check_k(k: int) -> None:
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise BadInput(f"k: {k!r} is not a whole number from 1 up")
