"""Orders of the shopper who asks, and of nobody else.

The table has ``order_id, user_id, item_id, status, ordered_at`` and optionally ``delivered_at, eta, total,
shipped_at, carrier, country, region, method``, one row per item of an order. Every query binds its values and has the
asking user in its condition; there is no other query.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import pandas as pd

from recsys.data.parsing import as_ids
from recsys.errors import BadInput, require

COLUMNS = ("order_id", "user_id", "item_id", "status", "ordered_at")
IDS = ("order_id", "user_id", "item_id")
OPTIONAL = ("delivered_at", "eta", "total", "shipped_at", "carrier", "country", "region", "method")
LATEST = 3
"""Orders told of when none is named."""

_ORDER_ID = re.compile(
    r"(?<![\w.])[A-Za-z]{1,4}-?\d{4,20}(?![\w.])|(?<=order )#?\d{3,20}|(?<=number )#?\d{3,20}|(?<![\w.])#\d{3,20}"
    r"|(?<=订单)号?\d{3,20}",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True)
class Order:
    """One order of the asking user; dates are ISO days, '' where unknown, and `total` None."""

    order_id: str
    status: str
    ordered_at: str
    delivered_at: str
    eta: str
    item_ids: tuple[str, ...]
    shipped_at: str = ""
    carrier: str = ""
    country: str = ""
    region: str = ""
    method: str = ""
    total: float | None = None


class Orders:
    """The orders table behind a SQLAlchemy URL.

    Parameters
    ----------
    url
        ``sqlite:///shop.db``, ``postgresql+psycopg://...``; the account needs no right but to read this table.
    table
        Name of the table or view.
    """

    #: A database is asked by as many threads as there are; see `from_table` for the one in memory.
    _turn: AbstractContextManager[Any] = nullcontext()

    def __init__(self, url: str, table: str = "orders") -> None:
        sa = require("sqlalchemy", "sql")
        try:
            self._engine = sa.create_engine(url)
            self._table = sa.Table(table, sa.MetaData(), autoload_with=self._engine)
        except sa.exc.NoSuchTableError:
            raise BadInput(f"orders: the database has no table {table!r}") from None
        except sa.exc.SQLAlchemyError as error:  # its text may quote the URL with its password
            raise BadInput(f"orders: the database cannot be opened ({type(error).__name__})") from None
        self._check(self._table.columns.keys())

    @classmethod
    def from_table(cls, table: pd.DataFrame) -> Orders:
        """Orders from a data frame, in an SQLite database in memory: one connection, which threads use in turn."""
        sa = require("sqlalchemy", "sql")
        missing = [column for column in COLUMNS if column not in table.columns]
        if missing:
            raise BadInput(f"orders: no column {missing[0]!r}; there are {', '.join(map(str, table.columns))}")
        engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool, connect_args={"check_same_thread": False})
        kept = table[[c for c in (*COLUMNS, *OPTIONAL) if c in table.columns]].copy()
        for column in kept.columns:
            values = as_ids(kept[column]) if column in IDS else kept[column]
            kept[column] = ["" if pd.isna(value) else str(value) for value in values]
        kept = kept[kept["user_id"] != ""]  # nobody's orders are nobody's
        orders = cls.__new__(cls)
        orders._engine, orders._turn = engine, threading.Lock()
        kept.to_sql("orders", engine, index=False, if_exists="replace")
        orders._table = sa.Table("orders", sa.MetaData(), autoload_with=engine)
        return orders

    def latest(self, user: str, limit: int = LATEST) -> list[Order]:
        """The user's latest orders, newest first."""
        return self._select(user, None)[:limit]

    def find(self, user: str, order_id: str) -> Order | None:
        """One order of this user; None if there is none, whoever else may have one of that number."""
        found = self._select(user, order_id)
        return found[0] if found else None

    def _select(self, user: str, order_id: str | None) -> list[Order]:
        import sqlalchemy as sa

        t = self._table.c
        query = sa.select(self._table).where(sa.cast(t.user_id, sa.String) == str(user))
        if order_id is not None:
            query = query.where(sa.func.lower(sa.cast(t.order_id, sa.String)) == order_id.lower())
        query = query.order_by(t.ordered_at.desc(), t.order_id.desc()).limit(1_000)
        with self._turn, self._engine.connect() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return _grouped(rows)

    @staticmethod
    def _check(names: Sequence[str]) -> None:
        missing = [column for column in COLUMNS if column not in names]
        if missing:
            raise BadInput(f"orders: the table has no column {missing[0]!r}; it needs {', '.join(COLUMNS)}")


def order_numbers(text: str) -> list[str]:
    """What looks like an order number in a question: letters and at least four digits, or digits after "order"."""
    return [number.strip("#号") for number in _ORDER_ID.findall(text)][:5]


def _grouped(rows: Sequence[dict[str, Any]]) -> list[Order]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        grouped.setdefault(str(row["order_id"]), []).append(row)
    return [
        Order(
            order_id=order_id,
            status=str(lines[0]["status"]),
            ordered_at=_day(lines[0]["ordered_at"]),
            delivered_at=_day(lines[0].get("delivered_at")),
            eta=_day(lines[0].get("eta")),
            item_ids=tuple(dict.fromkeys(str(line["item_id"]) for line in lines)),
            shipped_at=_day(lines[0].get("shipped_at")),
            total=_amount(lines[0].get("total")),
            **{name: str(lines[0].get(name) or "") for name in ("carrier", "country", "region", "method")},
        )
        for order_id, lines in grouped.items()
    ]


def _amount(value: Any) -> float | None:
    number = pd.to_numeric(value, errors="coerce")
    return None if pd.isna(number) else float(number)


def _day(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value)[:10]
