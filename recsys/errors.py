"""The errors a user can act on.

Commands turn `BadInput` into exit code 2 and print its message without a stack trace; everything else is a fault of
the program and exits with 1.
"""

from __future__ import annotations


class RecsysError(Exception):
    """Base of all errors raised on purpose; the message says what was wrong, where, and what to do."""


class BadInput(RecsysError, ValueError):
    """The input (a file, a row, an argument) cannot be used; exit code 2."""


class ArtifactError(RecsysError):
    """A stored version is missing, damaged, or was made by something else; exit code 2."""
