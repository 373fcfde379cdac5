"""Tables of a database, by SQLAlchemy URL: `sqlite:///shop.db#products`, `postgresql://...#SELECT sku AS item_id ...`.

The part after `#` is a table or a query; without it the table is called what it is read as (`items`, `interactions`).
`${NAME}` in a URL is taken from the environment, so that passwords stay out of command lines and logs.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pandas as pd

from recsys.data.sources.places import shown
from recsys.errors import BadInput, require

if TYPE_CHECKING:
    import sqlalchemy as sa

_QUERY = re.compile(r"\s*(select|with)\s", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{(\w+)\}")


def read_database(url: str, role: str) -> tuple[pd.DataFrame, list[str]]:
    """Read one table or query whole.

    Parameters
    ----------
    url : str
        A SQLAlchemy URL, then optionally `#` and a table (`schema.table`) or a query.
    role : str
        What is read; the name of the table where the URL names none.

    Returns
    -------
    tuple of pandas.DataFrame and list of str
        Integers with gaps stay integers, decimals stay exact.

    Raises
    ------
    BadInput
        No such driver, database, table or column; never with the password in its message.
    """
    sa = require("sqlalchemy", "sql")
    address, _, wanted = url.partition("#")
    wanted = wanted.strip() or role
    engine = engine_of(address)
    try:
        query = sa.text(wanted) if _QUERY.match(wanted) else _table(engine, wanted, address)
        with engine.connect() as connection:
            table = pd.read_sql(query, connection, dtype_backend="numpy_nullable", coerce_float=False)
    except (sa.exc.SQLAlchemyError, pd.errors.DatabaseError) as error:
        cause = getattr(error.__cause__ or error, "orig", None) or getattr(error, "orig", None) or type(error).__name__
        reason = " ".join(str(cause).split())[:160]
        raise BadInput(
            f"{shown(address)}: {wanted[:80]!r} cannot be read ({reason}); check it with the database's own client."
        ) from None
    finally:
        engine.dispose()
    return table, [f"{'a query' if _QUERY.match(wanted) else 'table ' + wanted} of a database"]


def engine_of(address: str, *, reading: bool = True) -> sa.Engine:
    """The engine of a URL without its `#` part.

    Raises
    ------
    BadInput
        It is no URL, its driver is not installed, the environment lacks what it names, or, for `reading`, there is no
        such file.
    """
    sa = require("sqlalchemy", "sql")
    missing = [name for name in _VARIABLE.findall(address) if name not in os.environ]
    if missing:
        raise BadInput(
            f"{shown(address)}: the environment has no {missing[0]}; set it, for example: export {missing[0]}=..."
        )
    address = _VARIABLE.sub(lambda found: os.environ[found[1]], address)
    try:
        engine = sa.create_engine(address)
    except sa.exc.NoSuchModuleError:
        dialect = address.partition(":")[0]
        raise BadInput(
            f"{shown(address)}: SQLAlchemy has no dialect {dialect!r}; is it spelt right, and is its package installed?"
        ) from None
    except ModuleNotFoundError as error:
        raise BadInput(f"{shown(address)}: needs a driver that is not here; pip install {error.name}") from None
    except (sa.exc.ArgumentError, ValueError):
        raise BadInput(
            f"{shown(address)}: is no database URL; write dialect://user@host/database#table, or sqlite:///file.db#table"
        ) from None
    if reading and engine.dialect.name == "sqlite" and engine.url.database and not os.path.isfile(engine.url.database):
        raise BadInput(f"{shown(address)}: no such file: {engine.url.database}")  # SQLite would make an empty one
    return engine


def _table(engine: sa.Engine, wanted: str, address: str) -> sa.Select[tuple[object, ...]]:
    import sqlalchemy as sa

    schema, _, name = wanted.rpartition(".")
    try:
        return sa.select(sa.Table(name, sa.MetaData(), schema=schema or None, autoload_with=engine))
    except sa.exc.NoSuchTableError:
        inspector = sa.inspect(engine)
        there = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
        found = f" There are: {', '.join(there[:12])}." if there else " It has none."
        raise BadInput(
            f"{shown(address)}: no table {wanted!r}.{found} Name it after a #: {shown(address)}#TABLE"
        ) from None
