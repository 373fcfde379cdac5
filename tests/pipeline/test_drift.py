"""Drift: nothing moved, nothing said; what moved is named; scores that moved too far are not published."""

from __future__ import annotations

import logging
import shutil

import numpy as np
import pandas as pd
import pytest

from recsys.data.store import Store
from recsys.pipeline import drift
from recsys.pipeline.inputs import Inputs
from recsys.pipeline.runs import nightly
from recsys.settings import load_settings


@pytest.fixture(scope="module")
def first_night(tmp_path_factory, tiny_environment, tiny_tables):
    folder = tmp_path_factory.mktemp("drift")
    items, events = tiny_tables
    items.to_parquet(folder / "items.parquet")
    events.to_parquet(folder / "events.parquet")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        nightly(Inputs(folder / "items.parquet", folder / "events.parquet"), load_settings(artifacts=folder / "a"))
    return folder


@pytest.fixture
def shop(first_night, tmp_path, tiny):
    shutil.copytree(first_night / "a", tmp_path / "a")
    given = Inputs(first_night / "items.parquet", first_night / "events.parquet")
    return load_settings(artifacts=tmp_path / "a"), given


def moved(settings) -> dict[str, float]:
    return Store(settings.artifacts).require().manifest["drift"]


def test_the_index_is_the_published_formula():
    rng = np.random.default_rng(0)
    before, now = rng.normal(size=4_000), rng.normal(0.5, size=4_000)
    edges = np.quantile(before, np.linspace(0, 1, 11)[1:-1])
    expected = 0.0
    for low, high in zip([-np.inf, *edges], [*edges, np.inf], strict=True):
        e, a = ((low < x) & (x <= high) for x in (before, now))
        expected += (a.mean() - e.mean()) * np.log(a.mean() / e.mean())
    told = drift.indices(drift.distributions({"x": before}), {"x": now})
    assert told["x"] == pytest.approx(expected, abs=0.01)
    assert drift.indices(drift.distributions({"x": before}), {"x": before}) == {"x": 0.0}


def test_names_and_missing_values_are_bins_of_their_own():
    before = {"kind": np.array(["a"] * 90 + ["b"] * 10, object), "price": np.array([1.0, 2.0, 3.0, 4.0] * 25)}
    now = {"kind": np.array(["c"] * 90 + ["b"] * 10, object), "price": np.array([np.nan] * 100)}
    told = drift.indices(drift.distributions(before), now)
    assert told["kind"] > 1
    assert told["price"] > 1


def test_a_night_of_the_same_tables_has_not_moved(shop, caplog):
    settings, given = shop
    assert moved(settings) == {}
    nightly(given, settings)
    assert moved(settings)["score"] < 0.01
    assert max(moved(settings).values()) < 0.01
    assert not [r for r in caplog.records if "much has moved" in r.getMessage()]


def test_what_moved_is_named_and_too_much_is_refused(shop, tmp_path, caplog, tiny_tables, monkeypatch):
    settings, given = shop
    items, _ = tiny_tables
    live = Store(settings.artifacts).current_id()
    items.assign(price=items.price * 1_000).to_parquet(tmp_path / "dear.parquet")
    dear = Inputs(tmp_path / "dear.parquet", given.interactions)
    strict = settings.model_copy(update={"gate": settings.gate.model_copy(update={"max_drift": 1e-6})})
    with caplog.at_level(logging.WARNING):
        outcome = nightly(dear, strict)
    assert any("price" in r.getMessage() for r in caplog.records if "much has moved" in r.getMessage())
    assert outcome.verdict.refused
    assert "gate.max_drift = 1e-06 allows; most of all moved price" in outcome.verdict.message
    assert Store(settings.artifacts).current_id() == live
    # The remedy that the message names.
    name, _, value = outcome.verdict.message.rpartition("set ")[2].split(" ")[0].partition("=")
    monkeypatch.setenv(name, value)
    assert nightly(dear, load_settings(artifacts=settings.artifacts)).verdict.refused is False
    assert Store(settings.artifacts).current_id() != live


def test_other_settings_give_other_scores_which_are_not_compared(shop):
    settings, given = shop
    other = settings.model_copy(update={"training": settings.training.model_copy(update={"half_life": 3.0})})
    nightly(given, other)
    assert "score" not in moved(other)
    assert moved(other)["words of a text"] == 0.0


def test_the_sample_stays_while_its_members_do():
    ids = np.array([f"u{n}" for n in range(1_000)], object)
    first = set(ids[drift._sample(ids, 50)])
    later = np.array([*ids[::2], *(f"new{n}" for n in range(500))], object)
    stayed = first & set(later)
    assert stayed <= set(later[drift._sample(later, 60)]) | stayed - set(pd.Series(later))
    assert len(stayed & set(later[drift._sample(later, 50)])) >= len(stayed) * 0.7
