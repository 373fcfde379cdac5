"""The tables of a run: what was given, checked, and completed from the live version or the sample shop."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys.data import outputs, schema, snapshot, sources
from recsys.data.atomic import private_folder
from recsys.data.forgotten import Tombstones
from recsys.data.sample import sample_dir
from recsys.data.schema import Checked, TimeKind
from recsys.data.snapshot import ShopTables
from recsys.data.store import Store, Version
from recsys.errors import BadInput

log = logging.getLogger(__name__)

QUARANTINE = "quarantine"


@dataclass(frozen=True)
class Inputs:
    """What a command was given; anything left out is taken from the live version, or from the sample shop."""

    items: Path | None = None
    interactions: Path | None = None
    impressions: Path | None = None
    users: Path | None = None
    format: str = "auto"
    append: bool = False

    @property
    def given(self) -> bool:
        """Whether any file was."""
        return any([self.items, self.interactions, self.impressions, self.users])


def load_inputs(inputs: Inputs, store: Store, live: Version | None) -> tuple[ShopTables, dict[str, Any]]:
    """Read and check what was given, and complete it from the live version or the sample shop."""
    files = _with_sample(inputs, live)
    old = snapshot.load(live.path).tables.value if live else None
    raw = sources.Tables()  # nothing given: the live version's own tables, with tonight's settings
    if files.given:
        raw = sources.read_tables(
            items=files.items,
            interactions=files.interactions,
            impressions=files.impressions,
            users=files.users,
            format=files.format,
        )
    checks: dict[str, Checked] = {}
    notes: dict[str, Any] = {"sample_shop": files is not inputs, **raw.notes}
    if raw.items is not None:
        checks["items"] = schema.check_items(raw.items, str(files.items or files.interactions))
    items = checks["items"].table if "items" in checks else old.items if old else None
    if items is None:
        raise BadInput("no items: give --items F (interactions alone can only update a version that has items)")
    known = set(items[schema.ITEM])
    if raw.interactions is not None:
        checks["interactions"] = schema.check_interactions(raw.interactions, known, str(files.interactions))
    if raw.impressions is not None:
        checks["impressions"] = schema.check_impressions(raw.impressions, known, str(files.impressions))
    if raw.users is not None:
        checks["users"] = schema.check_users(raw.users, str(files.users))
    erased = Tombstones.read(store.root)
    _write_quarantine(store, checks, erased)
    for name, check in checks.items():
        notes |= {f"{name}_{k}": v for k, v in check.notes.items()}
    interactions = checks.get("interactions")
    if interactions is not None:
        table, kind = interactions.table, interactions.time_kind or TimeKind.ORDER
        if inputs.append and old is not None:
            table = _appended(old.interactions, old.kind, table, kind)
    elif old is not None:
        table, kind = old.interactions, old.kind
        table = table[table[schema.ITEM].astype(object).isin(known)]
    else:
        table, kind = _no_events(), TimeKind.ABSOLUTE

    def pick(name: str) -> pd.DataFrame | None:
        return checks[name].table if name in checks else getattr(old, name, None)

    tables = ShopTables(items, table, kind, pick("impressions"), pick("users"))
    tables, gone = erased.drop(tables)
    return tables, notes | ({"rows_of_erased_users": gone} if gone else {})


def _with_sample(inputs: Inputs, live: Version | None) -> Inputs:
    if live is not None or inputs.given:
        return inputs
    folder = sample_dir()

    def file(name: str) -> Path | None:
        return next(iter(sorted(folder.glob(f"{name}.*"))), None)

    return Inputs(items=file("items"), interactions=file("interactions"), users=file("users"))


def _appended(old: pd.DataFrame, old_kind: TimeKind, new: pd.DataFrame, new_kind: TimeKind) -> pd.DataFrame:
    """Both tables' events, each already checked; repeats of an event are dropped by checking once more."""
    if new_kind is not old_kind:
        raise BadInput(
            f"--append: the live events have {old_kind.value} times, the new ones {new_kind.value} times; "
            "they cannot be put in one order"
        )
    if new_kind is TimeKind.ORDER:  # the new events come after each user's old ones
        last = old.groupby(schema.USER)[schema.TIME].max()
        new = new.assign(**{schema.TIME: new[schema.TIME] + new[schema.USER].map(last).fillna(-1.0) + 1})
    both = pd.concat([old, new], ignore_index=True)
    return schema.check_interactions(both, source="interactions").table


def _no_events() -> pd.DataFrame:
    return pd.DataFrame(
        {
            schema.USER: pd.Series(dtype=object),
            schema.ITEM: pd.Series(dtype=object),
            schema.TIME: pd.Series(dtype=np.float64),
            schema.WEIGHT: pd.Series(dtype=np.float32),
        }
    )


def _write_quarantine(store: Store, checks: dict[str, Checked], erased: Tombstones) -> None:
    folder = store.root / QUARANTINE
    for name, check in checks.items():
        path = folder / f"{name}.csv"
        if len(check.quarantine):
            private_folder(folder)
            rows = check.quarantine
            outputs.write_table(rows[[not erased.mentioned(raw) for raw in rows["raw"]]], path)
            log.warning("%d rows of %s cannot be used; see %s", len(check.quarantine), name, path)
        else:
            path.unlink(missing_ok=True)
