"""The errors a user can act on.

Commands turn `BadInput` into exit code 2 and print its message without a stack trace; everything else is a fault of
the program and exits with 1.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

#: The name on the package index, where `recsys` is another project's; the import is `recsys` all the same.
DISTRIBUTION = "shop-recsys"


class RecsysError(Exception):
    """Base of all errors raised on purpose; the message says what was wrong, where, and what to do."""


class BadInput(RecsysError, ValueError):
    """The input (a file, a row, an argument) cannot be used; exit code 2."""


class NothingToLearn(BadInput):
    """The events are too few, or too alike, for a ranker; popularity and texts can still serve."""


class MissingExtra(BadInput):
    """An optional dependency is not installed; the message names its extra.

    A class of its own, so that whoever has a plainer way (templates for a model) can take that.
    """


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
