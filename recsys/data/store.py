"""Versioned artifacts: written aside, published by one atomic rename, never half there.

Layout: ``versions/<id>/...`` with a ``manifest.json`` each, and ``current``, a text file naming the live version.
A version directory is complete and never changes once its name appears in ``versions/``.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from recsys.data.atomic import sync, write_text
from recsys.errors import ArtifactError, BadInput

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
FORMAT = 1
_GO_BACK = "Go back with `recsys versions --use ID`, or publish afresh under another --artifacts"
_VERSION_ID = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{4}")


@dataclass(frozen=True)
class Version:
    """One published version: its directory and manifest."""

    path: Path
    manifest: dict[str, Any]

    @property
    def id(self) -> str:
        """Name of the version."""
        return self.path.name

    @classmethod
    def open(cls, path: Path) -> Version:
        """Read the manifest and check that every file is there at its size (hashes are `verify`'s work).

        Raises
        ------
        ArtifactError
            When something is missing, of another size, or written by a newer format.
        """
        manifest = _read_manifest(path)
        for name, entry in manifest["files"].items():
            file = path / name
            if not file.is_file():
                raise ArtifactError(f"{file}: missing. {_GO_BACK}")
            if file.stat().st_size != entry["size"]:
                raise ArtifactError(
                    f"{file}: {file.stat().st_size} bytes, the manifest says {entry['size']}; the file was cut short "
                    f"or overwritten. {_GO_BACK}"
                )
        return cls(path, manifest)

    def verify(self) -> list[str]:
        """Names of files whose SHA-256 differs from the manifest's."""
        return [n for n, entry in self.manifest["files"].items() if _sha256(self.path / n) != entry["sha256"]]


def _read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a version directory, as far as it is relied on here."""
    try:
        manifest = json.loads((path / MANIFEST).read_text("utf-8"))
        newer = manifest.get("format", 0) > FORMAT
        names = [name for name, entry in manifest["files"].items() if isinstance(entry["size"], int)]
    except (FileNotFoundError, NotADirectoryError):
        raise ArtifactError(f"{path}: no {MANIFEST}; this is not a version of this program") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArtifactError(f"{path / MANIFEST}: not readable ({error}). {_GO_BACK}") from None
    if newer:
        raise ArtifactError(
            f"{path}: written by a newer release (format {manifest['format']}); pip install -U shop-recsys"
        )
    for name in names:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ArtifactError(f"{path / MANIFEST}: names the file {name}, outside its version; do not use it")
    return dict(manifest)


class Draft:
    """A version being written; it becomes visible only through `Store.publish`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def carry(self, version: Version, *, without: str) -> None:
        """Hard-link every file of an older version except those under the directory `without`."""
        for name in version.manifest["files"]:
            if not name.startswith(f"{without}/"):
                target = self.path / name
                target.parent.mkdir(parents=True, exist_ok=True)
                _link(version.path / name, target)


class Store:
    """The versions under one artifacts directory."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    @property
    def versions_dir(self) -> Path:
        """Where complete versions live."""
        return self.root / "versions"

    def versions(self) -> list[str]:
        """Ids of complete versions, oldest first."""
        if not self.versions_dir.is_dir():
            return []
        return sorted(p.name for p in self.versions_dir.iterdir() if _VERSION_ID.fullmatch(p.name))

    def current_id(self) -> str | None:
        """Id of the live version, or None before the first publish."""
        try:
            name = (self.root / "current").read_text("utf-8", "replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not _VERSION_ID.fullmatch(name):
            raise ArtifactError(f"{self.root / 'current'}: holds {name[:40]!r}, not the name of a version")
        return name

    def current(self) -> Version | None:
        """The live version, or None before the first publish."""
        name = self.current_id()
        return None if name is None else Version.open(self.versions_dir / name)

    def require(self) -> Version:
        """The live version, or an `ArtifactError` that says how to make one."""
        version = self.current()
        if version is None:
            raise ArtifactError(
                f"{self.root}: no published version. Run `recsys nightly --artifacts {self.root}` first, or "
                "name another directory with --artifacts or RECSYS_ARTIFACTS"
            )
        return version

    @contextmanager
    def writing(self) -> Iterator[Draft]:
        """One writer at a time; a draft that was not published is removed, whatever happens.

        Raises
        ------
        BadInput
            When another process is writing to this directory.
        """
        try:
            self.versions_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"{self.root}: cannot be used for artifacts ({error.strerror})") from None
        lock = FileLock(self.root / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise BadInput(
                f"{self.root}: another job is writing here; wait for it or use another --artifacts"
            ) from None
        try:
            # A killed writer cannot clean up after itself; holding the lock, nobody else owns these.
            for stale in (*self.versions_dir.glob(".draft-*"), *self.root.glob(".current-*")):
                shutil.rmtree(stale, ignore_errors=True)
            path = Path(tempfile.mkdtemp(prefix=".draft-", dir=self.versions_dir))
            try:
                yield Draft(path)
            finally:
                shutil.rmtree(path, ignore_errors=True)
        finally:
            lock.release()

    def publish(self, draft: Draft, manifest: dict[str, Any], *, live: Version | None = None, keep: int = 3) -> Version:
        """Complete the draft and make it the live version, in one step that a kill cannot split.

        Parameters
        ----------
        manifest
            What to record beside the file list, which is added here.
        live
            The version before; files that are equal to its files become hard links to them.
        keep
            Versions to keep, this one included.
        """
        known = live.manifest["files"] if live is not None else {}
        files: dict[str, dict[str, Any]] = {}
        for file in sorted(p for p in draft.path.rglob("*") if p.is_file()):
            relative = file.relative_to(draft.path).as_posix()
            files[relative] = entry = _entry(file)
            if live is not None and known.get(relative) == entry:
                # Content that did not change is kept once on disk, however many versions hold it.
                file.unlink()
                _link(live.path / relative, file)
        created = datetime.now(UTC)
        # Names sort in the order of publishing, also within a second: pruning and going back rely on it.
        name = f"{created:%Y%m%dT%H%M%S}-{created.microsecond * 65536 // 1_000_000:04x}"
        body = {"format": FORMAT, "version": name, "created": created.isoformat(), **manifest, "files": files}
        write_text(draft.path / MANIFEST, json.dumps(body, indent=1, ensure_ascii=False))
        # Temporary directories are for one account only; a version is for whoever may read the others.
        draft.path.chmod(stat.S_IMODE(self.versions_dir.stat().st_mode))
        for directory in (p for p in draft.path.rglob("*") if p.is_dir()):
            sync(directory)
        sync(draft.path)
        target = self.versions_dir / name
        os.replace(draft.path, target)
        sync(self.versions_dir)
        self.point_to(name)
        self._prune(keep, current=name)
        return Version(target, body)

    def point_to(self, version_id: str) -> None:
        """Make a complete version the live one (also the way back)."""
        if not (self.versions_dir / version_id / MANIFEST).is_file():
            raise BadInput(f"{version_id}: no such version; there are {', '.join(self.versions()) or 'none'}")
        write_text(self.root / "current", version_id + "\n")

    def _prune(self, keep: int, current: str) -> None:
        names = [n for n in self.versions() if n != current]
        for name in names[: max(len(names) - (keep - 1), 0)]:
            # Readers that still map its files keep them until they let go (POSIX); Windows refuses, which is fine.
            shutil.rmtree(self.versions_dir / name, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target)


def _entry(path: Path) -> dict[str, Any]:
    sync(path)
    return {"size": path.stat().st_size, "sha256": _sha256(path)}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def knowledge_store(artifacts: Path) -> Store:
    """What the assistant knows of the shop of `artifacts`: versions of its own beside the shop's."""
    return Store(artifacts / "knowledge")
