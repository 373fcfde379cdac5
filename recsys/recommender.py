"""Answers from a published version: who gets what, in which order."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
from recsys.catalogue import Candidates, ItemFacts, render
from recsys.encoder import Encoder
from recsys.errors import BadInput
from recsys.histories import Profile, ad_hoc_profile, history_text
from recsys.index import ItemIndex
from recsys.ranker import Ranker
from recsys.recipe import HistoryTexts, encoder_for, fit_ranker
from recsys.schema import ITEM, TITLE, USER
from recsys.settings import Settings, load_settings
from recsys.snapshot import Lazy, ShopTables, Snapshot
from recsys.store import Store, Version
from recsys.topk import top_k

log = logging.getLogger(__name__)

User = str | Mapping[str, Any]
"""A user id, or ``{"history": [item ids, oldest first]}``, ``{"text": "..."}``, or both."""
Item = str | Mapping[str, Any]
"""An item id, or a described product such as ``{"title": "Red enamel teapot", "price": 12.5}``."""

MAX_ITEMS = 1_000_000
MAX_HISTORY = 10_000
SCORE, RANK, POSITION = "score", "rank", "position"


@dataclass(frozen=True)
class Shopper:
    """Someone to recommend to: a profile, and the catalogue items they have met already."""

    profile: Profile
    seen: NDArray[np.integer]


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
        self._encoder = Lazy(encoder)
        self._encoder_lock = threading.Lock()
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
        return cls(shop, ranker, ItemIndex.build(shop.facts.vectors), settings, lambda: encoder)

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
            Ranker.load(version.path / "ranker", shop.facts) if has_ranker else None,
            ItemIndex.load(version.path / "index.faiss"),
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
        shopper = self.shopper(user)
        if items is not None:
            return self._rank_given(shopper, items)
        _check_k(k)
        rows, scores = self._top(shopper, k, exclude_seen, self._restriction(candidates))
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
        allowed = self._restriction(candidates)

        def one(user: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
            return self._top(self._known_or_new(user), k, exclude_seen, allowed)

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
        code = self._codes(pairs[ITEM].tolist())
        users, at = np.unique(pairs[USER].to_numpy(object).astype(str), return_inverse=True)
        order = np.argsort(at, kind="stable")
        groups = np.split(order, np.searchsorted(at[order], np.arange(1, len(users))))
        catalogue = self.shop.catalogue

        def one(group: NDArray[np.int64]) -> NDArray[np.float64]:
            profile = self._known_or_new(str(users[at[group[0]]])).profile
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

    # --- shoppers and items -------------------------------------------------------------------------------------------

    def shopper(self, user: User) -> Shopper:
        """The shopper a `User` argument means."""
        if isinstance(user, Mapping):
            return self._described_shopper(user)
        code = self.shop.user_index.get_indexer([str(user)])[0]
        if code < 0:
            raise KeyError(
                f"unknown user {str(user)!r}: pass {{'history': [item ids]}} or {{'text': '...'}} for a shopper this "
                "version has not seen, or {} for one nothing is known of"
            )
        return Shopper(self.shop.profile(int(code)), self.shop.seen(int(code)))

    def _known_or_new(self, user: str) -> Shopper:
        code = self.shop.user_index.get_indexer([user])[0]
        return self.shopper({}) if code < 0 else Shopper(self.shop.profile(int(code)), self.shop.seen(int(code)))

    def _described_shopper(self, user: Mapping[str, Any]) -> Shopper:
        if unknown := set(user) - {"history", "text"}:
            raise BadInput(
                f"user: unknown field {sorted(unknown)[0]!r}; a shopper is described by 'history' and 'text'"
            )
        history, text = user.get("history", ()), user.get("text", "")
        if isinstance(history, str) or not isinstance(history, Sequence) or len(history) > MAX_HISTORY:
            raise BadInput(f"user: 'history' is a list of at most {MAX_HISTORY} item ids, oldest first")
        if not isinstance(text, str):
            raise BadInput("user: 'text' is a string")
        codes = self._codes([str(i) for i in history])[-self.shop.histories.LIMIT :]
        # An item met twice counts once, where it was met last.
        codes = codes[np.sort(len(codes) - 1 - np.unique(codes[::-1], return_index=True)[1])]
        facts, read = self.shop.facts.take(codes), ""
        if len(codes):
            all_titles = snapshot.titles(self.shop.tables.value.items.iloc[codes])
            read = history_text(all_titles, self.settings.history.max_words)
        items = codes
        if text.strip():
            # A sentence is a history of one product the catalogue does not have, the latest thing they wanted.
            said = self._facts(pd.DataFrame({TITLE: [text[: schema.MAX_TEXT]]}), kind="query")
            facts, items = ItemFacts.concat(facts, said), np.append(codes, -1)
            read = f"{text[: schema.MAX_TEXT]}; {read}" if read else text[: schema.MAX_TEXT]
        vector = self._encode([read])[0] if read else np.zeros(facts.vectors.shape[1], np.float32)
        return Shopper(ad_hoc_profile(facts, items, vector, self.settings.history.half_life), codes)

    def _codes(self, ids: Sequence[str]) -> NDArray[np.int64]:
        codes = self.shop.item_index.get_indexer(pd.Index(ids, dtype=object)).astype(np.int64)
        if (codes < 0).any():
            missing = ids[int(np.argmin(codes))]
            raise KeyError(
                f"unknown item {missing!r}: pass a described product such as {{'title': '...'}} for one the catalogue "
                "does not have, or embed the new catalogue first"
            )
        return codes

    def _facts(self, table: pd.DataFrame, kind: str = "document") -> ItemFacts:
        """Facts of products the catalogue does not have."""
        vocabulary = self.shop.vocabulary.value
        return vocabulary.facts(table, self._encode(render(table, vocabulary.template), kind))

    def _encode(self, texts: Sequence[str], kind: str = "document") -> NDArray[np.float32]:
        with self._encoder_lock:  # one load, and one batch at a time on the device
            return self._encoder.value.encode(texts, kind=kind).vectors

    def _given(self, items: Sequence[Item]) -> tuple[Candidates, NDArray[np.object_]]:
        """Candidates for a list of ids and described products, and their ids (None for unknown products)."""
        if isinstance(items, (str, Mapping)) or not len(items):
            raise BadInput("items: a list of at least one item id or described product")
        if len(items) > MAX_ITEMS:
            raise BadInput(f"items: {len(items)} is more than {MAX_ITEMS} in one call; split the list")
        codes = np.full(len(items), -1, np.int64)
        named = [i for i, item in enumerate(items) if not isinstance(item, Mapping)]
        codes[named] = self._codes([str(items[i]) for i in named])
        described = np.flatnonzero(codes < 0)
        facts = self.shop.facts.take(codes[named])
        if len(described):
            facts = ItemFacts.concat(facts, self._facts(_described([items[i] for i in described])))
        place = np.empty(len(items), np.int64)
        place[np.concatenate([np.array(named, np.int64), described])] = np.arange(len(items))
        ids = np.where(codes >= 0, self.shop.item_ids[codes], None)
        return Candidates(codes, facts.take(place)), ids

    def _rank_given(self, shopper: Shopper, items: Sequence[Item]) -> pd.DataFrame:
        candidates, ids = self._given(items)
        scores = self.score(shopper.profile, candidates)
        # Ties by item_id (codes follow sorted ids); unknown products after known ones, in the order given.
        codes = np.where(candidates.codes >= 0, candidates.codes, len(self.shop.item_ids))
        order = np.lexsort((np.arange(len(scores)), codes, -scores))
        return pd.DataFrame(
            {ITEM: ids[order], SCORE: scores[order], RANK: np.arange(1, len(order) + 1), POSITION: order}
        )

    # --- searching the catalogue --------------------------------------------------------------------------------------

    def _restriction(self, candidates: Collection[str] | None) -> NDArray[np.bool_] | None:
        if candidates is None:
            return None
        allowed = np.zeros(len(self.shop.item_ids), bool)
        allowed[self._codes(list(candidates))] = True
        return allowed

    def _top(
        self, shopper: Shopper, k: int, exclude_seen: bool, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        scores = self.score(shopper.profile, self.shop.catalogue)
        possible = self.shop.available if allowed is None else self.shop.available & allowed
        ranked = np.where(possible, scores, -np.inf)
        if exclude_seen:
            ranked[shopper.seen] = -np.inf
        rows = top_k(ranked, k)
        return rows, scores[rows]

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
        return self._titles[int(self._codes([item_id])[0])]


def _described(items: Sequence[Any]) -> pd.DataFrame:
    """A checked table of described products, in the order given."""
    raw = pd.DataFrame([dict(item) for item in items])
    raw[ITEM] = [f"{i:09d}" for i in range(len(raw))]  # keeps the order through the check, which sorts by id
    checked = schema.check_items(raw, "items")
    if len(checked.quarantine):
        bad = checked.quarantine.iloc[0]
        raise BadInput(f"items: described product {int(bad['row'])}: {bad['reason']}")
    return checked.table


def _check_k(k: int) -> None:
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise BadInput(f"k: {k!r} is not a whole number from 1 up")


_live: dict[Path, Recommender] = {}
_live_lock = threading.Lock()


def follow(artifacts: Path | str | None = None, settings: Settings | None = None) -> Recommender:
    """A recommender on the live version of a directory, opened again whenever another version goes live."""
    settings = settings or load_settings(artifacts=artifacts)
    root = Path(artifacts or settings.artifacts).resolve()
    store = Store(root)
    held = _live.get(root)
    if held is None or held.version is None or held.version.id != store.current_id():
        with _live_lock:
            held = _live.get(root)
            if held is None or held.version is None or held.version.id != store.current_id():
                held = _live[root] = Recommender.load(root, settings=settings)
    return held


def recommend(user: User, items: Sequence[Item] | None = None, k: int = 10, **options: Any) -> pd.DataFrame:
    """`Recommender.recommend` on the default artifacts directory, following the version that is live."""
    return follow().recommend(user, items, k, **options)
