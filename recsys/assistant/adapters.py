"""Adapter files: the package's own, or what `recsys finetune` made in a directory."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TypeVar

from recsys.errors import ArtifactError, RecsysError

log = logging.getLogger(__name__)
T = TypeVar("T")


def used(use: Callable[[Path], T], own: str, directory: Path | None, name: str, *, without: str) -> T | None:
    """What is made of an adapter file; None, with a warning, where the package's own cannot be used on this machine.

    Parameters
    ----------
    own
        The package's own file.
    directory, name
        Where a shop's own file is, and how it is called there; None for the package's.
    without
        What is said where the package's own cannot be used, before the reason.

    Raises
    ------
    ArtifactError
        There is none in the directory, or it is damaged.
    """
    if directory is not None:
        if not (directory / name).is_file():
            made_by = f"recsys finetune {Path(name).stem} --out"
            raise ArtifactError(f"{directory}: no {name} is there; `{made_by}` makes one")
        return use(directory / name)
    with resources.as_file(resources.files(__package__).joinpath(own)) as file:
        try:
            return use(file)
        except RecsysError as error:
            log.warning("%s: %s", without, error)
            return None
