"""Column names, once, and the checks every table passes at the door.

Each `check_*` takes a raw table and returns a `Checked`: the rows that can be used, in canonical dtypes and canonical
order, and the rows that cannot, each with a reason. Canonical order (items by id, events by user and time) makes
everything downstream independent of the order of rows in the file.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from recsys.data.parsing import STRING, as_amounts, as_flags, as_ids, as_text, as_times
from recsys.data.validation import MAX_ID, MAX_TEXT, Checked, Sieve, TimeKind, with_columns
from recsys.errors import BadInput

__all__ = [
    "EVENTS",
    "EVENT_WEIGHTS",
    "MAX_TEXT",
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

#: Longest title, in characters; the rest is cut and counted.
MAX_TITLE = 1_000
#: A missing title is the beginning of the text, this long.
TITLE_FROM_TEXT = 120
_DAY = 86_400.0


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
        Sorted by `item_id`, which is unique. Text columns have `""` for missing; an item without a title gets the
        beginning of its text. `price` is float64 (NaN: unknown), `available` is bool and always there (missing: True).
        Of several rows with one id the last is kept.

    Raises
    ------
    BadInput
        A required column is missing, or no row can be used.
    """
    sieve = Sieve(raw, [ITEM, TITLE], source)
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
    """Validate a table of shoppers: `user_id`, optional `segment`, anything else.

    Returns
    -------
    Checked
        Sorted by `user_id`, which is unique: of several rows with one id the last is kept.
    """
    sieve = Sieve(raw, [USER], source)
    ids = sieve.ids(USER)
    sieve.texts([SEGMENT], MAX_TITLE)
    _keep_last(sieve, ids, USER)
    return sieve.result([USER])


def _keep_last(sieve: Sieve, ids: pd.Series, column: str) -> None:
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
        `user_id`, `item_id`; optional `timestamp`, `event`, `weight`, `rating`, `price`, `quantity`, `query`, anything
        else.
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
        Sorted by `user_id`, `timestamp`, `item_id`, `event`. `timestamp` is float64: UTC seconds when `time_kind` is
        `ABSOLUTE`, else each user's ordinals. `event` is one of `EVENTS`, `purchase` where the table says nothing;
        `weight` is float32 and always there. A `search` has an empty `item_id` unless it led to an item. Exact repeats
        (user, item, time, event) are dropped and counted.

    Raises
    ------
    BadInput
        A required column is missing, most times cannot be read, or no row can be used.

    Notes
    -----
    When fewer than half of the rows have a time, the table is order-only and the order of rows within each user
    stands; else the rows without one are quarantined. Ordinals are numbers below a million.
    """
    sieve = Sieve(raw, [USER, ITEM], source)
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
    if QUANTITY in table:
        returned = pd.to_numeric(table[QUANTITY], errors="coerce") <= 0
        sieve.reject(returned.fillna(False), "returns", "quantity is not above zero: a return, not a purchase")
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
    sieve = Sieve(raw, [USER, ITEM, CLICKED], source)
    sieve.ids(USER)
    hint = _reject_unknown(sieve, sieve.ids(ITEM), known_items)
    kind = _read_times(sieve, now)
    flags = as_flags(sieve.table[CLICKED])
    sieve.reject(np.isnan(flags), "bad_clicked", "clicked is neither true nor false")
    sieve.table[CLICKED] = flags == 1.0
    return sieve.result([USER, TIME, ITEM], kind, hint)


def _read_events(sieve: Sieve) -> None:
    table = sieve.table
    if EVENT not in table:
        table[EVENT] = pd.Series(PURCHASE, index=table.index, dtype=STRING)
        return
    names = as_text(table[EVENT], MAX_ID)[0].str.lower()
    unsaid = names == ""
    sieve.count("missing_events", int(unsaid.sum()))
    names = names.replace(_EVENT_ALIASES).mask(unsaid, PURCHASE)
    sieve.reject(~names.isin(EVENTS), "unknown_events", f"event is none of {', '.join(EVENTS)}")
    table[EVENT] = names


def _reject_unknown(sieve: Sieve, items: pd.Series, known: Collection[str] | None) -> str:
    """Reject events on items that the catalogue lacks; returns a hint that shows both spellings."""
    if known is None:
        return ""
    known = set(known)
    unknown = (items.notna() & (items != "") & ~items.astype(object).isin(known)).to_numpy()
    sieve.reject(unknown, "unknown_items", "item_id is not in the catalogue")
    if not unknown.any():
        return ""
    there = ", ".join(map(repr, sorted(known)[:3]))
    here = ", ".join(map(repr, items[unknown].unique()[:3]))
    return f" Ids here: {here}; in the catalogue: {there}."


def _read_times(sieve: Sieve, now: float | None) -> TimeKind:
    table, rows = sieve.table, len(sieve.table)
    times = as_times(table[TIME]) if TIME in table else None
    if times is not None and np.isfinite(times.seconds).sum() * 2 >= rows:
        missing = np.isnan(times.seconds)
        sieve.reject(times.unreadable, "unreadable_timestamps", "timestamp cannot be read as a time")
        sieve.reject(missing, "missing_timestamps", "timestamp is missing")
        table[TIME] = times.seconds
        if times.unit == "order":
            sieve.notes["timestamps"] = "ordinals: order within each user only"
            return TimeKind.ORDER
        sieve.notes["timestamps"] = times.unit
        latest = (time.time() if now is None else now) + _DAY
        sieve.reject(times.seconds > latest, "future_timestamps", "timestamp lies in the future")
        return TimeKind.ABSOLUTE
    if times is not None and times.unreadable.sum() * 2 > rows:
        example = str(table[TIME][times.unreadable].iloc[0])[:40]
        raise BadInput(
            f"{sieve.source}: column {TIME!r}: {int(times.unreadable.sum()):,} of {rows:,} values cannot be read, for "
            f"example {example!r}. Use UTC seconds or milliseconds, or dates as 2025-12-31T23:59:59."
        )
    sieve.notes["timestamps"] = "absent or mostly missing: order of rows within each user"
    sieve.count("missing_timestamps", rows if times is None else int(np.isnan(times.seconds).sum()))
    table[TIME] = table.groupby(USER, sort=False).cumcount().astype(np.float64)
    return TimeKind.ORDER


def _read_weights(sieve: Sieve, event_weights: Mapping[str, float]) -> None:
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
    table = with_columns(raw, columns, source).reset_index(drop=True)
    for column in columns:
        table[column] = as_ids(table[column])
        missing = np.flatnonzero(table[column].isna())
        if missing.size:
            raise BadInput(f"{source}: row {missing[0] + 1}: {column} is missing ({missing.size:,} such rows).")
    return table
