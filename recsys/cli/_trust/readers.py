"""Readers under strange input: files of every format, and columns of cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pandas as pd

from recsys.cli._trust import mutations
from recsys.cli._trust.result import Breach
from recsys.cli._trust.shop import enter
from recsys.cli._trust.supervised import LeftOut, Make, Work
from recsys.data import schema
from recsys.data.flags import as_flags
from recsys.data.markup import without_markup
from recsys.data.numbers import as_amounts, as_quantities
from recsys.data.parsing import as_ids, as_text
from recsys.data.personal import mask_personal
from recsys.data.sources import read_table
from recsys.data.sources.records import flat
from recsys.data.times import as_times
from recsys.data.validation import tidy
from recsys.errors import BadInput

#: How many of a million inputs are files of each format.
FILES: Mapping[str, int] = {
    "csv": 20_000,
    "tsv": 8_000,
    "jsonl": 12_000,
    "parquet": 8_000,
    "xlsx": 6_000,
    "html": 6_000,
}
#: Cells of a column, which is one case: how a number is written is told from the whole column.
CELLS = 100
#: What a message would say of memory that the limit refused.
_WANTED = ("malloc", "allocate", "out of memory", "MemoryError")
MESSAGE = 2_000


def file_maker(kind: str, variables: Mapping[str, str], seed: int) -> Make:
    """Files of one format, read and checked as a catalogue or as events: a table, or one line that says why not."""

    def make(folder: Path) -> Work:
        enter(variables)
        if kind in ("xlsx", "html") and not find_spec("python_calamine" if kind == "xlsx" else "lxml"):
            raise LeftOut("the extra 'xlsx' is not installed")
        path = folder / f"input.{kind}"

        def work(number: int) -> str:
            path.write_bytes(mutations.file(Random(f"{seed} {kind} {number}"), kind))  # noqa: S311 - no secret
            try:
                table = read_table(path)
                found = schema.check_interactions(table) if "user_id" in table.columns else schema.check_items(table)
            except BadInput as error:
                return _refused(error)
            if len(found.table) + len(found.quarantine) > len(table) + 1 and "user_id" not in table.columns:
                raise Breach("more rows than were given")
            return "read"

        return work

    return make


def _refused(error: BadInput) -> str:
    said = str(error)
    if any(word in said for word in _WANTED):
        raise Breach(f"asked for more memory than there may be: {said}")
    if "\n" in said or len(said) > MESSAGE:
        raise Breach(f"a message of {len(said):,} characters in {said.count(chr(10)) + 1} lines: {said[:200]}")
    return "refused"


def _each(read: Callable[[str], object]) -> Callable[[pd.Series], int]:
    return lambda values: len([read(str(value)) for value in values])


#: Readers of cells, and how many of a million inputs each gets. Each returns one value for every cell.
CELL_KINDS: Mapping[str, tuple[int, Callable[[pd.Series], int]]] = {
    "prices": (160_000, lambda values: len(as_amounts(values))),
    "quantities": (120_000, lambda values: len(as_quantities(values))),
    "dates": (160_000, lambda values: len(as_times(values).seconds)),
    "ids": (180_000, lambda values: len(as_ids(values))),
    "flags": (60_000, lambda values: len(as_flags(values))),
    "lists and records": (60_000, lambda values: len(flat(pd.DataFrame({"x": values})))),
    "texts": (60_000, lambda values: len(without_markup(as_text(values, 5_000)[0])[0])),
    "personal data": (59_800, _each(mask_personal)),
}


def cell_maker(kind: str, variables: Mapping[str, str], seed: int) -> Make:
    """Columns of `CELLS` nasty cells through one reader of cells."""
    read = CELL_KINDS[kind][1]

    def make(folder: Path) -> Work:
        enter(variables)

        def work(number: int) -> str:
            values = mutations.column(Random(f"{seed} {kind} {number}"), CELLS)  # noqa: S311 - no secret
            values = tidy(pd.DataFrame({"x": values}), "cells")["x"]  # the door of all tables
            if (count := read(values)) != len(values):
                raise Breach(f"{len(values)} cells were given and {count} came back")
            return "read"

        return work

    return make
