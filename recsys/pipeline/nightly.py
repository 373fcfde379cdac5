"""From files to a published version: embed, train, and the nightly run with its quality gate."""

from __future__ import annotations

import logging
import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any

from recsys import __version__
from recsys.data import snapshot
from recsys.data.snapshot import Lazy, ShopTables, Snapshot
from recsys.data.store import Draft, Store, Version
from recsys.data.vectors import VectorPool
from recsys.encoders.encoder import Encoder
from recsys.encoders.loading import encoder_for, encoder_of
from recsys.errors import ArtifactError, BadInput
from recsys.pipeline.gate import Verdict, judge
from recsys.pipeline.inputs import Inputs, load_inputs
from recsys.pipeline.snapshots import build_snapshot
from recsys.ranking.extra_blocks import check_extra_blocks
from recsys.ranking.features import TrainingContext
from recsys.ranking.ranker import Ranker
from recsys.ranking.recipe import HistoryEncoder, impressions_of, prepare_ranker, training_recipe
from recsys.serving import candidates
from recsys.serving.index import ItemIndex, labels
from recsys.settings import Settings

log = logging.getLogger(__name__)

PARTIAL = "partial"


@dataclass(frozen=True)
class Outcome:
    """A command's result: the version that is live now, and counts for the summary."""

    version: Version | None
    notes: dict[str, Any]
    verdict: Verdict | None = None


def embed(
    inputs: Inputs,
    settings: Settings,
    *,
    encoder: Callable[[Settings], Encoder] | None = None,
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
    store = Store(settings.artifacts)
    with store.writing() as draft:
        live = _live(store, inputs)
        tables, notes = load_inputs(inputs, store, live)
        work = _prepare(tables, settings, store, live, progress, encoder)
        ranker, why = _carried(live, work, settings)
        same = live is not None and live.manifest["encoder"]["fingerprint"] == work.encoder.fingerprint
        pool = _training_pool(live) if live is not None and same else VectorPool.empty(work.encoder.dim)
        parts = _write(draft, work, ranker, pool, live, settings)
        version = store.publish(draft, _manifest(work, settings, parts, why), live=live, keep=settings.keep_versions)
        shutil.rmtree(store.root / PARTIAL, ignore_errors=True)
    return Outcome(version, notes | work.notes | {"ranker": "carried over" if ranker else why})


def train(settings: Settings, *, progress: bool = False) -> Outcome:
    """Train the ranker on the live version's tables and publish."""
    store = Store(settings.artifacts)
    with store.writing() as draft:
        live = store.require()
        shop = snapshot.load(live.path)
        check_extra_blocks(settings, shop.tables.value)
        if not len(shop.events):
            raise BadInput("train: the live version has no interactions; give some with `jobs.embed --interactions F`")
        encoder = encoder_of(live, settings)
        texts = HistoryEncoder(encoder, shop, settings, [_training_pool(live)], progress=progress)
        ranker = prepare_ranker(
            shop.facts, shop.events, texts, settings, impressions=impressions_of(shop), progress=progress
        ).ranker()
        draft.carry(live, without="ranker")
        info = ranker.save(draft.path / "ranker")
        _save_pool(draft, texts.pool)
        index = _write_index(draft, shop, ranker, live, settings)
        body = {k: v for k, v in live.manifest.items() if k not in ("files", "format", "version", "created")}
        body |= {"ranker": info, "index": index, "serves": "ranker"}
        body |= {"recipe": training_recipe(settings), "libraries": _libraries()}
        version = store.publish(draft, body, live=live, keep=settings.keep_versions)
    return Outcome(version, {"histories_encoded": texts.encoded, **info})


def nightly(inputs: Inputs, settings: Settings, *, progress: bool = False) -> Outcome:
    """Embed and train one candidate, compare it with the live version, and publish it unless it is worse."""
    store = Store(settings.artifacts)
    with store.writing() as draft:
        live = _live(store, inputs)
        tables, notes = load_inputs(inputs, store, live)
        outcome = _build_and_publish(tables, settings, store, draft, live, gated=True, progress=progress)
    return replace(outcome, notes=notes | outcome.notes)


def publish_tables(tables: ShopTables, settings: Settings, *, progress: bool = False) -> Outcome:
    """Embed, train and publish checked tables, whatever they are compared with the live version."""
    store = Store(settings.artifacts)
    with store.writing() as draft:
        return _build_and_publish(tables, settings, store, draft, store.current(), gated=False, progress=progress)


def fit_tables(tables: ShopTables, settings: Settings, *, progress: bool = False) -> tuple[Snapshot, Ranker, Encoder]:
    """A snapshot of checked tables, a ranker fitted on it and the encoder of both, in memory only."""
    check_extra_blocks(settings, tables)
    encoder = encoder_for(settings)
    shop = build_snapshot(tables, encoder, settings, progress=progress).snapshot
    texts = HistoryEncoder(encoder, shop, settings, progress=progress)
    return shop, prepare_ranker(shop.facts, shop.events, texts, settings, progress=progress).ranker(), encoder


def _build_and_publish(
    tables: ShopTables,
    settings: Settings,
    store: Store,
    draft: Draft,
    live: Version | None,
    *,
    gated: bool,
    progress: bool,
) -> Outcome:
    work = _prepare(tables, settings, store, live, progress)
    if not len(work.shop.events):
        raise BadInput("there are no interactions to train on; give some with --interactions F")
    pools = [_training_pool(live)] if live else []
    texts = HistoryEncoder(work.encoder, work.shop, settings, pools, progress=progress)
    verdict = judge(work.shop, texts, live, settings, progress=progress) if gated else None
    if verdict is not None and verdict.refused:
        return Outcome(live, work.notes, verdict)
    impressions = impressions_of(work.shop)
    ranker = prepare_ranker(
        work.shop.facts, work.shop.events, texts, settings, impressions=impressions, progress=progress
    ).ranker()
    parts = _write(draft, work, ranker, texts.pool, live, settings)
    manifest = _manifest(work, settings, parts, "") | {"gate": verdict.figures if verdict else None}
    version = store.publish(draft, manifest, live=live, keep=settings.keep_versions)
    shutil.rmtree(store.root / PARTIAL, ignore_errors=True)
    return Outcome(version, work.notes | {"training_histories_encoded": texts.encoded}, verdict)


def _live(store: Store, inputs: Inputs) -> Version | None:
    """The live version; None where it is damaged and the inputs do not need it, so that a new night can mend it."""
    try:
        return store.current()
    except ArtifactError as error:
        if inputs.items is None or inputs.interactions is None or inputs.append:
            raise
        log.warning("going on without the live version, whose tables are not needed: %s", error)
        return None


@dataclass(frozen=True)
class _Work:
    encoder: Encoder
    shop: Snapshot
    notes: dict[str, Any]


def _prepare(
    tables: ShopTables,
    settings: Settings,
    store: Store,
    live: Version | None,
    progress: bool,
    make: Callable[[Settings], Encoder] | None = None,
) -> _Work:
    check_extra_blocks(settings, tables)
    encoder = (make or encoder_for)(settings)
    built = build_snapshot(
        tables, encoder, settings, previous=_known_pools(live), progress=progress, shards=store.root / PARTIAL
    )
    return _Work(encoder, built.snapshot, dict(built.notes))


def _write(
    draft: Draft,
    work: _Work,
    ranker: Ranker | None,
    training_pool: VectorPool,
    live: Version | None,
    settings: Settings,
) -> dict[str, Any]:
    """Everything a version holds; returns what the manifest says of the ranker and the index."""
    snapshot.save(work.shop, draft.path)
    _save_pool(draft, training_pool)
    info = ranker.save(draft.path / "ranker") if ranker is not None else None
    index = _write_index(draft, work.shop, ranker, live, settings)
    work.notes["index"] = index["kind"]
    return {"ranker": info, "index": index}


def _write_index(
    draft: Draft, shop: Snapshot, ranker: Ranker | None, live: Version | None, settings: Settings
) -> dict[str, Any]:
    """The index of tonight's items, and how well it and the candidates found with it do; for the manifest."""
    shutil.rmtree(draft.path / "index", ignore_errors=True)  # hard links must not be written through
    index = ItemIndex.update(
        live.path / "index" if live else None,
        shop.facts.vectors,
        labels(shop.item_ids, shop.item_pool.keys),
        # Without a ranker the nearest are the list. A ranker's query only adds candidates to the neighbours of the
        # latest items, which is what the index is then tuned to find; the lists themselves are measured below.
        queries=candidates.sampled_queries(shop, None, settings.seed) if ranker is None else None,
        settings=settings.retrieval,
    )
    about: dict[str, Any] = {}
    if ranker is not None and len(shop.item_ids) > settings.retrieval.exhaustive_limit:
        standing = candidates.PopularityFallback.of(shop, ranker)
        standing.save(draft.path / "ranker" / "standing")
        retriever = candidates.Retriever(shop, ranker, index, Lazy(lambda: standing), settings.retrieval)
        users = candidates.sampled_users(shop, seed=settings.seed)
        kept = retriever.measure(users, enough=candidates.KEPT)
        queries = candidates.sampled_queries(shop, ranker, settings.seed)
        about = {"retrieval_ndcg@10": kept, "recall@10_of_ranker": index.measure(queries)}
        if kept < candidates.KEPT:
            log.warning(
                "lists from %d candidates keep %.3f of the exhaustive lists' nDCG@10; raise retrieval.candidates",
                settings.retrieval.candidates,
                kept,
            )
    index.save(draft.path / "index")
    return {**index.describe(), **about}


def _save_pool(draft: Draft, pool: VectorPool) -> None:
    for stale in (draft.path / "vectors").glob("training*"):
        stale.unlink()  # a hard link to the older version's pool must not be written through
    pool.save(draft.path / "vectors", "training")


def _training_pool(version: Version) -> VectorPool:
    return VectorPool.load(version.path / "vectors", "training")


def _known_pools(live: Version | None) -> Sequence[VectorPool]:
    if live is None:
        return []
    return [VectorPool.load(live.path / "vectors", name) for name in ("items", "histories", "training")]


def _carried(live: Version | None, work: _Work, settings: Settings) -> tuple[Ranker | None, str]:
    """The live ranker with the statistics of tonight's events, or why there is none."""
    if live is None or not (live.path / "ranker").is_dir():
        return None, "none yet: run `python -m jobs.train`; until then similarity (cosine) serves"
    if live.manifest["encoder"]["fingerprint"] != work.encoder.fingerprint:
        return None, "dropped: it was trained on another encoder's vectors; run `python -m jobs.train`"
    shop = work.shop
    if not len(shop.events):
        return None, "none: there are no interactions"
    ranker = Ranker.load(live.path / "ranker", settings.training.extra_blocks)
    table = Lazy(lambda: shop.tables.value.items)
    return ranker.with_statistics(TrainingContext(shop.facts, shop.events, shop.now, shop.histories, table=table)), ""


def _manifest(work: _Work, settings: Settings, parts: dict[str, Any], why: str) -> dict[str, Any]:
    return {
        "encoder": {**work.encoder.info, "fingerprint": work.encoder.fingerprint, "dim": work.encoder.dim},
        "template": list(settings.encoder.template),
        "counts": work.notes,
        **parts,
        "serves": "ranker" if parts["ranker"] else f"cosine; ranker {why}",
        "recipe": training_recipe(settings),
        "libraries": _libraries(),
    }


def _libraries() -> dict[str, str]:
    names = ("torch", "transformers", "scikit-learn", "faiss-cpu", "numpy", "pandas")
    return {"python": platform.python_version(), "recsys": __version__, **{n: metadata.version(n) for n in names}}
