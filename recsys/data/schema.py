"""The checks every table passes at the door.

Each `check_*` takes a raw table and returns a `Checked`: the rows that can be used, in canonical dtypes and canonical
order, and the rows that cannot, each with a reason. Canonical order (items by id, events by user and time) makes
everything downstream independent of the order of rows in the file.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.data.columns import (
    AVAILABLE,
    BRAND,
    CART,
    CATEGORY,
    CLICKED,
    CURRENCY,
    EVENT,
    EVENT_WEIGHTS,
    EVENTS,
    ITEM,
    PARENT,
    PRICE,
    PURCHASE,
    QUANTITY,
    QUERY,
    RATING,
    SEARCH,
    SEGMENT,
    TEXT,
    TIME,
    TITLE,
    USER,
    VIEW,
    WEIGHT,
)
from recsys.data.flags import as_flags
from recsys.data.interactions import check_interactions, read_times, reject_unknown
from recsys.data.markup import without_markup
from recsys.data.parsing import as_ids
from recsys.data.report import TableReport
from recsys.data.validation import MAX_TEXT, MAX_TITLE, Checked, Dialect, Sieve, TimeKind, tidy, with_columns
from recsys.data.variants import fill_down
from recsys.data.vocabulary import rename, states
from recsys.errors import BadInput

__all__ = [
    "AVAILABLE",
    "BRAND",
    "CART",
    "CATEGORY",
    "CLICKED",
    "CURRENCY",
    "EVENT",
    "EVENTS",
    "EVENT_WEIGHTS",
    "ITEM",
    "MAX_TEXT",
    "PARENT",
    "PRICE",
    "PURCHASE",
    "QUANTITY",
    "QUERY",
    "RATING",
    "SEARCH",
    "SEGMENT",
    "TEXT",
    "TIME",
    "TITLE",
    "USER",
    "VIEW",
    "WEIGHT",
    "Checked",
    "Dialect",
    "TimeKind",
    "as_ids",
    "check_columns",
    "check_impressions",
    "check_interactions",
    "check_items",
    "check_users",
]

#: A missing title is the beginning of the text, this long.
TITLE_FROM_TEXT = 120
#: Spellings of a state that a report lists.
MANY = 12


def check_items(
    raw: pd.DataFrame, source: str = "items", *, dialect: Dialect | None = None, report: TableReport | None = None
) -> Checked:
    """Validate a catalogue.

    Parameters
    ----------
    raw : pandas.DataFrame
        `item_id`, `title`; optional `text`, `brand`, `category`, `price`, `available`, `parent_id` (the product an item
        is a variant of), anything else.
    source : str
        What to call the table in messages and in the quarantine, usually its file name.
    dialect : Dialect, optional
        How the shop names things.
    report : TableReport, optional
        The report of this reading so far; the check goes on writing in it.

    Returns
    -------
    Checked
        Sorted by `item_id`, which is unique. Text columns have `""` for missing; an item without a title gets the
        beginning of its text. `price` is float64 (NaN: unknown), `available` is bool and always there (missing: True).
        Of several rows with one id the last is kept.

    Raises
    ------
    BadInput
        A required column is missing, or no row can be used.
    """
    sieve = Sieve(raw, "items", [ITEM, TITLE], source, dialect, report)
    fill_down(sieve)
    ids = sieve.ids(ITEM)
    _read_parents(sieve)
    _read_texts(sieve)
    table = sieve.table
    untitled = (table[TITLE] == "").to_numpy()
    if TEXT in table and untitled.any():
        table[TITLE] = table[TITLE].where(~untitled, table[TEXT].str.slice(0, TITLE_FROM_TEXT))
        still = (table[TITLE] == "").to_numpy()
        sieve.count("titles_from_text", int((untitled & ~still).sum()))
        untitled = still
    sieve.reject(untitled, "missing_title", "no title and no text")
    sieve.amounts([PRICE])
    _read_states(sieve)
    _keep_last(sieve, ids, ITEM)
    return sieve.result([ITEM])


def _read_parents(sieve: Sieve) -> None:
    """Which product each item is a variant of; said, as lists then hold one variant of each."""
    if PARENT not in sieve.table:
        return
    parents = sieve.table[PARENT] = as_ids(sieve.table[PARENT])
    sizes = parents[sieve.good].value_counts()
    if (sizes > 1).any():
        sieve.report.notes.append(
            f"{int(sizes[sizes > 1].sum()):,} items are variants of {int((sizes > 1).sum()):,} products (`{PARENT}`)"
        )


def _read_texts(sieve: Sieve) -> None:
    sieve.texts([TITLE], MAX_TITLE)
    sieve.texts([TEXT, BRAND, CATEGORY])
    marked = 0
    for column in (TITLE, TEXT):
        if column in sieve.table:
            sieve.table[column], changed = without_markup(sieve.table[column])
            marked += changed
    if marked:
        sieve.count("markup", marked)
        sieve.report.notes.append(f"markup taken out of {marked:,} texts")


def _read_states(sieve: Sieve) -> None:
    """Whether items are available: each column that speaks of it must say yes, and what is not understood says no."""
    table, report = sieve.table, sieve.report
    available, strange = np.ones(len(table), bool), 0
    columns = states(table, sieve.dialect.words)
    for column in columns:
        given = table[column].notna().to_numpy() & (table[column].astype(str).str.strip() != "").to_numpy()
        flags = as_flags(table[column], sieve.dialect.words.availability)
        yes = np.where(given, flags == 1.0, True)
        if len(columns) > 1 and not yes.any():
            report.warnings.append(
                f"`{column}` says that no item is available; it is not used, as other columns differ"
            )
            continue
        available &= yes
        strange += _report_states(sieve, column, given, flags)
        if column != AVAILABLE:
            report.columns[column] = AVAILABLE
    if strange and not available[sieve.good].any():
        raise BadInput(
            f"{sieve.source}: no item is available, as these states are not known: {_unknown_states(report)}. Say what "
            "they mean under [availability] in a file named by intake.vocabulary."
        )
    if len(table) and not available[sieve.good].any():
        report.warnings.append("no item is available: every list will be empty")
    table[AVAILABLE] = available


def _report_states(sieve: Sieve, column: str, given: npt.NDArray[np.bool_], flags: npt.NDArray[np.float64]) -> int:
    """Write down which spellings mean what; returns the rows that were not understood."""
    table, report = sieve.table, sieve.report
    unknown = given & np.isnan(flags)
    sieve.count("coerced", int(unknown.sum()))
    for means, mask in ((False, given & (flags == 0.0)), (None, unknown), (True, given & (flags == 1.0))):
        for spelling, rows in table[column][mask].astype(str).value_counts().head(MANY).items():
            report.availability[str(spelling)] = (int(rows), means)
    if unknown.any():
        report.warnings.append(
            f"{column}: {int(unknown.sum()):,} rows say neither yes nor no and are taken as not available: "
            f"{_unknown_states(report)}"
        )
    return int(unknown.sum())


def _unknown_states(report: TableReport) -> str:
    unknown = [f"{name!r} {rows:,}" for name, (rows, means) in report.availability.items() if means is None]
    return ", ".join(unknown[:MANY])


def check_users(
    raw: pd.DataFrame, source: str = "users", *, dialect: Dialect | None = None, report: TableReport | None = None
) -> Checked:
    """Validate a table of shoppers: `user_id`, optional `segment`, anything else.

    Returns
    -------
    Checked
        Sorted by `user_id`, which is unique: of several rows with one id the last is kept.
    """
    sieve = Sieve(raw, "users", [USER], source, dialect, report)
    ids = sieve.ids(USER)
    sieve.texts([SEGMENT], MAX_TITLE)
    _keep_last(sieve, ids, USER)
    return sieve.result([USER])


def _keep_last(sieve: Sieve, ids: pd.Series, column: str) -> None:
    # A later row that is itself unusable must not push out an earlier good one.
    usable = sieve.good
    repeated = np.zeros(len(ids), dtype=bool)
    repeated[usable] = ids[usable].duplicated(keep="last").to_numpy()
    sieve.reject(repeated, "duplicates", f"{column} appears again further down; the last row is kept", bad=False)
    if repeated.sum() * 2 > len(ids):
        sieve.report.warnings.append(f"{column} repeats: {int(repeated.sum()):,} of {len(ids):,} rows are left out")


def check_impressions(
    raw: pd.DataFrame,
    known_items: Collection[str] | None = None,
    source: str = "impressions",
    *,
    now: float | None = None,
    dialect: Dialect | None = None,
    report: TableReport | None = None,
) -> Checked:
    """Validate a table of what was shown: `user_id`, `item_id`, `timestamp`, `clicked`.

    Returns
    -------
    Checked
        Sorted by `user_id`, `timestamp`, `item_id`; `clicked` is bool; times as in `check_interactions`.
    """
    sieve = Sieve(raw, "impressions", [USER, ITEM, CLICKED], source, dialect, report)
    sieve.ids(USER)
    hint = reject_unknown(sieve, sieve.ids(ITEM), known_items)
    kind = read_times(sieve, now)
    flags = as_flags(sieve.table[CLICKED])
    sieve.reject(np.isnan(flags), "bad_clicked", "clicked is neither true nor false")
    sieve.table[CLICKED] = flags == 1.0
    return sieve.result([USER, TIME, ITEM], kind, hint)


def check_columns(
    raw: pd.DataFrame, columns: Sequence[str], source: str, dialect: Dialect | None = None
) -> tuple[pd.DataFrame, int]:
    """Check a small request table (users, pairs, candidates): these id columns; rows without an id are left out.

    Returns
    -------
    tuple of pandas.DataFrame and int
        The rows that have every id, in their own order with ids as text, and how many have not.

    Raises
    ------
    BadInput
        A column is missing, or no row has an id.
    """
    dialect = dialect or Dialect()
    named = tidy(raw, source)
    table = rename(named, "interactions", dialect.words, dialect.columns, TableReport())
    table = with_columns(table, columns, source, list(named.columns)).reset_index(drop=True)
    for column in columns:
        table[column] = as_ids(table[column])
    whole = table[list(columns)].notna().all(axis=1)
    if not whole.any():
        raise BadInput(f"{source}: none of its {len(table):,} rows has {' and '.join(columns)}.")
    return table[whole].reset_index(drop=True), int((~whole).sum())
