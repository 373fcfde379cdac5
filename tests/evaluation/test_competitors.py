"""Peers against their definitions, on a shop whose answer is known."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from recsys.evaluation import competitors
from recsys.evaluation.competitors import Peer, PeerInput
from recsys.evaluation.splits import hold_out
from recsys.settings import EvaluationSettings
from tests import shops

SETTINGS = EvaluationSettings(resamples=100, max_users=60)
IMPLICIT = importlib.util.find_spec("implicit") is not None


@pytest.fixture(scope="module")
def past() -> PeerInput:
    items, rows = shops.tables()
    events = shops.events_of(items, rows)
    return PeerInput(shops.facts_of(items), events, events.end, 7, np.arange(40))


def test_ease_solves_steck_s_problem(past):
    """Each column is the ridge regression of an item on all the others."""
    met = competitors.user_items(past.events).toarray().astype(np.float64)
    ridge, item, user = 10.0, 4, 3
    others = np.delete(np.arange(met.shape[1]), item)
    x = met[:, others]
    weights = np.linalg.solve(x.T @ x + ridge * np.eye(len(others)), x.T @ met[:, item])
    assert competitors.ease(past, ridge=ridge)(user)[item] == pytest.approx(
        met[user, others] @ weights, rel=1e-3, abs=1e-5
    )


def test_items_met_twice_count_once(past):
    met = competitors.user_items(past.events)
    assert set(met.data) == {1.0}
    pairs = set(zip(past.events.user.tolist(), past.events.item.tolist(), strict=True))
    assert met.nnz == len(pairs)


def everyone() -> list[str]:
    return [p.name for p in competitors.available(60)[0]]


@pytest.mark.parametrize("name", everyone())
def test_each_peer_learns_the_two_tastes(name, past):
    """A peer that is given a fair chance tells gardeners from cooks; a crippled one would not."""
    peer = next(p for p in competitors.available(60)[0] if p.name == name)
    garden = np.arange(60) % 2 == 1
    best = 0.0
    for params in peer.grid[:2]:
        scores = peer.fit(past, **params)
        right = []
        for user in range(40):
            own = past.events.item[past.events.indptr[user] : past.events.indptr[user + 1]]
            s = scores(user)
            assert s.shape == (60,)
            assert np.isfinite(s).all()
            mine = garden[own[0]]
            right.append(np.mean(s[garden == mine]) > np.mean(s[garden != mine]))
        best = max(best, float(np.mean(right)))
    assert best > 0.9


def test_tuning_takes_what_did_best_on_the_inner_split(past):
    """Scores that know the kind against noise; the second choice in the grid is the better one."""

    def fit(past: PeerInput, good: bool):
        noise = np.random.default_rng(0).random(60)
        known = competitors.text(past, "embedding", half_life=8.0)
        return known if good else (lambda user: noise)

    tuned = competitors.tune(Peer("either", fit, ({"good": False}, {"good": True})), past, SETTINGS)
    assert tuned.ndcg == {"good": True}
    assert tuned.auc == {"good": True}


def test_tuning_never_sees_the_test(past):
    """What is held out from the peers is not among the events any of their fits is given."""
    holdout = hold_out(past.events, SETTINGS, 7)
    given = []

    def fit(past: PeerInput, number: int):
        given.append(past.events)
        return lambda user: np.zeros(60)

    ran = competitors.run([Peer("spy", fit, ({"number": 1}, {"number": 2}))], past.facts, holdout, SETTINGS, 7)
    assert list(ran) == ["spy"]
    assert len(given) == 3  # two on the inner split, one final
    assert max(float(e.time.max()) for e in given) < holdout.now
    assert all(float(e.time.max()) < float(given[-1].time.max()) for e in given[:-1])


def test_a_peer_with_two_best_choices_enters_twice(past):
    holdout = hold_out(past.events, SETTINGS, 7)

    def fit(past: PeerInput, way: str):
        popular = np.bincount(past.events.item, minlength=60).astype(float)
        if way == "top":  # one good guess on top, the rest upside down
            scores = -popular
            scores[popular.argmax()] = 1e9
            return lambda user: scores
        return lambda user: popular

    ran = competitors.run([Peer("two", fit, ({"way": "top"}, {"way": "order"}))], past.facts, holdout, SETTINGS, 7)
    assert all(name in ("two", "two @auc") for name in ran)
    for name, (measured, params) in ran.items():
        assert set(measured.per_user) >= {"auc", "ndcg@10"}
        assert params["way"] in ("top", "order"), name


def test_what_cannot_run_is_named_with_the_reason(monkeypatch):
    found, skipped = competitors.available(competitors.DENSE_ITEMS + 1)
    assert "EASE" in skipped
    assert "EASE" not in {p.name for p in found}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    found, skipped = competitors.available(60)
    assert {"item-kNN", "ALS", "BPR", "LightFM", "SASRec", "eSASRec", "BERT4Rec"} <= set(skipped)
    assert "an environment of its own" in skipped["eSASRec"]
    assert "recsys[peers]" in skipped["ALS"]
    assert "EASE" in {p.name for p in found}


@pytest.mark.skipif(not IMPLICIT, reason="the package implicit is not installed")
@pytest.mark.parametrize("name", ["ALS", "BPR", "item-kNN"])
def test_two_runs_agree(name, past):
    peer = next(p for p in competitors.available(60)[0] if p.name == name)
    params = peer.grid[0]
    np.testing.assert_allclose(peer.fit(past, **params)(5), peer.fit(past, **params)(5), rtol=1e-4, atol=1e-5)
