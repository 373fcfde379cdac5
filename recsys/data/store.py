"""Versioned artifacts: written aside, published by one atomic rename, never half there.

Layout: ``versions/<id>/...`` with a ``manifest.json`` each, and ``current``, a text file naming the live version.
A version directory is complete and never changes once its name appears in ``versions/``.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from recsys.data.atomic import private_folder, replacing, sync, write_text
from recsys.data.integrity import FORMAT, MANIFEST, Manifest, Version, sealed, sha256
from recsys.data.retention import expendable, read_pins, read_tags, write_pins
from recsys.errors import ArtifactError, BadInput, Locked, Unwritable, unwritable

log = logging.getLogger(__name__)

__all__ = ["MANIFEST", "Draft", "Store", "Version", "knowledge_store"]

_VERSION_ID = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{4}")


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
        """Ids of complete versions in the order of publishing, oldest first."""
        if not self.versions_dir.is_dir():
            return []
        names = [p.name for p in self.versions_dir.iterdir() if _VERSION_ID.fullmatch(p.name)]
        return sorted(names, key=lambda name: (_sequence(self.versions_dir / name), name))

    def version(self, version_id: str) -> Version:
        """A version by its id, its files hashed.

        Raises
        ------
        BadInput
            There is none of that id.
        ArtifactError
            It is damaged.
        """
        if version_id not in (there := self.versions()):
            raise BadInput(f"{version_id[:60]!r}: no such version; there are {', '.join(there) or 'none'}")
        version = Version.open(self.versions_dir / version_id)
        version.check(self._record(version_id))
        return version

    def current_id(self) -> str | None:
        """Id of the live version, or None before the first publish."""
        try:
            name = (self.root / "current").read_text("utf-8", "replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not _VERSION_ID.fullmatch(name):
            raise ArtifactError(
                f"{self.root / 'current'}: holds {name[:40]!r}, not the name of a version. {self._way_back('')}"
            )
        return name

    def current(self) -> Version | None:
        """The live version, or None before the first publish.

        Raises
        ------
        ArtifactError
            It is damaged, or nothing says which of several is live; names one that is whole.
        """
        name = self.current_id()
        if name is None:
            if self.versions():
                raise ArtifactError(f"{self.root / 'current'}: lost, though there are versions. {self._way_back('')}")
            return None
        try:
            return self.version(name)
        except ArtifactError as error:
            raise ArtifactError(f"{error}. {self._way_back(name)}") from None
        except BadInput as error:
            raise ArtifactError(f"{self.root / 'current'}: {error}. {self._way_back(name)}") from None

    def _way_back(self, damaged: str) -> str:
        """Which version to make the live one instead: the latest that is whole."""
        for name in reversed([v for v in self.versions() if v != damaged]):
            with suppress(ArtifactError):
                return f"Version {self.version(name).id} is whole: `recsys versions --use {name}`"
        return "No other version is whole: publish afresh under another --artifacts"

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
        Locked
            Another process is writing to this directory.
        Unwritable
            There is no space or no right to write.
        """
        with self.locked(), self.draft() as draft:
            yield draft

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers away; raises as `writing` does."""
        lock = FileLock(self.root / ".lock", mode=0o600)
        try:
            private_folder(self.versions_dir)
            lock.acquire(timeout=0)
        except Timeout:
            raise Locked(f"{self.root}: another job is writing here; wait for it or use another --artifacts") from None
        except OSError as error:
            kind = Unwritable if unwritable(error) else BadInput
            raise kind(f"{self.root}: cannot be used for artifacts ({error.strerror})") from None
        try:
            # A killed writer cannot clean up after itself; holding the lock, nobody else owns these.
            stopped = (self.versions_dir.glob(".draft-*"), self.root.glob(".*-*"), self.root.glob(".verified/.*-*"))
            for stale in (path for paths in stopped for path in paths):
                shutil.rmtree(stale, ignore_errors=True)
            yield
        finally:
            lock.release()

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        """A draft, for whoever holds the lock; removed where it was not completed."""
        path = Path(tempfile.mkdtemp(prefix=".draft-", dir=self.versions_dir))
        try:
            yield Draft(path)
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def publish(self, draft: Draft, manifest: dict[str, Any], *, live: Version | None = None, keep: int = 3) -> Version:
        """Complete the draft and make it the live version, in one step that a kill cannot split.

        Parameters
        ----------
        manifest
            What to record beside the file list, which is added here.
        live
            The version before; files that are equal to its files become hard links to them.
        keep
            Versions to keep, this one included and pinned ones aside.
        """
        pinned = read_pins(self.root)
        version = self.complete(draft, manifest, like=live)
        before = None
        with suppress(ArtifactError):
            before = self.current_id()
        self.point_to(version.id)
        for name in expendable(self.versions(), live=version.id, before=before, pinned=pinned, keep=keep):
            self.remove(name)
        return version

    def complete(self, draft: Draft, manifest: dict[str, Any], *, like: Version | None = None) -> Version:
        """Make the draft a version that is not live; files equal to those of `like` become hard links to them."""
        known = like.manifest["files"] if like is not None else {}
        files: dict[str, dict[str, Any]] = {}
        for file in sorted(p for p in draft.path.rglob("*") if p.is_file()):
            relative = file.relative_to(draft.path).as_posix()
            files[relative] = entry = _entry(file)
            if like is not None and known.get(relative) == entry:
                # Content that did not change is kept once on disk, however many versions hold it.
                file.unlink()
                _link(like.path / relative, file)
        there = self.versions()
        created = datetime.now(UTC)
        while (name := _name(created)) in there:
            created += timedelta(microseconds=16)
        sequence = 1 + max((_sequence(self.versions_dir / v) for v in there), default=0)
        about = {"format": FORMAT, "version": name, "sequence": sequence, "created": created.isoformat()}
        body = sealed({**about, **manifest, **about, "files": files})  # whatever of an older manifest came along
        write_text(draft.path / MANIFEST, json.dumps(body, indent=1, ensure_ascii=False))
        self._share(draft.path)
        for directory in (p for p in draft.path.rglob("*") if p.is_dir()):
            sync(directory)
        sync(draft.path)
        target = self.versions_dir / name
        os.replace(draft.path, target)
        sync(self.versions_dir)
        return Version(target, Manifest(body))

    def _share(self, path: Path) -> None:
        """Let those read a version who may read the directory of versions: by default this account alone."""
        mode = stat.S_IMODE(self.versions_dir.stat().st_mode)
        for entry in (path, *path.rglob("*")):
            with suppress(PermissionError):  # a link to a file of the account that published before
                entry.chmod(mode if entry.is_dir() else mode & 0o666)

    def point_to(self, version_id: str) -> None:
        """Make a complete version the live one (also the way back)."""
        if version_id not in (there := self.versions()):
            raise BadInput(f"{version_id[:60]!r}: no such version; there are {', '.join(there) or 'none'}")
        write_text(self.root / "current", version_id + "\n")

    def pin(self, version_id: str, *, pinned: bool = True, tag: str | None = None) -> None:
        """Keep a version until it is unpinned, whatever is published; under a name, which moves here from another."""
        if version_id not in (there := self.versions()):
            raise BadInput(f"{version_id[:60]!r}: no such version; there are {', '.join(there) or 'none'}")
        pins, tags = read_pins(self.root) & set(there), read_tags(self.root)
        tags |= {tag: version_id} if tag is not None else {}
        write_pins(self.root, pins | {version_id} if pinned else pins - {version_id}, tags)

    def id_of(self, name: str) -> str:
        """The id of the version that is tagged so, or `name` where none is; an id is one whatever is tagged."""
        return name if _VERSION_ID.fullmatch(name) else read_tags(self.root).get(name, name)

    def remove(self, version_id: str) -> None:
        """Delete a version; whoever maps its files keeps them until they let go (POSIX; Windows refuses).

        It is out of sight first, by one rename: a version is never half there, also where not all of it can be deleted.
        """
        gone = self.versions_dir / f".draft-{version_id}"
        with suppress(OSError):
            os.replace(self.versions_dir / version_id, gone)
        shutil.rmtree(gone, ignore_errors=True)
        with suppress(OSError):
            self._record(version_id).unlink(missing_ok=True)

    def remains(self) -> list[Path]:
        """What is left of deleted versions and stopped drafts, as there was no right to delete it; for the writer."""
        return sorted(self.versions_dir.glob(".draft-*"))

    @contextmanager
    def beside(self, folder: str, version_id: str) -> Iterator[Path]:
        """Give a new directory to write what is kept of a version beside it; it takes the place of an older one, whole.

        What is kept of versions that are gone is removed. It is then at ``<folder>/<version_id>`` under the root.
        """
        root = self.root / folder
        private_folder(root)
        for old in root.iterdir():
            if old.name == version_id or old.name not in self.versions():
                shutil.rmtree(old, ignore_errors=True)
        with replacing(root / version_id) as written:
            written.mkdir()
            yield written

    def _record(self, version_id: str) -> Path:
        return self.root / ".verified" / f"{version_id}.json"


def _name(created: datetime) -> str:
    return f"{created:%Y%m%dT%H%M%S}-{created.microsecond * 65536 // 1_000_000:04x}"


def _sequence(path: Path) -> int:
    """Number of a version in the order of publishing; 0 for those of before there was one, or that are damaged."""
    try:
        number = json.loads((path / MANIFEST).read_text("utf-8"))["sequence"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0
    return number if isinstance(number, int) else 0


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target)


def _entry(path: Path) -> dict[str, Any]:
    sync(path)
    return {"size": path.stat().st_size, "sha256": sha256(path)}


def knowledge_store(artifacts: Path) -> Store:
    """What the assistant knows of the shop of `artifacts`: versions of its own beside the shop's."""
    return Store(artifacts / "knowledge")
