"""Columns of the items table beside the scores: titles, and what else of an item is asked for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data.schema import ITEM, TITLE
from recsys.data.snapshot import Snapshot
from recsys.errors import BadInput


class ItemColumns:
    """Columns of the items table by item code, each read when it is first asked for.

    A process that only scores reads none, and one that names items reads titles without the other columns.
    """

    def __init__(self, shop: Snapshot) -> None:
        self._shop = shop
        self._file = shop.items_file
        self._columns: dict[str, pd.Series[Any]] = {}

    @property
    def names(self) -> list[str]:
        """Columns there are, ids aside."""
        names = self._shop.tables.value.items.columns if self._file is None else self._file.columns
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
                table = self._shop.tables.value.items if self._file is None else self._file.read([name])
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
