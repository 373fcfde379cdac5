"""Sinks of result tables: a file, a table of a database, or Redis; the new night is there whole or not at all.

Shops that only read a table need no service: `recommend --out postgresql://.../shop#recommendations` replaces the rows
of that table in one transaction, `--out redis://...#recommendations` a hash by one RENAME.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow.parquet as pq

from recsys.data import outputs
from recsys.data.schema import USER
from recsys.data.sources.databases import engine_of
from recsys.data.sources.places import protocol_of, shown
from recsys.data.validation import MAX_ID
from recsys.errors import BadInput, require

if TYPE_CHECKING:
    import sqlalchemy as sa

#: Rows that are in memory at a time.
BATCH = 50_000
#: Table, or hash, where a URL names none.
NAME = "recommendations"
#: What a table is called, or a hash, until it takes the place of the one before.
NEXT = "_next"


class _Sink(Protocol):
    def check(self) -> None: ...

    def replace(self, table: pq.ParquetFile) -> None: ...


@contextmanager
def sink(place: Path | str) -> Iterator[Path]:
    """Give a path to write a table at; when the block ends without an error, `place` holds that table.

    Parameters
    ----------
    place
        A file (parquet, csv), which is written as it is; ``dialect://...#TABLE`` for a database that SQLAlchemy knows;
        ``redis://...#NAME`` (`rediss`, `unix`) for a hash of user ids to lists in JSON.

    Raises
    ------
    BadInput
        It cannot be written there: said before the block begins wherever that can be known.
    """
    target = _sink(str(place))
    if target is None:
        outputs.check_writable(Path(place))
        yield Path(place)
        return
    target.check()
    with tempfile.TemporaryDirectory(prefix="recsys-") as folder:
        written = Path(folder, "table.parquet")
        yield written
        with pq.ParquetFile(written) as table:
            target.replace(table)


def is_hash(place: Path | str) -> bool:
    """Whether a place is a hash of users to their lists rather than a table of rows."""
    return protocol_of(place) in ("redis", "rediss", "unix")


def _sink(place: str) -> _Sink | None:
    protocol = protocol_of(place)
    if protocol is None:
        return None
    if is_hash(place):
        return _Redis(place)
    return _Database(place)


class _Database:
    """One table of a database.

    Rows wait in a table of their own; the old ones are deleted and these inserted in one transaction, so that a reader
    sees one night or the other, and views, grants and indexes of the table stay.
    """

    def __init__(self, place: str) -> None:
        address, _, wanted = place.partition("#")
        self._schema, _, self._name = (wanted.strip() or NAME).rpartition(".")
        self._shown = f"{shown(address)}#{wanted.strip() or NAME}"
        self._engine = engine_of(address, reading=False)

    def check(self) -> None:
        """Connect, and see whether there is something else of that name."""
        sa = require("sqlalchemy", "sql")
        try:
            if self._name in sa.inspect(self._engine).get_view_names(self._schema or None):
                raise BadInput(f"{self._shown}: is a view; name a table")
        except sa.exc.SQLAlchemyError as error:
            raise self._failed(error) from None

    def replace(self, table: pq.ParquetFile) -> None:
        """Make these the rows of the table."""
        sa = require("sqlalchemy", "sql")
        metadata = sa.MetaData(schema=self._schema or None)
        names, waiting = table.schema_arrow.names, sa.Table(self._name + NEXT, metadata, *_columns(table))
        try:
            target = self._target(table, metadata)
            waiting.drop(self._engine, checkfirst=True)  # of a run that was killed
            waiting.create(self._engine)
            for batch in table.iter_batches(BATCH):
                with self._engine.begin() as connection:
                    connection.execute(waiting.insert(), batch.to_pylist())
            with self._engine.begin() as connection:
                connection.execute(target.delete())
                rows = sa.select(*(waiting.c[name] for name in names))
                connection.execute(target.insert().from_select(names, rows))
            waiting.drop(self._engine)
        except sa.exc.SQLAlchemyError as error:
            raise self._failed(error) from None
        finally:
            self._engine.dispose()

    def _target(self, table: pq.ParquetFile, metadata: sa.MetaData) -> sa.Table:
        import sqlalchemy as sa

        if not sa.inspect(self._engine).has_table(self._name, self._schema or None):
            made = sa.Table(self._name, metadata, *_columns(table, index=True))
            made.create(self._engine)
            return made
        there = sa.Table(self._name, metadata, autoload_with=self._engine)
        if missing := [name for name in table.schema_arrow.names if name not in there.c]:
            raise BadInput(
                f"{self._shown}: the table has no column {missing[0]!r}; it has {', '.join(there.c.keys())}. Name "
                "another table, or drop this one: it is made anew"
            )
        return there

    def _failed(self, error: Exception) -> BadInput:
        reason = " ".join(str(getattr(error, "orig", None) or type(error).__name__).split())[:160]
        return BadInput(f"{self._shown}: cannot be written ({reason}); its rows are those of before")


def _columns(table: pq.ParquetFile, *, index: bool = False) -> list[sa.Column[Any]]:
    """Columns for the rows of a file; ids are of bounded length, which an index needs in some databases."""
    import pyarrow as pa
    import sqlalchemy as sa

    def kind(field: pa.Field) -> sa.types.TypeEngine[Any]:
        if pa.types.is_integer(field.type):
            return sa.BigInteger()
        if pa.types.is_floating(field.type):
            return sa.Double()
        return sa.String(MAX_ID) if field.name.endswith("_id") else sa.Text()

    fields = list(table.schema_arrow)
    return [sa.Column(field.name, kind(field), index=index and field.name == USER) for field in fields]


class _Redis:
    """One hash of user ids to their rows as JSON; HGET answers a request.

    It is filled under another name of the same slot and takes the old one's place by RENAME, which is atomic.
    """

    def __init__(self, place: str) -> None:
        address, _, wanted = place.partition("#")
        self._name = wanted.strip() or NAME
        self._shown = f"{shown(address)}#{self._name}"
        redis = require("redis", "redis")
        self._failure: type[Exception] = redis.RedisError
        try:
            self._client = redis.Redis.from_url(address)
        except ValueError as error:
            raise BadInput(f"{self._shown}: {error}; write redis://host:6379/0#NAME") from None

    def check(self) -> None:
        """Connect, and see whether there is something else of that name."""
        try:
            kind = self._client.type(self._name)
        except self._failure as error:
            raise self._failed(error) from None
        if kind not in (b"none", b"hash"):
            raise BadInput(f"{self._shown}: there is a {kind.decode()} of that name; name another")

    def replace(self, table: pq.ParquetFile) -> None:
        """Make these the fields of the hash."""
        waiting = f"{{{self._name}}}{NEXT}"  # braces: in a cluster both names are in one slot
        try:
            self._client.delete(waiting)
            some: dict[str, str] = {}
            for user, rows in _by_user(table):
                some[user] = json.dumps(rows, ensure_ascii=False)
                if len(some) == 1_000:
                    self._client.hset(waiting, mapping=some)
                    some = {}
            if some:
                self._client.hset(waiting, mapping=some)
            if self._client.exists(waiting):
                self._client.rename(waiting, self._name)
            else:  # nobody was asked for: Redis has no empty hash
                self._client.delete(self._name)
        except self._failure as error:
            raise self._failed(error) from None
        finally:
            self._client.close()

    def _failed(self, error: Exception) -> BadInput:
        reason = " ".join(str(error).split())[:160]
        return BadInput(f"{self._shown}: cannot be written ({reason}); what is there is of before")


def _by_user(table: pq.ParquetFile) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The rows of each user, who must come one after another."""
    rows = (row for batch in table.iter_batches(BATCH) for row in batch.to_pylist())
    for user, own in groupby(rows, itemgetter(USER)):
        yield user, [{name: value for name, value in row.items() if name != USER} for row in own]
