"""Catalogue churn: products that tonight's feed lacks keep their history, and come back with it.

A feed lists what is for sale today. What was learnt from a product does not stop being true when it sells out, so it
stays in the version, unavailable, until its last event is too long ago.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from recsys.data import schema
from recsys.data.events import DAY
from recsys.data.report import ReadingReport
from recsys.data.schema import TimeKind
from recsys.data.snapshot import ShopTables
from recsys.data.spellings import mismatch
from recsys.errors import BadInput

#: Share of the live events on items that a catalogue lacks from which its ids are others; below, it only shrank.
OTHERS = 0.9


def left_the_feed(items: pd.DataFrame, old: ShopTables) -> pd.DataFrame:
    """The live version's items that tonight's feed lacks, as unavailable ones."""
    gone = old.items[~old.items[schema.ITEM].astype(object).isin(set(items[schema.ITEM]))]
    return gone.assign(**{schema.AVAILABLE: False})


def refuse_other_ids(old: ShopTables, items: pd.DataFrame, left: pd.DataFrame, max_shrink: float) -> None:
    """Refuse a catalogue that knows too few of the items of the live events: most likely its ids are others.

    Raises
    ------
    BadInput
        With ids of both.
    """
    concerned = old.interactions[old.interactions[schema.ITEM] != ""][schema.ITEM].astype(object)
    lost = concerned.isin(set(left[schema.ITEM]))
    if not len(concerned) or lost.mean() <= max(max_shrink, OTHERS):
        return
    how_many = "none" if lost.all() else f"only {int((~lost).sum()):,}"
    hint = mismatch(np.unique(concerned[lost].to_numpy(object).astype(str)), set(items[schema.ITEM]), schema.ITEM)
    raise BadInput(
        f"items: {how_many} of the live version's {len(concerned):,} events is on an item of the new catalogue, less "
        f"than gate.max_shrink = {max_shrink:g} allows.{hint} If the ids have changed, give the events with the new "
        "ids, too: --interactions F. If these products have all left, set RECSYS_GATE__MAX_SHRINK=1 for one run."
    )


def keep(left: pd.DataFrame, events: pd.DataFrame, kind: TimeKind, days: float, report: ReadingReport) -> pd.DataFrame:
    """Those of the items that left which are still learnt from; said in the report.

    Parameters
    ----------
    days
        How long ago their last event may be, counted from the last event of all; without times, all are kept.
    """
    if not len(left):
        return left
    mine = events[events[schema.ITEM].astype(object).isin(set(left[schema.ITEM]))]
    last = mine.groupby(schema.ITEM)[schema.TIME].max()
    if kind is TimeKind.ABSOLUTE and len(last):
        last = last[last >= events[schema.TIME].max() - days * DAY]
    kept = left[left[schema.ITEM].astype(object).isin(set(last.index if days > 0 else []))]
    rows = int(mine[schema.ITEM].astype(object).isin(set(kept[schema.ITEM])).sum())
    forgotten = f"; {len(mine) - rows:,} events of products gone for longer are left out" if len(mine) > rows else ""
    report.table("items").notes.append(
        f"{len(left):,} products have left the feed: {len(kept):,} are kept as unavailable, with {rows:,} events"
        f"{forgotten}"
    )
    return kept
