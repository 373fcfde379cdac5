"""Read and validate tables in one call: usable rows come back, and the others with what was wrong with each."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.data.frames import as_pandas
from recsys.data.own_columns import check_choice
from recsys.data.schema import ITEM, Dialect, TimeKind, check_interactions, check_items, check_users
from recsys.data.snapshot import ShopTables
from recsys.data.sources import read_table
from recsys.data.validation import Checked
from recsys.settings import Settings

log = logging.getLogger(__name__)


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


def check_tables(items: Any, interactions: Any, settings: Settings, users: Any | None = None) -> ShopTables:
    """Validate the data frames of one shop together.

    Parameters
    ----------
    items, interactions, users
        Data frames of pandas, polars, PyArrow, dask or what else Narwhals knows.
    settings
        ``columns`` and ``intake`` say what other names and values mean, and how many bad rows are too many.

    Raises
    ------
    BadInput
        A table cannot be used, or too many of its rows cannot.
    """
    dialect, most = Dialect.of(settings), settings.intake.max_bad
    known = check_items(as_pandas(items, "items"), "items", dialect=dialect).require(most)
    events = check_interactions(
        as_pandas(interactions, "interactions"), set(known.table[ITEM]), "interactions", dialect=dialect
    ).require(most)
    people = None if users is None else check_users(as_pandas(users, "users"), "users", dialect=dialect)
    check_choice(settings.training.columns, (known.table, None if people is None else people.table))
    for name, checked in (("items", known), ("interactions", events), ("users", people)):
        if checked is not None and len(checked.quarantine):
            reasons = checked.quarantine["reason"].value_counts()
            log.warning(
                "%d rows of %s cannot be used, most because %s", len(checked.quarantine), name, reasons.index[0]
            )
    return ShopTables(
        known.table,
        events.table,
        events.time_kind or TimeKind.ORDER,
        users=None if people is None else people.table,
        dislikes=events.dislikes,
    )


def _raw(source: Path | str | pd.DataFrame, name: str) -> tuple[pd.DataFrame, str]:
    return (source, name) if isinstance(source, pd.DataFrame) else (read_table(source), str(source))
