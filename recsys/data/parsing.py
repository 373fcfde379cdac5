"""Values as people store them -> values as the library uses them.

One function per kind of column: ids, text, times, amounts, flags. They never drop a row: what cannot be read becomes
missing, and `recsys.data.schema` decides what a missing value means.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

#: The string dtype this pandas infers and reads from parquet: `object` in pandas 2, `str` in pandas 3. Columns made
#: here have it, so a table equals itself after a round trip through parquet.
STRING = pd.Series(["a"]).dtype

#: What `astype(str)` leaves behind for a missing value; nobody's id.
_NOT_IDS = frozenset({"", "nan", "NaN", "None", "<NA>", "NaT"})
_WHOLE_FLOAT = re.compile(r"-?\d+\.0")

_FLAGS = {
    **dict.fromkeys(["true", "t", "yes", "y", "1", "1.0", "in stock", "instock", "available"], True),
    **dict.fromkeys(["false", "f", "no", "n", "0", "0.0", "out of stock", "outofstock", "unavailable"], False),
}

#: Below this a number is an ordinal, not a time (1e6 seconds is 12 January 1970).
ORDINALS_BELOW = 1e6
#: Times before this (March 1973) are not shopping events: zeros, ordinals and wrong units end up there.
EARLIEST = 1e8
_UNITS = (
    ("seconds", 1e11, 1.0),
    ("milliseconds", 1e14, 1e3),
    ("microseconds", 1e17, 1e6),
    ("nanoseconds", np.inf, 1e9),
)


def _by_unique(values: pd.Series, convert: Callable[[Any], Any]) -> npt.NDArray[np.object_]:
    """Apply `convert` once per distinct value; missing values stay NaN."""
    try:
        codes, uniques = pd.factorize(values)
    except TypeError:  # lists and other unhashable cells
        values = values.map(_flatten)
        codes, uniques = pd.factorize(values)
    converted = np.empty(len(uniques) + 1, dtype=object)
    # Arrow's strings are slow to go through one by one; as Python objects they are not.
    converted[:-1] = [convert(value) for value in np.asarray(uniques, dtype=object)]
    converted[-1] = np.nan  # factorize codes missing values as -1
    result: npt.NDArray[np.object_] = converted[codes]
    return result


def _flatten(cell: Any) -> Any:
    if isinstance(cell, list | tuple | set | np.ndarray):
        return " ".join(map(str, cell))
    return str(cell) if isinstance(cell, dict) else cell


def storable(text: str) -> str:
    """`text` without lone surrogates: JSON can spell them, but neither UTF-8 nor an Arrow column can hold them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _to_text(value: Any) -> str:
    # Some parquet writers store text as bytes.
    return storable(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()


def _to_id(value: Any) -> Any:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    text = _to_text(value)
    if text in _NOT_IDS:
        return np.nan
    return text[:-2] if _WHOLE_FLOAT.fullmatch(text) else text


def as_ids(values: pd.Series) -> pd.Series:
    """Ids as text.

    `12347`, `12347.0`, `"12347"` and `"12347.0"` (an integer column that once had gaps) are all `"12347"`; leading
    zeros and letters are kept; surrounding blanks are not.

    Parameters
    ----------
    values : pandas.Series
        Any dtype.

    Returns
    -------
    pandas.Series
        Same index, string dtype, NaN where there was no id.
    """
    return pd.Series(_by_unique(values, _to_id), index=values.index, dtype=STRING, name=values.name)


def as_text(values: pd.Series, limit: int) -> tuple[pd.Series, int]:
    """Text without missing values, no longer than `limit` characters.

    Returns
    -------
    tuple of pandas.Series and int
        Text with `""` for missing, and how many rows were cut.
    """

    def convert(value: Any) -> str:
        return _to_text(value[: 2 * limit] if isinstance(value, str) else value)

    text = pd.Series(_by_unique(values, convert), index=values.index, name=values.name).fillna("").astype(STRING)
    long = text.str.len() > limit
    cut = int(long.sum())
    return (text.where(~long, text.str.slice(0, limit)) if cut else text), cut


def as_amounts(values: pd.Series) -> npt.NDArray[np.float64]:
    """Numbers, also when written as `"$1,299.00"` or `"12,50"`; NaN where unreadable, infinite or negative."""
    if pd.api.types.is_numeric_dtype(values):
        numbers = pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        numbers = _by_unique(values, _to_amount).astype(np.float64)
    return np.where(np.isfinite(numbers) & (numbers >= 0), numbers, np.nan)


def _to_amount(value: Any) -> float:
    text = re.sub(r"[^\d.,eE+-]", "", str(value))
    text = re.sub(r",(?=\d{1,2}$)", ".", text) if "." not in text else text
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return np.nan


def as_flags(values: pd.Series) -> npt.NDArray[np.float64]:
    """Yes and no in their usual spellings as 1.0 and 0.0; NaN where it is neither."""
    if pd.api.types.is_bool_dtype(values) and not values.isna().any():
        return values.to_numpy(dtype=np.float64)
    found = _by_unique(values, lambda value: _FLAGS.get(str(value).strip().lower(), np.nan))
    flags: npt.NDArray[np.float64] = found.astype(np.float64)
    return flags


@dataclass(frozen=True)
class Times:
    """A column of times, read.

    `seconds` are float64: UTC seconds, or ordinals when `unit` is `"order"`; NaN where there is none. `unreadable`
    marks cells that hold something that is no time (as opposed to nothing).
    """

    seconds: npt.NDArray[np.float64]
    unreadable: npt.NDArray[np.bool_]
    unit: str


def as_times(values: pd.Series) -> Times:
    """Read numbers (seconds to nanoseconds, told apart by their size), datetimes or ISO 8601 text.

    Naive datetimes are UTC. The unit is one for the whole column: that of its median. Negative numbers (-1) mean
    missing. Numbers all below a million are ordinals.
    """
    if isinstance(values.dtype, pd.DatetimeTZDtype) or pd.api.types.is_datetime64_dtype(values):
        return Times(_seconds(values), np.zeros(len(values), dtype=bool), "datetime")
    present = values.notna().to_numpy() & (values.astype(str).str.strip() != "").to_numpy()
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isfinite(numbers).sum() * 2 < present.sum():
        parsed = _seconds(pd.to_datetime(values, utc=True, errors="coerce", format="ISO8601"))
        return Times(parsed, present & np.isnan(parsed), "datetime")
    present &= ~(numbers < 0)
    numbers = np.where(np.isfinite(numbers) & (numbers >= 0), numbers, np.nan)
    valid = numbers[np.isfinite(numbers)]
    if not valid.size:
        return Times(numbers, present, "none")
    if valid.max() < ORDINALS_BELOW:
        return Times(numbers, present & np.isnan(numbers), "order")
    middle = float(np.median(valid[valid >= ORDINALS_BELOW]))
    unit, scale = next((name, scale) for name, below, scale in _UNITS if middle < below)
    seconds = numbers / scale
    seconds[seconds < EARLIEST] = np.nan
    return Times(seconds, present & np.isnan(seconds), unit)


def _seconds(moments: pd.Series) -> npt.NDArray[np.float64]:
    utc = moments.dt.tz_convert("UTC").dt.tz_localize(None) if moments.dt.tz is not None else moments
    micros = utc.to_numpy(dtype="datetime64[us]")
    return np.where(np.isnat(micros), np.nan, micros.astype(np.int64) / 1e6)
