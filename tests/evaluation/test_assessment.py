"""The assessment of a version: protocol, table, leads, ablation, calibration slice, the command."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from importlib import util as modules
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from recsys import Recommender
from recsys.data import snapshot
from recsys.data.catalogue import Candidates
from recsys.data.events import Events
from recsys.data.store import Store
from recsys.encoders.loading import encoder_of
from recsys.errors import ArtifactError
from recsys.evaluation import assessment, baselines
from recsys.evaluation.assessment import DESIGN, Case
from recsys.evaluation.figures import FIGURES, RANKER
from recsys.evaluation.splits import Holdout, hold_out, measure, within
from recsys.ranking.ranker import RankerTrainer
from recsys.ranking.recipe import HistoryEncoder
from recsys.settings import EvaluationSettings, Settings, load_settings


def case_of(artifacts: Path, **overrides: object) -> Case:
    settings = load_settings(artifacts=artifacts, **overrides)
    version = Store(artifacts).require()
    shop = snapshot.load(version.path)
    return Case.of(shop, HistoryEncoder(encoder_of(version, settings), shop, settings, progress=False), settings)


@pytest.fixture(scope="module")
def case(tiny_version, tiny_environment):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        yield case_of(tiny_version)


@pytest.fixture(scope="module")
def found(case):
    return assessment.assess(case)


def test_every_model_has_every_figure_within_its_interval(found):
    expected = [RANKER, "popularity", "popularity, 30 days", "TF-IDF cosine", "embedding cosine", DESIGN]
    assert list(found.estimates) == expected
    for row in found.estimates.values():
        assert set(row) >= {*FIGURES, "pooled_auc", "coverage@10", "novelty", "diversity", "gini"}
        for name, e in row.items():
            assert np.isfinite([e.value, e.low, e.high]).all(), name
            assert e.low <= e.value <= e.high, name


def test_the_ranker_personalises_where_u_v_alone_cannot(found):
    assert found.estimates[RANKER]["auc"].low > found.estimates["popularity"]["auc"].high
    lead = found.leads["auc"]
    assert lead.rival != RANKER
    assert lead.lead.value == pytest.approx(
        np.mean(found.measured[RANKER].per_user["auc"] - found.measured[lead.rival].per_user["auc"])
    )
    best = max(e["auc"].value for name, e in found.estimates.items() if name != RANKER)
    assert found.estimates[lead.rival]["auc"].value == best


def test_nothing_after_the_cut_reaches_a_model(case, monkeypatch):
    given: list[Events] = []

    def spy(facts, events, texts, settings, **how):
        given.append(events)
        return fit(facts, events, texts, settings, **how)

    fit = assessment.prepare_ranker
    monkeypatch.setattr(assessment, "prepare_ranker", spy)
    assessment.assess(dataclasses.replace(case))  # one whose pairs are not made yet
    assert len(given) == 1  # one set of pairs for the ranker and for [u;v] alone
    assert max(float(e.time.max()) for e in given) < case.holdout.now
    assert (case.histories.ages > 0).all()


def test_u_v_alone_has_the_text_vectors_and_nothing_else(case, monkeypatch):
    left_out = []
    fit = RankerTrainer.ranker

    def spy(self, without=()):
        left_out.append(tuple(without))
        return fit(self, without)

    monkeypatch.setattr(RankerTrainer, "ranker", spy)
    assessment.assess(case)
    assert left_out[0] == ()
    assert [b.name for b in fit(case.trainer, left_out[1]).blocks] == ["text vectors"]


def test_figures_are_plain_numbers(found):
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert json.loads(text)["table"][RANKER]["auc"]["value"] == found.estimates[RANKER]["auc"].value
    assert "holdout" not in found.to_dict()


def test_a_second_assessment_finds_the_same(case, found):
    assert json.dumps(assessment.assess(case).to_dict()) == json.dumps(found.to_dict())


def test_ablation_fits_again_without_each_block(case, found):
    full = case.trainer.ranker()
    few = replace(full, blocks=full.blocks[:2], weights=full.weights[:2], offsets=full.offsets[:2])
    how = {"resamples": 100, "seed": 7}
    worths = assessment.ablation(case, few, found.measured[RANKER], how)
    assert {w.block for w in worths} == {b.name for b in few.blocks}
    values = [w.figures["auc"].value for w in worths]
    assert values == sorted(values, reverse=True)
    without = measure(case.scores(case.trainer.ranker(without=(worths[0].block,))), case.holdout)
    expected = np.mean(found.measured[RANKER].per_user["auc"] - without.per_user["auc"])
    assert values[0] == pytest.approx(expected)


def test_peers_run_on_the_same_split(case):
    found = assessment.assess(case, with_peers=True)
    assert "EASE" in found.estimates
    assert "EASE" in found.tuned
    if modules.find_spec("implicit"):
        assert {"item-kNN", "ALS", "BPR"} <= set(found.estimates)
    else:
        assert "ALS" in found.skipped
    for m in found.measured.values():
        assert [len(p) for p in m.positive] == [len(p) for p in case.holdout.positives]


def test_order_only_events_are_assessed_without_dates(tiny, tiny_tables, tmp_path):
    items, events = tiny_tables
    ordered = events.sort_values(["user_id", "timestamp"])
    ordered = ordered.assign(timestamp=ordered.groupby("user_id").cumcount())
    Recommender.build(items, ordered, artifacts=tmp_path, settings=load_settings())
    found = assessment.assess_live(load_settings(artifacts=tmp_path))
    assert "last visit" in found.protocol["split"]
    assert found.protocol["cut"] is None
    assert "popularity, 30 days" in found.skipped
    assert found.protocol["version"] == Store(tmp_path).current_id()


def test_without_a_version_the_message_says_what_to_run(tiny, tmp_path):
    with pytest.raises(ArtifactError, match="recsys nightly"):
        assessment.assess_live(load_settings(artifacts=tmp_path))


# --- the calibration slice ------------------------------------------------------------------------------------------


def test_the_calibration_slice_is_the_first_events_after_the_cut(case):
    events, holdout = case.shop.events, case.holdout
    soon = within(events, holdout, 20)
    times = np.sort(events.time[events.time >= holdout.now])
    whole = dict(zip(holdout.users.tolist(), holdout.positives, strict=True))
    for user, items in zip(soon.users, soon.positives, strict=True):
        assert set(items) <= set(whole[int(user)])
        mine = slice(events.indptr[user], events.indptr[user + 1])
        for item in items:
            when = events.time[mine][(events.item[mine] == item) & (events.time[mine] >= holdout.now)]
            assert when.min() <= times[19]
    everything = within(events, holdout, len(events))
    assert everything.users.tolist() == holdout.users.tolist()


def test_expected_purchases_are_summed_over_the_whole_catalogue(case):
    """The frozen negatives stand for all the items that were not bought: compare with scoring them all."""
    ranker = case.trainer.ranker()
    found = assessment.calibration(case, ranker)
    assert found is not None
    train = case.holdout.train
    soon = within(case.shop.events, case.holdout, round(case.settings.training.slice_share * len(train)))
    texts = case.texts(case.histories, soon.users)
    expected, observed = 0.0, 0
    for user, text, bought in zip(soon.users, texts, soon.positives, strict=True):
        profile = case.histories.profile(int(user), case.shop.facts, text)
        chance = ranker.score(profile, Candidates.of(case.shop.facts))
        had = np.unique(train.item[train.indptr[user] : train.indptr[user + 1]])
        expected += np.delete(chance, had).sum()
        observed += len(bought)
    # The tiny shop has fewer items than negatives are drawn, so nothing is left to chance but later purchases.
    assert found.expected_observed.value == pytest.approx(expected / observed, rel=0.1)


# --- the command ------------------------------------------------------------------------------------------------------


def run(*arguments: object):
    from jobs.evaluate import app

    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_the_command_prints_tables_and_a_line(tiny, tiny_version):
    result = run("--artifacts", tiny_version, "--users", 30)
    assert result.exit_code == 0, result.output
    assert "per-user AUC" in result.output.splitlines()[-1]
    assert "embedding cosine" in result.output


def test_the_command_writes_json_and_a_report(tiny, tiny_version, tmp_path):
    page = tmp_path / "report.html"
    result = run("--artifacts", tiny_version, "--json", "--report", page)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout.strip().splitlines()[-1])
    assert summary["table"][RANKER]["auc"]["value"] > 0.5
    assert "<svg" in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--report", "x.pdf"], ".html"),
        (["--report", "/no/such/x.html"], "does not exist"),
        (["--users", "0"], "users: 0 is not a whole number"),
    ],
)
def test_bad_arguments_are_refused_before_the_work(tiny, tiny_version, arguments, words):
    result = run("--artifacts", tiny_version, *arguments)
    assert result.exit_code == 2
    assert words in " ".join((result.output + result.stderr).split())


# --- against an independent scorer ------------------------------------------------------------------------------------


@pytest.mark.shared
def test_figures_equal_the_independent_scorer(shared, tmp_path):
    """Ranks, recall, nDCG, per-user and pooled AUC of two models on one real split, to the last digits."""
    split = shared / "bench" / "splits" / "amazon18_office-loo"
    spec = modules.spec_from_file_location("score", shared / "bench" / "score.py")
    assert spec is not None
    assert spec.loader is not None
    score = modules.module_from_spec(spec)
    spec.loader.exec_module(score)
    holdout, users, items = bench_holdout(split)
    users_with_score = np.random.default_rng(0).random((len(users), 1))
    popular = baselines.popularity(holdout.train)(0)
    noise = np.random.default_rng(1).random(len(items))
    models = {
        "popularity": lambda user: popular,
        "noise": lambda user: np.round(noise * popular + users_with_score[user], 3),
    }
    for name, model in models.items():
        ours = measure(model, holdout)
        recs = pd.DataFrame(
            [
                (users[user], items[item], rank + 1)
                for user, listed in zip(holdout.users, ours.lists, strict=True)
                for rank, item in enumerate(listed)
            ],
            columns=["user_id", "item_id", "rank"],
        )
        asked = pd.concat([pd.read_parquet(split / f"{part}.parquet").astype(str) for part in ("test", "negatives")])
        codes = pd.Index(users).get_indexer(asked.user_id), pd.Index(items).get_indexer(asked.item_id)
        per_user = {user: model(user) for user in set(codes[0])}
        asked["score"] = [per_user[u][i] for u, i in zip(*codes, strict=True)]
        recs.to_parquet(tmp_path / "recs.parquet")
        asked.to_parquet(tmp_path / "scores.parquet")
        theirs = score.evaluate(split, tmp_path / "recs.parquet", tmp_path / "scores.parquet")
        estimates = ours.estimates(len(items), 100, 7)
        for mine, its in (("auc", "user_auc"), ("pooled_auc",) * 2, ("ndcg@10",) * 2, ("recall@10",) * 2):
            assert estimates[mine].value == pytest.approx(theirs[its]["value"], abs=1e-9), (name, mine)
        assert estimates["coverage@10"].value == pytest.approx(theirs["coverage@10"])
        assert theirs["train_item_violations"] == 0


def bench_holdout(split: Path) -> tuple[Holdout, np.ndarray, np.ndarray]:
    """A split of the shared bench as a holdout, its user ids and its item ids."""
    from recsys.data import schema

    items = np.array(sorted(pd.read_parquet(split / "items.parquet").item_id.astype(str)), dtype=object)
    train = schema.check_interactions(pd.read_parquet(split / "train.parquet"), set(items), "train")
    test, negatives = (pd.read_parquet(split / f"{part}.parquet").astype(str) for part in ("test", "negatives"))
    users = np.array(sorted(set(train.table.user_id) | set(test.user_id)), dtype=object)
    assert train.time_kind is not None
    events = Events.from_table(train.table, users, items, train.time_kind)
    asked = np.unique(pd.Index(users).get_indexer(test.user_id))

    def codes(table: pd.DataFrame) -> list[np.ndarray]:
        coded = pd.Series(pd.Index(items).get_indexer(table.item_id), index=pd.Index(users).get_indexer(table.user_id))
        return [np.sort(group.to_numpy()) for _, group in coded.groupby(level=0)]

    return Holdout(events, events.end, asked, codes(test), codes(negatives)), users, items


def test_protocol_settings_reach_the_split(case):
    few = hold_out(case.shop.events, EvaluationSettings(max_users=5, negatives=3), Settings().seed)
    assert len(few.users) == 5
    assert {len(n) for n in few.negatives} == {3}
