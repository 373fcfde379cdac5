"""Encryption at rest (AES-256-GCM) of what is kept of persons; the key comes from the environment.

A file is sealed in chunks, each authenticated with its place and with whether it is the last (the STREAM construction
of Hoang, Reyhanitabar, Rogaway and Vizár, laid out as in `age`): writing and reading hold one chunk, nothing is ever
written in clear, and a file that was cut, reordered or changed is refused. Lines of a log are sealed one by one.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from recsys.data.pseudonyms import secret_of
from recsys.errors import ArtifactError, BadInput, require

KEY = "RECSYS_VAULT_KEY"
EXTRA = "vault"
MAGIC = b"RSEALED1"
#: Bytes of clear text in a chunk.
CHUNK = 1 << 20
_KEY_ID, _SALT, _TAG, _NONCE = 8, 16, 16, 12
_HEADER = len(MAGIC) + _KEY_ID + _SALT
#: What a sealed line of a log begins with; no line of JSON does.
_LINE = b"!"


@dataclass(frozen=True)
class Vault:
    """What is sealed and opened with one key."""

    _secret: bytes = field(repr=False)

    @classmethod
    def from_environment(cls) -> Vault:
        """The one of the key in ``RECSYS_VAULT_KEY``.

        Raises
        ------
        BadInput
            There is none, it is too short, or the extra ``vault`` is not installed.
        """
        require("cryptography", EXTRA)
        return cls(secret_of(KEY, "tables of users are encrypted").encode())

    @property
    def fingerprint(self) -> str:
        """What tells this key from others and tells nothing of it."""
        return self._key_id.hex()

    @contextmanager
    def create(self, path: Path) -> Iterator[BinaryIO]:
        """Write a file sealed; in the block's hands it is a stream of clear text."""
        header = MAGIC + self._key_id + secrets.token_bytes(_SALT)
        with path.open("wb") as file:
            sealing = _Sealing(file, _cipher(_derived(self._secret, b"file", header[-_SALT:])), header)
            yield cast(BinaryIO, sealing)
            sealing.finish()

    def open(self, path: Path) -> bytearray:
        """The clear text of a sealed file, in memory of this process.

        Raises
        ------
        BadInput
            It was sealed with another key.
        ArtifactError
            It was changed or cut short.
        """
        with path.open("rb") as file:
            return self.unseal(file, os.fstat(file.fileno()).st_size, path)

    def unseal(self, file: IO[bytes], size: int, path: Path | str) -> bytearray:
        """`open` of a stream of so many bytes."""
        from cryptography.exceptions import InvalidTag

        header = file.read(_HEADER)
        if header[len(MAGIC) : -_SALT] != self._key_id:
            raise BadInput(f"{path}: was encrypted with another key than {KEY} holds; set it to the key of that time")
        cipher = _cipher(_derived(self._secret, b"file", header[-_SALT:]))
        body = max(size - _HEADER, 0)
        chunks = max(-(-body // (CHUNK + _TAG)), 1)
        clear = bytearray(max(body - chunks * _TAG, 0))
        try:
            for place in range(chunks):
                sealed = file.read(CHUNK + _TAG)
                opened = cipher.decrypt(_nonce(place, last=place == chunks - 1), sealed, header)
                clear[place * CHUNK : place * CHUNK + len(opened)] = opened
        except (InvalidTag, ValueError):
            raise ArtifactError(f"{path}: was changed or cut short after it was encrypted") from None
        return clear

    def seal_line(self, line: bytes) -> bytes:
        """A line of a log, sealed; without its end."""
        nonce = secrets.token_bytes(_NONCE)
        return _LINE + base64.b64encode(nonce + self._lines.encrypt(nonce, line, self._key_id))

    def open_line(self, line: bytes) -> bytes | None:
        """The clear text of a sealed line; None where it was damaged or sealed with another key."""
        from cryptography.exceptions import InvalidTag

        try:
            written = line.strip()[len(_LINE) :]
            raw = base64.b64decode(written, validate=True)
            if base64.b64encode(raw) != written:  # bits of the last digit that say nothing were changed
                return None
            return bytes(self._lines.decrypt(raw[:_NONCE], raw[_NONCE:], self._key_id))
        except (InvalidTag, ValueError):
            return None

    @property
    def _key_id(self) -> bytes:
        return hashlib.blake2b(self._secret, digest_size=_KEY_ID, person=b"vault key").digest()

    @property
    def _lines(self) -> Any:
        return _cipher(_derived(self._secret, b"lines", b""))


@contextmanager
def create(path: Path, vault: Vault | None) -> Iterator[BinaryIO]:
    """Write a file, sealed where there is a vault."""
    if vault is None:
        with path.open("wb") as file:
            yield file
    else:
        with vault.create(path) as sealed:
            yield sealed


def is_sealed(path: Path) -> bool:
    """Whether a file was written by a vault."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def clear_line(line: bytes) -> bytes | None:
    """A line of a log as it was before it was sealed, if it was; None where it cannot be opened.

    Raises
    ------
    BadInput
        It is sealed and there is no key.
    """
    return Vault.from_environment().open_line(line) if line.startswith(_LINE) else line


def logged_row(line: bytes) -> dict[str, Any] | None:
    """The row that a line of a log holds, opened where it was sealed; None where it cannot be read.

    Raises
    ------
    BadInput
        It is sealed and there is no key.
    """
    clear = clear_line(line)
    try:
        row = None if clear is None else json.loads(clear)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


class _Sealing(io.RawIOBase):
    """A stream that seals what is written to it, chunk by chunk."""

    def __init__(self, file: IO[bytes], cipher: Any, header: bytes) -> None:
        super().__init__()
        self._file, self._cipher, self._header = file, cipher, header
        self._waiting = bytearray()
        self._place = self._written = 0
        file.write(header)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._waiting += view
        self._written += len(view)
        while len(self._waiting) > CHUNK:  # the last chunk is told by being the last: one is always kept back
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return len(view)

    def finish(self) -> None:
        """Write the last chunk."""
        self._seal(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._place, last=last), chunk, self._header))
        self._place += 1


def _nonce(place: int, *, last: bool) -> bytes:
    return place.to_bytes(_NONCE - 1, "big") + bytes([last])


@lru_cache(16)
def _derived(secret: bytes, purpose: bytes, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, salt, b"recsys vault " + purpose).derive(secret)


def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
