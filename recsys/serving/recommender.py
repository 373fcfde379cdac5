"""Answers from a published version: who gets what, in which order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data import schema, snapshot
from recsys.data.frames import as_pandas
from recsys.data.schema import ITEM, USER
from recsys.data.snapshot import ShopTables, Snapshot
from recsys.data.store import Store, Version
from recsys.encoders.encoder import Encoder
from recsys.encoders.loading import encoder_of
from recsys.errors import ArtifactError, BadInput
from recsys.explain import Explainer, Explanation
from recsys.ranking.ranker import Ranker
from recsys.ranking.topk import top_k
from recsys.serving.index import ItemIndex
from recsys.serving.lookup import Item, Lookup, Shopper, User
from recsys.serving.rules import Rules
from recsys.serving.scoring import Scoring, parallel_map
from recsys.settings import Settings, load_settings

log = logging.getLogger(__name__)

SCORE, RANK, POSITION, RULES = "score", "rank", "position", "rules"
#: Nearest items by vector that `similar` looks at.
SIMILAR_POOL = 200


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
        self.settings = settings
        self.version = version
        self.lookup = Lookup(shop, settings, encoder)
        self.scoring = Scoring(shop, ranker, index, settings.retrieval, version)
        if ranker is None:
            log.warning("this version has no ranker: similarity (cosine) serves; run `python -m jobs.train`")

    # --- making one ---------------------------------------------------------------------------------------------------

    @classmethod
    def build(
        cls,
        items: Any,
        interactions: Any,
        *,
        artifacts: Path | str | None = None,
        settings: Settings | None = None,
        progress: bool = False,
    ) -> Recommender:
        """Encode, index and train from two tables, in memory or (with `artifacts`) published as a version.

        Parameters
        ----------
        items, interactions
            Data frames of pandas, polars, PyArrow, dask or what else Narwhals knows, with the columns of the data
            contract.
        """
        from recsys.pipeline import nightly  # serving itself reads versions and never writes one

        settings = settings or load_settings()
        items, interactions = as_pandas(items, "items"), as_pandas(interactions, "interactions")
        checked = schema.check_items(items, "items")
        events = schema.check_interactions(interactions, set(checked.table[ITEM]), "interactions")
        tables = ShopTables(checked.table, events.table, events.time_kind or schema.TimeKind.ORDER)
        if artifacts is not None:
            settings = settings.model_copy(update={"artifacts": Path(artifacts)})
            nightly.publish_tables(tables, settings, progress=progress)
            return cls.load(artifacts, settings=settings)
        shop, ranker, encoder = nightly.fit_tables(tables, settings, progress=progress)
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
            lambda: encoder_of(version, settings),
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
        rules: Rules | Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Rank for one shopper.

        Parameters
        ----------
        user
            A known id (also ``{"user": id, "without": [item ids]}``: had they never met these), or a history and/or a
            sentence of someone the shop has never seen.
        items
            Rank exactly these (ids or described products); nothing is left out. By default the whole catalogue is
            searched, less seen and unavailable items.
        k
            Length of the list when `items` is not given; fewer rows where fewer items are possible.
        candidates
            Restrict the search to these item ids.
        rules
            What the shop asks of the list (filters, caps, diversity, pins, boosts, exploration); what each did to a
            row is in the column ``rules``.

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
            if rules is not None:
                raise BadInput("rules shape a list that is searched for; items given are all ranked. Pass candidates=")
            return self._rank_given(shopper, items)
        seed = "" if isinstance(user, Mapping) else str(user)
        return self._list(shopper, k, candidates, rules, exclude_seen=exclude_seen, seed=seed)

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
        pool = self.scoring.pool(None if candidates is None else self.lookup.codes(list(candidates)))

        def one(user: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
            return self.scoring.top(self.lookup.known_or_new(user), k, pool, exclude_seen=exclude_seen)

        found = parallel_map(one, ids, "recommending", progress)
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
            return self.scoring.score(profile, catalogue.take(code[group]))

        out = np.empty(len(pairs))
        for group, scores in zip(groups, parallel_map(one, groups, "scoring", progress), strict=True):
            out[group] = scores
        return out

    def _rank_given(self, shopper: Shopper, items: Sequence[Item]) -> pd.DataFrame:
        candidates, ids = self.lookup.candidates(items)
        scores = self.scoring.score(shopper.profile, candidates)
        # Ties by item_id (codes follow sorted ids); unknown products after known ones, in the order given.
        codes = np.where(candidates.codes >= 0, candidates.codes, len(self.shop.item_ids))
        order = np.lexsort((np.arange(len(scores)), codes, -scores))
        return pd.DataFrame(
            {ITEM: ids[order], SCORE: scores[order], RANK: np.arange(1, len(order) + 1), POSITION: order}
        )

    def similar(self, item: Item, k: int = 10) -> pd.DataFrame:
        """Items that could stand in for one: nearest by what their texts say, `score` is the mean of both cosines.

        Encoder vectors know what a text means, words know which brand or line it names; the item itself and
        unavailable items are left out.
        """
        _check_k(k)
        one, _ = self.lookup.candidates([item])
        facts = self.shop.facts
        _, near = self.scoring.index.search(one.facts.vectors, min(len(facts), max(SIMILAR_POOL, 4 * k)))
        rows = np.sort(near[0][near[0] >= 0])
        meaning = facts.vectors[rows] @ one.facts.vectors[0]
        words = (facts.terms[rows] @ one.facts.terms[[0]].T).toarray()[:, 0]
        score = np.where(self.shop.available[rows] & (rows != one.codes[0]), (meaning + words) / 2, -np.inf)
        best = top_k(score, k)
        return self._table(rows[best], score[best].astype(np.float64))

    def complete(
        self, basket: Sequence[str], k: int = 10, *, rules: Rules | Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """What goes with a basket: its items count as one visit that is going on now, in any order."""
        shopper = self.lookup.basket(basket)
        return self._list(shopper, k, None, rules, exclude_seen=True, seed="")

    def explain(self, user: User, item: str) -> Explanation:
        """Why this item has this score for this shopper: contributions, evidence, and a sentence made of them.

        Raises
        ------
        ArtifactError
            The version has no ranker: a similarity has no parts.
        """
        code = int(self.lookup.codes([item])[0])
        return self.explainer.explain(self.lookup.shopper(user).profile, code, user=self.lookup.user_code(user))

    @cached_property
    def explainer(self) -> Explainer:
        """What explains this version; its writer is loaded when the first sentence is asked for."""
        if self.ranker is None:
            raise ArtifactError(
                "this version has no ranker, so there is no score to explain; run `python -m jobs.train`"
            )
        return Explainer(self.shop, self.ranker, self.settings.explain, encode_history=self.lookup.encode_history)

    def _list(
        self,
        shopper: Shopper,
        k: int,
        candidates: Collection[str] | None,
        rules: Rules | Mapping[str, Any] | None,
        *,
        exclude_seen: bool,
        seed: str,
    ) -> pd.DataFrame:
        _check_k(k)
        only = None if candidates is None else self.lookup.codes(list(candidates))
        if rules is None:
            return self._table(*self.scoring.top(shopper, k, self.scoring.pool(only), exclude_seen=exclude_seen))
        codes, scores, notes = self.scoring.top_with_rules(
            shopper, k, Rules.of(rules), only=only, exclude_seen=exclude_seen, seed=seed
        )
        return self._table(codes, scores).assign(**{RULES: notes})

    def _table(self, codes: NDArray[np.int64], scores: NDArray[np.float64]) -> pd.DataFrame:
        return pd.DataFrame({ITEM: self.shop.item_ids[codes], SCORE: scores, RANK: np.arange(1, len(codes) + 1)})

    def title(self, item_id: str) -> str:
        """Title of a catalogue item."""
        return self.lookup.titles[int(self.lookup.codes([item_id])[0])]


def _check_k(k: int) -> None:
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise BadInput(f"k: {k!r} is not a whole number from 1 up")
