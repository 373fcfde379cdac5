"""Hand-over queue: the conversations that wait for a person, in one table beside the versions.

A file of Parquet cannot grow, so each row is a new file in the old one's place, under a lock: a reader sees all rows so
far, and two writers lose none. What shoppers wrote is personal data: it is masked, readable by this account alone, and
erased with the shopper.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from filelock import FileLock

from recsys.data.atomic import replacing
from recsys.data.memmap import MappedTable
from recsys.data.personal import mask_personal
from recsys.data.protection import Protection
from recsys.data.vault import create
from recsys.errors import ArtifactError

FILE = "handover.parquet"
COLUMNS = ("time", "user_id", "question", "summary")
MAX_TEXT = 4_000


class Handovers:
    """The queue of an artifacts directory.

    Parameters
    ----------
    protection
        How persons are kept; by default as the live version keeps them.
    """

    def __init__(self, root: Path, protection: Protection | None = None) -> None:
        self.path = root / FILE
        self._protection = Protection.live(root) if protection is None else protection
        self._lock = FileLock(root / f".{FILE}.lock")

    def add(self, question: str, summary: str, user_id: str | None = None, *, time: float | None = None) -> None:
        """Append one row.

        Parameters
        ----------
        question, summary
            What was asked last, and what a person has to know of the conversation.
        user_id
            The signed-in shopper, None for a stranger.
        time
            UTC seconds; now by default.
        """
        now = datetime.now(UTC).timestamp() if time is None else time
        texts = [mask_personal(self._protection.text(text[:MAX_TEXT], user_id)) for text in (question, summary)]
        who = self._protection.id(user_id)
        row = pd.DataFrame([(pd.Timestamp(now, unit="s", tz="UTC"), who, *texts)], columns=list(COLUMNS))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            self._write(pd.concat([self.table(), row.astype({"user_id": "string"})], ignore_index=True))

    def table(self) -> pd.DataFrame:
        """All rows, oldest first: ``time`` (UTC), ``user_id``, ``question``, ``summary``.

        Raises
        ------
        ArtifactError
            The file is damaged; nobody who waits may be dropped unseen.
        """
        if not self.path.is_file():
            dates = pd.Series([], dtype="datetime64[us, UTC]")
            texts = {name: pd.Series([], dtype="string") for name in COLUMNS[1:]}
            return pd.DataFrame({COLUMNS[0]: dates, **texts})
        try:
            found = MappedTable(self.path).read(COLUMNS)
        except (OSError, ValueError, KeyError) as error:
            why = " ".join(str(error).split())[:160]
            raise ArtifactError(f"{self.path}: not readable ({why}); move it away to begin a new queue") from None
        return found.astype(dict.fromkeys(COLUMNS[1:], "string"))

    def named(self, users: pd.Series) -> pd.DataFrame:
        """All rows, with the shop's own ids of those among `users`: a pseudonym cannot be turned back without them."""
        names = {self._protection.id(str(user)): str(user) for user in users}
        rows = self.table()
        return rows.assign(user_id=rows["user_id"].map(lambda user: names.get(user, user)).astype("string"))

    def forget(self, users: Collection[str]) -> int:
        """Delete the rows of these users; returns how many there were."""
        if not self.path.is_file():
            return 0
        with self._lock:
            rows = self.table()
            gone = rows["user_id"].isin(list(self._protection.kept(users)))
            if gone.any():
                self._write(rows[~gone].reset_index(drop=True))
        return int(gone.sum())

    def _write(self, rows: pd.DataFrame) -> None:
        with replacing(self.path) as written:
            with create(written, self._protection.vault) as file:
                rows.to_parquet(file, index=False)
            written.chmod(0o600)
