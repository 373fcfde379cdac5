"""Tombstones of erased users: salted hashes, by which old exports are refused for ever.

The hash tells whether an id that is at hand was erased, not who was. Whoever has the file can try all ids there could
be, so it is as secret as the versions beside it.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from recsys.data import schema
from recsys.data.atomic import write_text
from recsys.data.integrity import sealed, unsealed
from recsys.data.pseudonyms import Pseudonym, Pseudonyms
from recsys.data.snapshot import ShopTables
from recsys.errors import ArtifactError

FORGOTTEN = "forgotten.json"
_CELLS = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s":,{}]+)')


@dataclass(frozen=True)
class Tombstones:
    """Tombstones of one artifacts directory."""

    salt: bytes
    hashes: frozenset[str]

    @classmethod
    def read(cls, root: Path) -> Tombstones:
        """Those of the directory, none where nobody was erased.

        Raises
        ------
        ArtifactError
            The file is damaged: without it erased users could come back, so nothing goes on.
        """
        path = root / FORGOTTEN
        try:
            found = unsealed(dict(json.loads(path.read_text("utf-8"))), "salt", "hashes")
            return cls(bytes.fromhex(found["salt"]), frozenset(map(str, found["hashes"])))
        except (FileNotFoundError, NotADirectoryError):
            return cls(secrets.token_bytes(32), frozenset())
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ArtifactError(f"{path}: not readable ({error}); restore it, erased users must stay erased") from None

    def with_users(self, users: Collection[str], pseudonyms: Pseudonyms | None = None) -> Tombstones:
        """These, and those of `users`, under their own ids and, where there are such, under their pseudonyms."""
        hashes = {self._hash(user) for user in users}
        if pseudonyms is not None:
            hashes |= {self._hash(pseudonyms.of(user)) for user in users}
        return replace(self, hashes=self.hashes | hashes)

    def write(self, root: Path) -> None:
        """Keep them."""
        body = {"salt": self.salt.hex(), "hashes": sorted(self.hashes)}
        write_text(root / FORGOTTEN, json.dumps(sealed(body)))
        (root / FORGOTTEN).chmod(0o600)

    def among(self, users: Iterable[str]) -> set[str]:
        """Which of these ids were erased."""
        return {user for user in users if self._hash(user) in self.hashes} if self.hashes else set()

    def mentioned(self, row: str) -> bool:
        """Whether a cell of a quarantined row (JSON, possibly cut short) is the id of an erased user."""
        return bool(self.hashes) and bool(self.among(text or number for text, number in _CELLS.findall(row)))

    def drop(self, tables: ShopTables) -> tuple[ShopTables, int]:
        """The tables without the rows of erased users, and how many rows that were."""
        if not self.hashes:
            return tables, 0
        ids = set().union(*(t[schema.USER].dropna().unique() for t in user_tables(tables).values()))
        kind = str if tables.protection.pseudonyms is None else Pseudonym
        return without_users(tables, self.among(map(kind, ids)))

    def _hash(self, user: str) -> str:
        # Of its own kind, so that a shopper who calls themselves by another's pseudonym cannot erase them.
        person = b"pseudonym" if isinstance(user, Pseudonym) else b""
        raw = user.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(raw, key=self.salt, digest_size=16, person=person).hexdigest()


def user_tables(tables: ShopTables) -> dict[str, pd.DataFrame]:
    """The tables that have a row for what a user did or is."""
    named = {name: getattr(tables, name) for name in ("interactions", "impressions", "users", "dislikes", "reviews")}
    return {name: table for name, table in named.items() if table is not None and schema.USER in table.columns}


def without_users(tables: ShopTables, users: Collection[str]) -> tuple[ShopTables, int]:
    """The tables without the rows of these users, and how many rows that were."""
    if not users:
        return tables, 0
    kept = {n: t[~t[schema.USER].isin(users)].reset_index(drop=True) for n, t in user_tables(tables).items()}
    gone = sum(len(t) - len(kept[n]) for n, t in user_tables(tables).items())
    return replace(tables, **kept), gone
