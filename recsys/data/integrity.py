"""Integrity of a version: a sealed manifest, a hash of every file, and a record of what was hashed on this machine.

A wrong byte in an array is not noticed by whoever reads it, so no version is served before its files have been hashed
once. The record makes later openings quick: a file with the same inode, size and time of change is the same file.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys.data.atomic import private_folder, write_text
from recsys.errors import ArtifactError

MANIFEST = "manifest.json"
#: 2 has a checksum of the manifest itself and a sequence number; versions of format 1 are read as they are.
FORMAT = 2
GO_BACK = "Go back with `recsys versions --use ID`, or publish afresh under another --artifacts"
_CHECKSUM = "checksum"
#: Seconds: a file changed so shortly before it was hashed could be changed again within the same tick of the clock.
_SETTLED = 1.0


class Manifest(dict[str, Any]):
    """Manifest of a version, parsed; a key that it lacks is an `ArtifactError` rather than a fault of the program."""

    def __missing__(self, key: str) -> Any:
        raise ArtifactError(f"{MANIFEST}: has no {key!r}; it was written by something else. {GO_BACK}")


def sealed(body: dict[str, Any]) -> dict[str, Any]:
    """The manifest with its own checksum, so that it can vouch for the files it names."""
    plain: dict[str, Any] = json.loads(json.dumps({k: v for k, v in body.items() if k != _CHECKSUM}))
    return {**plain, _CHECKSUM: _digest(plain)}


def unsealed(body: dict[str, Any], *names: str) -> dict[str, Any]:
    """A record that was written `sealed`, or without a checksum by an older release, and holds just these names.

    Raises
    ------
    ValueError
        It was changed after it was written.
    """
    if set(body) not in ({*names}, {*names, _CHECKSUM}) or (_CHECKSUM in body and not _is_sealed(body)):
        raise ValueError("it was changed after it was written")
    return body


def read_manifest(path: Path) -> Manifest:
    """The manifest of a version directory.

    Raises
    ------
    ArtifactError
        It is missing, damaged, of a newer format, or names files outside the version.
    """
    file = path / MANIFEST
    try:
        manifest = json.loads(file.read_text("utf-8"), object_hook=Manifest)
        version = manifest.get("format", 0)
        newer = version > FORMAT
        names = [name for name, entry in manifest["files"].items() if isinstance(entry["size"], int)]
    except (FileNotFoundError, NotADirectoryError):
        raise ArtifactError(f"{path}: no {MANIFEST}; this is not a version of this program") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArtifactError(f"{file}: not readable ({error}). {GO_BACK}") from None
    if newer:
        raise ArtifactError(f"{path}: written by a newer release (format {version}); pip install -U shop-recsys")
    for name in names:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ArtifactError(f"{file}: names the file {name}, outside its version; do not use it")
    if version not in {1, FORMAT} or (version == FORMAT and not _is_sealed(manifest)):
        raise ArtifactError(f"{file}: was changed after it was written. {GO_BACK}")
    return Manifest(manifest)


def _is_sealed(manifest: dict[str, Any]) -> bool:
    return bool(manifest.get(_CHECKSUM) == _digest({k: v for k, v in manifest.items() if k != _CHECKSUM}))


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def sha256(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Version:
    """One published version: its directory and manifest."""

    path: Path
    manifest: Manifest

    @property
    def id(self) -> str:
        """Name of the version."""
        return self.path.name

    @classmethod
    def open(cls, path: Path) -> Version:
        """Read the manifest and check that every file is there at its size (`Store` hashes them, too).

        Raises
        ------
        ArtifactError
            When something is missing, of another size, or written by a newer format.
        """
        manifest = read_manifest(path)
        for name, entry in manifest["files"].items():
            file = path / name
            if not file.is_file():
                raise ArtifactError(f"{file}: missing. {GO_BACK}")
            if file.stat().st_size != entry["size"]:
                raise ArtifactError(
                    f"{file}: {file.stat().st_size} bytes, the manifest says {entry['size']}; the file was cut short "
                    f"or overwritten. {GO_BACK}"
                )
        return cls(path, manifest)

    def verify(self) -> list[str]:
        """Names of files whose SHA-256 differs from the manifest's."""
        return [n for n, entry in self.manifest["files"].items() if sha256(self.path / n) != entry["sha256"]]

    def check(self, record: Path) -> None:
        """Hash each file that is not the one that was hashed before.

        Parameters
        ----------
        record
            Where it is kept which files were hashed; a place that cannot be written costs time and nothing else.

        Raises
        ------
        ArtifactError
            A file holds something else than what was published; names it.
        """
        known = _read_record(record)
        now: dict[str, list[Any]] = {}
        fresh = False
        for name, entry in self.manifest["files"].items():
            file, began = self.path / name, time.time()
            about = file.stat()
            signature = [about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, entry["sha256"]]
            if known.get(name) != signature:
                if sha256(file) != entry["sha256"]:
                    raise ArtifactError(f"{file}: differs from what was published. {GO_BACK}")
                fresh = True
            if about.st_mtime < began - _SETTLED:
                now[name] = signature
        if fresh and now:
            with suppress(OSError):
                private_folder(record.parent)
                write_text(record, json.dumps(now))


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}
