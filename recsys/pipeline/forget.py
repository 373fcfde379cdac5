"""Erasure of users (GDPR, article 17): out of every kept version, and refused from old exports from then on.

Each version is written again without them and takes the place of its predecessor under a new id: a version never
changes once it is published, so that whoever reads it is not surprised. What was learnt from all shoppers together, the
weights of the ranker, stays until the next `train`; every statistic, table, history and vector is as in a shop that
never had them.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from recsys.data import schema, snapshot
from recsys.data.attributes import shopper_attributes
from recsys.data.event_log import EVENTS, EXPOSURES, EventLog
from recsys.data.forgotten import Tombstones, user_tables, without_users
from recsys.data.handovers import Handovers
from recsys.data.histories import Histories
from recsys.data.protection import Protection
from recsys.data.retention import read_pins, read_tags, write_pins
from recsys.data.reviews import Opinions
from recsys.data.snapshot import Lazy, ShopTables, Snapshot
from recsys.data.store import Store, Version
from recsys.data.vectors import VectorPool
from recsys.errors import ArtifactError, BadInput, Unwritable
from recsys.forecast.prices import prices_of
from recsys.pipeline import drift
from recsys.pipeline.card import write_card
from recsys.pipeline.inputs import QUARANTINE
from recsys.pipeline.night import SHARDS
from recsys.pipeline.pictures import FILE as PICTURES
from recsys.pipeline.supply import carry_supply
from recsys.ranking.features import TrainingContext
from recsys.ranking.ranker import Ranker
from recsys.serving.fallback import PopularityFallback
from recsys.settings import Settings


def forget(users: Collection[str], settings: Settings) -> dict[str, Any]:
    """Erase users from the artifacts.

    Tombstones come first and old versions go last: a run that was stopped is finished by running it again.

    Returns
    -------
    dict
        The receipt: what was removed where, in numbers, and which version took the place of which; no id of a user.

    Raises
    ------
    ArtifactError
        The live version is damaged; nothing was changed.
    BadInput
        No user is named.
    Unwritable
        An old version cannot be deleted.
    """
    if not users:
        raise BadInput("forget: no user is named; give --user ID or --user-file F")
    store = Store(settings.artifacts)
    store.require()
    with store.locked():
        hidden = Protection.live(store.root).pseudonyms
        Tombstones.read(store.root).with_users(users, hidden).write(store.root)
        rewritten = _rewrite_all(store, frozenset(users), settings)
        handovers = Handovers(store.root).forget(users)
        logged = {name: EventLog.of(store.root, name).erase(users, hidden) for name in (EVENTS, EXPOSURES)}
        removed_aside = [name for name in (QUARANTINE, SHARDS) if (store.root / name).exists()]
        for name in removed_aside:  # rows that were no use, and vectors of a night that was stopped
            shutil.rmtree(store.root / name)
        old = (store.versions_dir / entry["version"] for entry in rewritten if entry.get("now") != entry["version"])
        if left := [path for path in (*old, *store.remains()) if path.exists()]:
            raise Unwritable(
                f"{left[0]}: cannot be deleted and still holds rows of the erased; give this account the right to "
                "write there and run the same command again"
            )
    return {
        "users": len(users),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": rewritten,
        "handover_rows": handovers,
        "logged": logged,
        "also_deleted": removed_aside,
        "later_exports": "refused by tombstone",
    }


def _rewrite_all(store: Store, users: frozenset[str], settings: Settings) -> list[dict[str, Any]]:
    live, pins, tags = store.current_id(), read_pins(store.root), read_tags(store.root)
    names: dict[str, str] = {}
    report: list[dict[str, Any]] = []
    previous: Version | None = None
    for name in store.versions():
        try:
            version = store.version(name)
        except ArtifactError:  # what cannot be read cannot be cleaned
            report.append({"version": name, "damaged": "deleted"})
            continue
        shop = snapshot.load(version.path)
        kept = shop.protection.kept(users)
        removed = _rows_of(shop, kept)
        if not any(removed.values()):
            previous = version
            report.append({"version": name, "removed": removed, "now": name})
            names[name] = name
            continue
        previous = _rewritten(store, version, shop, kept, settings, previous)
        report.append({"version": name, "removed": removed, "now": previous.id})
        names[name] = previous.id
    assert live is not None  # it was required
    moved = {tag: names[version] for tag, version in tags.items() if version in names}
    write_pins(store.root, {names[p] for p in pins if p in names}, moved)
    store.point_to(names[live])
    for entry in report:
        if entry.get("now") != entry["version"]:
            store.remove(entry["version"])
    return report


def _rows_of(shop: Snapshot, users: Collection[str]) -> dict[str, int]:
    tables = user_tables(shop.tables.value)
    return {name: int(table["user_id"].isin(users).sum()) for name, table in tables.items()}


def _rewritten(
    store: Store, version: Version, shop: Snapshot, users: Collection[str], settings: Settings, like: Version | None
) -> Version:
    """The version without these users, complete but not live."""
    recipe = version.manifest["recipe"]
    clean = _without(shop, users, recipe["training"])
    with store.draft() as draft:
        shutil.copytree(version.path / "index", draft.path / "index")  # of items alone
        carry_supply(version.path, draft.path)
        snapshot.save(clean, draft.path)  # not the report of the reading, which may quote their rows
        if (version.path / PICTURES).is_file():
            shutil.copy2(version.path / PICTURES, draft.path / PICTURES)  # of items alone
        about = dict(version.manifest)
        about["counts"] = {**about["counts"], "users": len(clean.user_ids), "events": len(clean.events)}
        ranker = None
        if version.manifest["ranker"] is not None:
            try:
                ranker = _with_statistics(version, clean, settings)
                about["ranker"] = ranker.save(draft.path / "ranker")
                if (version.path / "ranker" / "standing").is_dir():
                    PopularityFallback.of(clean, ranker).save(draft.path / "ranker" / "standing")
            except BadInput:  # nobody is left to count some block's statistics from
                shutil.rmtree(draft.path / "ranker", ignore_errors=True)
                about |= {"ranker": None, "serves": "cosine; ranker dropped when users were erased: run `recsys train`"}
        watched = drift.quantities(clean, ranker, tuple(about["template"]))
        drift.save(drift.distributions(watched), draft.path)
        write_card(draft.path, about)
        return store.complete(draft, {**about, "rewritten": "users were erased"}, like=like or version)


def _without(shop: Snapshot, users: Collection[str], training: Mapping[str, Any]) -> Snapshot:
    """The snapshot of the same shop had it never had these users."""
    stay = np.array([user not in users for user in shop.user_ids], bool)
    tables, _ = without_users(shop.tables.value, users)
    ids, pool = shop.user_ids[stay], shop.history_pool
    # Read again: a value that only they had is not to be found in the version either.
    shoppers = shopper_attributes(tables.users, ids, schema.USER, training.get("columns", ()))
    events = replace(shop.events.of_users(stay), shoppers=shoppers)
    tables = replace(tables, aspects=_aspects_left(shop.tables.value, tables))
    if tables.reviews is not None:
        events = replace(events, opinions=Opinions.from_table(tables.reviews, shop.item_ids))
    return replace(
        shop,
        user_ids=ids,
        events=events,
        histories=Histories.build(events, events.end, training["half_life"]),
        history_pool=VectorPool(pool.keys[stay], pool.vectors[stay], pool.truncated[stay]),
        tables=Lazy(lambda: tables),
        items_file=None,
    )


def _aspects_left(before: ShopTables, after: ShopTables) -> pd.DataFrame | None:
    """Aspects of the items whose reviews are all there; the others' may quote who is erased, and come back at night."""
    if before.aspects is None or before.reviews is None or after.reviews is None:
        return before.aspects
    old, new = (table[schema.ITEM].value_counts() for table in (before.reviews, after.reviews))
    changed = old.index[old != new.reindex(old.index, fill_value=0)]
    return before.aspects[~before.aspects[schema.ITEM].isin(changed)].reset_index(drop=True)


def _with_statistics(version: Version, shop: Snapshot, settings: Settings) -> Ranker:
    ranker = Ranker.load(version.path / "ranker", settings.training.extra_blocks)
    table = Lazy(lambda: shop.tables.value.items)
    seed = version.manifest["recipe"]["seed"]
    context = TrainingContext(shop.facts, shop.events, shop.now, shop.histories, seed, table, prices_of(shop))
    return ranker.with_statistics(context)
