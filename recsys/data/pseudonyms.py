"""Pseudonymous user ids: keyed hashes in place of the shop's own, so that what is kept names nobody.

The key comes from the environment and is nowhere on the disk: who has the artifacts alone can neither read an id nor
try one. Every door takes the shop's own id and hashes it; nothing turns a pseudonym back (GDPR, article 4 (5)).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from recsys.data.columns import CLICKED, EVENT, ITEM, PRICE, QUANTITY, QUERY, RATING, SEGMENT, TIME, USER, WEIGHT
from recsys.errors import BadInput

KEY = "RECSYS_ID_KEY"
#: Characters that a key has at least.
ENOUGH = 32
#: Beside the user id of a logged row: the fingerprint of the key that made it a pseudonym.
MARK = "id_key"
_OURS = {USER, ITEM, TIME, EVENT, WEIGHT, RATING, PRICE, QUANTITY, QUERY, CLICKED, SEGMENT}


class Pseudonym(str):
    """User id that is a pseudonym already, read from a version; a door that takes ids hashes it no further."""

    __slots__ = ()


@dataclass(frozen=True)
class Pseudonyms:
    """Pseudonyms under one key."""

    _key: bytes = field(repr=False)

    @classmethod
    def from_environment(cls) -> Pseudonyms:
        """Those under the key in ``RECSYS_ID_KEY``.

        Raises
        ------
        BadInput
            There is none, or it is too short to be one.
        """
        secret = secret_of(KEY, "user ids are kept as pseudonyms")
        return cls(hashlib.blake2b(secret.encode(), person=b"recsys ids").digest())

    @property
    def fingerprint(self) -> str:
        """What tells this key from others and tells nothing of it."""
        return hashlib.blake2b(b"", key=self._key, digest_size=8, person=b"key").hexdigest()

    def of(self, user: str) -> Pseudonym:
        """The pseudonym of the shop's own id: a letter, lest it be taken for a number, and 32 hexadecimal digits.

        One that is a pseudonym already stays it.
        """
        if isinstance(user, Pseudonym):
            return user
        raw = str(user).encode("utf-8", "surrogatepass")
        return Pseudonym("u" + hashlib.blake2b(raw, key=self._key, digest_size=16, person=b"user").hexdigest())

    def names(self, tables: Iterable[pd.DataFrame]) -> dict[str, str]:
        """The pseudonym of every user of these tables."""
        ids = {str(user) for table in tables if USER in table for user in table[USER].dropna().unique()}
        return {user: str(self.of(user)) for user in ids}

    def table(self, table: pd.DataFrame, known: Mapping[str, str]) -> pd.DataFrame:
        """A checked table with pseudonyms for ids, also in columns of the shop's own that repeat ids of users.

        Such a column may be the e-mail address that was taken as the id, or who brought whom.

        Parameters
        ----------
        known
            `names` of all tables: whoever brought somebody may be in another one.
        """
        if USER not in table:
            return table
        ids = table[USER].astype(object)
        changed = {USER: ids.map(known).astype(table[USER].dtype)}
        for name in table.columns.difference(list(_OURS), sort=False):
            column = table[name]
            if pd.api.types.is_string_dtype(column) or column.dtype == object:
                texts = [known.get(cell, cell) if isinstance(cell, str) else cell for cell in column]
                changed[name] = pd.Series(texts, column.index).astype(column.dtype)
            elif pd.api.types.is_integer_dtype(column) and len(column) and (column.astype(str) == ids).all():
                changed[name] = changed[USER]
        return table.assign(**changed)

    def row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of a log with the pseudonym in place of the id, marked as such."""
        return {**row, USER: str(self.of(row[USER])), MARK: self.fingerprint}


def logged_user(row: Mapping[str, Any], pseudonyms: Pseudonyms | None) -> str | None:
    """The user of a row of a log as the tables of tonight name them; None where the row is of another key."""
    user, mark = str(row[USER]), row.get(MARK)
    if pseudonyms is None:
        return user if mark is None else None
    if mark is None:  # written while ids were kept in clear
        return str(pseudonyms.of(user))
    return user if mark == pseudonyms.fingerprint else None


def named(rows: Iterable[Mapping[str, Any]], pseudonyms: Pseudonyms | None) -> list[dict[str, Any]]:
    """Rows of a log with users as the tables of tonight name them; those of another key are left out."""
    found = [{**row, USER: logged_user(row, pseudonyms)} for row in rows if USER in row]
    return [row for row in found if row[USER] is not None]


def secret_of(variable: str, why: str) -> str:
    """A secret from the environment.

    Raises
    ------
    BadInput
        It is not set, or too short; says what needs it.
    """
    secret = os.environ.get(variable, "")
    if not secret:
        raise BadInput(
            f"{variable} is not set: {why}. Set it to the key used so far; before a first night, `openssl rand -hex 32"
            "` makes one"
        )
    if len(secret) < ENOUGH:
        raise BadInput(f"{variable}: at least {ENOUGH} characters, such as of `openssl rand -hex 32`")
    return secret
