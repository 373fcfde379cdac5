"""Files in public formats -> the project's tables, still unchecked (`recsys.data.schema` does that).

Formats: `own` (the columns of the data contract), `online-retail` (UCI Online Retail I and II), `amazon-2023` (Amazon
Reviews 2023) and `mind` (Microsoft News).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import pandas as pd

from recsys.data.report import ReadingReport
from recsys.data.sources import amazon, mind, online_retail
from recsys.data.sources.files import existing, header, read_table
from recsys.errors import BadInput

__all__ = ["Format", "Tables", "read_table", "read_tables"]

Format = Literal["auto", "own", "online-retail", "amazon-2023", "mind"]
Notes = dict[str, int | str | float]


@dataclass(frozen=True)
class Tables:
    """What was read: the tables that were given or could be derived, and what was left out on the way (`notes`).

    `report` says how each file was read; the checks go on writing in it.
    """

    items: pd.DataFrame | None = None
    interactions: pd.DataFrame | None = None
    impressions: pd.DataFrame | None = None
    users: pd.DataFrame | None = None
    notes: Notes = field(default_factory=dict)
    report: ReadingReport = field(default_factory=ReadingReport)


def read_tables(
    items: Path | str | None = None,
    interactions: Path | str | None = None,
    *,
    format: str = "auto",
    impressions: Path | str | None = None,
    users: Path | str | None = None,
) -> Tables:
    """Read the tables of a shop from its files.

    Parameters
    ----------
    items, interactions : path, optional
        The catalogue and the events; either alone is fine. UCI Online Retail is one file with both: pass it as
        `interactions`. MIND: `news.tsv`, `behaviors.tsv`. Amazon: `meta_*.jsonl[.gz]` and the reviews' `*.jsonl[.gz]`.
    format : str
        `auto` recognises the format by file name and columns.
    impressions, users : path, optional
        Further tables in our own columns.

    Returns
    -------
    Tables
        `notes["format"]` is the format used; counts of what was left out are beside it.

    Raises
    ------
    BadInput
        A file cannot be read, or is not in the format that was named.
    """
    if format not in get_args(Format):
        raise BadInput(f"unknown format {format!r}; use one of {', '.join(get_args(Format))}.")
    paths = {"items": items, "interactions": interactions, "impressions": impressions, "users": users}
    given = {name: existing(path) for name, path in paths.items() if path is not None}
    if not given:
        raise BadInput("no file to read: give items, interactions or both.")
    chosen = _detect(given) if format == "auto" else format
    catalogue, events = given.get("items"), given.get("interactions")
    read: dict[str, pd.DataFrame] = {}
    notes: Notes = {"format": chosen}
    if chosen == "online-retail":
        found, left_out = online_retail.read(list(dict.fromkeys(path for path in (events, catalogue) if path)))
    elif chosen == "amazon-2023":
        found, left_out = amazon.read(catalogue, events)
    elif chosen == "mind":
        found, left_out = mind.read(catalogue, events)
    else:
        own = {"items": catalogue, "interactions": events}
        found, left_out = {name: read_table(path) for name, path in own.items() if path is not None}, {}
    read |= found | {name: read_table(given[name]) for name in ("impressions", "users") if name in given}
    return Tables(**read, notes=notes | left_out)


def _detect(given: dict[str, Path]) -> str:
    main = [given[name] for name in ("items", "interactions") if name in given]
    names = [path.name.lower() for path in main]
    if any(name.endswith((".jsonl", ".jsonl.gz")) for name in names):
        return "amazon-2023"
    if any(name.endswith((".tsv", ".tsv.gz")) for name in names):
        return "mind"
    if any(online_retail.matches(header(path)) for path in main):
        return "online-retail"
    return "own"
