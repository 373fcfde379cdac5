"""Feature blocks: named groups of columns computed for one shopper and a list of candidates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from recsys.data.bounds import csr
from recsys.data.catalogue import Candidates, ItemFeatures
from recsys.data.events import Events
from recsys.data.histories import Histories, Profile
from recsys.data.snapshot import Lazy
from recsys.data.sparsity import strongest
from recsys.errors import BadInput
from recsys.forecast.prices import PriceHistory
from recsys.ranking import cooccurrence
from recsys.ranking.visit_transformer import VisitTransformer

#: Strongest neighbours kept of each item.
NEIGHBOURS = 200

Array = NDArray[Any]
State = Mapping[str, Array]


class EvidenceKind(StrEnum):
    """Kinds of evidence, named as the writer of reasons reads them; `recsys.explain.measures` defines each."""

    SAME_ORDER = "same order"
    AFTER = "bought after"
    ALSO_BOUGHT = "also bought"
    VIEWED_TOGETHER = "viewed together"
    BRAND = "same brand"
    NOUN = "same kind of product"
    WORDS = "shared words"
    CATEGORY = "same category"
    SIMILAR = "similar product"
    TASTE = "category taste"
    POPULAR = "popular"
    TOP_OF_CATEGORY = "popular in its category"
    RATED = "well rated"
    PRAISED = "praised for"
    NEW = "new in the shop"
    PRICE = "usual price"
    CHEAPER = "below usual price"
    BUYERS = "bought lately"


#: Kinds that count what other shoppers did with two products.
COUNTED = (EvidenceKind.SAME_ORDER, EvidenceKind.AFTER, EvidenceKind.ALSO_BOUGHT, EvidenceKind.VIEWED_TOGETHER)
#: Kinds by which two products are alike.
ALIKE = (EvidenceKind.SIMILAR, EvidenceKind.NOUN, EvidenceKind.WORDS, EvidenceKind.BRAND)
#: Kinds that count who buys an item.
SALES = (EvidenceKind.POPULAR, EvidenceKind.TOP_OF_CATEGORY, EvidenceKind.BUYERS)


@dataclass(frozen=True)
class TrainingContext:
    """Training context: all that was known of a shop at one moment.

    Attributes
    ----------
    catalogue
        Features of all items; the row is the item's code.
    events
        Everything that happened before `now`.
    now
        The moment of asking, UTC seconds; meaningless where `events` has no global time.
    histories
        Histories built from `events`.
    seed
        Of the few random steps (a randomised decomposition).
    table
        Reads the items table, where there is one; see `items`.
    prices
        What items cost from when on; None where the shop has no table of prices.
    network
        What is read from sequences of visits; None where nothing is.
    """

    catalogue: ItemFeatures
    events: Events
    now: float
    histories: Histories
    seed: int = 0
    table: Lazy[pd.DataFrame] | None = None
    prices: PriceHistory | None = None
    network: VisitTransformer | None = None

    @classmethod
    def as_of(
        cls,
        catalogue: ItemFeatures,
        events: Events,
        now: float,
        half_life: float,
        *,
        seed: int = 0,
        table: Lazy[pd.DataFrame] | None = None,
        prices: PriceHistory | None = None,
    ) -> TrainingContext:
        """What is known at `now` of shoppers with these `events`, none of which may be later."""
        return cls(catalogue, events, now, Histories.build(events, now, half_life), seed, table, prices)

    def earlier(self, events: Events, now: float, half_life: float) -> TrainingContext:
        """The same shop when only `events` were known."""
        return self.as_of(self.catalogue, events, now, half_life, seed=self.seed, table=self.table, prices=self.prices)

    @property
    def items(self) -> pd.DataFrame:
        """The items table with all columns of the shop, row = item code; read when first asked for.

        It is today's table in every training window: a column that grows with time (a count of reviews) tells a
        window of the past what came later, so its weight will be somewhat too large.
        """
        if self.table is None:
            raise BadInput("this ranker is trained from arrays alone; a block cannot read further columns of the items")
        return self.table.value

    @cached_property
    def cooccurrences(self) -> sparse.csr_array:
        """Co-occurrence counts, shared by the blocks that start from them."""
        return cooccurrence.cooccurrence_counts(self.events)

    @cached_property
    def item_similarity(self) -> sparse.csr_array:
        """Item-item cosine of `cooccurrences`."""
        return cooccurrence.cosine(self.cooccurrences)

    @cached_property
    def neighbours(self) -> sparse.csr_array:
        """The `NEIGHBOURS` most similar items of each; fewer of them are found in these again."""
        return strongest(self.item_similarity, NEIGHBOURS)


class Block(ABC):
    """A feature block: a named group of columns, and what a reason may say of them.

    A block is created without arguments, fitted on a `TrainingContext`, and from then on never changes: `transform` and
    `score` may be called from several threads. Statistics are arrays with one extra row for code -1 (a product the
    catalogue does not have), so that index -1 gives the values of something nobody has bought.

    A block needs `name`, `meaning`, `columns` and `transform`; everything else has a default. What `fit` learns is kept
    in array attributes, which `state` and `restore` then know by themselves.

    Attributes
    ----------
    name
        Unique, as merchandisers read it.
    meaning
        What a high value says of an item, as the end of "because ...".
    columns
        Names of the features, set in the class or by `fit`.
    evidence_kinds
        Kinds of evidence that may put this block's part of a score into words.
    personal
        Whether the columns depend on the shopper's history; otherwise they are about the item alone.
    expensive
        Whether the block is left out of the first, cheap ranking of candidates.
    """

    name: ClassVar[str]
    meaning: ClassVar[str]
    columns: tuple[str, ...] = ()
    evidence_kinds: ClassVar[tuple[EvidenceKind, ...]] = ()
    personal: ClassVar[bool] = True
    expensive: ClassVar[bool] = False

    @classmethod
    def applies(cls, context: TrainingContext) -> bool:
        """Whether the shop has what this block is made of; where it does not, the block is left out."""
        return True

    def fit(self, context: TrainingContext) -> None:  # noqa: B027 - many blocks have nothing to learn
        """Learn the statistics, as array attributes, and set `columns` where the class does not."""

    @abstractmethod
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        """Features of one shopper and ``m`` candidates, shape ``(m, len(columns))``."""

    def transform_beside(self, made: State, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        """`transform`, where features that blocks before this one `made` of the same pairs may be used, by name."""
        return self.transform(profile, candidates)

    def describe(self, profile: Profile, candidates: Candidates) -> list[str | None]:
        """A short clause that is true of each candidate ("has 214 reviews"), None where there is nothing to say.

        A reason says it, after "It", where the block is among the largest parts of the score.
        """
        return [None] * len(candidates)

    def score(self, profile: Profile, candidates: Candidates, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """`transform` times `weights`, shape ``(m,)``; wide blocks fold the weights instead of making columns."""
        return np.asarray(self.transform(profile, candidates).astype(np.float64) @ weights)

    def linear_query(self, profile: Profile, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], float] | None:
        """``(q, c)`` such that the block scores an item with vector ``v`` as ``q @ v + c``; None where it cannot."""
        return None

    def neighbours(self) -> ItemNeighbours | None:
        """The item-item matrix the columns are sums of, as a source of candidates; None where there is none."""
        return None

    def refreshed(self, context: TrainingContext) -> Block:
        """The same kind of block with newer statistics, whose columns mean what they meant."""
        block = type(self)()
        block.fit(context)
        return block

    def state(self) -> dict[str, Array]:
        """Plain arrays from which `restore` makes an equal block: by default every array attribute, and `columns`.

        Raises
        ------
        BadInput
            `fit` has set something that is no array of numbers or text.
        """
        state = {key: np.array(value) if key == "columns" else value for key, value in vars(self).items()}
        for key, value in state.items():
            if not isinstance(value, np.ndarray) or value.dtype.hasobject or not value.ndim:
                raise BadInput(
                    f"block {self.name!r}: fit() sets {key!r} to a {type(value).__name__}; keep what is learnt in "
                    "numpy arrays of numbers (np.array([x]) for a single one), or write state() and restore()."
                )
        return state

    def restore(self, state: State) -> None:
        """Inverse of `state`; the arrays may be memory maps."""
        vars(self).update({key: tuple(map(str, value)) if key == "columns" else value for key, value in state.items()})


@dataclass(frozen=True)
class ItemNeighbours:
    """Nearest-neighbour lists: a sparse item-item matrix that is summed over a history.

    Attributes
    ----------
    indptr, items, values
        CSR arrays; row ``j`` holds what having item ``j`` says for other items. Row ``n_items`` (code -1) is empty.
    """

    indptr: NDArray[np.int64]
    items: NDArray[np.int32]
    values: NDArray[np.float32]

    #: Latest items of a history that are looked up.
    DEPTH = 100

    @classmethod
    def of(cls, matrix: sparse.csr_array, per_row: int) -> ItemNeighbours:
        """Keep the `per_row` strongest of each row, scaled so that the median strongest neighbour is 1."""
        top = strongest(matrix, per_row)
        filled = np.diff(top.indptr) > 0
        peak = np.maximum.reduceat(top.data, top.indptr[:-1][filled]) if filled.any() else np.ones(1)
        scale = float(np.median(peak[peak > 0])) if (peak > 0).any() else 1.0
        return cls(
            np.r_[top.indptr, top.indptr[-1]].astype(np.int64),
            top.indices.astype(np.int32),
            (top.data / scale).astype(np.float32),
        )

    def lookup(self, codes: NDArray[np.int64], weights: NDArray[np.floating]) -> tuple[Array, Array]:
        """What a history says for which items: ``(items, values)`` with repeats, unsummed.

        Parameters
        ----------
        codes
            Items of the history; -1 says nothing.
        weights
            One per code, shape ``(h,)``, or several sets, shape ``(k, h)``.
        """
        codes = np.where(codes < 0, len(self.indptr) - 2, codes)
        start, length = self.indptr[codes], self.indptr[codes + 1] - self.indptr[codes]
        ends = np.cumsum(length)
        at = np.arange(ends[-1] if len(ends) else 0) + np.repeat(start - ends + length, length)
        return self.items[at], self.values[at] * np.repeat(weights, length, axis=-1)

    def summed(
        self, codes: NDArray[np.int64], weights: NDArray[np.floating], wanted: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """What a history says for the items `wanted`, shape ``(k, len(wanted))``; see `lookup`.

        Work and memory follow what is looked up and the items that are wanted, however large the catalogue is.
        """
        items, values = self.lookup(codes, weights)
        size = len(self.indptr) - 1
        if size <= 4 * max(len(wanted), len(items)):  # counting over the catalogue is cheaper than searching
            return np.stack([np.bincount(items, v, minlength=size)[wanted] for v in values])
        few, place = np.unique(wanted, return_inverse=True)
        at = np.searchsorted(few, items)
        at[at == len(few)] = 0
        hit = few[at] == items if len(few) else np.zeros(len(items), bool)
        return np.stack([np.bincount(at[hit], v[hit], minlength=len(few))[place] for v in values])

    def state(self, prefix: str) -> dict[str, Array]:
        """Arrays under names that start with `prefix`."""
        return {f"{prefix}_indptr": self.indptr, f"{prefix}_items": self.items, f"{prefix}_values": self.values}

    @classmethod
    def restored(cls, state: State, prefix: str) -> ItemNeighbours:
        """Inverse of `state`; the arrays are checked before anything is looked up in them."""
        indptr, items, values = (state[f"{prefix}_{name}"] for name in ("indptr", "items", "values"))
        csr(indptr, items, len(indptr) - 1, len(indptr) - 2, values)
        return cls(indptr, items, values)


def recency_weights(profile: Profile, half_life: float) -> NDArray[np.float32]:
    """Exponential decay ``0.5 ** (visits since / half_life)`` of each item of the history, shape ``(h,)``."""
    return np.asarray(0.5 ** (profile.steps / half_life), dtype=np.float32)


def log_gap(profile: Profile) -> np.float32:
    """Logarithm of the days since the shopper's latest event; 0 for a shopper who is here now."""
    return np.float32(np.log1p(max(float(profile.ages.min(initial=np.inf)), 0.0))) if len(profile) else np.float32(0.0)
