"""Events that the service took in between nights, as interactions of the next one: each once.

What a night took is marked in the version it publishes (`EVENTS_READ`). Where the tables of the live version are gone
on with, only what came after its mark is added; where a new export replaces them, all that the log still holds is: an
event that the export tells, too, on the same day, counts once, as all repeats of a day do.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from recsys.data import schema
from recsys.data.event_log import EVENTS_READ, EventLog
from recsys.data.pseudonyms import Pseudonyms, named
from recsys.data.schema import Checked, TimeKind
from recsys.data.snapshot import ShopTables
from recsys.data.store import Version
from recsys.errors import BadInput
from recsys.settings import Settings

log = logging.getLogger(__name__)

_COLUMNS = (schema.USER, schema.ITEM, schema.EVENT, schema.TIME, schema.QUANTITY, schema.PRICE)


def with_logged(
    tables: ShopTables, settings: Settings, live: Version | None, *, replaced: bool
) -> tuple[ShopTables, dict[str, int], dict[str, Any]]:
    """Add the log's events to tonight's tables.

    Parameters
    ----------
    replaced
        Whether the interactions are a new export rather than the live version's.

    Returns
    -------
    The tables, the position that they hold the log to, and counts for the summary.
    """
    found = EventLog.of(settings.artifacts)
    before = {} if live is None else live.manifest.get(EVENTS_READ, {})
    found.expire(settings.serve.keep_events_days, before)
    rows, reached = found.read(None if replaced else before)
    if not rows:
        return tables, reached, {}
    rows, strange = _named(rows, tables.protection.pseudonyms)
    checked, unknown = _checked(rows, set(tables.items[schema.ITEM]), tables.kind)
    notes = {"logged_events_of_another_key": strange} if strange else {}
    notes |= {"logged_events": 0 if checked is None else len(checked.table), "logged_events_of_unknown_items": unknown}
    if checked is None:
        return tables, reached, notes
    return replace(tables, interactions=appended(tables, checked, tables.kind)), reached, notes


def _named(rows: Sequence[dict[str, Any]], pseudonyms: Pseudonyms | None) -> tuple[list[dict[str, Any]], int]:
    """The rows with users as the tables name them, and how many are of another key, whose users nobody can tell."""
    known = named(rows, pseudonyms)
    if strange := sum(schema.USER in row for row in rows) - len(known):
        log.warning("%d logged events were taken in under another key and are left out", strange)
    return known, strange


def _checked(rows: Sequence[dict[str, Any]], known: Collection[str], kind: TimeKind) -> tuple[Checked | None, int]:
    raw = pd.DataFrame.from_records(rows, columns=list(_COLUMNS))
    whole = raw[raw[schema.ITEM].isin(known)].dropna(axis=1, how="all")
    unknown = len(raw) - len(whole)
    if not len(whole):
        return None, unknown
    if kind is TimeKind.ORDER:  # such a shop knows only who did what before what
        whole = whole.sort_values(schema.TIME, kind="stable").drop(columns=schema.TIME)
    try:
        return schema.check_interactions(whole, source="the log of events"), unknown
    except BadInput as error:  # not one row of use
        log.warning("%s", error)
        return None, unknown


def appended(old: ShopTables, new: Checked, kind: TimeKind) -> pd.DataFrame:
    """Both tables' events, each already checked; repeats are dropped, and returns netted, by checking once more."""
    if kind is not old.kind:
        raise BadInput(
            f"--append: the live events have {old.kind.value} times, the new ones {kind.value} times; "
            "they cannot be put in one order"
        )
    fresh = new.table if new.returns is None else pd.concat([new.table, new.returns], ignore_index=True)
    if kind is TimeKind.ORDER:  # the new events come after each user's old ones
        last = old.interactions.groupby(schema.USER)[schema.TIME].max()
        fresh = fresh.assign(**{schema.TIME: fresh[schema.TIME] + fresh[schema.USER].map(last).fillna(-1.0) + 1})
    both = pd.concat([old.interactions, fresh], ignore_index=True)
    return schema.check_interactions(both, source="interactions").table
