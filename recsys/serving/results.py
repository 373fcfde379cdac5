"""Result tables: columns of the items beside the scores, and in a notebook what each score is made of."""

from __future__ import annotations

from collections.abc import Callable, Collection
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recsys.data.catalogue import Candidates
from recsys.data.histories import Profile
from recsys.data.schema import ITEM, TITLE
from recsys.data.snapshot import Snapshot
from recsys.errors import BadInput
from recsys.explain import bars
from recsys.ranking.ranker import Ranker

SCORE, RANK, POSITION, RULES = "score", "rank", "position", "rules"
#: Where a list says what was left out of the request: `DataFrame.attrs`, and a field of the service's answer.
NOTES = "notes"
#: Rows of a list that a notebook shows.
SHOWN = 50


class ItemColumns:
    """Columns of the items table by item code, each read when it is first asked for.

    A process that only scores reads none, and one that names items reads titles without the other columns.
    """

    def __init__(self, shop: Snapshot, directory: Path | None) -> None:
        """`directory` is the version's, None for a shop in memory."""
        self._shop = shop
        self._file = None if directory is None else directory / "items.parquet"
        self._columns: dict[str, pd.Series[Any]] = {}

    @property
    def names(self) -> list[str]:
        """Columns there are, ids aside."""
        names = self._shop.tables.value.items.columns if self._file is None else pq.read_schema(self._file).names
        return [str(name) for name in names if name != ITEM]

    def column(self, name: str) -> pd.Series[Any]:
        """One column, row = code; titles are '' where missing.

        Raises
        ------
        BadInput
            The items have no such column.
        """
        if name not in self._columns:
            if name in self.names:
                whole = self._file is None
                table = self._shop.tables.value.items if whole else pd.read_parquet(self._file, columns=[name])
                self._columns[name] = table[name].fillna("") if name == TITLE else table[name]
            elif name == TITLE:
                self._columns[name] = pd.Series([""] * len(self._shop.item_ids), dtype=object)
            else:
                raise BadInput(f"columns: the items have no {name!r}; there are {', '.join(self.names)}")
        return self._columns[name]

    def beside(
        self, codes: NDArray[np.integer], wanted: Collection[str] | None, described: pd.DataFrame | None = None
    ) -> dict[str, Any]:
        """Title and the `wanted` columns of these items; nothing at all for None.

        Parameters
        ----------
        described
            The products of code -1, in their order.
        """
        if isinstance(wanted, str):
            raise BadInput(f"columns: a list of names such as [{wanted!r}]")
        found: dict[str, Any] = {}
        for name in () if wanted is None else dict.fromkeys((TITLE, *wanted)):
            values = self.column(name).array.take(codes)
            if described is not None:
                values = np.asarray(values, object)
                values[codes < 0] = described.get(name)
            found[name] = values
        return found


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


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.4g}"
    return "" if value is None else escape(str(value))
