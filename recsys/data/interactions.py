"""Checks of event tables: who met what and when, and which of it is liking.

What is not liked must not count as liked: returns take their purchase with them, low ratings, dislikes and weights of
zero are left out. What no person did must not count as persons: robots are capped, shared guest ids split.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.data import outliers, returns
from recsys.data.columns import (
    CART,
    DISLIKE,
    EVENT,
    EVENT_WEIGHTS,
    EVENTS,
    ITEM,
    NOTHING,
    PRICE,
    PURCHASE,
    QUANTITY,
    QUERY,
    RATING,
    REFUND,
    REMOVE,
    SEARCH,
    TIME,
    USER,
    WEIGHT,
)
from recsys.data.dislikes import dislikes_of
from recsys.data.numbers import as_amounts, as_quantities
from recsys.data.parsing import STRING, as_ids, by_unique
from recsys.data.ratings import low_ratings
from recsys.data.report import EXAMPLES, TableReport
from recsys.data.spellings import mismatch
from recsys.data.times import as_times
from recsys.data.validation import MAX_TITLE, Checked, Dialect, Sieve, TimeKind
from recsys.data.vocabulary import plain
from recsys.errors import BadInput

_DAY = 86_400.0


def check_interactions(
    raw: pd.DataFrame,
    known_items: Collection[str] | None = None,
    source: str = "interactions",
    *,
    event_weights: Mapping[str, float] = EVENT_WEIGHTS,
    now: float | None = None,
    dialect: Dialect | None = None,
    report: TableReport | None = None,
) -> Checked:
    """Validate a table of events.

    Parameters
    ----------
    raw : pandas.DataFrame
        `user_id`, `item_id`; optional `timestamp`, `event`, `weight`, `rating`, `price`, `quantity`, `query`, anything
        else; under these names or others that the vocabulary declares.
    known_items : collection of str, optional
        Ids of the catalogue; events on other items are quarantined.
    source : str
        What to call the table in messages and in the quarantine.
    event_weights : mapping
        Weight of each kind of event; the `weight` column wins where it has a value.
    now : float, optional
        UTC seconds; events more than a day later are quarantined. Default: the clock.
    dialect : Dialect, optional
        How the shop names things.
    report : TableReport, optional
        The report of this reading so far; the check goes on writing in it.

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
    sieve = Sieve(raw, "interactions", [USER, ITEM], source, dialect, report)
    table = sieve.table
    _read_events(sieve)
    searches = (table[EVENT] == SEARCH).to_numpy()
    _fill_users(sieve)
    sieve.ids(USER)
    items = sieve.ids(ITEM, optional=searches | (table[EVENT] == NOTHING).to_numpy())
    sieve.reject(table[EVENT] == NOTHING, "no_taste", "event says nothing about taste", bad=False)
    sieve.texts([QUERY], MAX_TITLE)
    if searches.any():
        table[ITEM] = items.fillna("")
        unsaid = (table[QUERY] == "").to_numpy() if QUERY in table else np.ones(len(table), dtype=bool)
        sieve.reject(searches & unsaid & items.isna().to_numpy(), "missing_query", "a search without a query")
    hint = reject_unknown(sieve, items, known_items)
    kind = read_times(sieve, now)
    _read_weights(sieve, event_weights)
    _read_ratings(sieve)
    unmatched = _net_returns(sieve)
    sieve.amounts([PRICE])
    _split_guests(sieve)
    _cap_robots(sieve, kind)
    checked = _without_repeats(sieve.result([USER, TIME, ITEM, EVENT], kind, hint))
    return checked.with_returns(unmatched, dislikes_of(sieve, None if known_items is None else set(known_items)))


def _read_events(sieve: Sieve) -> None:
    table = sieve.table
    if EVENT not in table:
        table[EVENT] = pd.Series(PURCHASE, index=table.index, dtype=STRING)
        return
    kinds = sieve.dialect.words.events
    names = by_unique(table[EVENT], partial(_kind, kinds=kinds))
    unsaid = pd.isna(names) | (names == "")
    sieve.count("missing_events", int(unsaid.sum()))
    unknown = names == "?"
    if unknown.any():
        lost = table[EVENT][unknown].astype(str).value_counts()
        shown = ", ".join(f"{name!r} {rows:,}" for name, rows in lost.head(8).items())
        sieve.report.warnings.append(
            f"events that are not known: {shown}; say what they mean in a file named by intake.vocabulary"
        )
    sieve.reject(unknown, "unknown_events", f"event is none of {', '.join(EVENTS)}")
    sieve.reject(names == DISLIKE, "disliked", "event says dislike", bad=False)
    table[EVENT] = pd.Series(np.where(unsaid, PURCHASE, names), index=table.index, dtype=STRING)


def _kind(value: Any, kinds: Mapping[str, str]) -> str:
    word = plain(value)
    return kinds.get(word, "?") if word else "" if not str(value).strip() else "?"


def _fill_users(sieve: Sieve) -> None:
    """Fill gaps of the user column from the first column that knows who it was: a visitor before the log-in."""
    table = sieve.table
    if USER not in table or not table[USER].isna().any():
        return
    by_name = {plain(name): name for name in table.columns}
    for name in sieve.dialect.words.fill.get(USER, ()):
        if (column := by_name.get(plain(name))) is not None and column != USER:
            gaps = as_ids(table[USER])
            table[USER] = gaps.where(gaps.notna(), as_ids(table[column]))
            filled = int((gaps.isna() & table[USER].notna()).sum())
            if filled:
                sieve.report.notes.append(f"{filled:,} rows without {USER} have that of `{column}`")
            return


def reject_unknown(sieve: Sieve, items: pd.Series, known: Collection[str] | None) -> str:
    """Reject events on items that the catalogue lacks; returns a hint that shows both spellings."""
    if known is None:
        return ""
    known = set(known)
    codes, names = pd.factorize(items)  # codes of missing ids are -1, which takes the last entry
    ids = np.asarray(names, dtype=object)
    lacking = np.array([*(name != "" and name not in known for name in ids), False], dtype=bool)
    unknown = lacking[codes] & sieve.good
    sieve.reject(unknown, "unknown_items", "item_id is not in the catalogue")
    return mismatch(ids[lacking[:-1]], known, ITEM) if unknown.any() else ""


def read_times(sieve: Sieve, now: float | None) -> TimeKind:
    """Read the times of a table of events, reject what has none, and say which kind of time it is."""
    table, rows, report = sieve.table, len(sieve.table), sieve.report
    times = as_times(table[TIME]) if TIME in table else None
    undecided = (
        " Day and month cannot be told apart: no date of the column has a day above 12."
        if times is not None and times.undecided
        else ""
    )
    if times is not None and np.isfinite(times.seconds).sum() * 2 >= rows:
        missing = np.isnan(times.seconds)
        sieve.reject(times.unreadable, "unreadable_timestamps", "timestamp cannot be read as a time")
        sieve.reject(missing, "missing_timestamps", "timestamp is missing")
        table[TIME] = times.seconds
        if times.unit == "order":
            report.times = sieve.notes["timestamps"] = "ordinals: order within each user only"
            return TimeKind.ORDER
        report.times = sieve.notes["timestamps"] = times.unit
        if undecided:
            report.warnings.append(f"{times.undecided:,} dates are left out.{undecided}")
        latest = (time.time() if now is None else now) + _DAY
        sieve.reject(times.seconds > latest, "future_timestamps", "timestamp lies in the future")
        return TimeKind.ABSOLUTE
    if times is not None and times.unreadable.sum() * 2 > rows:
        example = str(table[TIME][times.unreadable].iloc[0])[:40]
        raise BadInput(
            f"{sieve.source}: column {TIME!r}: {int(times.unreadable.sum()):,} of {rows:,} values cannot be read, for "
            f"example {example!r}.{undecided} Use UTC seconds or milliseconds, or dates as 2025-12-31T23:59:59."
        )
    sieve.notes["timestamps"] = "absent or mostly missing: order of rows within each user"
    why = "no timestamp column" if times is None else "most timestamps are missing"
    report.times = f"{why}: order of rows within each user, oldest first"
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
        sieve.reject(
            given & (weights.astype(np.float32) == 0),
            "zero_weights",
            "weight is 0: it says nothing about taste",
            bad=False,
        )
        default = np.where(given, weights, default)
    table[WEIGHT] = default.astype(np.float32)


def _read_ratings(sieve: Sieve) -> None:
    """Leave out what was rated low, by the shop's spread and the shopper's habit (`ratings`)."""
    if RATING not in sieve.table:
        return
    ratings = as_quantities(sieve.table[RATING])
    sieve.unread(RATING, np.isnan(ratings) & sieve.table[RATING].notna().to_numpy())
    sieve.table[RATING] = ratings
    found = low_ratings(ratings, sieve.table[USER])
    sieve.reject(found.mask, "low_ratings", found.reason, bad=False)
    sieve.count("low_ratings_by_habit", found.habits)


def _net_returns(sieve: Sieve) -> pd.DataFrame:
    """Cancel purchases that came back and carts that were emptied; the returns that met no purchase."""
    table = sieve.table
    kinds = table[EVENT].to_numpy(object)
    quantity = np.full(len(table), np.nan)
    if QUANTITY in table:
        quantity = as_quantities(table[QUANTITY])
        sieve.reject(_written(table[QUANTITY], np.isnan(quantity)), "bad_quantities", "quantity cannot be read")
        table[QUANTITY] = quantity
    zero, negative = quantity == 0, quantity < 0
    back = (negative | (kinds == REFUND)) & sieve.good
    pieces = np.where(zero, np.nan, np.abs(quantity))
    bought = (kinds == PURCHASE) & ~negative & ~zero & sieve.good
    time = table[TIME].to_numpy(np.float64)
    netted = returns.net(table[[USER, ITEM]], time, pieces, bought, back & (negative | ~zero))
    sieve.reject(back | zero, "returns", "quantity is not above zero: a return, not a purchase", bad=False)
    sieve.reject(netted.gone, "returned", "came back later: bought and returned", bad=False)
    removed = (kinds == REMOVE) & sieve.good
    pairs = pd.MultiIndex.from_frame(table[[USER, ITEM]]) if removed.any() or netted.gone.any() else None
    if pairs is not None and netted.gone.any():
        kept = bought & ~netted.gone
        vanished = pairs[netted.gone].difference(pairs[kept])
        sieve.reject(
            (kinds == CART) & pairs.isin(vanished), "returned", "came back later: bought and returned", bad=False
        )
    emptied = returns.net(table[[USER, ITEM]], time, np.full(len(table), np.nan), (kinds == CART) & sieve.good, removed)
    sieve.reject(removed, "removed", "taken out of the cart", bad=False)
    sieve.reject(emptied.gone, "removed", "taken out of the cart", bad=False)
    if QUANTITY in table:
        table[QUANTITY] = np.where(bought, netted.quantity, quantity)
    if netted.gone.any():
        sieve.report.notes.append(f"{int(netted.gone.sum()):,} purchases came back and are not learnt from")
    alone = np.flatnonzero(netted.unmatched)
    if len(alone):
        sieve.report.notes.append(f"{len(alone):,} returns without their purchase in this table")
    unmatched = table.iloc[alone][[USER, ITEM, TIME]].assign(**{EVENT: REFUND, QUANTITY: pieces[alone]})
    return unmatched.reset_index(drop=True)


def _written(values: pd.Series, among: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which of these cells hold something."""
    cells = values[among]
    written = among.copy()
    written[among] = (cells.notna() & (cells.astype(str).str.strip() != "")).to_numpy()
    return written


def _split_guests(sieve: Sieve) -> None:
    table, good, words = sieve.table, sieve.good, sieve.dialect.words
    if not any(str(name).lower() in words.guests for name in table[USER].unique()):
        return
    by_name = {plain(name): name for name in table.columns}
    names = [plain(name) for name in words.sessions]
    sessions = [table[by_name[name]][good] for name in names if name in by_name]
    moments = table[TIME].to_numpy(np.float64)[good]
    split, found = outliers.strangers(table[USER][good], words.guests, sessions, moments)
    if found:
        column = table[USER].copy()
        column[good] = split
        table[USER] = column
    for name, (events, visits) in found.items():
        sieve.report.warnings.append(
            f"{USER} {name!r} is nobody in particular: its {events:,} events are taken as those of {visits:,} strangers"
        )


def _cap_robots(sieve: Sieve, kind: TimeKind) -> None:
    table, rows = sieve.table, np.flatnonzero(sieve.good)
    part = table if len(rows) == len(table) else table.iloc[rows]
    found = outliers.cap(
        part[USER], part[ITEM], part[EVENT], part[TIME].to_numpy(np.float64), absolute=kind is TimeKind.ABSOLUTE
    )
    over = np.zeros(len(table), bool)
    over[rows[found.left_out]] = True
    sieve.reject(over, "capped", "more events than a person has: repeats of an account beyond the bound", bad=False)
    for name, (before, after) in list(found.accounts.items())[:EXAMPLES]:
        who = sieve.dialect.shown(name)
        sieve.report.warnings.append(
            f"{USER} {who!r} has {before:,} events, more than a person's {found.bound:,}: counted as {after:,}"
        )
    if len(found.accounts) > EXAMPLES:
        sieve.report.warnings.append(f"{len(found.accounts) - EXAMPLES:,} more accounts are capped in the same way")


def _without_repeats(checked: Checked) -> Checked:
    key = [USER, ITEM, TIME, EVENT, *([QUERY] if QUERY in checked.table else [])]
    repeated = checked.table.duplicated(key)
    notes = checked.notes | {"duplicates": int(repeated.sum()), "kept": int((~repeated).sum())}
    table = checked.table[~repeated].reset_index(drop=True) if repeated.any() else checked.table
    checked.report.lose("repeats of an event", int(repeated.sum()), bad=False)
    checked.report.kept = len(table)
    return Checked(table, checked.quarantine, notes, checked.time_kind, checked.report, checked.hint)
