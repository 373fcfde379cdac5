"""Values as people store them -> values as the library uses them.

One function per kind of column: ids and text here, `numbers`, `times` and `flags` in modules of their own. They never
drop a row: what cannot be read becomes missing, and `recsys.data.schema` decides what a missing value means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

#: The string dtype this pandas infers and reads from parquet: `object` in pandas 2, `str` in pandas 3. Columns made
#: here have it, so a table equals itself after a round trip through parquet.
STRING = pd.Series(["a"]).dtype

#: What `astype(str)` leaves behind for a missing value; nobody's id.
_NOT_IDS = frozenset({"", "nan", "NaN", "None", "<NA>", "NaT"})
_WHOLE_FLOAT = re.compile(r"-?\d+\.0")
#: What `_to_id` would change of a text: a whole float, no id, or a blank (of ASCII) at either end.
_NO_PLAIN_ID = r"^(-?\p{Nd}+\.0|nan|NaN|None|<NA>|NaT|)$|^[\x00-\x20]|[\x00-\x20]$"


def by_unique(values: pd.Series, convert: Callable[[Any], Any]) -> npt.NDArray[np.object_]:
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


def storable_cell(value: Any) -> Any:
    """A cell of a table with every text in it `storable`, also those within lists and records; bytes are text, too."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list | tuple):
        return [storable_cell(part) for part in value]
    if isinstance(value, dict):
        return {storable_cell(key): storable_cell(part) for key, part in value.items()}
    return value


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
    if _are_plain_ids(values):
        return values
    return pd.Series(by_unique(values, _to_id), index=values.index, dtype=STRING, name=values.name)


def _are_plain_ids(values: pd.Series) -> bool:
    """Whether a column of text holds ids as they should be; most do, and looking is much faster than mending."""
    if values.dtype != STRING or not isinstance(values.dtype, pd.StringDtype):
        return False
    text = pa.array(values)
    mended = pc.any(pc.match_substring_regex(text, _NO_PLAIN_ID)).as_py()
    return not mended and pc.all(pc.equal(text, pc.utf8_trim_whitespace(text))).as_py() is not False


def as_numbers(values: pd.Series) -> npt.NDArray[np.float64]:
    """Numbers as a program writes them, NaN where a cell is none."""
    if isinstance(values.dtype, pd.StringDtype):
        try:  # Arrow reads a column that holds nothing else ten times as fast
            return pc.cast(pa.array(values), pa.float64()).to_pandas().to_numpy(dtype=np.float64)
        except pa.ArrowInvalid:
            pass
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


#: A number as any program writes it: no zeros in front, no sign but a minus, few enough digits for a float.
_PLAIN_NUMBER = r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?$"
#: Names of columns whose digits are no quantity.
_ID_LIKE = re.compile(
    r"(^|[\W_])(id|ids|sku|ean|gtin|upc|isbn|mpn|code|key|no|nr|number|invoice|order|phone|zip|plz)s?($|[\W_])"
)


def with_numbers(table: pd.DataFrame, ours: Collection[str]) -> pd.DataFrame:
    """Further columns of text that hold nothing but plain numbers as numbers; those that may be ids stay text.

    Text files say of no column what it is; a shop's own feature block or a reader of a list expects `stars` as numbers.
    """
    found: dict[str, Any] = {}
    for name, column in table.items():
        if name in ours or not isinstance(column.dtype, pd.StringDtype) or _ID_LIKE.search(str(name).lower()):
            continue
        filled = pa.array(column).drop_null()
        if len(filled) and pc.all(pc.match_substring_regex(filled, _PLAIN_NUMBER)).as_py():
            numbers = as_numbers(column)
            whole = not pc.any(pc.match_substring(filled, ".")).as_py() and len(filled) == len(column)
            found[str(name)] = numbers.astype(np.int64) if whole else numbers
    return table.assign(**found) if found else table


def as_text(values: pd.Series, limit: int) -> tuple[pd.Series, int]:
    """Text without missing values, no longer than `limit` characters.

    Returns
    -------
    tuple of pandas.Series and int
        Text with `""` for missing, and how many rows were cut.
    """

    def convert(value: Any) -> str:
        return _to_text(value[: 2 * limit] if isinstance(value, str) else value)

    text = pd.Series(by_unique(values, convert), index=values.index, name=values.name).fillna("").astype(STRING)
    long = text.str.len() > limit
    cut = int(long.sum())
    return (text.where(~long, text.str.slice(0, limit)) if cut else text), cut
