"""Own-column features: a shop's further columns of items and of users, one block a column.

Each column is a block, so that an ablation says what it is worth and a score says what it added. The columns of a block
do not depend on the values that happen to occur: what is learnt is how much weight "sells", "as in the history" and
"for such shoppers" have, from smoothed shares of the events; values come and go without a new training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from recsys.data.attributes import Attributes
from recsys.data.catalogue import Candidates
from recsys.data.events import Events
from recsys.data.histories import Profile
from recsys.data.own_columns import choice
from recsys.errors import BadInput
from recsys.ranking.features.base import Array, Block, TrainingContext
from recsys.ranking.features.column_words import said_of

#: Pseudo-counts of the smoothed shares: items of a value, things of a history, events of a shopper's value, events of
#: an item.
ITEMS, HISTORY, GROUP, EVENTS = 5.0, 2.0, 20.0, 10.0
#: Cells of one table of shopper values by item values (or items); above, the last shopper values are unknown ones.
CELLS = 20_000_000
#: Columns in which shopper values meet item values; above, those of one item column are summed.
PAIRS = 48

_ITEM, _SHOPPER = "column ", "shoppers' "


def column_blocks(context: TrainingContext, wanted: Sequence[str] = ()) -> list[type[Block]]:
    """One kind of block for each own column that the shop has and the setting ``training.columns`` allows."""
    chosen, excluded = choice(wanted)

    def allowed(own: Attributes | None) -> list[str]:
        names = [] if own is None else [column.name for column in own.space.columns]
        return [name for name in names if name not in excluded and (not chosen or name in chosen)]

    items, shoppers = allowed(context.catalogue.own), allowed(context.events.shoppers)
    return [_kind(ItemColumn, _ITEM, name) for name in items] + [_kind(ShopperColumn, _SHOPPER, n) for n in shoppers]


def column_block(name: str) -> type[Block] | None:
    """The kind of block that a stored name means; None where it means none."""
    for base, prefix in ((ItemColumn, _ITEM), (ShopperColumn, _SHOPPER)):
        if name.startswith(prefix):
            return _kind(base, prefix, name.removeprefix(prefix))
    return None


def _kind(base: type[ItemColumn] | type[ShopperColumn], prefix: str, column: str) -> type[Block]:
    return type(base.__name__, (base,), {"name": prefix + column, "column": column, "__module__": base.__module__})


class ItemColumn(Block):
    """One further column of the items: what its values sell, and which of them this shopper or such shoppers take."""

    name = "column"
    meaning = "what the item's value in this column sells, and how it suits this shopper"
    column: ClassVar[str] = ""
    #: Of each value, the last for none: share of the events, and log of its items' mean sales over the shop's.
    base: NDArray[np.float64]
    popularity: NDArray[np.float32]
    #: Log-lifts of item values (columns) for shopper values (rows), and the first row of each shopper column.
    lifts: NDArray[np.float32]
    starts: NDArray[np.int64]
    #: Labels of the values; empty where a reason does not tell them.
    labels: NDArray[np.str_]

    @override
    def fit(self, context: TrainingContext) -> None:
        own, codes = _there(context.catalogue.own, self.column)
        events, shoppers = context.events, context.events.shoppers
        column = own.space.by_name[self.column]
        size = len(column.values)
        sales = np.bincount(events.item, events.weight, minlength=events.n_items).astype(np.float64)
        items = _counts(codes, None, size)
        sold = _counts(codes, sales, size)
        mean = sales.sum() / max(len(sales), 1) + 1e-9
        self.base = np.append((sold + 1.0) / (sold.sum() + size), 1.0)
        self.popularity = np.append(np.log((sold + ITEMS * mean) / (items + ITEMS)) - np.log(mean), 0.0).astype(
            np.float32
        )
        # A department says no more than the category in it, of which there are reasons already.
        said = not _implied(codes[:, 0], context.catalogue.category)
        self.labels = np.array([str(value) if said else "" for value in column.values])
        rows, starts = [np.zeros((1, size + 1), np.float32)], [1]
        for other in () if shoppers is None else shoppers.space.columns:
            _, theirs = _there(shoppers, other.name)
            kept = min(len(other.values), max(CELLS // (size + 1), 1))
            counts = _cross(np.where(theirs < kept, theirs, -1), codes, kept, size, events)
            rows.append(_log_lift(counts, self.base[:-1]))
            starts.append(starts[-1] + kept)
        self.lifts, self.starts = np.concatenate(rows), np.array(starts)
        pairs = [] if shoppers is None else [f"{self.column}_for_{c.name}" for c in shoppers.space.columns]
        few = len(pairs) * len(own.space.columns) <= PAIRS
        ordered = ("position", "position_squared", "distance") if column.ordered else ()
        stems = ("sells", "share", "lift", "latest", "unknown", *ordered)
        crossed = pairs if few else [f"{self.column}_for_such_shoppers"] * bool(pairs)
        self.columns = (*(f"{self.column}_{stem}" for stem in stems), *crossed)

    @override
    def refreshed(self, context: TrainingContext) -> Block:
        own = context.catalogue.own
        if own is None or self.column not in own.space.places:
            return self  # the column is gone: candidates have no value of it, and it says nothing
        block = type(self)()
        block.fit(context)
        if block.columns != self.columns:  # columns of the shoppers came or went: nothing is known for them yet
            block.columns, block.starts = self.columns, np.ones(1, np.int64)
        return block

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        out = np.zeros((len(candidates), len(self.columns)), np.float32)
        theirs = None if candidates.facts.own is None else candidates.facts.own.of(self.column)
        if theirs is None or not len(candidates):
            return out
        mine = None if profile.facts.own is None else profile.facts.own.of(self.column)
        many = np.maximum((theirs >= 0).sum(axis=1), 1)

        def mean(values: Array) -> Array:
            """Mean over each candidate's values of a table whose last entry, for none, is 0."""
            return values[theirs[:, 0]] if theirs.shape[1] == 1 else values[theirs].sum(axis=1) / many

        size = len(self.base) - 1
        out[:, 0] = mean(self.popularity)
        out[:, 4] = theirs[:, 0] < 0
        if mine is not None and len(mine):
            had = mine >= 0
            row = np.nonzero(had)[0]
            share = np.bincount(mine[had], profile.recency[row], minlength=size + 1)
            here = np.bincount(mine[had], profile.steps[row] == 0, minlength=size + 1) > 0
            known = float(had[:, 0].sum())
            lift = np.log((known * share + HISTORY * self.base) / ((known + HISTORY) * self.base))
            lift[-1] = 0.0
            out[:, 1], out[:, 2], out[:, 3] = mean(share), mean(lift), mean(here.astype(np.float32))
        at = 5
        if f"{self.column}_position" in self.columns:
            scale = max(size - 1, 1)
            place = np.where(theirs[:, 0] >= 0, theirs[:, 0] / scale - 0.5, 0.0)
            out[:, 5], out[:, 6] = place, np.square(place)
            if mine is not None and (mine[:, 0] >= 0).any():
                known_rows = mine[:, 0] >= 0
                usual = np.average(mine[known_rows, 0] / scale - 0.5, weights=profile.recency[known_rows])
                out[:, 7] = np.where(theirs[:, 0] >= 0, np.abs(place - usual), 0.0)
            at = 8
        if profile.own is not None and len(self.columns) > at:
            crossed = np.zeros((len(candidates), len(self.starts) - 1), np.float32)
            for number, column in enumerate(profile.own.space.columns[: crossed.shape[1]]):
                first, last = self.starts[number], self.starts[number + 1]
                values = profile.own.codes[0, profile.own.space.places[column.name]]
                values = values[(values >= 0) & (values < last - first)]
                if len(values):
                    crossed[:, number] = mean(self.lifts[first + values].mean(axis=0))
            out[:, at:] = crossed if len(self.columns) - at == crossed.shape[1] else crossed.sum(axis=1, keepdims=True)
        return out

    @override
    def describe(self, profile: Profile, candidates: Candidates) -> list[str | None]:
        return said_of(self.column, self.labels, profile, candidates)


class ShopperColumn(Block):
    """One further column of the shoppers: how much more an item sells to shoppers of the same value than to others."""

    name = "shoppers' column"
    meaning = "shoppers with the same value in this column buy the item more than others do"
    column: ClassVar[str] = ""
    #: Log-lifts of items (columns, the last for unknown ones) for shopper values (rows).
    lifts: NDArray[np.float32]

    @override
    def fit(self, context: TrainingContext) -> None:
        events = context.events
        shoppers, codes = _there(events.shoppers, self.column)
        size = len(shoppers.space.by_name[self.column].values)
        kept = max(min(size, CELLS // (events.n_items + 1)), 1)
        items = np.arange(events.n_items, dtype=np.int32)[:, None]
        counts = _cross(np.where(codes < kept, codes, -1), items, kept, events.n_items, events)
        of_item, of_group = counts.sum(axis=0), counts.sum(axis=1, keepdims=True)
        share = (of_group + 1.0) / (of_group.sum() + len(of_group))
        lift = np.log((counts + EVENTS * share) / ((of_item + EVENTS) * share))
        self.lifts = np.concatenate([lift, np.zeros((kept, 1))], axis=1).astype(np.float32)
        self.columns = (f"item_for_{self.column}",)

    @override
    def refreshed(self, context: TrainingContext) -> Block:
        shoppers = context.events.shoppers
        if shoppers is not None and self.column in shoppers.space.places:
            return super().refreshed(context)
        block = type(self)()  # nothing is known of shoppers any more
        block.lifts, block.columns = np.zeros((1, context.events.n_items + 1), np.float32), self.columns
        return block

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        values = None if profile.own is None else profile.own.of(self.column)
        known = np.zeros(0, np.int64) if values is None else values[0][(values[0] >= 0) & (values[0] < len(self.lifts))]
        if not len(known):
            return np.zeros((len(candidates), 1), np.float32)
        return self.lifts[known][:, candidates.codes].mean(axis=0)[:, None].astype(np.float32)


def _implied(codes: NDArray[np.int32], category: NDArray[np.int32]) -> bool:
    """Whether the category of an item says which of these values it has, and several categories share one."""
    known = (codes >= 0) & (category >= 0)
    pairs = np.unique(np.stack([category[known], codes[known]]), axis=1)
    categories = np.unique(pairs[0])
    return 1 < len(np.unique(pairs[1])) < len(categories) and pairs.shape[1] <= 1.05 * len(categories)


def _there(own: Attributes | None, name: str) -> tuple[Attributes, NDArray[np.int32]]:
    """Attributes that have a column, as `column_blocks` has made sure, and its codes."""
    codes = None if own is None else own.of(name)
    if own is None or codes is None:
        raise BadInput(f"there is no column {name!r} any more; train the ranker again (`recsys train`).")
    return own, codes


def _counts(codes: NDArray[np.int32], weights: NDArray[np.float64] | None, size: int) -> NDArray[np.float64]:
    """Summed weights (or the number) of the rows that hold each value, shape ``(size,)``."""
    known = codes >= 0
    each = None if weights is None else np.broadcast_to(weights[:, None], codes.shape)[known]
    return np.bincount(codes[known], each, minlength=size).astype(np.float64)


def _cross(
    shoppers: NDArray[np.int32], items: NDArray[np.int32], n_shopper: int, n_item: int, events: Events
) -> NDArray[np.float64]:
    """Summed weights of the events between each shopper value and each item value, ``(n_shopper, n_item)``."""
    out = np.zeros(n_shopper * n_item)
    for left in shoppers.T:
        for right in items.T:
            mine, theirs = left[events.user].astype(np.int64), right[events.item]
            known = (mine >= 0) & (theirs >= 0)
            out += np.bincount(mine[known] * n_item + theirs[known], events.weight[known], minlength=len(out))
    return out.reshape(n_shopper, n_item)


def _log_lift(counts: NDArray[np.float64], base: NDArray[np.float64]) -> NDArray[np.float32]:
    """Smoothed log of ``P(item value | shopper value) / P(item value)``, with a last column of 0 for none."""
    of_group = counts.sum(axis=1, keepdims=True)
    lift = np.log((counts + GROUP * base) / ((of_group + GROUP) * base))
    return np.concatenate([lift, np.zeros((len(lift), 1))], axis=1).astype(np.float32)
