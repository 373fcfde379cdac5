"""Hybrid product search: filters hold, words and meaning rank, purchase probability orders what fits equally well."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recsys.data.tfidf import words
from recsys.llm.language import tokens
from recsys.serving.search.colours import COLOURS
from recsys.serving.search.nearest import Nearest
from recsys.serving.search.product_table import ProductTable
from recsys.serving.search.query import SIZE_WORDS, Constraints, matching
from recsys.serving.search.spelling import singular

MOST_NEAR = 40
"""Products considered where the sentence names no kind of product."""
NEAR_KIND, NEARER, SAME_KIND = 0.5, 0.06, 0.07
"""Cosine of a sentence and a kind that may be meant, how much nearer it is than those named, and what is as near."""
AS_GOOD = 0.75
"""Share of the best agreement in words and kind from which a product is as good, where something else orders them."""
CHILD = 12
"""Years up to which something is looked for among what is said to be for that age, where there is any."""
RARE = 0.1
"""Share of the products up to which speaking of a word tells them apart."""
_OTHER_SCRIPT = re.compile(r"[\u3400-\u9fff]+")

JUDGED = 3
"""Products found, the first ones, of which it is judged whether they are what is wished for."""
UNFIT, FIT = 0.7, 0.85
"""Probability below which none of them surely is, and from which another product is shown in their place."""
AS_FIT = 0.8
"""Share of the probability of the likeliest from which a product is shown with it."""
MOST_JUDGED = 20
"""Products that are judged in their place: so many of the kinds that are named, and of all."""

ByProbability = Callable[[Sequence[str], str | None], Sequence[str]]
"""Orders item ids by purchase probability for a shopper, None for a stranger."""
Fits = Callable[[str, Sequence[int]], NDArray[np.float64]]
"""Probability that each of some rows of the product table is what a wish asks for."""


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes
    ----------
    rows
        Rows of the product table, best first.
    given_up
        Wishes that no product meets and that were dropped to find any.
    judged
        Whether these were judged to be what is wished for, in place of what words and likeness had found.
    """

    rows: tuple[int, ...]
    given_up: tuple[str, ...] = ()
    judged: bool = False


class ProductSearch:
    """Finds products of one catalogue.

    Parameters
    ----------
    nearest
        Makes the catalogue's vectors, when a sentence has to be compared by meaning for the first time.
    by_probability
        Orders products that fit equally well; by default the order of the catalogue.
    liked
        What reviews make of each item, by its id; empty where the shop has none.
    fits
        Judges whether products are what is wished for; None where words and likeness alone tell.
    """

    def __init__(
        self,
        table: ProductTable,
        nearest: Callable[[], Nearest],
        by_probability: ByProbability | None = None,
        liked: Mapping[str, float] | None = None,
        fits: Fits | None = None,
    ) -> None:
        self.table = table
        self._fits = fits
        self.liked = liked or {}
        self._make_nearest = nearest
        self._by_probability = by_probability

    def find(
        self,
        wanted: Constraints,
        text: str,
        user: str | None = None,
        *,
        hidden: Collection[int] = (),
        wish: str = "",
    ) -> Found:
        """Products that can be bought and meet what is wanted, else those that meet all but its measures and words.

        Parameters
        ----------
        text
            The sentence behind `wanted`: what it says beyond them ranks by words and meaning.
        user
            A shopper with a past, whose purchase probability orders what a sentence hardly narrows down.
        hidden
            Rows that are not to be found.
        wish
            What the shopper said, a turn a line: where nothing found is that, what is judged to be it is found instead.
        """
        found = self._found(wanted, text, user, hidden)
        apt = self._judged(wanted, text, wish, hidden, found.rows[:JUDGED]) if wish else []
        return Found(tuple(apt), judged=True) if apt else found

    def _found(self, wanted: Constraints, text: str, user: str | None, hidden: Collection[int]) -> Found:
        wanted, apt = self._compound(wanted, text)
        for less in _weaker(wanted):
            fits = matching(self.table, less)
            rows = [int(r) for r in fits if self.table.available[r] and r not in hidden and (apt is None or r in apt)]
            if rows:
                break
        rows = _of_its_half(self.table, rows, wanted, text)
        for_an_age = bool(wanted.words) and all(measure.unit == "age" for measure in wanted.measures)
        by_words = not (wanted.categories or wanted.brands or wanted.free_of) and (for_an_age or not wanted.measures)
        if by_words and text.strip() and not (wanted.vague and user is not None):
            anything = wanted.vague and not wanted.unknown and wanted.price_max is not None  # "something under 30"
            rows = self._near_enough(rows, wanted, text) or (rows if wanted.measures or anything else [])
        if any(m.unit == "age" and m.most <= CHILD for m in wanted.measures):
            rows = sorted(_for_its_age(self.table, rows, wanted)) or rows
        given_up = (
            *(str(m) for m in wanted.measures if m not in less.measures),
            *(word for word in wanted.words if word not in less.words),
        )
        if wanted.superlative is not None and wanted.sort == "price":  # the cheap one of the large ones
            size = "large" if wanted.superlative.sign > 0 else "small"
            rows = [row for row in rows if size in self.table.title_terms[row]] or rows
        if wanted.superlative is not None and wanted.sort == "measure":
            stating = wanted.superlative.nearly([self.table.canonical_texts[row] for row in rows])
            if stating:
                return Found(tuple(rows[at] for at in stating), given_up)
            given_up += (wanted.superlative.said,)
        return Found(tuple(self._ordered(rows, wanted, text, user)), given_up)

    def _ordered(self, rows: list[int], wanted: Constraints, text: str, user: str | None) -> list[int]:
        table = self.table
        if wanted.sort == "opinion" and self.liked:
            return sorted(rows, key=lambda row: (-self.liked.get(table.ids[row], 0.0), table.ids[row]))
        if wanted.sort in {"price", "-price"}:
            sign = -1 if wanted.sort == "-price" else 1
            return sorted(rows, key=lambda row: (sign * table.prices[row], table.ids[row]))
        only_kind = bool(wanted.categories) and not wanted.words
        if not text.strip() or (wanted.vague and user is not None):
            return self.by_probability(rows, user)
        kind, first = self.nearest.of_kind(text), _for_its_age(table, rows, wanted)
        if only_kind:
            near = {row for row in rows if kind[row] >= max(kind[rows]) - SAME_KIND}
            called = {row for row in rows if not table.title_terms[row].isdisjoint(wanted.names)}
            likely = {row: at for at, row in enumerate(self.by_probability(rows, user))}
            place = {row: (row not in first, row not in near, row not in called) for row in rows}
            return sorted(rows, key=lambda row: (*place[row], likely.get(row, len(likely))))
        total = self._agreement(text)
        rows = sorted(rows, key=lambda row: (row not in first, -total[row], row))
        return rows if wanted.categories else rows[:MOST_NEAR]

    def _agreement(self, text: str) -> NDArray[np.float64]:
        """How much each product agrees with a sentence in words, meaning and kind, shape ``(n_products,)``."""
        canonical, kind = self.table.canonical(text), self.nearest.of_kind(text)
        like = self.nearest.likeness(_OTHER_SCRIPT.sub(" ", canonical).strip() or canonical)
        by_kind = np.where(kind >= NEAR_KIND - 0.1, kind, 0)
        return np.asarray(like + self.table.bm25.scores(canonical) + by_kind, np.float64)

    def _judged(
        self, wanted: Constraints, text: str, wish: str, hidden: Collection[int], found: Sequence[int]
    ) -> list[int]:
        """What is judged to be wished for, the likeliest or cheapest first, where nothing that was found is."""
        table, fits = self.table, self._fits
        if fits is None or wanted.sort in {"opinion", "measure"}:
            return []
        chances = dict(zip(found, fits(wish, found).tolist(), strict=True)) if found else {}
        if max(chances.values(), default=0.0) >= UNFIT:
            return []
        bounds = replace(wanted, categories=frozenset(), words=(), names=(), measures=())
        rows = [int(row) for row in matching(table, bounds) if table.available[row] and row not in hidden]
        total = self._agreement(text)
        near = sorted(rows, key=lambda row: (-total[row], row))
        of_kind = [row for row in near if table.categories[row] in wanted.categories]
        near = list(dict.fromkeys([*of_kind[:MOST_JUDGED], *near[:MOST_JUDGED]]))
        new = [row for row in near if row not in chances]
        chances |= dict(zip(new, fits(wish, new).tolist(), strict=True)) if new else {}
        best = max((chances[row] for row in near), default=0.0)
        apt = [row for row in near if chances[row] >= AS_FIT * best] if best >= FIT else []
        if wanted.sort:
            sign = -1 if wanted.sort == "-price" else 1
            return sorted(apt, key=lambda row: (sign * table.prices[row], table.ids[row]))
        return sorted(apt, key=lambda row: -chances[row])

    def _near_enough(self, rows: list[int], wanted: Constraints, text: str) -> list[int]:
        """Of products that nothing but words and meaning can find, those that say as much as the best, about."""
        kind, by_words = self.nearest.of_kind(text), self.table.bm25.scores(self.table.canonical(text))
        kind = np.where(kind >= NEAR_KIND - 0.1, kind, 0)  # what is far from all kinds is a gift for somebody
        rare = [
            w
            for w in wanted.words
            if w not in SIZE_WORDS and 0 < self.table.words.get(w, 0) <= len(self.table.ids) * RARE
        ]
        telling = rare or set(wanted.words) - SIZE_WORDS
        said = {row for row in rows if any(word in self.table.terms[row] for word in telling)}
        apt = [row for row in rows if row in said or kind[row] >= NEAR_KIND - 0.1]
        if wanted.sort == "measure" and apt and kind[nearest := max(apt, key=lambda row: kind[row])]:
            return [row for row in rows if self.table.categories[row] == self.table.categories[nearest]]
        best = max((kind[row] + by_words[row] for row in apt), default=0.0)
        return [row for row in apt if kind[row] + by_words[row] >= AS_GOOD * best]

    def _compound(self, wanted: Constraints, text: str) -> tuple[Constraints, set[int] | None]:
        """Of a compound that only ends in what a category is called, the nearest kind's category and its products."""
        if not wanted.categories or not self.table.compounds(text):
            return wanted, None
        kind = self.nearest.of_kind(text)
        named = np.array([category in wanted.categories for category in self.table.categories])
        best = int(kind.argmax())
        if named[best] or kind[best] < max(NEAR_KIND, float(kind[named].max(initial=0)) + NEARER):
            return wanted, None
        apt = set(np.flatnonzero(kind >= kind[best] - SAME_KIND).tolist())
        return replace(wanted, categories=frozenset({self.table.categories[best]})), apt

    def by_probability(self, rows: list[int], user: str | None) -> list[int]:
        """Rows in the order of their purchase probability for a shopper."""
        if self._by_probability is None or not rows:
            return rows
        return [self.table.row[i] for i in self._by_probability([self.table.ids[row] for row in rows], user)]

    @cached_property
    def nearest(self) -> Nearest:
        """The catalogue's vectors."""
        return self._make_nearest()


def _of_its_half(table: ProductTable, rows: list[int], wanted: Constraints, text: str) -> list[int]:
    """Rows without those that only the other half of a category's name names: mice, where keyboards are wanted."""
    said, own, others = set(tokens(table.canonical(text))), set[str](), set[str]()
    for name in wanted.categories:
        halves = [{form for w in words(half) for form in (*tokens(w), singular(w))} for half in name.split("&")]
        if len(halves) > 1 and any(half & said for half in halves):
            for half in halves:
                (own if half & said else others).update(half)
    return [row for row in rows if table.title_terms[row].isdisjoint(others) or table.title_terms[row] & own] or rows


def _for_its_age(table: ProductTable, rows: Sequence[int], wanted: Constraints) -> set[int]:
    """Rows of the products that are said to be for the age asked for."""
    ages = [measure for measure in wanted.measures if measure.unit == "age"]
    return {row for row in rows if ages and all(age.holds(table.canonical_texts[row]) for age in ages)}


def _weaker(wanted: Constraints) -> list[Constraints]:
    """What is looked for, then what instead where nothing fits: without measures, words but colours, or both."""
    steps = [wanted]
    if wanted.measures:
        steps.append(replace(wanted, measures=()))
    colours = tuple(word for word in wanted.words if word in COLOURS)
    if len(wanted.words) > len(colours) and wanted.categories:
        steps += [replace(step, words=colours) for step in steps]
    return steps
