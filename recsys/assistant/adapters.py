"""Adapter files: the package's own, or what `recsys finetune` made in a directory; what they are taught on."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from recsys.errors import ArtifactError, BadInput, RecsysError
from recsys.llm.causal_cross_encoder import CausalCrossEncoder

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


class WriterAdapter:
    """What reads with an adapter of the default chat model.

    Parameters
    ----------
    encoder
        Scores pairs, in the order that the class names.

    Attributes
    ----------
    file
        The adapter's file, the package's own and in a directory that `recsys finetune` writes.
    lost
        What is so where the package's own cannot be used.
    kept_tokens
        Tokens of texts whose keys and values are kept.
    """

    file: ClassVar[str]
    lost: ClassVar[str]
    kept_tokens: ClassVar[int]

    def __init__(self, encoder: CausalCrossEncoder) -> None:
        self._encoder = encoder

    @classmethod
    def load(cls, directory: Path | None = None, *, offline: bool = False) -> Self | None:
        """Load the adapter of a directory, or the package's own; None as in `used`, whose errors these are."""
        return used(lambda file: cls.of(file, offline=offline), cls.file, directory, cls.file, without=cls.lost)

    @classmethod
    def of(cls, file: Path, *, offline: bool = False) -> Self:
        """What reads with an adapter file; errors as `CausalCrossEncoder.load`."""
        return cls(CausalCrossEncoder.load(file, offline=offline, most_kept=cls.kept_tokens))


def of_lines(file: Path, of_line: Callable[[dict[str, Any]], Iterable[T]], fault: str) -> list[T]:
    """What is made of each line of a file in JSON lines, all together; empty lines are none.

    Raises
    ------
    BadInput
        The file is no text, or nothing can be made of a line: file, line, `fault` and what is wrong are named.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: cannot be read as text ({error})") from None
    found: list[T] = []
    for at, line in enumerate(lines, 1):
        if line.strip():
            try:
                found += of_line(json.loads(line))
            except (ValueError, KeyError, TypeError, IndexError) as error:
                raise BadInput(f"{file}, line {at}: {fault}: {error}") from None
    return found
