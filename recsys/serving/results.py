"""Result tables: the list as a DataFrame, and in a notebook what each score is made of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data.catalogue import Candidates
from recsys.data.histories import Profile
from recsys.data.schema import ITEM, USER
from recsys.data.snapshot import Snapshot
from recsys.errors import BadInput
from recsys.explain import bars
from recsys.ranking.ranker import Ranker
from recsys.serving.item_columns import ItemColumns
from recsys.serving.lookup import GivenItems, Shopper

SCORE, RANK, POSITION, RULES = "score", "rank", "position", "rules"
#: Where a list says what was left out of the request: `DataFrame.attrs`, and a field of the service's answer.
NOTES = "notes"
#: Rows of a list that a notebook shows.
SHOWN = 50


class ScoreParts:
    """Contributions of the ranker's blocks to the scores of one list, worked out when they are shown."""

    def __init__(self, ranker: Ranker, profile: Profile, candidates: Callable[[], Candidates]) -> None:
        """`candidates` gives the rows of the list, best first."""
        self._ranker, self._profile, self._candidates = ranker, profile, candidates

    def of(self, ranks: NDArray[np.int64]) -> list[dict[str, float]]:
        """Contributions in log-odds by block, for each of these ranks."""
        rows = self._ranker.contributions(self._profile, self._candidates().take(ranks - 1))
        return [dict(zip((b.name for b in self._ranker.blocks), map(float, row), strict=True)) for row in rows]

    @property
    def intercept(self) -> float:
        """Log-odds to which the contributions are added."""
        return self._ranker.intercept

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()  # a pickled list is a table: it does not carry the shop along


class Recommendations(pd.DataFrame):  # type: ignore[misc]
    """A list as a DataFrame that shows, in a notebook, what each score is made of."""

    _metadata = ["_parts"]  # noqa: RUF012 - how pandas wants it
    _parts: ScoreParts | None = None

    @property
    def _constructor(self) -> type[Recommendations]:
        return Recommendations

    @classmethod
    def of(cls, table: dict[str, Any], parts: ScoreParts | None) -> Recommendations:
        """A list of these columns."""
        made = cls(table)
        made._parts = parts
        return made

    def _repr_html_(self) -> str | None:
        ranks = self.get(RANK)
        if self._parts is None or ranks is None or SCORE not in self or not len(self):
            html: str | None = super()._repr_html_()
            return html
        shown = self.head(SHOWN)
        parts = self._parts.of(shown[RANK].to_numpy(np.int64))
        colours, scale = bars.palette(parts), bars.reach(parts)
        rows = [
            [*(_cell(value) for value in row), bars.bar(part, colours, scale)]
            for row, part in zip(shown.itertuples(index=False, name=None), parts, strict=True)
        ]
        said = f"Bars: what each block adds to log-odds of {self._parts.intercept:.2f}; the sum is that of the score."
        more = f" {len(self) - SHOWN} more rows." if len(self) > SHOWN else ""
        head = [*(escape(str(name)) for name in self.columns), "made of"]
        return f"{bars.table(head, rows)}<p>{bars.legend(colours)}</p><p>{said}{more}</p>"


class ResultTables:
    """Makes the tables that `Recommender` returns."""

    def __init__(self, shop: Snapshot, ranker: Ranker | None, items: ItemColumns) -> None:
        self._shop, self._ranker, self._items = shop, ranker, items

    def found(
        self,
        codes: NDArray[np.int64],
        scores: NDArray[np.float64],
        columns: Collection[str] | None,
        shopper: Shopper | None = None,
        **more: Any,
    ) -> Recommendations:
        """A list of items that were searched for, best first; without a shopper its scores have no parts."""
        table = {ITEM: self._shop.item_ids[codes], SCORE: scores, RANK: np.arange(1, len(codes) + 1), **more}
        table |= self._items.beside(codes, columns)
        return Recommendations.of(table, self._parts(shopper, lambda: Candidates.of(self._shop.facts, codes)))

    def given(
        self, given: GivenItems, scores: NDArray[np.float64], columns: Collection[str] | None, shopper: Shopper
    ) -> Recommendations:
        """A ranking of the items that a caller gave, with their places in what was given."""
        # Ties by item_id (codes follow sorted ids); unknown products after known ones, in the order given.
        codes = np.where(given.candidates.codes >= 0, given.candidates.codes, len(self._shop.item_ids))
        order = np.lexsort((np.arange(len(scores)), codes, -scores))
        beside = self._items.beside(given.candidates.codes, columns, given.described)
        table = {ITEM: given.ids[order], SCORE: scores[order], RANK: np.arange(1, len(order) + 1), POSITION: order}
        table |= {name: values[order] for name, values in beside.items()}
        return Recommendations.of(table, self._parts(shopper, lambda: given.candidates.take(order)))

    def many(
        self,
        users: Sequence[str],
        lengths: NDArray[np.int64],
        codes: NDArray[np.int64],
        scores: NDArray[np.float64],
        columns: Collection[str] | None,
    ) -> pd.DataFrame:
        """The lists of many users under one another; `codes` and `scores` hold ``lengths[i]`` rows for ``users[i]``."""
        starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
        table = {USER: np.repeat(np.array(users, dtype=object), lengths), RANK: np.arange(len(codes)) - starts + 1}
        table |= {ITEM: self._shop.item_ids[codes], SCORE: scores}
        return pd.DataFrame(table | self._items.beside(codes, columns))

    def _parts(self, shopper: Shopper | None, candidates: Callable[[], Candidates]) -> ScoreParts | None:
        if shopper is None or self._ranker is None:
            return None
        return ScoreParts(self._ranker, shopper.profile, candidates)


def check_length(k: int) -> None:
    """Refuse a length of a list that is none."""
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise BadInput(f"k: {k!r} is not a whole number from 1 up")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.4g}"
    return "" if value is None else escape(str(value))
