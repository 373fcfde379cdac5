"""Fairness: a segment that is served worse is named, and beyond a bound refused; what is alike says nothing."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from recsys.data.store import Store
from recsys.pipeline import fairness
from recsys.pipeline.inputs import Inputs
from recsys.pipeline.runs import nightly
from recsys.settings import GateSettings, load_settings


def figures(value: float = 0.0, p: float = 0.001, exposure: float = 0.3) -> dict:
    return {
        "exposure": exposure,
        "bought": 0.2,
        "gap": {"value": value, "chance": 0.02, "p": p, "best": "young", "worst": "old"},
    }


@pytest.mark.parametrize(
    ("found", "warned", "refused"),
    [
        (figures(0.05), "", ""),
        (figures(0.25), "segment 'old' is 0.250 below that of 'young', 0.230 more than chance shows", ""),
        (figures(0.25, p=0.2), "", ""),  # random segments show as much
        (figures(0.33), "", "gate.max_segment_gap = 0.3 allows"),
        (figures(exposure=0.65), "takes 65% of all places in lists, and 20% of later purchases", ""),
        (figures(exposure=1.0), "takes 100% of all places in lists", ""),
        ({"exposure": 0.9, "bought": 0.05}, "", "gate.max_exposure = 0.8 allows"),
    ],
)
def test_a_warning_beyond_one_bound_and_a_refusal_beyond_the_other(found, warned, refused, caplog):
    with caplog.at_level(logging.WARNING):
        said = fairness.judge(found, GateSettings())
    assert (refused in said) if refused else said == ""
    assert (warned in caplog.text) if warned else caplog.text == ""


def test_a_night_that_serves_one_segment_worse_is_refused_and_its_remedy_publishes(
    tiny, tiny_tables, tmp_path, monkeypatch, caplog
):
    """Cooks and gardeners keep to their kind; strangers to both, who buy at random, are a segment of their own."""
    items, events = tiny_tables
    rng = np.random.default_rng(0)
    rows = [
        {"user_id": f"r{user:03d}", "item_id": item, "timestamp": 1_700_000_000 + 86_400 * int(rng.integers(0, 130))}
        for user in range(60)
        for item in rng.choice(items["item_id"], 8, replace=False)
    ]
    everybody = pd.concat([events, pd.DataFrame(rows)])
    everybody.to_csv(tmp_path / "events.csv", index=False)
    items.to_csv(tmp_path / "items.csv", index=False)
    users = everybody["user_id"].drop_duplicates()
    segment = np.where(users.str.startswith("r"), "at random", "of one taste")
    pd.DataFrame({"user_id": users, "segment": segment}).to_csv(tmp_path / "users.csv", index=False)
    given = Inputs(tmp_path / "items.csv", tmp_path / "events.csv", users=tmp_path / "users.csv")
    monkeypatch.setenv("RECSYS_GATE__MAX_SEGMENT_GAP", "0.05")
    outcome = nightly(given, load_settings(artifacts=tmp_path / "a"))
    assert outcome.verdict.refused
    assert "segment 'at random' is" in outcome.verdict.message
    assert Store(tmp_path / "a").current_id() is None
    name, _, value = outcome.verdict.message.rpartition("set ")[2].split(" ")[0].partition("=")
    monkeypatch.setenv(name, value)
    with caplog.at_level(logging.WARNING):
        outcome = nightly(given, load_settings(artifacts=tmp_path / "a"))
    assert not outcome.verdict.refused
    found = outcome.version.manifest["gate"]["fairness"]
    assert list(found["segments"]) == ["at random", "of one taste"]
    assert found["gap"]["worst"] == "at random"
    assert 0 < found["bought"] < 0.5
    assert "Per-user AUC by segment (shoppers): at random 0." in (outcome.version.path / "card.md").read_text("utf-8")
