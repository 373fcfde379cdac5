"""Atomic writes: a reader sees the old file or directory or the new one, never a part, also after a power cut."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write a file or a directory at; it becomes `path` when the block ends without an error.

    The new content is on the disk before the name is (fsync, then rename, then fsync of the directory). A directory can
    take the place of nothing or of an empty directory only. An error leaves everything as it was.
    """
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        written = folder / path.name  # the name decides the format for many a writer
        yield written
        for file in [written, *written.rglob("*")] if written.is_dir() else [written]:
            sync(file)
        os.replace(written, path)
        sync(path.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, in UTF-8, whole or not at all; what else is linked to the old one stays as it was."""
    with replacing(path) as written:
        written.write_text(text, encoding="utf-8")


def sync(path: Path) -> None:
    """Wait until a file, or the list of names of a directory, is on the disk; Windows cannot do it for directories."""
    if path.is_dir() and os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def private_folder(path: Path) -> None:
    """Make a directory, and those missing above it, for this account only; one that is there stays as it is."""
    if not path.exists():
        private_folder(path.parent)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
