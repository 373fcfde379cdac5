"""The errors a user can act on.

Commands print their message without a stack trace and exit with their code; everything else is a fault of the program
and exits with 1. A scheduler can tell by the code whether to mend the input, to wait, or to make room.
"""

from __future__ import annotations

import errno
import re
import shutil
from importlib import import_module
from types import ModuleType
from typing import ClassVar

#: The name on the package index, where `recsys` is another project's; the import is `recsys` all the same.
DISTRIBUTION = "shop-recsys"


def one_line(text: str) -> str:
    """`text` without line breaks of any kind: names of files and columns may have them, and a message is one line."""
    return " ".join(part.strip() for part in text.splitlines()) if text.splitlines()[1:] else text


class RecsysError(Exception):
    """Base of all errors raised on purpose; the message says what was wrong, where, and what to do, in one line."""

    exit_code: ClassVar[int] = 2

    def __init__(self, *said: object) -> None:
        super().__init__(*(one_line(part) if isinstance(part, str) else part for part in said))


class BadInput(RecsysError, ValueError):
    """The input (a file, a row, an argument) cannot be used; exit code 2."""


class NothingToLearn(BadInput):
    """The events are too few, or too alike, for a ranker; popularity and texts can still serve."""


class MissingExtra(BadInput):
    """An optional dependency is not installed; the message names its extra.

    A class of its own, so that whoever has a plainer way (templates for a model) can take that.
    """


class Locked(BadInput):
    """Another process is writing there; exit code 3."""

    exit_code = 3


class Unwritable(BadInput):
    """There is no space, or no right to write; exit code 4."""

    exit_code = 4


class ArtifactError(RecsysError):
    """A stored version is missing, damaged, or was made by something else; exit code 2."""


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency.

    The base install is what a night and a recommendation need; who needs more is told which extra holds it.

    Raises
    ------
    MissingExtra
        The module, or one that it imports, is not installed; names the extra.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"`{error.name or module}` is needed for this and is not installed: pip install '{DISTRIBUTION}[{extra}]'"
        ) from None


_UNWRITABLE = {errno.EFBIG, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


def cause(error: OSError) -> str:
    """What to say of a system's error: of a folder that was copied, the first of its files alone."""
    copied = isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list) and error.args[0]
    return one_line(str(copied[0][-1] if copied else error))


def unwritable(error: OSError) -> bool:
    """Whether a file could not be written for want of space or rights.

    numpy says of a full disk only how much it wrote, without a code.
    """
    if isinstance(error, shutil.Error):  # of a folder that was copied: the errors of its files, as texts
        return any(f"[Errno {code}]" in str(error) for code in _UNWRITABLE)
    return error.errno in _UNWRITABLE or bool(re.search(r"\d+ requested and \d+ written", str(error)))
