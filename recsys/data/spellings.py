"""Near-identical ids of two tables: the same thing written in two ways, and how to write it in one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

import numpy as np

#: Ways two systems write one id: what differs, how to make both the same, and the same in pandas.
_WAYS: tuple[tuple[str, Callable[[str], str], str], ...] = (
    ("leading zeros", lambda name: name.lstrip("0"), ".str.lstrip('0')"),
    ("upper and lower case", str.lower, ".str.lower()"),
    (
        "blanks, dashes and underscores",
        lambda name: re.sub(r"[\s_-]+", "", name),
        ".str.replace(r'[\\s_-]+', '', regex=True)",
    ),
)
#: Ids compared at most.
_SAMPLE = 20_000


def mismatch(unknown: Sequence[str] | np.ndarray, known: Collection[str], column: str) -> str:
    """Both spellings of ids that one table has and the other lacks, and the remedy where one explains most of them.

    Parameters
    ----------
    unknown : sequence of str
        Distinct ids that are not among the known.
    known : collection of str
        Ids of the catalogue.
    """
    here = [str(name) for name in unknown[:_SAMPLE]]
    there = sorted(known)
    for what, same, how in _WAYS:
        by_form = {same(name): name for name in reversed(there)}
        met = [(name, by_form[same(name)]) for name in here if same(name) in by_form]
        if 2 * len(met) >= len(here) > 0:
            ours, theirs = met[0]
            return (
                f" They differ by {what}: {ours!r} here is {theirs!r} in the catalogue ({len(met):,} of {len(here):,} "
                f"ids). Write both alike, in pandas for both tables: table['{column}'] = table['{column}']{how}."
            )
    shown = ", ".join(map(repr, here[:3]))
    return f" Ids here: {shown}; in the catalogue: {', '.join(map(repr, there[:3]))}."
