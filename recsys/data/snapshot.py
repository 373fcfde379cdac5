"""Snapshot of a shop in one version: tables, vectors, item features, events and histories; all but the ranker."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from recsys.data import schema
from recsys.data.attributes import Attributes
from recsys.data.bounds import checking, codes
from recsys.data.catalogue import Candidates, ItemFeatures, Vocabulary
from recsys.data.consistency import HISTORY_ARRAYS, REPEAT_ARRAYS, check
from recsys.data.dislikes import Dislikes
from recsys.data.events import Events
from recsys.data.histories import Histories, Profile, standing
from recsys.data.memmap import MappedTable, open_array, save_array
from recsys.data.products import as_products, first_items, renamed
from recsys.data.protection import IN_CLEAR, Protection
from recsys.data.pseudonyms import Pseudonym
from recsys.data.reviews import Opinions
from recsys.data.schema import TimeKind
from recsys.data.vault import Vault, create
from recsys.data.vectors import VectorPool

T = TypeVar("T")


class Lazy(Generic[T]):
    """Lazy value, made when first asked for: a process that only scores does not read big tables."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make

    @cached_property
    def value(self) -> T:
        """The value."""
        return self._make()


@dataclass(frozen=True)
class ShopTables:
    """Checked tables of one shop; `impressions` and `users` where the shop has them.

    `dislikes` are what interactions said was not liked (`recsys.data.dislikes`);
    `reviews` are what shoppers wrote, each with its `opinion`; `aspects` what they say of one side of an item
    (`recsys.reviews`). `prices` is what items cost from when on (`recsys.forecast.prices`). `missing` counts items that
    tonight's feed lacks and that are kept, unavailable, for what was learnt from them.
    """

    items: pd.DataFrame
    interactions: pd.DataFrame
    kind: TimeKind
    impressions: pd.DataFrame | None = None
    users: pd.DataFrame | None = None
    missing: int = 0
    dislikes: pd.DataFrame | None = None
    reviews: pd.DataFrame | None = None
    aspects: pd.DataFrame | None = None
    prices: pd.DataFrame | None = None
    protection: Protection = IN_CLEAR


@dataclass(frozen=True)
class Snapshot:
    """Snapshot of a shop as of its last event.

    Attributes
    ----------
    item_ids, user_ids
        Sorted ids as text; positions are the codes used everywhere else.
    available
        Whether each item may be recommended, shape ``(n_items,)``.
    facts
        Facts of the items, row = code.
    histories
        Histories of the users, row = code.
    item_pool, history_pool
        Vectors of item texts and of history texts with their reuse keys, row = code.
    tables
        The tables themselves, read when needed.
    items_file
        The items table on disk, where the snapshot was opened from a version: single columns are read from it.
    picture_pool
        Vectors of the items' pictures with what they were read from, row = code; None where the shop has none.
    products
        Product that each item is a variant of, shape ``(n_items,)``; None where each item is a product of its own.
    """

    item_ids: NDArray[np.object_]
    user_ids: NDArray[np.object_]
    available: NDArray[np.bool_]
    facts: ItemFeatures
    events: Events
    histories: Histories
    item_pool: VectorPool
    history_pool: VectorPool
    vocabulary: Lazy[Vocabulary]
    tables: Lazy[ShopTables]
    items_file: MappedTable | None = None
    products: NDArray[np.int32] | None = None
    protection: Protection = IN_CLEAR
    picture_pool: VectorPool | None = None

    @property
    def now(self) -> float:
        """The moment the snapshot speaks of: its last event."""
        return self.events.end

    @cached_property
    def item_index(self) -> pd.Index:
        """Item ids to codes."""
        return pd.Index(self.item_ids, dtype=object)

    @cached_property
    def user_index(self) -> pd.Index:
        """User ids to codes."""
        return pd.Index(self.user_ids, dtype=object)

    @cached_property
    def catalogue(self) -> Candidates:
        """Every item as a candidate, row = code."""
        return Candidates(np.arange(len(self.item_ids)), self.facts)

    def user_code(self, user: str) -> int | None:
        """Code of the user with this id, the shop's own; None where there is none."""
        code = int(self.user_index.get_indexer([self.protection.id(user)])[0])
        return code if code >= 0 else None

    def user_id(self, code: int) -> str:
        """Id of a user for those who ask about them here: the shop's own, or the pseudonym that stands for it."""
        user = str(self.user_ids[code])
        return user if self.protection.pseudonyms is None else Pseudonym(user)

    def profile(self, user: int) -> Profile:
        """The shopper with this code."""
        return self.histories.profile(user, self.facts, self.history_pool.vectors[user])

    def seen(self, user: int) -> NDArray[np.integer]:
        """Codes of every item the user has had an event with, and of its other variants."""
        return self.variants(self.events.item[self.events.indptr[user] : self.events.indptr[user + 1]])

    def variants(self, codes: NDArray[np.integer]) -> NDArray[np.integer]:
        """Codes of all variants of these items' products."""
        if self.products is None:
            return codes
        return np.flatnonzero(np.isin(self.products, self.products[codes])).astype(np.int32)

    def barred(self, user: int) -> NDArray[np.integer]:
        """Codes of items that are not listed to this user, whatever else is asked: disliked, or sent back."""
        said = self.histories.dislikes
        if said is None:
            return np.zeros(0, np.int64)
        rows = said.of(user)
        return self.variants(said.item[rows][said.barred[rows]])

    @cached_property
    def by_product(self) -> Snapshot:
        """The same shop with one item a product, named by its first; what a ranker is learnt and measured on."""
        products = self.products
        if products is None:
            return self
        first, pool = first_items(products), self.item_pool
        events = self.events.by_product(products)

        def tables() -> ShopTables:
            mine = self.tables.value
            return replace(
                mine,
                items=as_products(mine.items, products),
                interactions=renamed(mine.interactions, self.item_ids, products),
                impressions=renamed(mine.impressions, self.item_ids, products),
                dislikes=renamed(mine.dislikes, self.item_ids, products),
                reviews=renamed(mine.reviews, self.item_ids, products),
                aspects=renamed(mine.aspects, self.item_ids, products),
                prices=renamed(mine.prices, self.item_ids, products),
            )

        available = np.zeros(len(first), bool)
        np.logical_or.at(available, products, self.available)
        # Rows of these histories are those of the shop's own, which hold each product once.
        histories = replace(
            self.histories, items=products[self.histories.items].astype(np.int32), dislikes=standing(events, events.end)
        )
        return replace(
            self,
            item_ids=self.item_ids[first],
            available=available,
            facts=self.facts.take(first),
            events=events,
            histories=histories,
            item_pool=VectorPool(pool.keys[first], pool.vectors[first], pool.truncated[first]),
            tables=Lazy(tables),
            items_file=None,
            products=None,
            picture_pool=None,
        )

    def bought(self, user: int) -> NDArray[np.int32]:
        """Codes of the items that the user has bought."""
        rows = slice(self.events.indptr[user], self.events.indptr[user + 1])
        return self.events.item[rows][self.events.purchases[rows]]


def titles(items: pd.DataFrame) -> list[str]:
    """Titles of the items, '' where missing."""
    if schema.TITLE not in items.columns:
        return [""] * len(items)
    return [str(t) for t in items[schema.TITLE].fillna("").to_numpy(object)]


def save(snapshot: Snapshot, directory: Path) -> None:
    """Write everything `load` needs, as parquet tables and npy arrays."""
    tables, vault = snapshot.tables.value, snapshot.protection.vault
    snapshot.protection.save(directory)
    written = {name: getattr(tables, name) for name in _TABLES} | {
        "user_ids": pd.DataFrame({schema.USER: snapshot.user_ids})
    }
    for name, table in written.items():
        if table is not None:
            with create(directory / f"{name}.parquet", None if name == "items" else vault) as file:
                table.to_parquet(file, index=False)
    snapshot.item_pool.save(directory / "vectors", "items")
    snapshot.history_pool.save(directory / "vectors", "histories", vault)
    if snapshot.picture_pool is not None:
        snapshot.picture_pool.save(directory / "vectors", PICTURES)
    facts, events, histories = snapshot.facts, snapshot.events, snapshot.histories
    _save_arrays(
        directory / "facts",
        available=snapshot.available,
        terms_data=facts.terms.data,
        terms_indices=facts.terms.indices,
        terms_indptr=facts.terms.indptr,
        brand=facts.brand,
        category=facts.category,
        price=facts.price,
        **({} if snapshot.products is None else {"products": snapshot.products}),
    )
    known = {name: getattr(events, name) for name in ("user", "item", "time", "weight")}
    _save_arrays(directory / "events", vault, **known, bought=events.purchases)
    if facts.own is not None:
        facts.own.save(directory / _OWN / "items")
    if events.shoppers is not None:
        events.shoppers.save(directory / _OWN / "users", vault)
    if events.dislikes is not None:
        _save_arrays(directory / "dislikes", vault, **events.dislikes.arrays)
    if events.opinions is not None:
        _save_arrays(directory / "opinions", vault, **events.opinions.arrays)
    (directory / "events" / "kind.txt").write_text(events.kind.value, "utf-8")
    counted = {name: getattr(histories, name) for name in (*HISTORY_ARRAYS, *REPEAT_ARRAYS)}
    _save_arrays(directory / "histories", vault, **counted)
    state = snapshot.vocabulary.value.state()
    np.save(directory / "facts" / "idf.npy", state.pop("idf"))
    (directory / "facts" / "vocabulary.json").write_text(json.dumps(state, ensure_ascii=False), "utf-8")


PICTURES = "pictures"
_OWN = "columns"
#: What a vocabulary is restored from; versions of before have no `own`.
_WORDS = ("template", "terms", "brands", "categories", "own")
_TABLES = ("items", "interactions", "impressions", "users", "dislikes", "reviews", "aspects", "prices")


def load(directory: Path) -> Snapshot:
    """Memory-map what `save` wrote; tables and words are read when first needed, from what is mapped now.

    Raises
    ------
    ArtifactError
        Arrays contradict each other; nothing is indexed with them before that is known.
    """
    files = {n: MappedTable(p) for n in _TABLES if (p := directory / f"{n}.parquet").is_file()}
    item_ids = files["items"].read([schema.ITEM])[schema.ITEM].to_numpy(object)
    protection = Protection.of(directory)
    user_ids = MappedTable(directory / "user_ids.parquet").read()[schema.USER].to_numpy(object)
    item_pool = VectorPool.load(directory / "vectors", "items")
    pictures = _pictures(directory)
    facts = {p.stem: open_array(p) for p in (directory / "facts").glob("*.npy")}
    n_terms = len(facts["idf"])
    terms = sparse.csr_array((len(item_ids), n_terms), dtype=np.float32)
    # Assigned rather than passed: the constructor would copy the mapped arrays.
    terms.data, terms.indices, terms.indptr = facts["terms_data"], facts["terms_indices"], facts["terms_indptr"]
    events = {p.stem: open_array(p) for p in (directory / "events").glob("*.npy")}
    counted = (*HISTORY_ARRAYS, *REPEAT_ARRAYS)
    there = counted if (directory / "histories" / f"{REPEAT_ARRAYS[0]}.npy").is_file() else HISTORY_ARRAYS
    arrays = {name: open_array(directory / "histories" / f"{name}.npy") for name in there}
    words = (directory / "facts" / "vocabulary.json").read_bytes()
    state = Lazy(lambda: json.loads(words))
    kind = TimeKind((directory / "events" / "kind.txt").read_text("utf-8"))
    disliked = {p.stem: open_array(p) for p in (directory / "dislikes").glob("*.npy")}
    opinions = {p.stem: open_array(p) for p in (directory / "opinions").glob("*.npy")}
    known = Events(
        **events,
        n_users=len(user_ids),
        n_items=len(item_ids),
        kind=kind,
        dislikes=Dislikes(**disliked) if disliked else None,
        shoppers=Attributes.load(directory / _OWN / "users", len(user_ids)),
        opinions=Opinions(**opinions) if opinions else None,
    )
    with checking(directory):
        histories = _histories(arrays, known)
    vectors, pictured = item_pool.vectors, pictures.vectors if pictures else None
    own = Attributes.load(directory / _OWN / "items", len(item_ids))
    opened = Snapshot(
        item_ids=item_ids,
        user_ids=user_ids,
        available=facts["available"],
        facts=ItemFeatures(vectors, terms, facts["brand"], facts["category"], facts["price"], pictured, own),
        events=known,
        histories=histories,
        item_pool=item_pool,
        history_pool=VectorPool.load(directory / "vectors", "histories"),
        vocabulary=Lazy(
            lambda: Vocabulary.restore(idf=facts["idf"], **{k: state.value[k] for k in _WORDS if k in state.value})
        ),
        tables=Lazy(
            lambda: ShopTables(**{n: file.read() for n, file in files.items()}, kind=kind, protection=protection)
        ),
        items_file=files["items"],
        products=facts.get("products"),
        protection=protection,
        picture_pool=pictures,
    )
    check(opened, directory)
    return opened


def _pictures(directory: Path) -> VectorPool | None:
    there = (directory / "vectors" / f"{PICTURES}.npy").is_file()
    return VectorPool.load(directory / "vectors", PICTURES) if there else None


def _histories(arrays: dict[str, NDArray[Any]], events: Events) -> Histories:
    if len(arrays) == len(HISTORY_ARRAYS):
        codes(events.user, events.n_users)
        codes(events.item, events.n_items)
        again = Histories.build(events, events.end, 1.0)
        arrays = arrays | {name: getattr(again, name) for name in REPEAT_ARRAYS}
    return Histories(**arrays, dislikes=standing(events, events.end), shoppers=events.shoppers)


def _save_arrays(directory: Path, vault: Vault | None = None, /, **arrays: NDArray[Any]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        save_array(directory / f"{name}.npy", array, vault)
