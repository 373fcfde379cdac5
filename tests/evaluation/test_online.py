"""Online experiments: what is better is found, what is not is not declared however often one looks."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from recsys.data.event_log import EVENTS, EXPOSURES, EventWriter
from recsys.errors import BadInput
from recsys.evaluation.online import ENOUGH, compare, difference

NOW = 1_720_000_000.0


def log_experiment(root, rates, users=600, seed=0, shares=None):
    """Shoppers in turn in each variant, shown one item once; some of them buy it an hour later."""
    rng = np.random.default_rng(seed)
    names = list(rates)
    shown, bought = [], []
    for n in range(users):
        name = names[n % len(names)]
        row = {"experiment": "e", "user_id": f"u{n}", "variant": name, "items": ["a", "b"], "timestamp": NOW + n}
        shown.append({**row, "shares": shares or dict.fromkeys(names, 1.0)})
        if rng.random() < rates[name]:
            bought.append({"user_id": f"u{n}", "item_id": "b", "event": "purchase", "timestamp": NOW + n + 3_600})
    EventWriter(root / EXPOSURES).append(shown)
    EventWriter(root / EVENTS).append(bought)
    return len(bought)


def test_a_variant_that_is_better_is_found_and_the_figures_are_the_counts(tmp_path):
    bought = log_experiment(tmp_path, {"old": 0.1, "new": 0.35})
    found = compare(tmp_path, "e")
    assert found.table["variant"].tolist() == ["old", "new"]
    assert found.table["shoppers"].tolist() == [300, 300]
    assert found.table["outcomes"].sum() == bought
    (one,) = found.differences
    assert one.value == pytest.approx(found.table["mean"][1] - found.table["mean"][0])
    assert one.always_low < one.low < one.value < one.high < one.always_high
    assert one.decided
    assert found.advice == "stop: new is better"
    assert found.mismatch == pytest.approx(1.0)


def test_what_makes_no_difference_is_not_declared_and_what_is_worse_is_named(tmp_path):
    log_experiment(tmp_path / "same", {"old": 0.2, "new": 0.2})
    assert compare(tmp_path / "same", "e").advice.startswith("go on")
    log_experiment(tmp_path / "worse", {"old": 0.4, "new": 0.1})
    assert compare(tmp_path / "worse", "e").advice == "stop: new is worse; keep the first variant"


def test_looking_a_hundred_times_rarely_finds_what_is_not_there():
    rng = np.random.default_rng(0)
    always, once = 0, 0
    for _ in range(200):
        one, other = rng.random(2_000) < 0.2, rng.random(2_000) < 0.2
        looks = [difference("b", one[:n].astype(float), other[:n].astype(float)) for n in range(ENOUGH, 2_001, 20)]
        always += any(look.decided for look in looks)
        once += any(look.low > 0 or look.high < 0 for look in looks)
    assert always <= 0.05 * 200  # the level, over all looks together
    assert once >= 0.15 * 200  # which the usual interval does not keep


def test_only_what_was_shown_before_and_not_long_ago_counts(tmp_path):
    shown = {"experiment": "e", "variant": "old", "items": ["a"], "shares": {"old": 1.0, "new": 1.0}}
    EventWriter(tmp_path / EXPOSURES).append(
        [{**shown, "user_id": str(n), "timestamp": NOW} for n in range(4)]
        + [{**shown, "user_id": "9", "variant": "new", "timestamp": NOW}]
    )
    events = [("0", "a", 60), ("1", "a", -60), ("2", "z", 60), ("3", "a", 8 * 86_400)]
    EventWriter(tmp_path / EVENTS).append(
        [{"user_id": u, "item_id": i, "event": "purchase", "timestamp": NOW + t} for u, i, t in events]
        + [{"user_id": "0", "item_id": "a", "event": "view", "timestamp": NOW + 60}]
    )
    assert compare(tmp_path, "e").table["outcomes"].tolist() == [1, 0]
    assert compare(tmp_path, "e", days=9).table["outcomes"].tolist() == [2, 0]
    assert compare(tmp_path, "e", outcome="view").table["outcomes"].tolist() == [1, 0]


def test_shoppers_that_are_split_otherwise_than_meant_stop_an_experiment(tmp_path):
    log_experiment(tmp_path, {"old": 0.1, "new": 0.4}, shares={"old": 1.0, "new": 3.0})
    assert "not split as they were meant" in compare(tmp_path, "e").advice


def test_interleaved_lists_prefer_the_ranker_whose_items_are_bought(tmp_path):
    rng = np.random.default_rng(1)
    shown, bought = [], []
    for n in range(400):
        row = {"experiment": "e", "user_id": str(n), "variant": None, "items": ["a", "b"], "timestamp": NOW}
        shown.append({**row, "teams": ["old", "new"], "shares": {"old": 1.0, "new": 1.0}})
        item = "b" if rng.random() < 0.7 else "a"
        bought.append({"user_id": str(n), "item_id": item, "event": "cart", "timestamp": NOW + 5})
    EventWriter(tmp_path / EXPOSURES).append(shown)
    EventWriter(tmp_path / EVENTS).append(bought)
    found = compare(tmp_path, "e", outcome="cart")
    assert found.interleaved is not None
    assert found.interleaved.value == pytest.approx(0.4, abs=0.1)
    assert found.advice == "stop: new is better"


def test_the_command_says_when_to_stop_and_what_is_missing(tmp_path):
    from recsys.cli import app

    log_experiment(tmp_path, {"old": 0.1, "new": 0.35})
    words = ["evaluate", "online", "--artifacts", str(tmp_path), "--experiment"]
    told = json.loads(CliRunner().invoke(app, [*words, "e", "--json"]).stdout)
    assert told["advice"] == "stop: new is better"
    assert told["differences"][0]["decided"]
    assert CliRunner().invoke(app, [*words, "other"]).exit_code == 2
    with pytest.raises(BadInput, match="no exposures"):
        compare(tmp_path, "other")
