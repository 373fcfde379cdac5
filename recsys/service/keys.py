"""API keys and shoppers' tokens: who may call, and for whom.

Keys are random, so a plain hash of one gives nothing away and none is kept as it is. A token is for a browser: signed
by whoever has the secret, short-lived, and good for one shopper alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer
from limits import parse
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from recsys.data.atomic import write_text
from recsys.errors import BadInput

SCOPES = ("recommend", "explain", "events", "answer", "admin")
#: What a shopper's token may do: everything for themselves, nothing for those who run the service.
SHOPPER_SCOPES = frozenset(SCOPES) - {"admin"}
KEYS, SECRET = "RECSYS_KEYS", "RECSYS_TOKEN_SECRET"
_PREFIX, _TOKEN = "rk_", "st_"
#: Characters that a secret for tokens has at least.
ENOUGH = 32


class Key(BaseModel):
    """One API key: its hash, and what it may do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    hash: str
    scopes: frozenset[str]
    rate: str | None = None

    @field_validator("scopes")
    @classmethod
    def _known(cls, scopes: frozenset[str]) -> frozenset[str]:
        if unknown := scopes - set(SCOPES):
            raise ValueError(f"unknown scope {sorted(unknown)[0]!r}; there are {', '.join(SCOPES)}")
        return scopes

    @field_validator("rate")
    @classmethod
    def _readable(cls, rate: str | None) -> str | None:
        if rate is not None:
            parse(rate)
        return rate


@dataclass(frozen=True)
class Caller:
    """Who calls: a key's owner, or one shopper.

    Attributes
    ----------
    name
        What requests are counted under.
    user
        The only shopper this caller may ask for; None for all.
    """

    name: str
    scopes: frozenset[str]
    rate: str | None = None
    user: str | None = None


ANYBODY = Caller("", frozenset(SCOPES))
"""The caller of a service that has no keys, which only this machine can reach."""


class Keys:
    """The keys of a file and of the environment; a file that changes is read again."""

    def __init__(self, file: Path | None = None, environment: Mapping[str, str] = os.environ) -> None:
        self._file = file
        self._given = _of_environment(environment.get(KEYS, ""))
        self._secret = environment.get(SECRET, "")
        if self._secret and len(self._secret) < ENOUGH:
            raise BadInput(f"{SECRET}: at least {ENOUGH} characters, such as of `openssl rand -hex 32`")
        self._read: tuple[float, dict[str, Key]] = (-1, self._given)
        self._keyed = bool(self._secret or self._all())

    def __bool__(self) -> bool:
        """Whether callers need a key: from the first one on, also when the last one is revoked."""
        self._keyed = self._keyed or bool(self._all())
        return self._keyed

    def caller(self, credential: str) -> Caller | None:
        """Who shows this credential; None where it is nobody's or has expired."""
        if credential.startswith(_TOKEN):
            return self._shopper(credential)
        key = self._all().get(_hash(credential))
        return None if key is None else Caller(key.name, key.scopes, key.rate)

    def token(self, user_id: str, seconds: float) -> str:
        """A token for one shopper.

        Raises
        ------
        BadInput
            There is no secret to sign it with.
        """
        if not self._secret:
            raise BadInput(f"tokens: none can be signed here, {SECRET} is not set")
        return shopper_token(self._secret, user_id, seconds)

    def _shopper(self, token: str) -> Caller | None:
        if not self._secret:
            return None
        try:
            user, expiry = _signer(self._secret).loads(token.removeprefix(_TOKEN))
        except (BadSignature, ValueError, TypeError):
            return None
        if not isinstance(user, str) or not expiry > time.time():
            return None
        return Caller(f"shopper {_hash(user)[:16]}", SHOPPER_SCOPES, None, user)

    def _all(self) -> dict[str, Key]:
        if self._file is None:
            return self._given
        try:
            changed = self._file.stat().st_mtime_ns
        except OSError:
            changed = 0  # no file, no key
        if changed != self._read[0]:
            found = {key.hash: key for key in read_keys(self._file)} if changed else {}
            self._read = changed, self._given | found
        return self._read[1]


def shopper_token(secret: str, user_id: str, seconds: float = 900) -> str:
    """Sign a token with which a browser may ask for this shopper, and for nobody else.

    Parameters
    ----------
    secret
        What the server has in ``RECSYS_TOKEN_SECRET``.
    seconds
        How long it is good for.
    """
    signed: Any = _signer(secret).dumps([user_id, round(time.time() + seconds, 3)])
    return _TOKEN + (signed if isinstance(signed, str) else signed.decode())


def new_key(file: Path, name: str, scopes: Collection[str], rate: str | None = None) -> str:
    """Make a key and keep its hash; a key of the same name is replaced.

    Returns
    -------
    str
        The key itself, which is kept nowhere.

    Raises
    ------
    BadInput
        A scope or the rate does not exist, or the file cannot be read.
    """
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name):
        raise BadInput(f"{name!r}: a key's name is of letters, digits, dots, dashes and underscores, at most 64")
    secret = _PREFIX + secrets.token_urlsafe(32)
    key = _checked({"name": name, "hash": _hash(secret), "scopes": sorted(set(scopes)), "rate": rate}, "key")
    write_keys(file, [*(k for k in read_keys(file) if k.name != name), key])
    return secret


def revoke(file: Path, name: str) -> None:
    """Delete a key; running servers refuse it from now on."""
    keys = read_keys(file)
    if not any(key.name == name for key in keys):
        raise BadInput(f"{name!r}: no such key; there are {', '.join(k.name for k in keys) or 'none'}")
    write_keys(file, [key for key in keys if key.name != name])


def read_keys(file: Path) -> list[Key]:
    """The keys of a file; none where there is no file."""
    try:
        entries = json.loads(file.read_text("utf-8"))["keys"]
        return [_checked(entry, str(file)) for entry in entries]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{file}: cannot be read as keys ({error}); `recsys keys` writes it") from None


def write_keys(file: Path, keys: Collection[Key]) -> None:
    """Write the keys of a file, for this account alone."""
    body = {"keys": [{**key.model_dump(), "scopes": sorted(key.scopes)} for key in keys]}
    write_text(file, json.dumps(body, indent=1))
    file.chmod(0o600)


def _of_environment(given: str) -> dict[str, Key]:
    """Keys written as ``name:hash:scope+scope[:rate]``, with spaces between."""
    keys = []
    for entry in given.split():
        name, _, rest = entry.partition(":")
        digest, _, rest = rest.partition(":")
        scopes, _, rate = rest.partition(":")
        if not (name and re.fullmatch(r"[0-9a-f]{64}", digest) and scopes):
            raise BadInput(f"{KEYS}: {name!r}: write name:SHA-256:scope+scope, as `recsys keys add --print` does")
        keys.append(_checked({"name": name, "hash": digest, "scopes": scopes.split("+"), "rate": rate or None}, KEYS))
    return {key.hash: key for key in keys}


def _checked(entry: Any, where: str) -> Key:
    try:
        return Key.model_validate(entry)
    except ValidationError as error:
        said = (f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors())
        raise BadInput(f"{where}: {'; '.join(said)}") from None


def _hash(credential: str) -> str:
    return hashlib.sha256(credential.encode("utf-8", "surrogatepass")).hexdigest()


def _signer(secret: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt="recsys-shopper", signer_kwargs={"digest_method": hashlib.sha256})
