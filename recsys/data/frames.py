"""Data frames of any library -> pandas, cell by cell as they were.

pandas' own conversions turn integers with one gap into floats (12347 -> 12347.0, and 2^53 + 1 -> 2^53), which is
somebody else's id; here a gap stays a gap. Polars, Arrow, dask, DuckDB and others come through Narwhals.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
import pandas as pd
import pyarrow as pa

from recsys.errors import BadInput

_NULLABLE = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}
#: What `pandas.DataFrame.to_parquet` calls an index without a name.
_UNNAMED_INDEX = "__index_level_"


def as_pandas(frame: Any, name: str) -> pd.DataFrame:
    """A data frame of any library as pandas; a named index becomes a column.

    Parameters
    ----------
    frame
        A frame of pandas, polars, PyArrow, dask, DuckDB or what else Narwhals knows, eager or lazy.
    name : str
        What to call it in messages.

    Raises
    ------
    BadInput
        It is no data frame.
    """
    if isinstance(frame, pd.DataFrame):
        return _with_index(frame)
    try:
        wrapped = nw.from_native(frame)
    except TypeError:
        raise BadInput(
            f"{name}: expected a DataFrame (pandas, polars, PyArrow, dask), found {type(frame).__name__}; "
            "a file is read with recsys.data.sources.read_table(path)."
        ) from None
    if wrapped.implementation.is_dask():  # the only lazy frame with an index, which may hold the ids
        return _with_index(frame.compute())
    if isinstance(wrapped, nw.LazyFrame):
        wrapped = wrapped.collect("pyarrow")
    return from_arrow(wrapped.to_arrow())


def from_arrow(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as pandas: integers stay integers, decimals without a fraction keep every digit.

    A pandas index that parquet kept is a column here, unless it only numbered the rows.
    """
    names = unique_names(table.column_names)
    columns = {
        name: _column(column)
        for name, column in zip(names, table.columns, strict=True)
        if not (name.startswith(_UNNAMED_INDEX) and pa.types.is_integer(column.type))
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(len(table)))


def unique_names(names: list[str]) -> list[str]:
    """Column names with the second `a` called `a.1`, as pandas' csv reader does."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, -1) + 1
        out.append(f"{name}.{seen[name]}" if seen[name] else name)
    return out


def _column(column: pa.ChunkedArray) -> pd.Series:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_decimal(kind):
        column = column.cast(pa.string() if kind.scale <= 0 else pa.float64())
    elif pa.types.is_date(kind):
        column = column.cast(pa.timestamp("ms"))
    return column.to_pandas(types_mapper=_NULLABLE.get if column.null_count else None)


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    named = [name for name in frame.index.names if name is not None and name not in frame.columns]
    return frame.reset_index(named) if named else frame
