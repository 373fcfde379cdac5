"""The tables of a run: what was given, checked, and completed from the live version or the sample shop."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys.data import dislikes, languages, outputs, own_columns, report, schema, snapshot, sources
from recsys.data.atomic import private_folder
from recsys.data.catalogue import render
from recsys.data.forgotten import Tombstones
from recsys.data.protection import Protection
from recsys.data.reviews import check_reviews
from recsys.data.sample import sample_dir
from recsys.data.schema import Checked, Dialect, TimeKind
from recsys.data.snapshot import ShopTables
from recsys.data.store import Store, Version
from recsys.delivery.parcels import MOMENTS, PLACES
from recsys.errors import BadInput
from recsys.forecast.prices import check_prices
from recsys.pipeline import missing
from recsys.pipeline.ageing import drop_old
from recsys.pipeline.hiding import hide_users
from recsys.pipeline.logged_events import appended, with_logged
from recsys.settings import Settings

log = logging.getLogger(__name__)

QUARANTINE = "quarantine"
ERASED = "rows_of_erased_users"
#: Columns that only the orders table has; whether one maps to them is told where that is read.
_ORDERS_ALONE = frozenset({*MOMENTS, *PLACES})


@dataclass(frozen=True)
class Inputs:
    """What a command was given; anything left out is taken from the live version, or from the sample shop."""

    items: Path | str | None = None
    interactions: Path | str | None = None
    impressions: Path | str | None = None
    users: Path | str | None = None
    format: str = "auto"
    append: bool = False
    reviews: Path | str | None = None
    orders: Path | str | None = None
    """When orders were placed, shipped and delivered: delivery times are learnt from them (`recsys.delivery`)."""
    prices: Path | str | None = None
    """What items cost from when on (`recsys.forecast.prices`)."""

    @property
    def given(self) -> bool:
        """Whether any file was."""
        return any([self.items, self.interactions, self.impressions, self.users, self.reviews])


@dataclass(frozen=True)
class Intake:
    """The tables of a run, and how they came to be.

    Attributes
    ----------
    checks
        The tables that were read, by name.
    reading
        The report of this reading as plain data; the live version's where nothing was read.
    notes
        Counts for the summary.
    events_read
        The position to which the tables hold the log of events; for the manifest.
    """

    tables: ShopTables
    checks: Mapping[str, Checked]
    reading: Mapping[str, Any]
    notes: dict[str, Any] = field(default_factory=dict)
    events_read: dict[str, int] = field(default_factory=dict)

    def require(self, max_bad: float) -> Intake:
        """The same, unless too many rows of a table cannot be used (`BadInput`)."""
        for check in self.checks.values():
            check.require(max_bad)
        return self

    def save(self, directory: Path) -> None:
        """Write the report into a version."""
        report.save(self.reading, directory)


def load_inputs(inputs: Inputs, store: Store, live: Version | None, settings: Settings) -> Intake:
    """Read and check what was given, and complete it from the live version or the sample shop.

    Raises
    ------
    BadInput
        The tables cannot be used, or too many of their rows cannot; the quarantine lists these all the same.
    """
    erased = Tombstones.read(store.root)
    intake = read_inputs(inputs, live, settings, erased)
    _write_quarantine(store, intake.checks, erased, intake.tables.protection)
    intake = intake.require(settings.intake.max_bad)
    replaced = "interactions" in intake.checks and not inputs.append
    tables, reached, logged = with_logged(intake.tables, settings, live, replaced=replaced)
    tables, gone = erased.drop(tables)
    gone += intake.notes.get(ERASED, 0)
    notes = intake.notes | logged | ({ERASED: gone} if gone else {})
    return replace(intake, tables=tables, notes=notes, events_read=reached)


def read_inputs(inputs: Inputs, live: Version | None, settings: Settings, erased: Tombstones | None = None) -> Intake:
    """`load_inputs` without a trace: nothing is written, and bad rows are only counted."""
    protection = Protection.wanted(settings)
    if live is not None:
        protection.require(live.path)
    files = _with_sample(inputs, live)
    old = snapshot.load(live.path).tables.value if live else None
    raw = sources.Tables()  # nothing given: the live version's own tables, with tonight's settings
    if files.given:
        raw = sources.read_tables(
            items=files.items,
            interactions=files.interactions,
            impressions=files.impressions,
            users=files.users,
            reviews=files.reviews,
            format=files.format,
        )
    _check_mapping(settings.columns, raw)
    checks: dict[str, Checked] = {}
    notes: dict[str, Any] = {"sample_shop": files is not inputs, **raw.notes}
    hidden = protection.pseudonyms
    how: dict[str, Any] = {"dialect": Dialect.of(settings, str if hidden is None else hidden.of)}

    def about(name: str) -> dict[str, Any]:
        place = getattr(files, name) or files.interactions or ""
        return {**how, "source": sources.shown(place), "report": raw.report.table(name)}

    stopgap = raw.notes.get("items") == sources.FROM_EVENTS and old is not None
    if stopgap:
        raw.report.tables.pop("items", None)
    elif raw.items is not None:
        checks["items"] = schema.check_items(raw.items, **about("items"))
        _say_languages(checks["items"], settings.encoder.name)
    items = checks["items"].table if "items" in checks else old.items if old else None
    if items is None:
        raise BadInput("no items: give --items F (interactions alone can only update a version that has items)")
    left = missing.left_the_feed(items, old) if old is not None and "items" in checks else items.iloc[:0]
    known = {*items[schema.ITEM], *left[schema.ITEM]}
    if raw.interactions is not None:
        checks["interactions"] = schema.check_interactions(raw.interactions, known, **about("interactions"))
    if raw.impressions is not None:
        checks["impressions"] = schema.check_impressions(raw.impressions, known, **about("impressions"))
    if raw.users is not None:
        checks["users"] = schema.check_users(raw.users, **about("users"))
    if raw.reviews is not None:
        checks["reviews"] = check_reviews(raw.reviews, known, **about("reviews"))
    if files.prices is not None:
        checks["prices"] = check_prices(sources.read_table(files.prices, "prices"), sources.shown(files.prices), **how)
        raw.report.tables["prices"] = checks["prices"].report
    if hidden is not None:
        checks, notes[ERASED] = hide_users(checks, hidden, erased)
    interactions = checks.get("interactions")
    if old is not None and (interactions is None or inputs.append):
        missing.refuse_other_ids(old, items, left, settings.gate.max_shrink)
    table, kind = _events(interactions, old, append=inputs.append)
    kept = missing.keep(left, table, kind, settings.intake.keep_missing_days, raw.report)
    if len(left):
        table = table[table[schema.ITEM].astype(object).isin({"", *items[schema.ITEM], *kept[schema.ITEM]})]
        items = pd.concat([items, kept], ignore_index=True).sort_values(schema.ITEM, ignore_index=True)

    def pick(name: str) -> pd.DataFrame | None:
        return checks[name].table if name in checks else getattr(old, name, None)

    for name, check in checks.items():
        notes |= {f"{name}_{k}": v for k, v in check.notes.items()}
    disliked = _dislikes(interactions, old, append=inputs.append)
    tables = ShopTables(
        items,
        table,
        kind,
        pick("impressions"),
        pick("users"),
        len(kept),
        disliked,
        reviews=pick("reviews"),
        prices=pick("prices"),
        protection=protection,
    )
    own_columns.check_choice(settings.training.columns, (tables.items, tables.users))
    for name in ("items", "users"):
        if name in checks:
            _say_columns(checks[name], settings)
    tables = drop_old(tables, settings.intake.keep_days, raw.report)
    reading = raw.report.to_dict() if checks else report.load(live.path) if live else {}
    notes |= {"reading": reading} if checks else {}
    return Intake(tables, checks, reading, notes)


def _events(new: Checked | None, old: ShopTables | None, *, append: bool) -> tuple[pd.DataFrame, TimeKind]:
    if new is None:
        return (_no_events(), TimeKind.ABSOLUTE) if old is None else (old.interactions, old.kind)
    kind = new.time_kind or TimeKind.ORDER
    return (appended(old, new, kind) if append and old is not None else new.table), kind


def _dislikes(new: Checked | None, old: ShopTables | None, *, append: bool) -> pd.DataFrame | None:
    before = old.dislikes if old is not None and (append or new is None) else None
    return dislikes.tidy(before, None if new is None else new.dislikes)


def _check_mapping(columns: Mapping[str, str], raw: sources.Tables) -> None:
    tables = [
        table for table in (raw.items, raw.interactions, raw.impressions, raw.users, raw.reviews) if table is not None
    ]
    there = [str(name).strip() for table in tables for name in table.columns]
    for ours, theirs in columns.items():
        if tables and theirs not in there and ours not in _ORDERS_ALONE:
            raise BadInput(
                f"columns: `{ours}` is to be read from {theirs!r}, and no table has such a column. Found: "
                f"{', '.join(map(repr, dict.fromkeys(there)))}."
            )


def _say_languages(items: Checked, encoder: str) -> None:
    items.report.languages = languages.shares(render(items.table, (schema.TITLE, schema.TEXT)))
    if warning := languages.unread(items.report.languages, encoder):
        items.report.warnings.append(warning)


def _say_columns(checked: Checked, settings: Settings) -> None:
    """Which further columns are learnt from, and why others are not."""
    if said := own_columns.plan(checked.table, settings.encoder.template, settings.training.columns).line:
        checked.report.notes.append(said)


def _with_sample(inputs: Inputs, live: Version | None) -> Inputs:
    if live is not None or inputs.given or inputs.orders is not None or inputs.prices is not None:
        return inputs
    folder = sample_dir()

    def file(name: str) -> Path | None:
        return next(iter(sorted(folder.glob(f"{name}.*"))), None)

    return Inputs(
        items=file("items"),
        interactions=file("interactions"),
        users=file("users"),
        reviews=file("reviews"),
        prices=file("prices"),
    )


def _no_events() -> pd.DataFrame:
    return pd.DataFrame(
        {
            schema.USER: pd.Series(dtype=object),
            schema.ITEM: pd.Series(dtype=object),
            schema.TIME: pd.Series(dtype=np.float64),
            schema.WEIGHT: pd.Series(dtype=np.float32),
        }
    )


def _write_quarantine(store: Store, checks: Mapping[str, Checked], erased: Tombstones, protection: Protection) -> None:
    folder = store.root / QUARANTINE
    for name, check in checks.items():
        path = folder / f"{name}.csv"
        if len(check.quarantine):
            private_folder(folder)
            rows = check.quarantine[[not erased.mentioned(raw) for raw in check.quarantine["raw"]]]
            if protection and name != "items":  # the number tells where the row is; what it holds is not kept in clear
                rows = rows.assign(raw="")
            outputs.write_table(rows, path)
            log.warning("%d rows of %s cannot be used; see %s", len(check.quarantine), name, path)
        else:
            path.unlink(missing_ok=True)
