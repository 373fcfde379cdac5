"""Offline evaluation of the ranker's recipe beside baselines and known peers on one holdout.

The ranker is trained again on the events before the cut, as the gate does, so that nothing it is judged on has been
seen in training.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.data import report, snapshot
from recsys.data.catalogue import Candidates
from recsys.data.histories import Histories
from recsys.data.reading import check_tables
from recsys.data.schema import SEGMENT
from recsys.data.snapshot import Lazy, Snapshot
from recsys.data.store import Store
from recsys.encoders.loading import encoder_for, encoder_of
from recsys.encoders.protocol import Encodes
from recsys.encoders.snapshots import build_snapshot
from recsys.errors import BadInput
from recsys.evaluation import baselines, competitors, metrics, subgroups
from recsys.evaluation.baselines import Scores, ranker_scores
from recsys.evaluation.figures import FIGURES, RANKER, AblationEffect, Difference
from recsys.evaluation.metrics import Estimate
from recsys.evaluation.reliability import Calibration, Predictions, calibrate
from recsys.evaluation.result import Assessment
from recsys.evaluation.splits import Holdout, Measured, hold_out, measure, within
from recsys.evaluation.subgroups import Slice
from recsys.forecast.prices import prices_of
from recsys.ranking.extra_blocks import check_extra_blocks
from recsys.ranking.features import TrainingContext
from recsys.ranking.features.content import TextVectors
from recsys.ranking.history_regression import HistoryRegression
from recsys.ranking.ranker import Ranker, RankerTrainer
from recsys.ranking.recipe import HistoryEncoder, prepare_ranker, training_recipe
from recsys.settings import Settings, load_settings

log = logging.getLogger(__name__)

DESIGN = "[u;v] only"


@dataclass(frozen=True)
class Case:
    """Evaluation case: a shop cut in time, and what every model of one assessment is given."""

    shop: Snapshot
    holdout: Holdout
    histories: Histories
    texts: HistoryEncoder
    settings: Settings
    progress: bool = False

    @classmethod
    def of(cls, shop: Snapshot, texts: HistoryEncoder, settings: Settings, *, progress: bool = False) -> Case:
        """Cut a shop in time.

        Raises
        ------
        BadInput
            The events do not allow it.
        """
        holdout = hold_out(shop.events, settings.evaluation, settings.seed)
        past = TrainingContext.as_of(shop.facts, holdout.train, holdout.now, settings.training.half_life)
        return cls(shop, holdout, past.histories, texts, settings, progress)

    @cached_property
    def trainer(self) -> RankerTrainer:
        """What a ranker trained at the cut is fitted from; ablations share it."""
        shop, estimated = self.shop, HistoryRegression.learn(self.shop, self.settings)
        table = Lazy(lambda: shop.tables.value.items)
        return prepare_ranker(
            shop.facts,
            self.holdout.train,
            estimated,
            self.settings,
            table=table,
            prices=prices_of(shop),
            progress=self.progress,
        )

    def scores(self, ranker: Ranker) -> Scores:
        """A ranker as a model of the test users."""
        return ranker_scores(ranker, self.shop.catalogue, self.histories, self.holdout.users, self.texts)


def evaluate(
    items: Any,
    interactions: Any,
    *,
    settings: Settings | None = None,
    shoppers: Any | None = None,
    users: int | None = None,
    peers: bool = False,
    ablation: bool = False,
    progress: bool = False,
) -> Assessment:
    """Train on the events before a cut in time and measure on those after it, beside baselines.

    The protocol of ``recsys evaluate``, from tables, with nothing published.

    Parameters
    ----------
    items, interactions
        The shop's two tables: data frames of pandas, polars, PyArrow, dask or what else Narwhals knows.
    settings
        Encoder, training and protocol; defaults to `load_settings()`.
    shoppers
        A table of ``user_id, segment``, for figures by segment.
    users
        Test users, sampled; defaults to ``evaluation.max_users``.
    peers
        Also tune and run kNN, ALS, BPR, EASE, LightFM and sequence models, those that are installed.
    ablation
        Also take each block away in turn.
    progress
        Show progress on stderr.

    Raises
    ------
    BadInput
        A table cannot be used, or its events cannot be cut in time.
    """
    settings = settings or load_settings()
    tables = check_tables(items, interactions, settings, shoppers)
    check_extra_blocks(settings, tables)
    encoder = encoder_for(settings)
    shop = build_snapshot(tables, encoder, settings, progress=progress).snapshot
    return assess_shop(shop, encoder, settings, users=users, peers=peers, ablation=ablation, progress=progress)


def assess_live(settings: Settings, **wanted: Any) -> Assessment:
    """Assess the live version of ``settings.artifacts``; `wanted` as of `assess_shop`.

    Raises
    ------
    ArtifactError
        There is no version, or its vectors were made by another encoder than the settings name.
    BadInput
        Its events cannot be cut in time.
    """
    live = Store(settings.artifacts).require()
    shop = snapshot.load(live.path)
    if live.manifest["recipe"] != training_recipe(settings):
        log.warning("the settings differ from those version %s was made with; the settings are assessed", live.id)
    encoder = encoder_of(live, settings)
    found = assess_shop(shop, encoder, settings, **wanted)
    reading = report.load(live.path).get("lines", [])
    return replace(found, protocol={"version": live.id, "reading": reading, **found.protocol})


def assess_shop(
    shop: Snapshot,
    encoder: Encodes,
    settings: Settings,
    *,
    users: int | None = None,
    peers: bool = False,
    ablation: bool = False,
    progress: bool = False,
) -> Assessment:
    """Assess the recipe in `settings` on one shop.

    Raises
    ------
    BadInput
        There are no events, or they cannot be cut in time; `users` is no positive number.
    """
    if not len(shop.events):
        raise BadInput("evaluate: there are no interactions; give some with `recsys embed --interactions F`")
    if users is not None:
        if users < 1:
            raise BadInput(f"users: {users!r} is not a whole number from 1 up")
        few = settings.evaluation.model_copy(update={"max_users": users})
        settings = settings.model_copy(update={"evaluation": few})
    shop = shop.by_product
    texts = HistoryEncoder(encoder, shop, settings, progress=progress)
    return assess(Case.of(shop, texts, settings, progress=progress), with_peers=peers, with_ablation=ablation)


def assess(case: Case, *, with_peers: bool = False, with_ablation: bool = False) -> Assessment:
    """Measure the ranker, the baselines and what else is asked for on one cut."""
    settings, holdout = case.settings, case.holdout
    ranker = case.trainer.ranker()
    models, skipped = _baselines(case, ranker)
    measured = {RANKER: measure(case.scores(ranker), holdout)}
    measured |= {name: measure(scores, holdout) for name, scores in models.items()}
    tuned: dict[str, Mapping[str, Any]] = {}
    if with_peers:
        usable, why_not = competitors.available(len(case.shop.facts))
        skipped |= why_not
        ran = competitors.run(
            usable, case.shop.facts, holdout, settings.evaluation, settings.seed, progress=case.progress
        )
        measured |= {name: m for name, (m, _) in ran.items()}
        tuned = {name: params for name, (_, params) in ran.items()}
    how = {"resamples": settings.evaluation.resamples, "seed": settings.seed}
    leads = {figure: _lead(figure, measured, how) for figure in FIGURES}
    shown = dict.fromkeys([RANKER, leads["auc"].rival, leads["ndcg@10"].rival])
    groups = subgroups.user_groups(case.shop, holdout)
    return Assessment(
        protocol=_protocol(case),
        estimates={name: _figures(case, m, **how) for name, m in measured.items()},
        leads=leads,
        parts={name: _slices(case, measured[name], groups, how) for name in shown},
        fairness=subgroups.gap(groups[SEGMENT], measured[RANKER].per_user["auc"], settings.seed)
        if SEGMENT in groups
        else None,
        reliability=calibration(case, ranker),
        effects=ablation(case, ranker, measured[RANKER], how) if with_ablation else [],
        tuned=tuned,
        skipped=skipped,
        holdout=holdout,
        measured=measured,
        groups=groups,
    )


def _baselines(case: Case, full: Ranker) -> tuple[dict[str, Scores], dict[str, str]]:
    """Models that need no tuning, and why any is missing."""
    train, facts = case.holdout.train, case.shop.facts
    models = {"popularity": baselines.popularity(train)}
    skipped = {}
    if train.absolute:
        models["popularity, 30 days"] = baselines.popularity(train, days=30)
    else:
        skipped["popularity, 30 days"] = "the events have an order but no dates"
    models["TF-IDF cosine"] = baselines.tfidf_cosine(facts, case.histories)
    models["embedding cosine"] = baselines.embedding_cosine(facts, case.histories)
    others = tuple(block.name for block in full.blocks if block.name != TextVectors.name)
    models[DESIGN] = case.scores(case.trainer.ranker(without=others))
    return models, skipped


def _figures(case: Case, measured: Measured, resamples: int, seed: int) -> dict[str, Estimate]:
    """Every figure of one model: accuracy, coverage, novelty, diversity, concentration."""
    train = case.holdout.train
    figures = measured.estimates(train.n_items, resamples, seed)
    pairs = np.unique(train.user.astype(np.int64) * train.n_items + train.item)
    owners = np.bincount(pairs % train.n_items, minlength=train.n_items)
    how = {"resamples": resamples, "seed": seed}
    figures["novelty"] = metrics.interval(metrics.novelty(measured.lists, owners, train.n_users), **how)
    figures["diversity"] = metrics.interval(metrics.diversity(measured.lists, case.shop.facts.vectors), **how)
    user = np.repeat(np.arange(len(measured.lists)), [len(items) for items in measured.lists])
    items = np.concatenate(measured.lists)
    figures["gini"] = metrics.pooled(
        lambda times: metrics.gini(np.bincount(items, times[user], train.n_items)),
        len(measured.lists),
        seed=seed,
        centred=True,
    )
    return figures


def _lead(figure: str, measured: Mapping[str, Measured], how: Mapping[str, int]) -> Difference:
    others = {name: float(np.nanmean(m.per_user[figure])) for name, m in measured.items() if name != RANKER}
    rival = max(others, key=lambda name: others[name])
    ours, theirs = measured[RANKER].per_user[figure], measured[rival].per_user[figure]
    return Difference(rival, metrics.difference(ours, theirs, **how))


def _slices(
    case: Case, measured: Measured, groups: Mapping[str, NDArray[np.object_]], how: Mapping[str, int]
) -> list[Slice]:
    found = [part for by, labels in groups.items() for part in subgroups.by_users(by, labels, measured, **how)]
    items = subgroups.item_groups(case.holdout)
    return found + subgroups.by_items("item popularity", items, case.holdout, measured, **how)


def ablation(case: Case, full: Ranker, measured: Measured, how: Mapping[str, int]) -> list[AblationEffect]:
    """Ablation: each block left out in turn, the weights fitted again; the largest loss of AUC first."""
    out = []
    for block in full.blocks:
        less = measure(case.scores(case.trainer.ranker(without=(block.name,), calibrated=False)), case.holdout)
        lost = {f: metrics.difference(measured.per_user[f], less.per_user[f], **how) for f in FIGURES}
        out.append(AblationEffect(block.name, block.meaning, lost))
    return sorted(out, key=lambda effect: -effect.figures["auc"].value)


def calibration(case: Case, ranker: Ranker) -> Calibration | None:
    """Calibration of the ranker's probabilities on events that neither training nor calibration has seen.

    The event: a shopper who buys something new within the training horizon buys this item among it. The horizon is
    the stretch of time after the cut that holds as many events as one training stretch did (order-only tables: the
    visit held out); the candidates are the catalogue less what the shopper had, of which the frozen negatives stand
    for all that were not bought.
    """
    holdout = case.holdout
    if holdout.train.absolute:
        count = round(case.settings.training.slice_share * len(holdout.train))
        holdout = within(case.shop.events, holdout, count)
    texts = case.texts(case.histories, holdout.users)
    chance, happened, weight = [], [], []
    for user, text, bought, others in zip(holdout.users, texts, holdout.positives, holdout.negatives, strict=True):
        profile = case.histories.profile(int(user), case.shop.facts, text)
        train = holdout.train
        had = np.unique(train.item[train.indptr[user] : train.indptr[user + 1]])
        chance.append(ranker.score(profile, Candidates.of(case.shop.facts, np.r_[bought, others])))
        happened.append(np.arange(len(bought) + len(others)) < len(bought))
        rest = train.n_items - len(had) - len(bought)
        weight.append(np.r_[np.ones(len(bought)), np.full(len(others), rest / max(len(others), 1))])
    rows = Predictions(
        user=np.repeat(np.arange(len(chance)), [len(c) for c in chance]),
        chance=np.concatenate(chance),
        happened=np.concatenate(happened),
        weight=np.concatenate(weight),
        n_users=len(chance),
    )
    return calibrate(rows, seed=case.settings.seed)


def _protocol(case: Case) -> dict[str, Any]:
    holdout, evaluation = case.holdout, case.settings.evaluation
    return {
        "split": "one cut in time" if holdout.train.absolute else "each user's last visit held out (order-only events)",
        "cut": holdout.now if holdout.train.absolute else None,
        "items": holdout.train.n_items,
        "train_events": len(holdout.train),
        "test_users": len(holdout.users),
        "test_positives": sum(map(len, holdout.positives)),
        "negatives_per_user": evaluation.negatives,
        "resamples": evaluation.resamples,
        "seed": case.settings.seed,
    }
