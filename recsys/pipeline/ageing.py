"""Retention by age: what a shopper did longer ago than the shop wants to know is in no later version."""

from __future__ import annotations

from dataclasses import replace

from recsys.data import schema
from recsys.data.events import DAY
from recsys.data.report import ReadingReport
from recsys.data.schema import TimeKind
from recsys.data.snapshot import ShopTables
from recsys.errors import BadInput


def drop_old(tables: ShopTables, days: float | None, report: ReadingReport) -> ShopTables:
    """The tables without events and impressions that are more than `days` older than the latest event.

    The latest event is the clock, so that the same tables give the same version whenever they are read.

    Parameters
    ----------
    days
        None keeps everything.

    Raises
    ------
    BadInput
        The events have an order but no times: their age is not known, and ignoring the setting would keep them all.
    """
    if days is None or not len(tables.interactions):
        return tables
    if tables.kind is not TimeKind.ABSOLUTE:
        raise BadInput(
            "intake.keep_days: these events have an order but no times, so nobody knows how old they are; give them a "
            "timestamp, or take the setting away (it then stays with you to leave old rows out)"
        )
    oldest = float(tables.interactions[schema.TIME].max()) - days * DAY
    kept = {}
    for name in ("interactions", "impressions", "reviews"):
        table = getattr(tables, name)
        if table is None:
            continue
        recent = ~(table[schema.TIME] < oldest)  # a review may have no time
        if gone := int((~recent).sum()):
            kept[name] = table[recent].reset_index(drop=True)
            report.table(name).notes.append(f"{gone:,} rows older than {days:g} days dropped (intake.keep_days)")
    return replace(tables, **kept)
