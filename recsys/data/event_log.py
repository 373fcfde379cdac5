"""Append-only log of what happens between nights: on the disk before it is acknowledged, read by whoever follows it.

Every writer has segments of its own (JSON lines, a new one at each start and at each rotation), so that writers never
wait for one another and a line that a crash cut short is the last of its segment. A reader's position is the number of
bytes read of each segment. A published version keeps the position that its tables were read to: what a night took in is
then marked in the same step that publishes it, and a night that fails or is refused has taken nothing.

Erased lines become blanks of the same length, so that positions stay true.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from recsys.data.atomic import private_folder, sync
from recsys.data.columns import USER
from recsys.data.events import DAY
from recsys.data.pseudonyms import MARK, Pseudonyms
from recsys.data.vault import Vault, logged_row

log = logging.getLogger(__name__)

Position = Mapping[str, int]
"""Bytes read of each segment, by its name."""
EVENTS, EXPOSURES = "events", "exposures"
#: Key of a version's manifest: the position to which its tables hold the log of events.
EVENTS_READ = "events_read"
SUFFIX = ".jsonl"
#: Bytes after which a writer begins another segment.
SEGMENT = 64 * 2**20


class EventLog:
    """The segments in one directory, as readers see them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, artifacts: Path, name: str = EVENTS) -> EventLog:
        """A log of an artifacts directory: `EVENTS` of shoppers, or `EXPOSURES` of experiments."""
        return cls(artifacts / name)

    def sizes(self) -> dict[str, int]:
        """Bytes of every segment."""
        try:
            with os.scandir(self.folder) as entries:
                return {e.name: e.stat().st_size for e in entries if e.name.endswith(SUFFIX)}
        except (FileNotFoundError, NotADirectoryError):
            return {}

    def read(self, since: Position | None = None) -> tuple[list[dict[str, Any]], dict[str, int]]:
        """Rows after a position, in the order of each segment, and the position after them.

        A line that is being written, or was cut short by a crash, is no row; it was never acknowledged.
        """
        rows: list[dict[str, Any]] = []
        reached: dict[str, int] = {}
        for name, size in sorted(self.sizes().items()):
            start = (since or {}).get(name, 0)
            reached[name] = start
            if size > start:
                raw = self._bytes(name, start)
                whole = raw[: raw.rfind(b"\n") + 1]
                rows.extend(_rows(whole, name))
                reached[name] = start + len(whole)
        return rows, reached

    def erase(self, users: Collection[str], pseudonyms: Pseudonyms | None = None) -> int:
        """Overwrite the rows of these users with blanks; returns how many there were. Writers may go on meanwhile."""
        kept = users if pseudonyms is None else {str(pseudonyms.of(user)) for user in users}
        gone = 0
        for name in self.sizes():
            at = 0
            with (self.folder / name).open("r+b") as file:
                for line in file.read().splitlines(keepends=True):
                    row = logged_row(line)
                    mine = row is not None and _is_of(row, users, kept)
                    # A damaged line may be anybody's: what cannot be read cannot be kept.
                    if line.endswith(b"\n") and line.strip() and (mine or row is None):
                        file.seek(at)
                        file.write(b" " * (len(line) - 1) + b"\n")
                        gone += mine
                    at += len(line)
                file.flush()
                os.fsync(file.fileno())
        return gone

    def expire(self, days: float, read: Position) -> int:
        """Delete segments that ended so many days ago and that were read to their end; returns how many."""
        old = time.time() - days * DAY
        gone = 0
        for name, size in self.sizes().items():
            path = self.folder / name
            if read.get(name, -1) >= size and path.stat().st_mtime < old:
                path.unlink(missing_ok=True)
                gone += 1
        return gone

    def _bytes(self, name: str, start: int) -> bytes:
        try:
            with (self.folder / name).open("rb") as file:
                file.seek(start)
                return file.read()
        except FileNotFoundError:  # a night deleted it meanwhile
            return b""


class EventWriter:
    """One writer's end of a log; safe to use from several threads.

    Rows that come while the disk is busy are written together (group commit), so that many callers pay for one fsync.
    """

    def __init__(self, folder: Path, segment: int = SEGMENT, vault: Vault | None = None) -> None:
        self.folder = folder
        self._vault = vault
        self._segment = segment
        self._batch = _Batch()
        self._mutex, self._disk = threading.Lock(), threading.Lock()
        self._descriptor: int | None = None
        self._written = 0

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows; when this returns they are on the disk.

        Raises
        ------
        OSError
            They are not: there is no space or no right to write.
        """
        lines = b"".join(self._line(row) + b"\n" for row in rows)
        with self._mutex:
            batch = self._batch
            batch.lines.append(lines)
        with self._disk:
            if not batch.closed:
                with self._mutex:
                    batch.closed, self._batch = True, _Batch()
                try:
                    self._write(b"".join(batch.lines))
                except OSError as error:
                    batch.error = error
                    self.close()  # half a line may be there: nothing goes behind it
        if batch.error is not None:
            raise OSError(batch.error.errno, batch.error.strerror, str(self.folder)) from batch.error

    def _line(self, row: Mapping[str, Any]) -> bytes:
        line = json.dumps(row, ensure_ascii=True, allow_nan=False).encode()
        return line if self._vault is None else self._vault.seal_line(line)

    def close(self) -> None:
        """End the segment; the next row begins another one."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def _write(self, lines: bytes) -> None:
        if self._descriptor is None or self._written >= self._segment:
            self.close()
            self._descriptor, self._written = self._begin(), 0
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        os.fsync(self._descriptor)
        self._written += len(lines)

    def _begin(self) -> int:
        private_folder(self.folder)
        now = time.time_ns()
        second = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now // 10**9))
        name = f"{second}{now % 10**9:09d}-{secrets.token_hex(4)}{SUFFIX}"
        descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        sync(self.folder)
        return descriptor


class _Batch:
    """Lines that go to the disk together."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.closed = False
        self.error: OSError | None = None


def _rows(whole: bytes, name: str) -> Iterator[dict[str, Any]]:
    broken = 0
    for line in whole.splitlines():
        row = logged_row(line)
        if row is not None:
            yield row
        elif line.strip(b" "):
            broken += 1
    if broken:
        log.warning("%s: %d lines cannot be read and are left out", name, broken)


def _is_of(row: Mapping[str, Any], users: Collection[str], pseudonyms: Collection[str]) -> bool:
    return str(row.get(USER)) in (users if row.get(MARK) is None else pseudonyms)
