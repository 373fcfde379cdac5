"""Read and validate a table in one call: usable rows come back, and the others with what was wrong with each."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from recsys.data.schema import check_interactions, check_items
from recsys.data.sources import read_table
from recsys.data.validation import Checked


def read_items(source: Path | str | pd.DataFrame) -> Checked:
    """Read and validate a catalogue.

    Parameters
    ----------
    source
        A file (parquet, CSV, Excel) or a table with `item_id` and `title`; see `recsys.data.schema.check_items`.

    Returns
    -------
    Checked
        `table` holds the usable rows, `quarantine` the others with a reason each, `notes` the counts.

    Raises
    ------
    BadInput
        The file cannot be read, a required column is missing, or no row can be used.
    """
    return check_items(*_raw(source, "items"))


def read_interactions(source: Path | str | pd.DataFrame, *, known_items: Collection[str] | None = None) -> Checked:
    """Read and validate a table of events.

    Parameters
    ----------
    source
        A file (parquet, CSV, Excel) or a table with `user_id`, `item_id` and usually `timestamp`; see
        `recsys.data.schema.check_interactions`.
    known_items
        Ids of the catalogue; events on other items are quarantined.

    Returns
    -------
    Checked
        As of `read_items`; `time_kind` says whether times of different users can be compared.

    Raises
    ------
    BadInput
        The file cannot be read, a required column is missing, or no row can be used.
    """
    table, name = _raw(source, "interactions")
    return check_interactions(table, known_items, name)


def _raw(source: Path | str | pd.DataFrame, name: str) -> tuple[pd.DataFrame, str]:
    return (source, name) if isinstance(source, pd.DataFrame) else (read_table(source), str(source))
