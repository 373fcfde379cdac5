"""Files, folders, URLs and databases -> the project's tables, still unchecked (`recsys.data.schema` does that).

What a file is, its bytes say; whose export it is, its columns say (`layouts`). Amazon Reviews 2023 and MIND have
readers of their own, because the one is too large to be held whole and the other has no header.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from recsys.data.report import ReadingReport
from recsys.data.sources import amazon, layouts, mind
from recsys.data.sources.files import Read, is_database, read, read_parts, read_table
from recsys.data.sources.layouts import FROM_EVENTS
from recsys.data.sources.places import Part, parts_of, shown
from recsys.data.sources.records import flat
from recsys.errors import BadInput

__all__ = ["FORMATS", "FROM_EVENTS", "Read", "Tables", "is_database", "read", "read_table", "read_tables", "shown"]

FORMATS = ("auto", "own", "amazon-2023", "mind", *layouts.NAMES)
Notes = dict[str, int | str | float]
Place = Path | str


@dataclass(frozen=True)
class Tables:
    """What was read: the tables that were given or could be derived.

    Attributes
    ----------
    items, interactions, impressions, users, reviews : pandas.DataFrame or None
        With the columns of the data contract where the layout is a known one, else as they were.
    notes : dict
        `format`, and counts of what was left out on the way.
    report : ReadingReport
        How each file was read (`separated by semicolons`, `gzip`); the checks go on writing in it.
    """

    items: pd.DataFrame | None = None
    interactions: pd.DataFrame | None = None
    impressions: pd.DataFrame | None = None
    users: pd.DataFrame | None = None
    reviews: pd.DataFrame | None = None
    notes: Notes = field(default_factory=dict)
    report: ReadingReport = field(default_factory=ReadingReport)


def read_tables(
    items: Place | None = None,
    interactions: Place | None = None,
    *,
    format: str = "auto",
    impressions: Place | None = None,
    users: Place | None = None,
    reviews: Place | None = None,
) -> Tables:
    """Read the tables of a shop from wherever they live.

    Parameters
    ----------
    items, interactions : path or URL, optional
        The catalogue and the events; either alone is fine. UCI Online Retail and GA4 have both in one: pass it as
        `interactions`.
    format : str
        One of `FORMATS`; `auto` recognises a layout by its columns, each table's by itself.
    impressions, users, reviews : path or URL, optional
        Further tables in our own columns.

    Returns
    -------
    Tables
        `notes["format"]` is the layout found; counts of what was left out are beside it.

    Raises
    ------
    BadInput
        A table cannot be read, or is not in the format that was named.
    """
    if format not in FORMATS:
        raise BadInput(f"unknown format {format!r}; use one of {', '.join(FORMATS)}.")
    places = {"items": items, "interactions": interactions, "impressions": impressions, "users": users}
    places["reviews"] = reviews
    given = {name: place for name, place in places.items() if place is not None}
    if not given:
        raise BadInput("no file to read: give items, interactions or both.")
    with ExitStack() as stack:
        parts = {
            name: [] if is_database(place) else stack.enter_context(parts_of(place)) for name, place in given.items()
        }
        main = {name: parts[name] for name in ("items", "interactions") if parts.get(name)}
        own_reader = format if format in ("amazon-2023", "mind") else _own_reader(main) if format == "auto" else None
        if own_reader is not None:
            reader = amazon.read if own_reader == "amazon-2023" else mind.read
            tables, notes = reader(_one(main.get("items")), _one(main.get("interactions")))
            reads: dict[str, Read] = {}
            notes = {"format": own_reader, **notes}
            columns: dict[str, dict[str, str]] = {}
        else:
            fallback = {"fallback_encoding": "cp1252"} if _is_online_retail(main, format) else {}
            reads = {
                name: read_parts(parts[name], str(given[name]), **fallback) if parts[name] else read(given[name], name)
                for name in given
                if name in ("items", "interactions")
            }
            tables, notes, columns = layouts.arrange({name: one.table for name, one in reads.items()}, format, given)
        for name in ("impressions", "users", "reviews"):
            if name in given:
                reads[name] = read_parts(parts[name], str(given[name])) if parts[name] else read(given[name], name)
                tables[name] = reads[name].table
    report = _report(given, tables, reads, notes, columns)
    return Tables(**{name: flat(table) for name, table in tables.items()}, notes=notes, report=report)


def _report(
    given: dict[str, Place],
    tables: dict[str, pd.DataFrame],
    reads: dict[str, Read],
    notes: Notes,
    columns: dict[str, dict[str, str]],
) -> ReadingReport:
    """Where each table came from and how it was read; what a layout left out is said with the table it is named for."""
    report = ReadingReport()
    for name in sorted(tables, key=["items", "interactions", "impressions", "users", "reviews"].index):
        table = report.table(name)
        table.source = shown(given.get(name) or given.get("interactions") or given["items"])
        table.reading = [*(reads[name].notes if name in reads else ())]
        table.columns = columns.get(name, {})
    main = report.table("interactions" if "interactions" in tables else "items")
    main.reading += [f"{key.replace('_', ' ')} {value}" for key, value in notes.items() if value and value != "own"]
    return report


def _own_reader(main: dict[str, list[Part]]) -> str | None:
    for parts in main.values():
        if amazon.matches(parts[0].path):
            return "amazon-2023"
        if mind.matches(parts[0].path, parts[0].name):
            return "mind"
    return None


def _is_online_retail(main: dict[str, list[Part]], format: str) -> bool:
    return format == "online-retail" or (
        format == "auto" and any(layouts.online_retail.matches_text(parts[0].path) for parts in main.values())
    )


def _one(parts: list[Part] | None) -> Path | None:
    if parts and len(parts) > 1:
        raise BadInput(f"{parts[0].name}: this format is read from one file; name one of the {len(parts)}.")
    return parts[0].path if parts else None
