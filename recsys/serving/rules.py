"""A shop's rules on top of a ranking: what may be shown, where, and how varied the list is.

Rules are applied in this order, whatever the order they are given in:

1. **Filters** (lists of categories, brands and items, price range, availability) are absolute: nothing that follows
   brings back an item they leave out.
2. **Boosts** are added to the scores (log-odds): those of the item, its brand and its category sum.
3. **Pins** take their places, in order of place, unless a cap leaves no room for them.
4. The other places are filled from the first on. A place of **exploration** goes to a new item, drawn with a chance in
   proportion to its odds; every other place to the best remaining item, or with **diversity** to the best by maximal
   marginal relevance (Carbonell and Goldstein, 1998).
5. **Caps** hold throughout: pinned, explored and ranked items count alike, items without a brand (category) never.

A list is shorter than asked for only when every item left would break a filter or a cap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from recsys.data.catalogue import ItemFeatures
from recsys.errors import BadInput
from recsys.serving.reranking import Place, Reranker, pool_size, scale

_Names = frozenset[Annotated[str, Field(min_length=1)]]
_Only = Annotated[_Names, Field(min_length=1)]
_Logit = Annotated[float, Field(ge=-100, le=100)]


class Rules(BaseModel):
    """What a shop asks of a list; the default asks for nothing but available items."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        coerce_numbers_to_str=True,
        str_strip_whitespace=True,
        allow_inf_nan=False,
    )

    categories: _Only | None = None
    """Only items of these categories."""
    exclude_categories: _Names = frozenset()
    """No item of these categories."""
    brands: _Only | None = None
    """Only items of these brands."""
    exclude_brands: _Names = frozenset()
    """No item of these brands."""
    price_min: float | None = Field(None, ge=0)
    """Only items of at least this price; an item without a price is left out."""
    price_max: float | None = Field(None, ge=0)
    """Only items of at most this price; an item without a price is left out."""
    include_items: _Only | None = None
    """Only these items."""
    exclude_items: _Names = frozenset()
    """None of these items."""
    include_unavailable: bool = False
    """Also items that are not available."""
    max_per_brand: int | None = Field(None, ge=1)
    """Items of one brand in a list, at most."""
    max_per_category: int | None = Field(None, ge=1)
    """Items of one category in a list, at most."""
    diversity: float = Field(0.0, ge=0, le=1)
    """Weight of being unlike the rest of the list against the score; 0 is pure score order."""
    pinned: dict[Annotated[int, Field(ge=1)], str] = {}
    """Item for each place, counted from 1; a plain list of items means places 1, 2, 3, ..."""
    boost_items: dict[str, _Logit] = {}
    """Log-odds added to an item's score."""
    boost_brands: dict[str, _Logit] = {}
    """Log-odds added to the scores of a brand's items."""
    boost_categories: dict[str, _Logit] = {}
    """Log-odds added to the scores of a category's items."""
    explore: float = Field(0.0, ge=0, le=1)
    """Share of the places that goes to new items: at .2, every fifth place."""

    @field_validator("pinned", mode="before")
    @classmethod
    def _list_of_pins(cls, value: Any) -> Any:
        return dict(enumerate(value, start=1)) if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _consistent(self) -> Rules:
        if len(set(self.pinned.values())) < len(self.pinned):
            raise ValueError("pinned: an item can be pinned to one place only")
        if self.price_min is not None and self.price_max is not None and self.price_min > self.price_max:
            raise ValueError("price_min is above price_max")
        return self

    @classmethod
    def of(cls, value: Rules | Mapping[str, Any] | None) -> Rules:
        """Rules from a mapping of field names to values; None is no rule.

        Raises
        ------
        BadInput
            Naming the fields that cannot be used.
        """
        if isinstance(value, Rules):
            return value
        try:
            return cls.model_validate({} if value is None else value)
        except ValidationError as error:
            raise BadInput("rules: " + "; ".join(_said(e) for e in error.errors())) from None


@dataclass(frozen=True)
class RuleItems:
    """What rules read of ``n`` candidate items, one row each.

    Attributes
    ----------
    ids
        Item ids, distinct text, shape ``(n,)``.
    facts
        Facts of the items, ``n`` rows.
    brands, categories
        The names that the codes in `facts` stand for.
    available, is_new
        Whether each item can be bought, and whether it is too new to be judged by its sales; bool, shape ``(n,)``.
    """

    ids: NDArray[np.object_]
    facts: ItemFeatures
    brands: Sequence[str] | pd.Index
    categories: Sequence[str] | pd.Index
    available: NDArray[np.bool_]
    is_new: NDArray[np.bool_]

    def take(self, rows: NDArray[np.int64]) -> RuleItems:
        """The shelf of these rows, in this order."""
        return replace(
            self,
            ids=self.ids[rows],
            facts=self.facts.take(rows),
            available=self.available[rows],
            is_new=self.is_new[rows],
        )

    @cached_property
    def index(self) -> pd.Index:
        """Ids to rows; made once, so keep the shelf of a whole catalogue."""
        return pd.Index(self.ids, dtype=object)

    def rows(self, ids: Iterable[str]) -> NDArray[np.int64]:
        """The row of each id, -1 where the shelf does not have it."""
        return np.asarray(self.index.get_indexer(pd.Index(list(ids), dtype=object)), np.int64)

    def holding(self, ids: Iterable[str]) -> NDArray[np.bool_]:
        """Which rows have one of these ids, shape ``(n,)``."""
        mask = np.zeros(len(self.ids) + 1, bool)  # the last entry takes what is not here
        mask[self.rows(ids)] = True
        return mask[:-1]


@dataclass(frozen=True)
class Ruled:
    """A list after rules.

    Attributes
    ----------
    rows
        Rows of the shelf, first place first; int64, shape ``(m,)``.
    notes
        What rules did to each row of the list, '' for nothing: ``"pinned"``, ``"explore"``, ``"boosted +0.50"``,
        ``"caps: 9→6"`` (the place without and with caps), ``"diversity: 6→3"`` (the place without and with diversity).
    left_out
        How many candidates each filter alone would leave out, by the name of the rule.
    """

    rows: NDArray[np.int64]
    notes: list[str]
    left_out: dict[str, int]


def apply(rules: Rules, scores: NDArray[np.floating], shelf: RuleItems, k: int, *, seed: str = "") -> Ruled:
    """The best list of at most `k` items that the rules allow.

    Parameters
    ----------
    scores
        Log-odds of each row of the shelf, shape ``(n,)``; a row whose score is not finite is no candidate. Equal
        scores are ordered by item id.
    seed
        What the draw of explored items depends on, such as the user and the day; the same seed gives the same list.
    """
    scores = np.asarray(scores, np.float64)
    out = {name: mask for name, mask in _filters(rules, shelf) if mask.any()}
    possible = np.isfinite(scores)
    for mask in out.values():
        possible &= ~mask
    added = _boosts(rules, shelf)
    boosted = scores + added
    caps = ((shelf.facts.brand, rules.max_per_brand), (shelf.facts.category, rules.max_per_category))
    ranking = Reranker(
        ids=shelf.ids,
        scores=boosted,
        possible=possible,
        vectors=shelf.facts.vectors,
        pins=_pins(rules, shelf, possible, k),
        explore=rules.explore,
        new=_draw(shelf, boosted, possible & shelf.is_new if rules.explore else np.zeros(len(boosted), bool), seed),
        caps=[(codes, cap) for codes, cap in caps if cap is not None],
        diversity=rules.diversity,
        # Boosts leave this scale alone: one boost would otherwise change the weight of diversity for every item.
        scale=scale(scores[possible], pool_size(k)) if rules.diversity else (0.0, 1.0),
        pool=pool_size(k),
    )
    places = ranking.fill(k)
    return Ruled(
        rows=np.array([place.row for place in places], dtype=np.int64),
        notes=_notes(ranking, places, added),
        left_out={name: int(mask.sum()) for name, mask in out.items()},
    )


def _said(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    return f"{where}: {error['msg']}" if where else str(error["msg"]).removeprefix("Value error, ")


def allowed(rules: Rules, shelf: RuleItems) -> NDArray[np.bool_]:
    """Which rows pass every filter, shape ``(n,)``."""
    possible = np.ones(len(shelf.ids), bool)
    for _, mask in _filters(rules, shelf):
        possible &= ~mask
    return possible


def _filters(rules: Rules, shelf: RuleItems) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Each filter in use, and the rows it leaves out."""
    if not rules.include_unavailable:
        yield "available", ~np.asarray(shelf.available, bool)
    for name, column, names in (
        ("categories", shelf.facts.category, shelf.categories),
        ("brands", shelf.facts.brand, shelf.brands),
    ):
        only, never = getattr(rules, name), getattr(rules, f"exclude_{name}")
        if only is not None:
            yield name, ~np.isin(column, _codes(names, only))
        if never:
            yield f"exclude_{name}", np.isin(column, _codes(names, never))
    # Prices are kept as float32 logarithms; bounds take the same form, so that an equal price stays equal.
    if rules.price_min is not None:
        yield "price_min", ~(shelf.facts.price >= np.float32(np.log1p(rules.price_min)))
    if rules.price_max is not None:
        yield "price_max", ~(shelf.facts.price <= np.float32(np.log1p(rules.price_max)))
    if rules.include_items is not None:
        yield "include_items", ~shelf.holding(rules.include_items)
    if rules.exclude_items:
        yield "exclude_items", shelf.holding(rules.exclude_items)


def _codes(names: Sequence[str] | pd.Index, wanted: frozenset[str]) -> NDArray[np.int64]:
    codes = pd.Index(names, dtype=object).get_indexer(pd.Index(sorted(wanted), dtype=object))
    return np.asarray(codes[codes >= 0], np.int64)


def _boosts(rules: Rules, shelf: RuleItems) -> NDArray[np.float64]:
    """Log-odds added to each row."""
    added = np.zeros(len(shelf.ids))
    for boosts, column, names in (
        (rules.boost_brands, shelf.facts.brand, shelf.brands),
        (rules.boost_categories, shelf.facts.category, shelf.categories),
    ):
        if boosts:
            # The last entry is what code -1 (unknown) picks.
            table = np.r_[pd.Series(boosts).reindex(pd.Index(names, dtype=object)).fillna(0.0).to_numpy(float), 0.0]
            added += table[column]
    if rules.boost_items:
        for row, logit in zip(shelf.rows(rules.boost_items), rules.boost_items.values(), strict=True):
            if row >= 0:
                added[row] += logit
    return added


def _pins(rules: Rules, shelf: RuleItems, possible: NDArray[np.bool_], k: int) -> dict[int, int]:
    """Places within the list and the rows pinned to them, in order of place; what filters leave out has none."""
    wanted = {place: item for place, item in sorted(rules.pinned.items()) if place <= k}
    if not wanted:
        return {}
    rows = shelf.rows(wanted.values())
    return {place: int(row) for place, row in zip(wanted, rows, strict=True) if row >= 0 and possible[row]}


def _draw(shelf: RuleItems, scores: NDArray[np.float64], among: NDArray[np.bool_], seed: str) -> NDArray[np.int64]:
    """Rows in the order of a draw without replacement by their odds (Gumbel top-k)."""
    rows = np.flatnonzero(among)
    if not len(rows):
        return rows
    # Chance comes from a hash of the id, so that it does not depend on which other items are candidates.
    key = hashlib.blake2b(seed.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    hashed = pd.util.hash_array(shelf.ids[rows].astype(object), hash_key=key, categorize=False)
    uniform = np.clip((hashed.astype(np.float64) + 0.5) / 2.0**64, 1e-300, 1 - 1e-16)
    return rows[np.argsort(np.log(-np.log(uniform)) - scores[rows], kind="stable")]


def _notes(ranking: Reranker, places: list[Place], added: NDArray[np.float64]) -> list[str]:
    """What happened to each place, by filling the list again without diversity, and without caps."""
    plain, ladder = ranking, [("", _index(places))]
    if ranking.diversity:
        plain = replace(plain, diversity=0.0)
        ladder.append(("diversity", _index(plain.fill(plain.pool))))
    if ranking.caps:
        plain = replace(plain, caps=[])
        ladder.append(("caps", _index(plain.fill(plain.pool))))
    notes = []
    for row, how in places:
        parts = [how] if how else []
        if added[row]:
            parts.append(f"boosted {added[row]:+.2f}")
        for (_, after), (name, before) in reversed(list(pairwise(ladder))):
            was, now = before.get(row, ranking.pool + 1), after.get(row, ranking.pool + 1)
            if was != now and not how:
                parts.append(f"{name}: {_at(was, ranking.pool)}→{_at(now, ranking.pool)}")
        notes.append("; ".join(parts))
    return notes


def _index(places: list[Place]) -> dict[int, int]:
    return {place.row: at for at, place in enumerate(places, start=1)}


def _at(place: int, last: int) -> str:
    return str(place) if place <= last else f">{last}"
