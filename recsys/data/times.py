"""Time parsing: seconds to nanoseconds, spreadsheets' serial days, and dates as people and databases write them.

Every row is read by its own form; only whether the day or the month comes first is decided by the whole column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.data.parsing import as_numbers

#: Below this a number is an ordinal, not a time (1e6 seconds is 12 January 1970).
ORDINALS_BELOW = 1e6
#: Times before this (March 1973) are not shopping events: zeros, ordinals and wrong units end up there.
EARLIEST = 1e8
_UNITS = (
    ("seconds", EARLIEST, 1e11, 1.0),
    ("milliseconds", 1e11, 1e14, 1e3),
    ("microseconds", 1e14, 1e17, 1e6),
    ("nanoseconds", 1e17, np.inf, 1e9),
)
#: Serial days of spreadsheets: 1 January 2000 to 2064, and the day that is 0.
_SERIAL_DAYS, _SERIAL_ZERO = (36_526.0, 60_000.0), -2_209_161_600.0
_DAY = 86_400.0
_NESTED = (list, tuple, dict, set, np.ndarray)
#: Dates written as one number: digits -> format, and the numbers that can be one.
_COMPACT = (
    ("%Y%m%d%H%M%S", 19_730_401_000_000, 20_991_231_235_959),
    ("%Y%m%d%H%M", 197_304_010_000, 209_912_312_359),
    ("%Y%m%d", 19_730_401, 20_991_231),
)
#: Day and month in front, or a year in front with slashes or dots; then the time of day and what comes after it.
_NUMERIC = re.compile(
    r"(?P<a>\d{1,2})(?P<mark>[./-])(?P<b>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})\.?(?:(?:,?\s+|T)(?P<rest>.+))?"
)
_YEAR_FIRST = re.compile(r"(\d{4})[/.年](\d{1,2})[/.月](\d{1,2})日?")


@dataclass(frozen=True)
class Times:
    """A column of times, read.

    `seconds` are float64: UTC seconds, or ordinals when `unit` is `"order"`; NaN where there is none. `unreadable`
    marks cells that hold something that is no time (as opposed to nothing). `unit` says how they were written.
    `undecided` counts dates such as 03/04/2025 of a column that does not show whether the day comes first.
    """

    seconds: npt.NDArray[np.float64]
    unreadable: npt.NDArray[np.bool_]
    unit: str
    undecided: int = 0


def as_times(values: pd.Series) -> Times:
    """Read numbers, datetimes or text; naive ones are UTC, negative numbers (-1) mean missing.

    Numbers are told apart by their size, each by itself: seconds, milliseconds, microseconds, nanoseconds, dates
    written as ``20251231`` or ``20251231235959``; all of them below a million are ordinals, unless they are serial days
    of a spreadsheet (1 January 2000 on).
    """
    if isinstance(values.dtype, pd.DatetimeTZDtype) or pd.api.types.is_datetime64_dtype(values):
        return Times(_seconds(values), np.zeros(len(values), dtype=bool), "datetime")
    numbers = as_numbers(values)
    present = values.notna().to_numpy(copy=True)
    written = present & ~np.isfinite(numbers)
    if pd.api.types.is_numeric_dtype(values):
        written[:] = False
    elif written.any():
        text = values[written].astype(str).str.strip()
        present[written] = (text != "").to_numpy()
        written &= present
    missing = numbers < 0
    seconds, unit = _from_numbers(np.where(np.isfinite(numbers) & ~missing, numbers, np.nan))
    if not written.any():
        return Times(seconds, present & ~missing & np.isnan(seconds), unit)
    if unit == "order":  # a few small numbers among dates are no ordinals
        seconds, unit = np.full(len(values), np.nan), ""
    read, undecided = _from_text(values[written])
    seconds[written] = read
    unit = " and ".join(
        name for name in ("datetime" if np.isfinite(read).any() else "", unit) if name and name != "none"
    )
    return Times(seconds, present & ~missing & np.isnan(seconds), unit or "none", undecided)


def _from_numbers(numbers: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], str]:
    """UTC seconds of numbers, or the numbers themselves where they are ordinals; and what they were."""
    valid = numbers[np.isfinite(numbers)]
    if not valid.size:
        return numbers, "none"
    if valid.max() < ORDINALS_BELOW:
        low, high = _SERIAL_DAYS
        if valid.min() >= low and valid.max() < high:
            return np.round((numbers * _DAY + _SERIAL_ZERO) * 1e3) / 1e3, "serial days of a spreadsheet"
        return numbers, "order"
    seconds, used = np.full(len(numbers), np.nan), []
    for name, low, high, scale in _UNITS:
        mine = (numbers >= low) & (numbers < high)
        if mine.any():
            seconds[mine] = numbers[mine] / scale
            used.append(name)
    compact = np.zeros(len(numbers), bool)
    for form, first, last in _COMPACT:
        mine = (numbers >= first) & (numbers <= last) & (numbers % 1 == 0)
        if mine.any():
            dates = pd.to_datetime(pd.Series(numbers[mine].astype(np.int64).astype(str)), format=form, errors="coerce")
            at = np.flatnonzero(mine)[dates.notna().to_numpy()]
            seconds[at] = _seconds(dates.dropna())
            compact[at] = True
    if compact.any():
        used = [name for name, low, high, _ in _UNITS if ((numbers >= low) & (numbers < high) & ~compact).any()]
        used.append("dates written as one number")
    return seconds, " and ".join(used) or "none"


def _from_text(values: pd.Series) -> tuple[npt.NDArray[np.float64], int]:
    """UTC seconds of dates written as text, NaN where they cannot be read; and how many could be two dates."""
    if values.dtype == object:  # pandas sorts out equal cells by their hash, which lists and records have none of
        values = values.map(lambda cell: str(cell) if isinstance(cell, _NESTED) else cell)
    parsed = _seconds(pd.to_datetime(values, utc=True, errors="coerce", format="ISO8601"))
    left = np.flatnonzero(np.isnan(parsed))
    if not len(left):
        return parsed, 0
    text = values.iloc[left].astype(str).str.strip()
    text = text.str.replace(r"\s*(?:UTC|GMT|Z)(?:[+]0{1,4}|[+]00:00)?$", "", regex=True, case=False)
    text = text.str.replace(r"\s+([+-]\d\d:?\d\d)$", r"\1", regex=True).str.replace(_YEAR_FIRST, _dashed, regex=True)
    parsed[left] = _seconds(pd.to_datetime(text, utc=True, errors="coerce", format="ISO8601"))
    open_ = np.isnan(parsed[left])
    undecided = 0
    if open_.any():
        parsed[left[open_]], undecided = _by_order(text[open_])
    return parsed, undecided


def _dashed(match: re.Match[str]) -> str:
    return f"{match[1]}-{int(match[2]):02d}-{int(match[3]):02d}"


def _by_order(text: pd.Series) -> tuple[npt.NDArray[np.float64], int]:
    """Dates with day and month in front, and with the month's name; distinct texts are read once."""
    codes, uniques = pd.factorize(text)
    found = pd.Series(uniques, dtype=object).astype(str).str.extract(f"^{_NUMERIC.pattern}$")
    numeric = found["a"].notna().to_numpy()
    first = pd.to_numeric(found["a"]).to_numpy(np.float64)
    second = pd.to_numeric(found["b"]).to_numpy(np.float64)
    day_first = _day_first(first, second, (found["mark"] == ".").to_numpy())
    day, month = np.where(day_first == 1, first, second), np.where(day_first == 1, second, first)
    known = numeric & (day_first >= 0)
    iso = np.full(len(uniques), "", dtype=object)
    year = found["year"].where(found["year"].str.len() != 2, "20" + found["year"])
    rest = found["rest"].fillna("")
    for at in np.flatnonzero(known):
        iso[at] = f"{year[at]}-{int(month[at]):02d}-{int(day[at]):02d} {rest[at]}".strip()
    for at in np.flatnonzero(~numeric):
        iso[at] = str(uniques[at]) if re.search(r"[^\W\d_]{3}", str(uniques[at])) else ""
    moments = pd.to_datetime(pd.Series(iso, dtype=object), utc=True, errors="coerce", format="mixed")
    seconds = _seconds(moments)
    undecided = numeric & (day_first < 0) & (first <= 12) & (second <= 12)
    return seconds[codes], int(undecided[codes].sum())


def _day_first(
    first: npt.NDArray[np.float64], second: npt.NDArray[np.float64], dotted: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int8]:
    """For each date 1 where the day comes first, 0 where the month does, -1 where nothing in the column says so."""
    result = np.full(len(first), -1, np.int8)
    result[(second > 12) & (first <= 12)] = 0
    result[(first > 12) & (second <= 12)] = 1
    for group in _groups(dotted):
        shown = set(result[group & (result >= 0)].tolist())
        either = group & (first <= 12) & (second <= 12)
        if len(shown) == 1:
            result[either] = shown.pop()
        elif not shown and dotted[group].any():
            result[either] = 1  # 03.04.2025 is written where the day comes first
    result[(first == second) & (first <= 12)] = 1
    return result


def _groups(dotted: npt.NDArray[np.bool_]) -> Iterator[npt.NDArray[np.bool_]]:
    yield from (mask for mask in (dotted, ~dotted) if mask.any())


def _seconds(moments: pd.Series) -> npt.NDArray[np.float64]:
    utc = moments.dt.tz_convert("UTC").dt.tz_localize(None) if moments.dt.tz is not None else moments
    micros = utc.to_numpy(dtype="datetime64[us]")
    return np.where(np.isnat(micros), np.nan, micros.astype(np.int64) / 1e6)
