"""Business rules applied: which items they allow, what they add to scores, and the list that comes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data.catalogue import ItemFeatures
from recsys.serving.reranking import Place, Reranker, pool_size, scale
from recsys.serving.rules import Rules


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
        """These rows, in this order."""
        return replace(
            self,
            ids=self.ids[rows],
            facts=self.facts.take(rows),
            available=self.available[rows],
            is_new=self.is_new[rows],
        )

    @cached_property
    def index(self) -> pd.Index:
        """Ids to rows; made once, so keep the object of a whole catalogue."""
        return pd.Index(self.ids, dtype=object)

    def rows(self, ids: Iterable[str]) -> NDArray[np.int64]:
        """The row of each id, -1 for an id that is not among them."""
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
        Rows of the items, first place first; int64, shape ``(m,)``.
    notes
        What rules did to each row of the list, '' for nothing: ``"pinned"``, ``"explore"``, ``"boosted +0.50"``,
        ``"caps: 9→6"`` (the place without and with caps), ``"diversity: 6→3"`` (the place without and with diversity).
    left_out
        How many candidates each filter alone would leave out, by the name of the rule.
    """

    rows: NDArray[np.int64]
    notes: list[str]
    left_out: dict[str, int]


def apply(rules: Rules, scores: NDArray[np.floating], rule_items: RuleItems, k: int, *, seed: str = "") -> Ruled:
    """The best list of at most `k` items that the rules allow.

    Parameters
    ----------
    scores
        Log-odds of each row, shape ``(n,)``; a row whose score is not finite is no candidate. Equal
        scores are ordered by item id.
    seed
        What the draw of explored items depends on, such as the user and the day; the same seed gives the same list.
    """
    scores = np.asarray(scores, np.float64)
    out = {name: mask for name, mask in _filters(rules, rule_items) if mask.any()}
    possible = np.isfinite(scores)
    for mask in out.values():
        possible &= ~mask
    added = boosts(rules, rule_items)
    boosted = scores + added
    caps = ((rule_items.facts.brand, rules.max_per_brand), (rule_items.facts.category, rules.max_per_category))
    ranking = Reranker(
        ids=rule_items.ids,
        scores=boosted,
        possible=possible,
        vectors=rule_items.facts.vectors,
        pins=_pins(rules, rule_items, possible, k),
        explore=rules.explore,
        new=_draw(rule_items, boosted, possible & rule_items.is_new & (rules.explore > 0), seed),
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


def allowed(rules: Rules, rule_items: RuleItems) -> NDArray[np.bool_]:
    """Which rows pass every filter, shape ``(n,)``."""
    possible = np.ones(len(rule_items.ids), bool)
    for _, mask in _filters(rules, rule_items):
        possible &= ~mask
    return possible


def _filters(rules: Rules, rule_items: RuleItems) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Each filter in use, and the rows it leaves out."""
    if not rules.include_unavailable:
        yield "available", ~np.asarray(rule_items.available, bool)
    for name, column, names in (
        ("categories", rule_items.facts.category, rule_items.categories),
        ("brands", rule_items.facts.brand, rule_items.brands),
    ):
        only, never = getattr(rules, name), getattr(rules, f"exclude_{name}")
        if only is not None:
            yield name, ~np.isin(column, _codes(names, only))
        if never:
            yield f"exclude_{name}", np.isin(column, _codes(names, never))
    # Prices are kept as float32 logarithms; bounds take the same form, so that an equal price stays equal.
    if rules.price_min is not None:
        yield "price_min", ~(rule_items.facts.price >= np.float32(np.log1p(rules.price_min)))
    if rules.price_max is not None:
        yield "price_max", ~(rule_items.facts.price <= np.float32(np.log1p(rules.price_max)))
    if rules.include_items is not None:
        yield "include_items", ~rule_items.holding(rules.include_items)
    if rules.exclude_items:
        yield "exclude_items", rule_items.holding(rules.exclude_items)


def unmatched(rules: Rules, rule_items: RuleItems) -> list[str]:
    """What rules name that the catalogue does not have: a misspelt rule would else be a rule that is silently none."""
    named = {
        field: (names, getattr(rules, field))
        for kind, names in (("brands", rule_items.brands), ("categories", rule_items.categories))
        for field in (kind, f"exclude_{kind}", f"boost_{kind}")
    }
    found = [
        f"rules: {field}: {name!r} matches nothing"
        for field, (names, wanted) in named.items()
        for name in sorted(wanted or ())
        if not len(_codes(names, [name]))
    ]
    for field in ("include_items", "exclude_items", "pinned", "boost_items"):
        ids = rules.pinned.values() if field == "pinned" else getattr(rules, field) or ()
        wanted = sorted(ids)
        lacking = [name for name, row in zip(wanted, rule_items.rows(wanted), strict=True) if row < 0]
        found += [f"rules: {field}: {name!r} is not in the catalogue" for name in lacking]
    return found


def _codes(names: Sequence[str] | pd.Index, wanted: Iterable[str]) -> NDArray[np.int64]:
    """Codes of names without regard to case; what is not there has none."""
    return np.flatnonzero(_folded(tuple(names)).isin([name.casefold() for name in wanted]))


@lru_cache(maxsize=8)
def _folded(names: tuple[str, ...]) -> pd.Index:
    return pd.Index([str(name).casefold() for name in names], dtype=object)


def boosts(rules: Rules, rule_items: RuleItems) -> NDArray[np.float64]:
    """Log-odds added to each row."""
    added = np.zeros(len(rule_items.ids))
    for wanted, column, names in (
        (rules.boost_brands, rule_items.facts.brand, rule_items.brands),
        (rules.boost_categories, rule_items.facts.category, rule_items.categories),
    ):
        if wanted:
            table = np.zeros(len(names) + 1)  # the last entry is what code -1 (unknown) picks
            for name, logit in wanted.items():
                table[_codes(names, [name])] += logit
            added += table[column]
    if rules.boost_items:
        for row, logit in zip(rule_items.rows(rules.boost_items), rules.boost_items.values(), strict=True):
            if row >= 0:
                added[row] += logit
    return added


def _pins(rules: Rules, rule_items: RuleItems, possible: NDArray[np.bool_], k: int) -> dict[int, int]:
    """Places within the list and the rows pinned to them, in order of place; what filters leave out has none."""
    wanted = {place: item for place, item in sorted(rules.pinned.items()) if place <= k}
    if not wanted:
        return {}
    rows = rule_items.rows(wanted.values())
    return {place: int(row) for place, row in zip(wanted, rows, strict=True) if row >= 0 and possible[row]}


def _draw(rule_items: RuleItems, scores: NDArray[np.float64], among: NDArray[np.bool_], seed: str) -> NDArray[np.int64]:
    """Rows in the order of a draw without replacement by their odds (Gumbel top-k)."""
    rows = np.flatnonzero(among)
    if not len(rows):
        return rows
    # Chance comes from a hash of the id, so that it does not depend on which other items are candidates.
    key = hashlib.blake2b(seed.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    hashed = pd.util.hash_array(rule_items.ids[rows].astype(object), hash_key=key, categorize=False)
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
