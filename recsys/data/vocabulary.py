"""Controlled vocabulary: what other systems call our columns, events and states, declared in one file.

A shop's export should need no renaming; what was taken for what is written into the report of the reading.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys.data.report import TableReport
from recsys.errors import BadInput, one_line

Words = Mapping[str, Sequence[str]]

#: How alike a name must be to one of ours to be named in a warning (`difflib` ratio).
ALIKE = 0.85
#: Columns that are looked at for such names; in wider tables the rest are a program's own.
WARNED = 300
#: Our column that several of theirs speak of at once.
STATE = "available"
#: Ours that several of theirs may fill, which keep their own names (`order_id`, `invoice`): other scripts read them.
_LEFT_AS_THEY_ARE = (STATE, "session_id")
#: Parts of the vocabulary in which a shop may declare a meaning of its own; elsewhere it adds to ours.
_OPEN = "currencies"


def plain(name: object) -> str:
    """A name in lower case with everything but letters and digits as ``_``: ``"Body (HTML)"`` is ``body_html``."""
    return re.sub(r"[\W_]+", "_", str(name).strip().lower()).strip("_")


@dataclass(frozen=True)
class Vocabulary:
    """The lists of `vocabulary.toml`, each as a look-up by `plain` name.

    Attributes
    ----------
    columns
        For each table, our column -> names others give it, best first.
    fill
        Our column -> columns that fill its gaps.
    events, availability, currencies
        A spelling -> what it means.
    guests
        Ids of nobody in particular.
    sessions
        Columns that tell visits apart, best first.
    """

    columns: Mapping[str, Words]
    fill: Words
    events: Mapping[str, str]
    availability: Mapping[str, bool]
    currencies: Mapping[str, str]
    guests: frozenset[str]
    sessions: tuple[str, ...]

    @classmethod
    def of(cls, declared: Mapping[str, Any]) -> Vocabulary:
        """From the sections of the file."""
        events = {plain(word): kind for kind, words in declared["events"].items() for word in (kind, *words)}
        stock = declared["availability"]
        return cls(
            columns={table: dict(ours) for table, ours in declared["columns"].items()},
            fill=declared["fill"],
            events=events,
            availability={plain(word): yes for yes, key in ((True, "yes"), (False, "no")) for word in stock[key]},
            currencies={
                word.lower(): code for code, words in declared["currencies"].items() for word in (code, *words)
            },
            guests=frozenset(word.lower() for word in declared["guests"]["ids"]),
            sessions=tuple(declared["sessions"]["columns"]),
        )

    @cached_property
    def spellings(self) -> Mapping[str, Mapping[str, str]]:
        """For each table, the plain form of every known name -> our column."""
        return {
            table: {plain(name): column for column, names in ours.items() for name in (column, *names)}
            for table, ours in self.columns.items()
        }


@lru_cache
def vocabulary(more: Path | None = None) -> Vocabulary:
    """The declared vocabulary, with the lists of a shop's own file before ours.

    Raises
    ------
    BadInput
        The shop's file cannot be read, or has a section or meaning that the vocabulary does not know.
    """
    declared = tomllib.loads(resources.files("recsys.data").joinpath("vocabulary.toml").read_text("utf-8"))
    if more is not None:
        try:
            own = tomllib.loads(Path(more).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise BadInput(f"intake.vocabulary: {more} cannot be read ({error})") from None
        _extend(declared, own, str(more))
    return Vocabulary.of(declared)


def _extend(declared: dict[str, Any], own: Mapping[str, Any], where: str) -> None:
    for name, value in own.items():
        if name not in declared and not where.endswith(_OPEN):
            raise BadInput(f"intake.vocabulary: {where}: unknown {name!r}; known: {', '.join(declared)}")
        if isinstance(value, Mapping) and isinstance(declared[name], dict):
            _extend(declared[name], value, f"{where}: {name}")
        elif isinstance(value, list) and all(isinstance(word, str) for word in value):
            declared[name] = [*value, *declared.get(name, [])]
        else:
            raise BadInput(f"intake.vocabulary: {where}: {name} is a list of words")


def rename(
    table: pd.DataFrame, kind: str, words: Vocabulary, given: Mapping[str, str], report: TableReport
) -> pd.DataFrame:
    """A table with its columns under our names.

    Parameters
    ----------
    table : pandas.DataFrame
        Column names are text without surrounding blanks.
    kind : str
        `items`, `interactions`, `impressions`, `users` or `reviews`.
    given : mapping
        Our column -> theirs, as the shop says in ``[columns]`` or with ``--map``; wins over what is declared. One that
        the table does not have is left to the other tables.
    """
    names = {plain(name): name for name in reversed(table.columns)}
    said = {ours: one_line(theirs) for ours, theirs in given.items() if ours in words.columns[kind]}
    taken = {ours: theirs for ours, theirs in said.items() if theirs in table}
    for ours, synonyms in words.columns[kind].items():
        if ours in taken or ours in table or ours in _LEFT_AS_THEY_ARE:
            continue
        for name in (ours, *synonyms):
            theirs = names.get(plain(name))
            if theirs is not None and theirs not in taken.values() and _fits(table[theirs], ours, plain(name), words):
                taken[ours] = theirs
                break
    moved = {theirs: ours for ours, theirs in taken.items() if theirs != ours}
    report.columns |= moved
    # A column of ours that the shop maps another one to steps aside; it is kept under a name of its own.
    aside = {ours: f"{ours}_as_given" for ours in moved.values() if ours in table and ours not in moved}
    table = table.rename(columns=moved | aside)
    _warn_of_lookalikes(table, kind, words, report)
    return table


def states(table: pd.DataFrame, words: Vocabulary) -> list[str]:
    """Columns that say whether an item is available: our own alone, else every known one."""
    if STATE in table:
        return [STATE]
    known = {plain(name) for name in words.columns["items"][STATE]}
    return [name for name in table.columns if plain(name) in known and _fits(table[name], STATE, plain(name), words)]


def _fits(values: pd.Series, ours: str, name: str, words: Vocabulary) -> bool:
    """Whether a name that means several things elsewhere means ours here: at least half of its values do."""
    if not values.notna().any():  # exports carry columns that a shop never fills (`gtin`, `sku`)
        return False
    known: Mapping[str, Any] = words.events if ours == "event" else words.availability
    if (ours, name) not in {("event", "type"), (STATE, "status"), (STATE, "product_status")}:
        return True
    seen = values.dropna().unique()[:1_000]
    return bool(len(seen)) and float(np.mean([plain(value) in known for value in seen])) >= 0.5


def _warn_of_lookalikes(table: pd.DataFrame, kind: str, words: Vocabulary, report: TableReport) -> None:
    known = words.spellings[kind]
    free = [name for name, ours in known.items() if ours not in table]
    for column in table.columns[:WARNED]:
        if plain(column) in known:
            continue
        if near := difflib.get_close_matches(plain(column), free, n=1, cutoff=ALIKE):
            ours = known[near[0]]
            report.warnings.append(f"column {column!r} is not used; if it is `{ours}`, give --map {ours}={column}")
