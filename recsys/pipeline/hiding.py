"""Pseudonymisation of tonight's tables: from the checks on, no table, report or log holds an id of the shop's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from recsys.data.columns import USER
from recsys.data.forgotten import Tombstones, user_tables
from recsys.data.protection import Protection
from recsys.data.pseudonyms import Pseudonyms
from recsys.data.schema import Checked
from recsys.data.snapshot import ShopTables
from recsys.settings import Settings


def hide_users(
    checks: Mapping[str, Checked], pseudonyms: Pseudonyms, erased: Tombstones | None
) -> tuple[dict[str, Checked], int]:
    """Checked tables under pseudonyms, and how many rows of erased users were dropped on the way.

    Users who were erased while ids were kept in clear are known by these alone, so they are dropped before.
    """
    gone, known = 0, pseudonyms.names(check.table for check in checks.values())

    def hidden(table: pd.DataFrame | None) -> pd.DataFrame | None:
        nonlocal gone
        if table is None or USER not in table:
            return table
        lost = set() if erased is None else erased.among(table[USER].dropna().astype(str).unique())
        stay = ~table[USER].isin(lost)
        gone += int((~stay).sum())
        return pseudonyms.table(table[stay].reset_index(drop=True), known)

    changed = {}
    for name, check in checks.items():
        table = hidden(check.table)
        assert table is not None
        changed[name] = replace(check, table=table, returns=hidden(check.returns), dislikes=hidden(check.dislikes))
    return changed, gone


def protected(tables: ShopTables, settings: Settings) -> ShopTables:
    """Tables that somebody checked, as the settings say that persons are kept."""
    protection = Protection.wanted(settings)
    if protection.pseudonyms is None:
        return replace(tables, protection=protection)
    mine = user_tables(tables)
    known = protection.pseudonyms.names(mine.values())
    hidden = {name: protection.pseudonyms.table(table, known) for name, table in mine.items()}
    return replace(tables, protection=protection, **hidden)
