"""The quality gate of a night: a candidate that is worse than the live version is not published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys.data import snapshot
from recsys.data.catalogue import Candidates, ItemFeatures, render
from recsys.data.snapshot import Lazy, Snapshot, titles
from recsys.data.store import Version
from recsys.encoders.loading import encoder_for
from recsys.encoders.protocol import Encodes
from recsys.errors import BadInput
from recsys.evaluation import baselines, metrics
from recsys.evaluation.baselines import ranker_scores
from recsys.evaluation.metrics import Estimate
from recsys.evaluation.splits import Holdout, Measured, hold_out, measure
from recsys.forecast.prices import prices_of
from recsys.pipeline import fairness
from recsys.pipeline.night import Night
from recsys.ranking.features import TrainingContext
from recsys.ranking.history_regression import HistoryRegression
from recsys.ranking.recipe import impressions_of, prepare_ranker
from recsys.ranking.sampling import Impressions
from recsys.settings import Settings


@dataclass(frozen=True)
class Verdict:
    """Whether the candidate is refused, why, and the figures behind it."""

    refused: bool
    message: str
    figures: dict[str, Any]


def judge(night: Night, shop: Snapshot) -> Verdict:
    """Compare tonight's candidate with the live version, paired, on the latest events.

    Both recipes are trained on the events before one cut and rank the same later events against the same negatives:
    the candidate with tonight's items and settings, the live version with its own. The first version, and one whose
    recipe and items are the live version's, is compared with the popularity of the last 30 days.
    """
    live, settings = night.live, night.settings
    if broken := shrunk(night, shop):
        return Verdict(True, broken, {})
    learnt = shop.by_product
    impressions = impressions_of(learnt)
    try:
        holdout = hold_out(learnt.events, settings.evaluation, settings.seed)
        texts = HistoryRegression.learn(learnt, settings)
        measured = _measured(learnt.facts, texts, holdout, impressions, settings, learnt, night.progress)
    except BadInput as error:
        return Verdict(False, f"not compared ({error})", {})
    ours, fair = measured.per_user["auc"], fairness.measure(learnt, holdout, measured, settings.seed)
    if unfair := fairness.judge(fair, settings.gate):
        return Verdict(True, unfair, {"fairness": fair})
    rival_name, theirs = "recent popularity", None
    if live is not None and (live.path / "ranker").is_dir() and not _same(shop, live, settings):
        rival_name, theirs = f"version {live.id}", _live_auc(night, live, learnt, holdout)
    if theirs is None:
        recent = baselines.popularity(holdout.train, days=30 if holdout.train.absolute else None)
        theirs = measure(recent, holdout).per_user["auc"]
    how = {"resamples": settings.evaluation.resamples, "seed": settings.seed}
    candidate, rival = metrics.interval(ours, **how), metrics.interval(theirs, **how)
    gap = metrics.difference(ours, theirs, **how)
    refused = gap.value < -settings.gate.margin and gap.high < 0
    message = (
        f"per-user AUC {candidate.value:.3f} against {rival.value:.3f} of {rival_name} "
        f"(difference {gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}], {len(ours)} users)"
    )
    if refused:
        message = f"refused: {message}; it loses by more than gate.margin = {settings.gate.margin}"
    return Verdict(refused, message, {**_figures(rival_name, candidate, rival, gap, len(ours)), "fairness": fair})


def _figures(rival: str, ours: Estimate, theirs: Estimate, gap: Estimate, users: int) -> dict[str, Any]:
    return {
        "rival": rival,
        "users": users,
        **{name: [e.value, e.low, e.high] for name, e in (("candidate", ours), ("live", theirs), ("difference", gap))},
    }


def shrunk(night: Night, shop: Snapshot) -> str:
    """Why the input looks broken beside the live version's, '' if it does not."""
    live, gate = night.live, night.settings.gate
    if live is None:
        return ""
    counts = live.manifest["counts"]
    # Items that the feed lacks are kept for their history; a broken feed must be told all the same.
    listed = len(shop.item_ids) - shop.tables.value.missing
    sizes = {
        "items": (listed, counts.get("items", 0) - counts.get("items_missing", 0)),
        "events": (len(shop.events), counts.get("events", 0)),
    }
    only_new = "If the file holds only the new events, add them with --append. "
    for name, (now, before) in sizes.items():
        if now < before * (1 - gate.max_shrink):
            return (
                f"refused: {name} fell from {before} to {now} since version {live.id}, more than gate.max_shrink = "
                f"{gate.max_shrink} allows. {only_new if name == 'events' else ''}If the rest is meant to go, set "
                "RECSYS_GATE__MAX_SHRINK=1 for one run"
            )
    return ""


def _same(shop: Snapshot, live: Version, settings: Settings) -> bool:
    if _settings_of(live, settings) != settings:
        return False
    old = snapshot.load(live.path)
    return np.array_equal(old.item_ids, shop.item_ids) and np.array_equal(old.item_pool.keys, shop.item_pool.keys)


def _settings_of(live: Version, settings: Settings) -> Settings:
    """Tonight's settings with the live version's recipe in place of tonight's."""
    recipe = live.manifest["recipe"]
    parts = {
        name: type(getattr(settings, name)).model_validate({**getattr(settings, name).model_dump(), **recipe[name]})
        for name in ("encoder", "history", "training")
    }
    return settings.model_copy(update={**parts, "seed": recipe["seed"]})


def _live_auc(night: Night, live: Version, shop: Snapshot, holdout: Holdout) -> metrics.Floats | None:
    """Per-user AUC of the live recipe over the live version's own item facts; None where it can no longer be run."""
    old = snapshot.load(live.path)
    theirs = _settings_of(live, night.settings)
    encoder = night.encoder
    if live.manifest["encoder"]["fingerprint"] != encoder.fingerprint:
        try:
            encoder = encoder_for(theirs)
        except BadInput:
            return None  # the old model is gone from this machine; recent popularity is the rival then
    facts = _facts_as_of(old, shop, encoder)
    texts = HistoryRegression.learn(old, theirs).over(facts, titles(shop.tables.value.items))
    return _measured(facts, texts, holdout, impressions_of(shop), theirs, shop, night.progress).per_user["auc"]


def _facts_as_of(old: Snapshot, shop: Snapshot, encoder: Encodes) -> ItemFeatures:
    """The old version's facts in tonight's order of items; items it lacks are described as it would describe them."""
    code = old.item_index.get_indexer(shop.item_index)
    new = np.flatnonzero(code < 0)
    table = shop.tables.value.items.iloc[new]
    vocabulary = old.vocabulary.value
    vectors = encoder.encode(render(table, vocabulary.template)).vectors
    both = ItemFeatures.concat(old.facts, vocabulary.facts(table, vectors))
    rows = code.copy()
    rows[new] = len(old.item_ids) + np.arange(len(new))
    return both.take(rows)


def _halved(settings: Settings) -> Settings:
    """The same recipe learnt from half as many shoppers and passes: enough to compare two that are learnt alike."""
    training = settings.training
    half = {"users": -(-training.users // 2), "sequence_passes": -(-training.sequence_passes // 2)}
    return settings.model_copy(update={"training": training.model_copy(update=half)})


def _measured(
    facts: ItemFeatures,
    texts: HistoryRegression,
    holdout: Holdout,
    impressions: Impressions | None,
    settings: Settings,
    shop: Snapshot,
    progress: bool,
) -> Measured:
    table = Lazy(lambda: shop.tables.value.items)
    ranker = prepare_ranker(
        facts,
        holdout.train,
        texts,
        _halved(settings),
        table=table,
        prices=prices_of(shop),
        impressions=impressions,
        progress=progress,
    ).ranker(calibrated=False)
    histories = TrainingContext.as_of(facts, holdout.train, holdout.now, settings.training.half_life).histories
    catalogue = Candidates(np.arange(len(facts)), facts)
    return measure(ranker_scores(ranker, catalogue, histories, holdout.users, texts), holdout)
