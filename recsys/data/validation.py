"""Separating the rows of a table that can be used from those that cannot, and saying why."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.data.parsing import STRING, as_amounts, as_ids, as_text
from recsys.errors import BadInput

#: Rows listed in a quarantine (all are counted), and characters of each raw row.
MAX_QUARANTINE, MAX_RAW = 100_000, 500
#: Longest id and longest text, in characters. Encoders read some hundreds of words; the rest is cut and counted.
MAX_ID, MAX_TEXT = 256, 20_000

#: Names that other shops give to our columns, for the hint in an error.
_SYNONYMS = {
    "item_id": (
        "itemid",
        "item",
        "product_id",
        "productid",
        "sku",
        "asin",
        "parent_asin",
        "stockcode",
        "article_id",
        "id",
    ),
    "user_id": ("userid", "user", "customer_id", "customerid", "visitorid", "shopper_id"),
    "timestamp": ("time", "date", "datetime", "created_at", "event_time", "ts"),
    "title": ("name", "product_name", "product_title", "description"),
    "clicked": ("click", "label"),
}

Notes = dict[str, int | str | float]


class TimeKind(StrEnum):
    """Whether times can be compared between users (`ABSOLUTE`) or only within one (`ORDER`)."""

    ABSOLUTE = "absolute"
    ORDER = "order"


@dataclass(frozen=True)
class Checked:
    """One validated table.

    Attributes
    ----------
    table : pandas.DataFrame
        Usable rows with canonical dtypes, canonical order and a fresh index; unknown columns are kept as they were.
    quarantine : pandas.DataFrame
        `file, row, reason, raw`: unusable rows; `row` counts data rows from 1. At most 100,000 are listed.
    notes : dict
        Counts and choices: `rows`, `kept`, `quarantined`, and what else happened (`duplicates`, `unknown_items`, ...).
    time_kind : TimeKind or None
        For tables of events.
    """

    table: pd.DataFrame
    quarantine: pd.DataFrame
    notes: Notes
    time_kind: TimeKind | None = None


class Sieve:
    """A table being checked: `table` is coerced column by column; `reject` notes, per row, why it cannot be used."""

    def __init__(self, raw: pd.DataFrame, required: Sequence[str], source: str) -> None:
        self.raw = with_columns(raw, required, source).reset_index(drop=True)
        self.table = self.raw.copy(deep=False)
        self.source = source
        self.reason = np.full(len(raw), "", dtype=object)
        self.notes: Notes = {"rows": len(raw)}

    def reject(self, bad: npt.ArrayLike, count_as: str, reason: str) -> None:
        """Reject the rows of the mask `bad` that have no reason yet, and count them in the notes as `count_as`."""
        fresh = np.asarray(bad, dtype=bool) & (self.reason == "")
        if fresh.any():
            self.reason[fresh] = reason
            self.notes[count_as] = int(self.notes.get(count_as, 0)) + int(fresh.sum())

    def count(self, name: str, number: int) -> None:
        """Add `number` to a note; a zero leaves no note."""
        if number:
            self.notes[name] = int(self.notes.get(name, 0)) + number

    def ids(self, column: str, optional: npt.NDArray[np.bool_] | None = None) -> pd.Series:
        """Read an id column; rows without one are rejected unless `optional` there."""
        values = as_ids(self.table[column])
        missing = values.isna().to_numpy()
        self.reject(missing if optional is None else missing & ~optional, f"missing_{column}", f"{column} is missing")
        self.reject((values.str.len() > MAX_ID).to_numpy(), f"long_{column}", f"{column} is over {MAX_ID} characters")
        self.table[column] = values
        return values

    def texts(self, columns: Iterable[str], limit: int = MAX_TEXT) -> None:
        """Coerce those of the text columns that are there; cuts are counted."""
        for column in columns:
            if column in self.table:
                self.table[column], cut = as_text(self.table[column], limit)
                self.count("truncated_texts", cut)

    def amounts(self, columns: Iterable[str]) -> None:
        """Coerce those of the numeric columns that are there; what cannot be read becomes NaN and is counted."""
        for column in columns:
            if column in self.table:
                numbers = as_amounts(self.table[column])
                self.count("coerced", int((np.isnan(numbers) & self.table[column].notna().to_numpy()).sum()))
                self.table[column] = numbers

    def result(self, order: Sequence[str], kind: TimeKind | None = None, hint: str = "") -> Checked:
        """The usable rows sorted by `order`, and the quarantine.

        Raises
        ------
        BadInput
            No row can be used; the message gives the commonest reasons and `hint`.
        """
        good = self.reason == ""
        if not good.any():
            reasons = pd.Series(self.reason).value_counts()
            found = "; ".join(f"{reason} ({n:,} rows)" for reason, n in reasons.head(3).items())
            raise BadInput(f"{self.source}: none of its {len(good):,} rows can be used: {found}.{hint}")
        self.notes |= {"kept": int(good.sum()), "quarantined": int((~good).sum())}
        table = self.table[good].sort_values(list(order), kind="stable", ignore_index=True)
        return Checked(table, self._quarantine(np.flatnonzero(~good)[:MAX_QUARANTINE]), self.notes, kind)

    def _quarantine(self, rows: npt.NDArray[np.intp]) -> pd.DataFrame:
        raw = [_as_line(record) for record in self.raw.iloc[rows].to_dict("records")]
        columns = {"file": [self.source] * len(rows), "reason": list(self.reason[rows]), "raw": raw}
        table = pd.DataFrame(columns, dtype=STRING)
        table.insert(1, "row", rows.astype(np.int64) + 1)
        return table


def _as_line(record: dict[Any, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, default=str)[:MAX_RAW]


def with_columns(raw: pd.DataFrame, required: Sequence[str], source: str) -> pd.DataFrame:
    """`raw` with tidy column names, or `BadInput` naming what is missing and what was found."""
    table = raw.set_axis([str(name).strip().lstrip("\ufeff") for name in raw.columns], axis=1)
    names = list(table.columns)
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise BadInput(f"{source}: column {', '.join(map(repr, twice))} appears twice; keep one.")
    for column in required:
        if column not in names:
            found = ", ".join(map(repr, names[:20])) + (", ..." if len(names) > 20 else "")
            raise BadInput(f"{source}: no column {column!r}{_close_match(column, names)}. Found: {found or 'nothing'}.")
    if not len(table):
        raise BadInput(f"{source}: the table has no rows.")
    return table


def _close_match(column: str, names: Sequence[str]) -> str:
    by_lower = {name.lower().replace(" ", "_"): name for name in names}
    known = [by_lower[name] for name in (column, *_SYNONYMS.get(column, ())) if name in by_lower]
    near = known or [by_lower[name] for name in difflib.get_close_matches(column, by_lower, n=1)]
    return f" (rename {near[0]!r} to {column!r}?)" if near else ""
