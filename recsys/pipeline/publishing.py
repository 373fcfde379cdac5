"""Writing a version: snapshot, vectors, ranker, the index tuned to it, and the manifest that describes them."""

from __future__ import annotations

import logging
import platform
import shutil
from importlib import metadata
from typing import Any

from recsys.data import snapshot
from recsys.data.snapshot import Lazy, Snapshot
from recsys.data.store import Version
from recsys.encoders.snapshots import Built
from recsys.errors import DISTRIBUTION
from recsys.pipeline.card import write_card
from recsys.pipeline.night import Night
from recsys.ranking.ranker import Ranker
from recsys.ranking.recipe import training_recipe
from recsys.serving import candidates
from recsys.serving.fallback import PopularityFallback
from recsys.serving.index import ItemIndex, labels

log = logging.getLogger(__name__)


def publish_version(
    night: Night, built: Built, ranker: Ranker | None, *, serves: str = "ranker", **more: Any
) -> Version:
    """Write everything a version holds and make it the live one.

    Parameters
    ----------
    serves
        What answers, for the manifest; `more` goes there, too.
    """
    snapshot.save(built.snapshot, night.draft.path)
    parts = write_ranker(night, built.snapshot, ranker)
    encoder = night.encoder
    manifest = {
        "encoder": {**encoder.info, "fingerprint": encoder.fingerprint, "dim": encoder.dim},
        "template": list(night.settings.encoder.template),
        "counts": built.notes | {"index": parts["index"]["kind"]},
        "serves": serves,
        **built.about,
        **parts,
        **more,
    }
    version = publish_draft(night, manifest)
    shutil.rmtree(night.shards, ignore_errors=True)
    return version


def publish_draft(night: Night, manifest: dict[str, Any]) -> Version:
    """Make the draft the live version, with a card that describes it."""
    write_card(night.draft.path, manifest)
    return night.store.publish(night.draft, manifest, live=night.live, keep=night.settings.keep_versions)


def write_ranker(night: Night, shop: Snapshot, ranker: Ranker | None) -> dict[str, Any]:
    """Write the ranker and what depends on it; returns the manifest's part of it."""
    draft = night.draft.path
    for stale in (draft / "vectors").glob("training*"):
        stale.unlink()  # versions of before kept the histories that their training had encoded
    info = ranker.save(draft / "ranker") if ranker is not None else None
    index = _write_index(night, shop, ranker)
    return {"ranker": info, "index": index, "recipe": training_recipe(night.settings), "libraries": _libraries()}


def _write_index(night: Night, shop: Snapshot, ranker: Ranker | None) -> dict[str, Any]:
    """The index of tonight's items, and how well it and the candidates found with it do; for the manifest."""
    draft, settings = night.draft.path, night.settings
    shutil.rmtree(draft / "index", ignore_errors=True)  # hard links must not be written through
    index = ItemIndex.update(
        night.live.path / "index" if night.live else None,
        shop.facts.vectors,
        labels(shop.item_ids, shop.item_pool.keys),
        # Without a ranker the nearest are the list. A ranker's query only adds candidates to the neighbours of the
        # latest items, which is what the index is then tuned to find; the lists themselves are measured below.
        queries=candidates.sampled_queries(shop, None, settings.seed) if ranker is None else None,
        settings=settings.retrieval,
    )
    about: dict[str, Any] = {}
    if ranker is not None and len(shop.item_ids) > settings.retrieval.exhaustive_limit:
        standing = PopularityFallback.of(shop, ranker)
        standing.save(draft / "ranker" / "standing")
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
    index.save(draft / "index")
    return {**index.describe(), **about}


def _libraries() -> dict[str, str]:
    names = ("torch", "transformers", "scikit-learn", "faiss-cpu", "numpy", "pandas")
    return {
        "python": platform.python_version(),
        "recsys": metadata.version(DISTRIBUTION),
        **{name: metadata.version(name) for name in names},
    }
