"""The runs that publish a version: `nightly`, its halves `embed` and `train`, and `publish` without a gate."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from recsys.data import snapshot
from recsys.data.event_log import EVENTS_READ
from recsys.data.forgotten import Tombstones
from recsys.data.snapshot import Lazy, ShopTables, Snapshot
from recsys.data.store import Version
from recsys.encoders.loading import encoder_for, encoder_of
from recsys.encoders.protocol import Encodes
from recsys.encoders.snapshots import Built, build_snapshot
from recsys.errors import BadInput, NothingToLearn
from recsys.forecast.prices import prices_of
from recsys.pipeline import drift, too_few
from recsys.pipeline.gate import Verdict, judge, shrunk
from recsys.pipeline.hiding import protected
from recsys.pipeline.inputs import Inputs, load_inputs
from recsys.pipeline.night import Night
from recsys.pipeline.opinions import with_opinions
from recsys.pipeline.pictures import with_pictures
from recsys.pipeline.publishing import publish_draft, publish_version, write_ranker
from recsys.pipeline.supply import add_supply
from recsys.progress import stage
from recsys.ranking.extra_blocks import check_extra_blocks
from recsys.ranking.features import TrainingContext
from recsys.ranking.history_regression import HistoryRegression
from recsys.ranking.ranker import Ranker
from recsys.ranking.recipe import impressions_of, prepare_ranker
from recsys.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """Result of a run: the version that is live now, and counts for the summary."""

    version: Version | None
    notes: dict[str, Any]
    verdict: Verdict | None = None


def nightly(inputs: Inputs, settings: Settings, *, progress: bool = False) -> Outcome:
    """Embed and train one candidate, compare it with the live version, and publish it unless it is worse.

    Raises
    ------
    BadInput
        The tables cannot be used; nothing is published.
    """
    with Night.begin(settings, inputs, progress=progress) as night:
        with stage("read and check tables"):
            intake = load_inputs(inputs, night.store, night.live, settings)
        intake.save(night.draft.path)
        supplied = add_supply(night, inputs, intake)
        outcome = _embed_and_train(night, intake.tables, gated=True, events_read=intake.events_read)
    return replace(outcome, notes=intake.notes | supplied | outcome.notes)


def publish(tables: ShopTables, settings: Settings, *, progress: bool = False) -> Outcome:
    """Embed, train and publish checked tables, whatever they are compared with the live version."""
    with Night.begin(settings, progress=progress) as night:
        erased = Tombstones.read(night.store.root)
        tables, _ = erased.drop(protected(erased.drop(tables)[0], settings))
        return _embed_and_train(night, tables, gated=False)


def embed(
    inputs: Inputs,
    settings: Settings,
    *,
    encoder: Callable[[Settings], Encodes] = encoder_for,
    progress: bool = False,
) -> Outcome:
    """Encode what changed, rebuild the index and publish; the live ranker's weights are carried over.

    Parameters
    ----------
    encoder
        Makes the encoder that the settings name; an engine's may spread the work over machines.

    Raises
    ------
    BadInput
        The tables cannot be used; nothing is published.
    """
    with Night.begin(settings, inputs, progress=progress, make_encoder=encoder) as night:
        with stage("read and check tables"):
            intake = load_inputs(inputs, night.store, night.live, settings)
        intake.save(night.draft.path)
        supplied = add_supply(night, inputs, intake)
        built = _encode(night, intake.tables)
        ranker, why = _carried(night, built.snapshot)
        serves = "ranker" if ranker else f"cosine; ranker {why}"
        more = {EVENTS_READ: intake.events_read}
        with stage("write and publish"):
            version = publish_version(night, built, ranker, serves=serves, **more)
    about = {"ranker": "carried over" if ranker else why} | _activity(built)
    return Outcome(version, intake.notes | supplied | version.manifest["counts"] | about)


def train(settings: Settings, *, progress: bool = False) -> Outcome:
    """Fit the ranker on the live version's tables and publish; vectors and histories are carried over."""
    with Night.begin(settings, progress=progress) as night:
        live = night.store.require()
        shop = snapshot.load(live.path)
        check_extra_blocks(settings, shop.tables.value)
        if not len(shop.events):
            raise BadInput("the live version has no interactions; give some with `recsys embed --interactions F`")
        encoder_of(live, settings)  # says so where the settings name another encoder than made the vectors
        ranker = _fit(shop, settings, progress)
        night.draft.carry(live, without="ranker")
        old = {k: v for k, v in live.manifest.items() if k not in ("files", "format", "version", "created")}
        parts = write_ranker(night, shop, ranker)
        version = publish_draft(night, old | parts | {"serves": "ranker"})
    return Outcome(version, parts["ranker"])


def fit(tables: ShopTables, settings: Settings, *, progress: bool = False) -> tuple[Snapshot, Ranker | None, Encodes]:
    """A snapshot of checked tables, a ranker fitted on it and the encoder of both, in memory only.

    Events that are too few for a ranker give None in its place.
    """
    check_extra_blocks(settings, tables)
    encoder = encoder_for(settings)
    built = build_snapshot(tables, encoder, settings, progress=progress)
    shop = with_pictures(built, settings, progress=progress).snapshot
    for said in built.said:
        log.warning("%s", said)
    try:
        too_few.require_enough(shop.events)
        ranker = _fit(shop, settings, progress)
    except NothingToLearn as error:
        log.warning("no ranker, popularity and texts serve: %s", error)
        ranker = None
    return shop, ranker, encoder


def _embed_and_train(
    night: Night, tables: ShopTables, *, gated: bool, events_read: Mapping[str, int] | None = None
) -> Outcome:
    built = _encode(night, tables)
    shop = built.snapshot
    if not len(shop.events):
        raise BadInput("there are no interactions to train on; give some with --interactions F")
    try:
        too_few.require_enough(shop.events)
        verdict = None
        if gated:
            with stage("compare with what is live"):
                verdict = judge(night, shop)
        if verdict is not None and verdict.refused:
            return Outcome(night.live, built.notes, verdict)
        ranker, serves = _fit(shop, night.settings, night.progress), "ranker"
        moved = drift.measure(night, shop, ranker)
        if gated and (broken := drift.refusal(moved, night.settings.gate.max_drift)):
            return Outcome(night.live, built.notes, Verdict(True, broken, {"drift": moved}))
    except NothingToLearn as error:
        if gated and (broken := shrunk(night, shop)):
            return Outcome(night.live, built.notes, Verdict(True, broken, {}))
        ranker, serves = None, f"popularity and texts; no ranker: {error}"
        moved = drift.measure(night, shop, None)
        verdict = Verdict(False, f"no ranker, popularity and texts serve: {error}", {}) if gated else None
    figures = verdict.figures if verdict else None
    more = {"gate": figures, "drift": moved, EVENTS_READ: dict(events_read or {})}
    with stage("write and publish"):
        version = publish_version(night, built, ranker, serves=serves, **more)
    about = _activity(built)
    if without := (version.manifest["ranker"] or {}).get("no_sequence_block"):
        about["no_sequence_block"] = without
    return Outcome(version, version.manifest["counts"] | about, verdict)


def _activity(built: Built) -> dict[str, Any]:
    """What was said of accounts and days that weigh too much; it names people, so it is printed and not kept."""
    return {"activity": list(built.said)} if built.said else {}


def _encode(night: Night, tables: ShopTables) -> Built:
    check_extra_blocks(night.settings, tables)
    tables, said = with_opinions(night, tables)
    with stage("encode texts"):
        built = build_snapshot(
            tables,
            night.encoder,
            night.settings,
            previous=night.known_vectors("items", "histories"),
            progress=night.progress,
            shards=night.shards,
        )
    built = replace(built, notes=built.notes | said)
    settings, progress = night.settings, night.progress
    return with_pictures(built, settings, live=night.live, draft=night.draft.path, progress=progress)


def _fit(shop: Snapshot, settings: Settings, progress: bool) -> Ranker:
    learnt = shop.by_product
    with stage("train the ranker"):
        trainer = prepare_ranker(
            learnt.facts,
            learnt.events,
            HistoryRegression.learn(learnt, settings),
            settings,
            table=Lazy(lambda: learnt.tables.value.items),
            prices=prices_of(learnt),
            impressions=impressions_of(learnt),
            progress=progress,
        )
        return replace(trainer.with_repeats(trainer.ranker()), products=shop.products)


def _same_encoder(night: Night) -> bool:
    return night.live is not None and night.live.manifest["encoder"]["fingerprint"] == night.encoder.fingerprint


def _carried(night: Night, shop: Snapshot) -> tuple[Ranker | None, str]:
    """The live ranker with the statistics of tonight's events, or why there is none."""
    if night.live is None or not (night.live.path / "ranker").is_dir():
        return None, "none yet: run `recsys train`; until then similarity (cosine) serves"
    if not _same_encoder(night):
        return None, "dropped: it was trained on another encoder's vectors; run `recsys train`"
    if not len(shop.events):
        return None, "none: there are no interactions"
    ranker = Ranker.load(night.live.path / "ranker", night.settings.training.extra_blocks)
    now = shop.by_product
    table = Lazy(lambda: now.tables.value.items)
    context = TrainingContext(now.facts, now.events, now.now, now.histories, table=table, prices=prices_of(now))
    return replace(ranker.with_statistics(context), products=shop.products), ""
