"""The recommender: lists, scores and reasons from one published version.

A request reads top to bottom: `Lookup.shopper` (who), `Scoring.top` (`Retriever.candidates`, then `Ranker.logit`, then
the best), `ResultTables.found` (the result).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data.reading import check_tables
from recsys.data.snapshot import Snapshot
from recsys.data.store import Store, Version
from recsys.encoders.loading import encoder_of
from recsys.encoders.protocol import Encodes
from recsys.errors import ArtifactError, BadInput
from recsys.explain import Explainer, Explanation
from recsys.ranking.ranker import Ranker
from recsys.serving import batch
from recsys.serving.index import ItemIndex
from recsys.serving.item_columns import ItemColumns
from recsys.serving.lookup import Item, Lookup, Shopper, User
from recsys.serving.opening import open_live, open_parts
from recsys.serving.pictures import ByPicture, PictureSearch
from recsys.serving.results import NOTES, RULES, ResultTables, check_length
from recsys.serving.rule_items import unmatched
from recsys.serving.rules import Rules
from recsys.serving.scoring import Scoring
from recsys.serving.shelves import Shelves
from recsys.settings import Settings, load_settings

if TYPE_CHECKING:
    from recsys.evaluation import Assessment

log = logging.getLogger(__name__)


class Recommender(Shelves, ByPicture):
    """Retrieves, ranks and explains from one version; safe to use from several threads."""

    def __init__(
        self,
        shop: Snapshot,
        ranker: Ranker | None,
        index: ItemIndex,
        settings: Settings,
        encoder: Callable[[], Encodes],
        version: Version | None = None,
    ) -> None:
        self.shop = shop
        self.ranker = ranker
        self.settings = settings
        self.version = version
        self.items = ItemColumns(shop)
        self.lookup = Lookup(shop, settings, encoder, self.items)
        self.tables = ResultTables(shop, ranker, self.items)
        self.scoring = Scoring(shop, ranker, index, settings.retrieval, version)
        self.pictures = PictureSearch(shop, settings, version)
        if ranker is None:
            log.warning("no ranker: %s", version.manifest["serves"] if version else "popularity and texts serve")

    def __repr__(self) -> str:
        manifest = self.version.manifest if self.version else {}
        ranker = f"a ranker of {len(self.ranker.blocks)} blocks" if self.ranker else "no ranker (cosine serves)"
        encoder = manifest.get("encoder", {}).get("name", self.settings.encoder.name)
        where = f"version {self.version.id}" if self.version else "in memory"
        sizes = f"{len(self.shop.item_ids):,} items, {len(self.shop.user_ids):,} users"
        return f"<Recommender {where}: {sizes}, {ranker}, encoder {Path(encoder).name}>"

    # --- making one ---------------------------------------------------------------------------------------------------

    @classmethod
    def build(
        cls,
        items: Any,
        interactions: Any,
        *,
        users: Any | None = None,
        artifacts: Path | str | None = None,
        settings: Settings | None = None,
        progress: bool = False,
    ) -> Recommender:
        """Encode, index and train from tables, in memory or (with `artifacts`) published as a version.

        They are data frames of pandas, polars, PyArrow, dask or what else Narwhals knows, with the columns of the data
        contract.
        """
        from recsys.pipeline import runs  # serving itself reads versions and never writes one

        settings = settings or load_settings()
        tables = check_tables(items, interactions, settings, users)
        if artifacts is not None:
            settings = settings.model_copy(update={"artifacts": Path(artifacts)})
            runs.publish(tables, settings, progress=progress)
            return cls.load(artifacts, settings=settings)
        shop, ranker, encoder = runs.fit(tables, settings, progress=progress)
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
        return open_live(Store(artifacts or settings.artifacts), lambda version: cls.open(version, settings))

    @classmethod
    def open(cls, version: Version, settings: Settings) -> Recommender:
        """Open one version.

        Raises
        ------
        ArtifactError
            A file is missing or damaged.
        """
        return cls(*open_parts(version, settings), settings, lambda: encoder_of(version, settings), version)

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
        columns: Collection[str] | None = (),
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
        columns
            Columns of the items table to add behind ``title``, such as ``("price", "category")``; None leaves the
            title out, too.

        Returns
        -------
        pandas.DataFrame
            ``item_id, score, rank``, then ``position`` (the place in `items`, where `items` is given) or ``rules``,
            then ``title`` and `columns`; best first, ties by ``item_id``. A notebook shows what each score is made of.
            ``attrs["notes"]`` says what was left out: items of the history that the catalogue does not have, rules that
            match nothing.

        Raises
        ------
        KeyError
            The user or an item id is unknown; the message says what to pass instead.
        BadInput
            An argument makes no sense (``k < 1``, an empty list, a product without text, a column that is not there).
        """
        shopper = self.lookup.shopper(user)
        if items is not None:
            if rules is not None:
                raise BadInput("rules shape a list that is searched for; items given are all ranked. Pass candidates=")
            given = self.lookup.candidates(items)
            return self.tables.given(given, self.scoring.score(shopper.profile, given.candidates), columns, shopper)
        seed = "" if isinstance(user, Mapping) else str(user)
        return self._list(shopper, k, candidates, rules, columns, exclude_seen=exclude_seen, seed=seed)

    def recommend_many(
        self,
        users: Iterable[str],
        k: int = 10,
        *,
        exclude_seen: bool = True,
        candidates: Collection[str] | None = None,
        columns: Collection[str] | None = (),
        progress: bool = False,
    ) -> pd.DataFrame:
        """Lists for many users at once: ``user_id, rank, item_id, score``, then ``title`` and `columns`.

        One row per user and rank. A user the shop does not know gets the list of a shopper with no history; all other
        arguments are as in `recommend`.
        """
        check_length(k)
        if isinstance(users, str):
            raise BadInput(f"users: a list of user ids such as [{users!r}]; recommend({users!r}) is for one")
        ids = list(users)
        only, left_out = self.lookup.candidate_codes(candidates)
        if left_out:
            log.warning("%d candidates are not in the catalogue and are left out: %s", len(left_out), left_out[:5])
        pool = self.scoring.pool(only)
        lengths, codes, scores = batch.lists(
            self.lookup, self.scoring, ids, k, pool, exclude_seen=exclude_seen, progress=progress
        )
        return self.tables.many(ids, lengths, codes, scores, columns)

    def score_pairs(self, pairs: pd.DataFrame, *, progress: bool = False) -> NDArray[np.float64]:
        """Score of each row of ``user_id, item_id``, in the order given, shape ``(len(pairs),)``.

        Raises
        ------
        KeyError
            An item is not in the catalogue. Users the shop does not know are scored as shoppers with no history.
        """
        return batch.pair_scores(self.lookup, self.scoring, pairs, progress=progress)

    def similar(self, item: Item, k: int = 10, *, columns: Collection[str] | None = ()) -> pd.DataFrame:
        """Substitutes for one item: nearest by what their texts say, `score` is the mean of both cosines.

        Encoder vectors know what a text means, words know which brand or line it names; the item itself and
        unavailable items are left out. `columns` are as in `recommend`.
        """
        check_length(k)
        codes, scores = self.scoring.similar(self.lookup.candidates([item]).candidates, k)
        return self.tables.found(codes, scores, columns)

    def complete(
        self,
        basket: Sequence[str],
        k: int = 10,
        *,
        rules: Rules | Mapping[str, Any] | None = None,
        columns: Collection[str] | None = (),
    ) -> pd.DataFrame:
        """Complements of a basket: its items count as one visit that is going on now, in any order.

        `rules` and `columns` are as in `recommend`.
        """
        shopper = self.lookup.basket(basket)
        return self._list(shopper, k, None, rules, columns, exclude_seen=True, seed="")

    def explain(self, user: User, item: str) -> Explanation:
        """Why this item has this score for this shopper: contributions, evidence, and a sentence made of them.

        Raises
        ------
        ArtifactError
            The version has no ranker: a similarity has no parts.
        BadInput
            The item is a described product: what others bought with it is evidence that it does not have yet.
        """
        if isinstance(item, Mapping):
            raise BadInput(
                "explain: a described product has no reason yet, only items of the catalogue do; "
                "recommend(user, items=[product]) shows in a notebook what its score is made of"
            )
        code = int(self.lookup.codes([item])[0])
        return self.explainer.explain(self.lookup.shopper(user).profile, code, user=self.lookup.user_code(user))

    def explain_list(self, user: User, items: Sequence[str]) -> list[Explanation]:
        """Reasons for the items of one list, chosen together: no purchase named more than twice, no wording repeated.

        An explanation whose ``sentence`` is empty has nothing worth saying.

        Raises
        ------
        ArtifactError
            The version has no ranker.
        """
        codes = self.lookup.codes(list(items)).tolist()
        profile, code = self.lookup.shopper(user).profile, self.lookup.user_code(user)
        return self.explainer.explain_list(profile, codes, user=code)

    @cached_property
    def explainer(self) -> Explainer:
        """What explains this version; its writer is loaded when the first sentence is asked for."""
        if self.ranker is None:
            raise ArtifactError("this version has no ranker, so there is no score to explain; run `recsys train`")
        return Explainer(self.shop, self.ranker, self.settings.explain, encode_history=self.lookup.encode_history)

    def evaluate(
        self, *, users: int | None = None, peers: bool = False, ablation: bool = False, progress: bool = False
    ) -> Assessment:
        """Offline figures of this version's recipe, on events held out in time; nothing is published.

        What ``recsys evaluate`` prints, as an object with data frames and plots; arguments as in `recsys.evaluate`.
        """
        from recsys.evaluation.assessment import assess_shop  # serving itself measures nothing

        return assess_shop(
            self.shop,
            self.lookup.encoder,
            self.settings,
            users=users,
            peers=peers,
            ablation=ablation,
            progress=progress,
        )

    def title(self, item_id: str) -> str:
        """Title of a catalogue item."""
        return self.lookup.titles[int(self.lookup.codes([item_id])[0])]

    # --- lists --------------------------------------------------------------------------------------------------------

    def _list(
        self,
        shopper: Shopper,
        k: int,
        candidates: Collection[str] | None,
        rules: Rules | Mapping[str, Any] | None,
        columns: Collection[str] | None,
        *,
        exclude_seen: bool,
        seed: str,
    ) -> pd.DataFrame:
        check_length(k)
        only, left_out = self.lookup.candidate_codes(candidates)
        said = [f"history: {name!r} is not in the catalogue and is left out" for name in shopper.skipped]
        said += [f"candidates: {name!r} is not in the catalogue and is left out" for name in left_out]
        if rules is None:
            codes, scores = self.scoring.top(shopper, k, self.scoring.pool(only), exclude_seen=exclude_seen)
            table = self.tables.found(codes, scores, columns, shopper)
        else:
            asked = Rules.of(rules)
            codes, scores, notes = self.scoring.top_with_rules(
                shopper, k, asked, only=only, exclude_seen=exclude_seen, seed=seed
            )
            table = self.tables.found(codes, scores, columns, shopper, **{RULES: notes})
            said += unmatched(asked, self.scoring.rule_items)
        if said:
            table.attrs[NOTES] = said
            log.info("%s", "; ".join(said))
        return table
