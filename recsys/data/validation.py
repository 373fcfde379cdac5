"""Separating the rows of a table that can be used from those that cannot, and saying why."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.data.numbers import read_amounts
from recsys.data.parsing import STRING, as_ids, as_text, storable, storable_cell, with_numbers
from recsys.data.report import EXAMPLES, TableReport
from recsys.data.vocabulary import Vocabulary, rename, vocabulary
from recsys.errors import BadInput, one_line
from recsys.settings import Settings

#: Rows listed in a quarantine (all are counted), and characters of each raw row.
MAX_QUARANTINE, MAX_RAW = 100_000, 500
#: Longest id and longest text, in characters. Encoders read some hundreds of words; the rest is cut and counted.
MAX_ID, MAX_TEXT = 256, 20_000
#: Longest title, in characters; the rest is cut and counted.
MAX_TITLE = 1_000
#: Columns of a table. Each costs a millisecond, whatever is in it; the widest exports of shops have some hundred.
MOST_COLUMNS = 2_000
CURRENCY = "currency"

#: An id that a spreadsheet has rounded: ``4.00638E+12``.
_ROUNDED = r"\d(?:[.,]\d+)?[eE]\+\d{2}"

Notes = dict[str, int | str | float]


@dataclass(frozen=True)
class Dialect:
    """How a shop names things: the vocabulary, and the columns (ours -> theirs) that it says itself."""

    words: Vocabulary = field(default_factory=vocabulary)
    columns: Mapping[str, str] = field(default_factory=dict)
    shown: Callable[[str], str] = str
    """How a user's id is told in reports."""

    @classmethod
    def of(cls, settings: Settings, shown: Callable[[str], str] = str) -> Dialect:
        """The dialect that the settings name."""
        return cls(vocabulary(settings.intake.vocabulary), settings.columns, shown)


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
    report : TableReport
        What was made of the table, for people.
    hint : str
        Where most of the lost rows are lost for one reason, what would mend it.
    returns : pandas.DataFrame or None
        Returns without a purchase in this table, as rows of such a table; the purchase may be in another one.
    dislikes : pandas.DataFrame or None
        What was not liked: ``user_id, item_id, timestamp, kind``.
    """

    table: pd.DataFrame
    quarantine: pd.DataFrame
    notes: Notes
    time_kind: TimeKind | None = None
    report: TableReport = field(default_factory=TableReport)
    hint: str = ""
    returns: pd.DataFrame | None = None
    dislikes: pd.DataFrame | None = None

    def with_returns(self, returns: pd.DataFrame, dislikes: pd.DataFrame | None) -> Checked:
        """The same, with returns that may belong to purchases of another table, and with what was not liked."""
        return replace(self, returns=returns if len(returns) else None, dislikes=dislikes)

    def require(self, max_bad: float) -> Checked:
        """The same, unless more than `max_bad` of its rows are bad.

        Raises
        ------
        BadInput
            With the commonest reasons, what would mend them, and the setting that lets them pass.
        """
        report = self.report
        if report.bad <= max_bad * report.rows:
            return self
        share = report.bad / report.rows
        worst = sorted(((loss.rows, why) for why, loss in report.lost.items() if loss.bad), reverse=True)
        reasons = "; ".join(f"{why} ({rows:,} rows)" for rows, why in worst[:3])
        allowed = min(np.ceil(share * 100) / 100, 1.0)
        raise BadInput(
            f"{report.source}: {report.bad:,} of {report.rows:,} rows ({share:.0%}) cannot be used, more than "
            f"intake.max_bad = {max_bad:g} allows: {reasons}.{self.hint} To go on without these rows, set "
            f"RECSYS_INTAKE__MAX_BAD={allowed:g} for one run."
        )


class Sieve:
    """A table being checked: `table` is coerced column by column; `reject` notes, per row, why it cannot be used."""

    def __init__(
        self,
        raw: pd.DataFrame,
        kind: str,
        required: Sequence[str],
        source: str,
        dialect: Dialect | None = None,
        report: TableReport | None = None,
    ) -> None:
        self.dialect = dialect or Dialect()
        self.report = TableReport() if report is None else report
        self.report.source = source
        self.raw = tidy(raw, source).reset_index(drop=True)
        self.table = with_columns(
            rename(self.raw, kind, self.dialect.words, self.dialect.columns, self.report),
            required,
            source,
            list(self.raw.columns),
        )
        self.source, self.kind = source, kind
        self.reason, self.counted_as = np.full((2, len(raw)), "", dtype=object)
        self._harmless: set[str] = set()
        self.notes: Notes = {"rows": len(raw)}

    @property
    def good(self) -> npt.NDArray[np.bool_]:
        """Rows that have not been rejected so far."""
        return np.asarray(self.reason == "", dtype=bool)

    def reject(self, wrong: npt.ArrayLike, count_as: str, reason: str, *, bad: bool = True) -> None:
        """Reject the rows of a mask that have no reason yet, and count them in the notes as `count_as`.

        `bad` ones are broken; the others (returns, say) are understood, and say that they are not to be learnt from.
        """
        fresh = np.asarray(wrong, dtype=bool) & self.good
        if fresh.any():
            self.reason[fresh], self.counted_as[fresh] = reason, count_as
            self.notes[count_as] = int(self.notes.get(count_as, 0)) + int(fresh.sum())
            if not bad:
                self._harmless.add(reason)

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
        rounded = values.str.fullmatch(_ROUNDED).to_numpy(bool, na_value=False)
        if rounded.any():
            example = values[rounded].iloc[0]
            if rounded.sum() * 5 > len(values):
                raise BadInput(
                    f"{self.source}: {int(rounded.sum()):,} ids in {column} look like {example!r}: a spreadsheet has "
                    "rounded them, and their last digits are lost. Export the table again and do not save it from the "
                    "spreadsheet, or make the column text before the numbers go in."
                )
            self.reject(rounded, f"rounded_{column}", f"{column} was rounded by a spreadsheet")
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
            if column not in self.table:
                continue
            read = read_amounts(self.table[column], self.dialect.words.currencies)
            self.unread(column, read.unreadable)
            if read.decimal not in ("", "."):
                self.report.decimals[column] = read.decimal
            coins = pd.Series(read.currency[read.currency != ""]).value_counts()
            if CURRENCY in self.table:
                coins = self.table[CURRENCY].dropna().astype(str).str.strip().str.upper().value_counts()
            self.report.currencies |= {str(code): int(rows) for code, rows in coins.items()}
            if len(coins) > 1:
                self.report.notes.append(f"only prices in {coins.index[0]} are compared with each other")
            if len(coins) > 1 and CURRENCY not in self.table:
                # A price without a sign is in the currency that most have.
                self.table[CURRENCY] = pd.Series(
                    np.where(read.currency == "", coins.index[0], read.currency), dtype=STRING
                )
            self.table[column] = read.numbers

    def unread(self, column: str, cells: npt.NDArray[np.bool_]) -> None:
        """Count cells that could not be understood and are empty now."""
        self.count("coerced", int(cells.sum()))
        if cells.any():
            shown = ", ".join(repr(value) for value in self.table[column][cells].map(str).unique()[:EXAMPLES])
            self.report.warnings.append(f"{column}: {int(cells.sum()):,} values cannot be read and are empty ({shown})")

    def result(self, order: Sequence[str], kind: TimeKind | None = None, hint: str = "") -> Checked:
        """The usable rows sorted by `order`, and the quarantine.

        Raises
        ------
        BadInput
            No row can be used; the message gives the commonest reasons and `hint`.
        """
        good = self.good
        self._write_report()
        if not good.any():
            reasons = pd.Series(self.reason).value_counts()
            found = "; ".join(f"{reason} ({n:,} rows)" for reason, n in reasons.head(3).items())
            raise BadInput(f"{self.source}: none of its {len(good):,} rows can be used: {found}.{hint}")
        self.notes |= {"kept": int(good.sum()), "quarantined": int((~good).sum())}
        table = self.table[good].sort_values(list(order), kind="stable", ignore_index=True)
        table = with_numbers(table, self.dialect.words.columns[self.kind])
        quarantine = self._quarantine(np.flatnonzero(~good)[:MAX_QUARANTINE])
        return Checked(table, quarantine, self.notes, kind, self.report, hint)

    def _write_report(self) -> None:
        self.report.rows, self.report.kept = len(self.reason), int(self.good.sum())
        for reason, rows in pd.Series(self.reason[~self.good]).value_counts().items():
            self.report.lose(str(reason), int(rows), bad=reason not in self._harmless)

    def _quarantine(self, rows: npt.NDArray[np.intp]) -> pd.DataFrame:
        raw = [_as_line(record) for record in self.raw.iloc[rows].to_dict("records")]
        columns = {"file": [self.source] * len(rows), "reason": list(self.reason[rows]), "raw": raw}
        table = pd.DataFrame(columns, dtype=STRING)
        table.insert(1, "row", rows.astype(np.int64) + 1)
        return table


def _as_line(record: dict[Any, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, default=str)[:MAX_RAW]


def refuse_columns(columns: int, source: str) -> None:
    """Refuse a table of more than `MOST_COLUMNS`, before time is spent on each.

    Raises
    ------
    BadInput
        It has more.
    """
    if columns > MOST_COLUMNS:
        raise BadInput(f"{source}: more than {MOST_COLUMNS:,} columns; export the columns that are meant.")


def tidy(raw: pd.DataFrame, source: str) -> pd.DataFrame:
    """`raw` with tidy column names and cells that can be stored, or `BadInput` where a name is there twice."""
    refuse_columns(raw.shape[1], source)
    table = raw.set_axis([one_line(storable(str(name))).strip().lstrip("\ufeff") for name in raw.columns], axis=1)
    names = list(table.columns)
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise BadInput(f"{source}: column {', '.join(repr(name[:60]) for name in twice[:20])} appears twice; keep one.")
    # Columns of Arrow's text hold nothing that cannot be stored; objects, as JSON and frames bring them, may.
    objects = [name for name, column in table.items() if column.dtype == object]
    return table.assign(**{str(name): table[name].map(storable_cell) for name in objects}) if objects else table


def with_columns(
    table: pd.DataFrame, required: Sequence[str], source: str, found: Sequence[str] | None = None
) -> pd.DataFrame:
    """`table`, or `BadInput` naming what is missing and what was found.

    Parameters
    ----------
    found
        The columns as the file names them, where the table's have been renamed: `--map` takes these.
    """
    names = list(table.columns if found is None else found)
    for column in required:
        if column not in table.columns:
            shown = ", ".join(repr(name[:60]) for name in names[:20]) + (", ..." if len(names) > 20 else "")
            near = difflib.get_close_matches(column, [name.lower() for name in names], n=1)
            match = next((name for name in names if near and name.lower() == near[0]), None)
            mapping = f" (if it is {match!r}, give --map {column}={match})" if match else ""
            raise BadInput(f"{source}: no column {column!r}{mapping}. Found: {shown or 'nothing'}.")
    if not len(table):
        raise BadInput(f"{source}: the table has no rows.")
    return table
