"""Column names, once, and the checks every table passes at the door.

Each `check_*` takes a raw table and returns a `Checked`: the rows that can be used, in canonical dtypes and canonical
order, and the rows that cannot, each with a reason. Canonical order (items by id, events by user and time) makes everything
downstream independent of the order of rows in the file.
"""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.coerce import STRING, as_amounts, as_flags, as_ids, as_text, as_times
from recsys.errors import BadInput

__all__ = [
    "EVENTS",
    "EVENT_WEIGHTS",
    "Checked",
    "TimeKind",
    "as_ids",
    "check_columns",
    "check_impressions",
    "check_interactions",
    "check_items",
    "check_users",
]

USER, ITEM, TIME = "user_id", "item_id", "timestamp"
EVENT, WEIGHT, RATING, PRICE, QUANTITY, QUERY = "event", "weight", "rating", "price", "quantity", "query"
TITLE, TEXT, BRAND, CATEGORY, AVAILABLE = "title", "text", "brand", "category", "available"
CLICKED, SEGMENT = "clicked", "segment"

VIEW, CART, PURCHASE, SEARCH = "view", "cart", "purchase", "search"
EVENTS = (VIEW, CART, PURCHASE, SEARCH)
#: How much each kind of event says about taste when the table has no `weight`.
EVENT_WEIGHTS: Mapping[str, float] = MappingProxyType({VIEW: 0.2, CART: 0.5, PURCHASE: 1.0, SEARCH: 0.1})
_EVENT_ALIASES = {
    **dict.fromkeys(["click", "pageview", "page_view", "detail"], VIEW),
    **dict.fromkeys(["addtocart", "add_to_cart", "basket"], CART),
    **dict.fromkeys(["buy", "order", "transaction", "bought"], PURCHASE),
}

#: Bounds on what one row may hold, in characters. Encoders read some hundreds of words; the rest is cut and counted.
MAX_ID, MAX_TITLE, MAX_TEXT = 256, 1_000, 20_000
#: A missing title is the beginning of the text, this long.
TITLE_FROM_TEXT = 120
#: Rows listed in a quarantine (all are counted), and characters of each raw row.
MAX_QUARANTINE, MAX_RAW = 100_000, 500
_DAY = 86_400.0

_OTHER_NAMES = {
    ITEM: ("itemid", "item", "product_id", "productid", "sku", "asin", "parent_asin", "stockcode", "article_id", "id"),
    USER: ("userid", "user", "customer_id", "customerid", "visitorid", "shopper_id"),
    TIME: ("time", "date", "datetime", "created_at", "event_time", "ts"),
    TITLE: ("name", "product_name", "product_title", "description"),
    CLICKED: ("click", "label"),
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


class _Sieve:
    """Collects, row by row, why a row cannot be used; the first reason stands."""

    def __init__(self, raw: pd.DataFrame, required: Sequence[str], source: str) -> None:
        self.raw = _with_columns(raw, required, source).reset_index(drop=True)
        self.table = self.raw.copy(deep=False)
        self.source = source
        self.reason = np.full(len(raw), "", dtype=object)
        self.notes: Notes = {"rows": len(raw)}

    def reject(self, bad: npt.ArrayLike, count_as: str, reason: str) -> None:
        fresh = np.asarray(bad, dtype=bool) & (self.reason == "")
        if fresh.any():
            self.reason[fresh] = reason
            self.notes[count_as] = int(self.notes.get(count_as, 0)) + int(fresh.sum())

    def count(self, name: str, number: int) -> None:
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
        for column in columns:
            if column in self.table:
                self.table[column], cut = as_text(self.table[column], limit)
                self.count("truncated_texts", cut)

    def amounts(self, columns: Iterable[str]) -> None:
        for column in columns:
            if column in self.table:
                numbers = as_amounts(self.table[column])
                self.count("coerced", int((np.isnan(numbers) & self.table[column].notna().to_numpy()).sum()))
                self.table[column] = numbers

    def result(self, order: Sequence[str], kind: TimeKind | None = None, hint: str = "") -> Checked:
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


def _with_columns(raw: pd.DataFrame, required: Sequence[str], source: str) -> pd.DataFrame:
    """`raw` with tidy column names, or `BadInput` naming what is missing and what was found."""
    table = raw.rename(columns=lambda name: str(name).strip().lstrip("\ufeff"))
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
    known = [by_lower[name] for name in (column, *_OTHER_NAMES.get(column, ())) if name in by_lower]
    near = known or [by_lower[name] for name in difflib.get_close_matches(column, by_lower, n=1)]
    return f" (rename {near[0]!r} to {column!r}?)" if near else ""


def check_items(raw: pd.DataFrame, source: str = "items") -> Checked:
    """Validate a catalogue.

    Parameters
    ----------
    raw : pandas.DataFrame
        `item_id`, `title`; optional `text`, `brand`, `category`, `price`, `available`, anything else.
    source : str
        What to call the table in messages and in the quarantine, usually its file name.

    Returns
    -------
    Checked
        Sorted by `item_id`, which is unique. Text columns have `""` for missing; an item without a title gets the beginning of
        its text. `price` is float64 (NaN: unknown), `available` is bool and always there (missing: True). Of several
        rows with one id the last is kept.

    Raises
    ------
    BadInput
        A required column is missing, or no row can be used.
    """
    sieve = _Sieve(raw, [ITEM, TITLE], source)
    ids = sieve.ids(ITEM)
    sieve.texts([TITLE], MAX_TITLE)
    sieve.texts([TEXT, BRAND, CATEGORY])
    table = sieve.table
    untitled = (table[TITLE] == "").to_numpy()
    if TEXT in table and untitled.any():
        table[TITLE] = table[TITLE].where(~untitled, table[TEXT].str.slice(0, TITLE_FROM_TEXT))
        still = (table[TITLE] == "").to_numpy()
        sieve.count("titles_from_text", int((untitled & ~still).sum()))
        untitled = still
    sieve.reject(untitled, "missing_title", "no title and no text")
    sieve.amounts([PRICE])
    if AVAILABLE in table:
        flags = as_flags(table[AVAILABLE])
        sieve.count("coerced", int((np.isnan(flags) & table[AVAILABLE].notna().to_numpy()).sum()))
        table[AVAILABLE] = flags != 0.0
    else:
        table[AVAILABLE] = True
    _keep_last(sieve, ids, ITEM)
    return sieve.result([ITEM])


def check_users(raw: pd.DataFrame, source: str = "users") -> Checked:
    """Validate a table of shoppers: `user_id`, optional `segment`, anything else; of several rows with one id the last is kept."""
    sieve = _Sieve(raw, [USER], source)
    ids = sieve.ids(USER)
    sieve.texts([SEGMENT], MAX_TITLE)
    _keep_last(sieve, ids, USER)
    return sieve.result([USER])


def _keep_last(sieve: _Sieve, ids: pd.Series, column: str) -> None:
    # A later row that is itself unusable must not push out an earlier good one.
    usable = sieve.reason == ""
    repeated = np.zeros(len(ids), dtype=bool)
    repeated[usable] = ids[usable].duplicated(keep="last").to_numpy()
    sieve.reject(repeated, "duplicates", f"{column} appears again further down; the last row is kept")


def check_interactions(
    raw: pd.DataFrame,
    known_items: Collection[str] | None = None,
    source: str = "interactions",
    *,
    event_weights: Mapping[str, float] = EVENT_WEIGHTS,
    now: float | None = None,
) -> Checked:
    """Validate a table of events.

    Parameters
    ----------
    raw : pandas.DataFrame
        `user_id`, `item_id`; optional `timestamp`, `event`, `weight`, `rating`, `price`, `quantity`, `query`, anything else.
    known_items : collection of str, optional
        Ids of the catalogue; events on other items are quarantined.
    source : str
        What to call the table in messages and in the quarantine.
    event_weights : mapping
        Weight of each kind of event; the `weight` column wins where it has a value.
    now : float, optional
        UTC seconds; events more than a day later are quarantined. Default: the clock.

    Returns
    -------
    Checked
        Sorted by `user_id`, `timestamp`, `item_id`, `event`. `timestamp` is float64: UTC seconds when `time_kind` is `ABSOLUTE`,
        else each user's ordinals. `event` is one of `EVENTS`, `purchase` when the table has none. `weight` is float32
        and always there. A `search` has an empty `item_id` unless it led to an item. Exact repeats (user, item, time, event) are
        dropped and counted.

    Raises
    ------
    BadInput
        A required column is missing, most times cannot be read, or no row can be used.

    Notes
    -----
    When fewer than half of the rows have a time, the table is order-only and the order of rows within each user stands; else
    the rows without one are quarantined. Ordinals are numbers below a million.
    """
    sieve = _Sieve(raw, [USER, ITEM], source)
    table = sieve.table
    _read_events(sieve)
    searches = (table[EVENT] == SEARCH).to_numpy()
    sieve.ids(USER)
    items = sieve.ids(ITEM, optional=searches)
    sieve.texts([QUERY], MAX_TITLE)
    if searches.any():
        table[ITEM] = items.fillna("")
        unsaid = (table[QUERY] == "").to_numpy() if QUERY in table else np.ones(len(table), dtype=bool)
        sieve.reject(searches & unsaid & items.isna().to_numpy(), "missing_query", "a search without a query")
    hint = _reject_unknown(sieve, items, known_items)
    kind = _read_times(sieve, now)
    _read_weights(sieve, event_weights)
    sieve.amounts([RATING, PRICE, QUANTITY])
    return _without_repeats(sieve.result([USER, TIME, ITEM, EVENT], kind, hint))


def check_impressions(
    raw: pd.DataFrame,
    known_items: Collection[str] | None = None,
    source: str = "impressions",
    *,
    now: float | None = None,
) -> Checked:
    """Validate a table of what was shown: `user_id`, `item_id`, `timestamp`, `clicked`.

    Returns
    -------
    Checked
        Sorted by `user_id`, `timestamp`, `item_id`; `clicked` is bool; times as in `check_interactions`.
    """
    sieve = _Sieve(raw, [USER, ITEM, CLICKED], source)
    sieve.ids(USER)
    hint = _reject_unknown(sieve, sieve.ids(ITEM), known_items)
    kind = _read_times(sieve, now)
    flags = as_flags(sieve.table[CLICKED])
    sieve.reject(np.isnan(flags), "bad_clicked", "clicked is neither true nor false")
    sieve.table[CLICKED] = flags == 1.0
    return sieve.result([USER, TIME, ITEM], kind, hint)


def _read_events(sieve: _Sieve) -> None:
    table = sieve.table
    if EVENT not in table or table[EVENT].isna().all():
        table[EVENT] = pd.Series(PURCHASE, index=table.index, dtype=STRING)
        return
    names = as_text(table[EVENT], MAX_ID)[0].str.lower()
    names = names.replace(_EVENT_ALIASES)
    sieve.reject(~names.isin(EVENTS), "unknown_events", f"event is none of {', '.join(EVENTS)}")
    table[EVENT] = names


def _reject_unknown(sieve: _Sieve, items: pd.Series, known: Collection[str] | None) -> str:
    """Reject events on items that the catalogue lacks; returns a hint that shows both spellings."""
    if known is None:
        return ""
    known = set(known)
    unknown = (items.notna() & (items != "") & ~items.isin(known)).to_numpy()
    sieve.reject(unknown, "unknown_items", "item_id is not in the catalogue")
    if not unknown.any():
        return ""
    there = ", ".join(map(repr, sorted(known)[:3]))
    here = ", ".join(map(repr, items[unknown].unique()[:3]))
    return f" Ids here: {here}; in the catalogue: {there}."


def _read_times(sieve: _Sieve, now: float | None) -> TimeKind:
    table, rows = sieve.table, len(sieve.table)
    times = as_times(table[TIME]) if TIME in table else None
    if times is not None and np.isfinite(times.values).sum() * 2 >= rows:
        missing = np.isnan(times.values)
        sieve.reject(times.unreadable, "unreadable_timestamps", "timestamp cannot be read as a time")
        sieve.reject(missing, "missing_timestamps", "timestamp is missing")
        table[TIME] = times.values
        if times.unit == "order":
            sieve.notes["timestamps"] = "ordinals: order within each user only"
            return TimeKind.ORDER
        sieve.notes["timestamps"] = times.unit
        latest = (time.time() if now is None else now) + _DAY
        sieve.reject(times.values > latest, "future_timestamps", "timestamp lies in the future")
        return TimeKind.ABSOLUTE
    if times is not None and times.unreadable.sum() * 2 > rows:
        example = str(table[TIME][times.unreadable].iloc[0])[:40]
        raise BadInput(
            f"{sieve.source}: column {TIME!r}: {int(times.unreadable.sum()):,} of {rows:,} values cannot be read, for example "
            f"{example!r}. Use UTC seconds or milliseconds, or dates as 2025-12-31T23:59:59."
        )
    sieve.notes["timestamps"] = "absent or mostly missing: order of rows within each user"
    sieve.count("missing_timestamps", rows if times is None else int(np.isnan(times.values).sum()))
    table[TIME] = table.groupby(USER, sort=False).cumcount().astype(np.float64)
    return TimeKind.ORDER


def _read_weights(sieve: _Sieve, event_weights: Mapping[str, float]) -> None:
    table = sieve.table
    default = table[EVENT].map(dict(event_weights)).to_numpy(dtype=np.float64, na_value=np.nan)
    if WEIGHT in table:
        given = table[WEIGHT].notna().to_numpy()
        weights = as_amounts(table[WEIGHT])
        sieve.reject(given & np.isnan(weights), "bad_weights", "weight is not a number of 0 or more")
        default = np.where(given, weights, default)
    table[WEIGHT] = default.astype(np.float32)


def _without_repeats(checked: Checked) -> Checked:
    key = [USER, ITEM, TIME, EVENT, *([QUERY] if QUERY in checked.table else [])]
    repeated = checked.table.duplicated(key)
    notes = checked.notes | {"duplicates": int(repeated.sum()), "kept": int((~repeated).sum())}
    table = checked.table[~repeated].reset_index(drop=True) if repeated.any() else checked.table
    return Checked(table, checked.quarantine, notes, checked.time_kind)


def check_columns(raw: pd.DataFrame, columns: Sequence[str], source: str) -> pd.DataFrame:
    """Check a small request table (users, pairs, candidates): these id columns, each filled in every row.

    Returns
    -------
    pandas.DataFrame
        `raw` in its own order with ids as text.

    Raises
    ------
    BadInput
        A column is missing, the table is empty, or a row (named) has no id.
    """
    table = _with_columns(raw, columns, source).reset_index(drop=True)
    for column in columns:
        table[column] = as_ids(table[column])
        missing = np.flatnonzero(table[column].isna())
        if missing.size:
            raise BadInput(f"{source}: row {missing[0] + 1}: {column} is missing ({missing.size:,} such rows).")
    return table
