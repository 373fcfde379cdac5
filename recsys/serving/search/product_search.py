"""Hybrid product search: filters hold, words and meaning rank, purchase probability orders what fits equally well."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from recsys.serving.search.nearest import Nearest
from recsys.serving.search.product_table import ProductTable
from recsys.serving.search.query import Constraints, matching

MOST_NEAR = 40
"""Products considered where the sentence names no kind of product."""
_OTHER_SCRIPT = re.compile(r"[\u3400-\u9fff]+")

ByProbability = Callable[[Sequence[str], str | None], Sequence[str]]
"""Orders item ids by purchase probability for a shopper, None for a stranger."""


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes
    ----------
    rows
        Rows of the product table, best first.
    given_up
        Wishes that no product meets and that were dropped to find any.
    """

    rows: tuple[int, ...]
    given_up: tuple[str, ...] = ()


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
    """

    def __init__(
        self,
        table: ProductTable,
        nearest: Callable[[], Nearest],
        by_probability: ByProbability | None = None,
        liked: Mapping[str, float] | None = None,
    ) -> None:
        self.table = table
        self.liked = liked or {}
        self._make_nearest = nearest
        self._by_probability = by_probability

    def find(self, wanted: Constraints, text: str, user: str | None = None, *, hidden: Collection[int] = ()) -> Found:
        """Products that can be bought and meet what is wanted, else those that meet all but its measures and words.

        Parameters
        ----------
        text
            The sentence behind `wanted`: what it says beyond them ranks by words and meaning.
        user
            A shopper with a past, whose purchase probability orders what a sentence hardly narrows down.
        hidden
            Rows that are not to be found.
        """
        for less in _weaker(wanted):
            rows = [int(r) for r in matching(self.table, less) if self.table.available[r] and r not in hidden]
            if rows:
                break
        given_up = (
            *(str(m) for m in wanted.measures if m not in less.measures),
            *(wanted.words if not less.words else ()),
        )
        return Found(tuple(self._ordered(rows, wanted, text, user)), given_up)

    def _ordered(self, rows: list[int], wanted: Constraints, text: str, user: str | None) -> list[int]:
        table = self.table
        if wanted.sort == "opinion" and self.liked:
            return sorted(rows, key=lambda row: (-self.liked.get(table.ids[row], 0.0), table.ids[row]))
        if wanted.sort in {"price", "-price"}:
            sign = -1 if wanted.sort == "-price" else 1
            return sorted(rows, key=lambda row: (sign * table.prices[row], table.ids[row]))
        only_kind = bool(wanted.categories) and not wanted.words
        if only_kind or (wanted.vague and (user is not None or not text.strip())):
            return self.by_probability(rows, user)
        canonical = table.canonical(text)
        like = self.nearest.likeness(_OTHER_SCRIPT.sub(" ", canonical).strip() or canonical)
        words = table.bm25.scores(canonical)
        rows = sorted(rows, key=lambda row: (-(like[row] + words[row]), row))
        return rows if wanted.categories else rows[:MOST_NEAR]

    def by_probability(self, rows: list[int], user: str | None) -> list[int]:
        """Rows in the order of their purchase probability for a shopper."""
        if self._by_probability is None or not rows:
            return rows
        return [self.table.row[i] for i in self._by_probability([self.table.ids[row] for row in rows], user)]

    @cached_property
    def nearest(self) -> Nearest:
        """The catalogue's vectors."""
        return self._make_nearest()


def _weaker(wanted: Constraints) -> list[Constraints]:
    """What is looked for, then what instead where nothing fits: without the measures, the words, or both."""
    steps = [wanted]
    if wanted.measures:
        steps.append(replace(wanted, measures=()))
    if wanted.words and wanted.categories:
        steps += [replace(step, words=()) for step in steps]
    return steps
