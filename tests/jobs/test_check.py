"""`recsys check`: five lines and what a night would do; nothing is written."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from recsys.cli import app


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def with_tables(items: pd.DataFrame, events: pd.DataFrame, *options: str):
        items.to_csv("items.csv", index=False)
        events.to_csv("log.csv", index=False)
        return CliRunner().invoke(app, ["check", "--items", "items.csv", "--interactions", "log.csv", *options])

    return with_tables


def test_it_says_what_a_night_would_do_and_writes_nothing(run, tiny_tables):
    items, events = tiny_tables
    result = run(items, events.assign(what="view"), "--map", "event=what")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line.partition(":")[0] for line in lines[:5]] == ["files", "columns", "rows", "values", "warnings"]
    assert "read `what` as `event`" in lines[1]
    assert "a night would publish 50 items and" in lines[5]
    assert sorted(path.name for path in Path().iterdir()) == ["items.csv", "log.csv"]
    told = json.loads(run(items, events, "--json").output)
    assert told["reading"]["tables"]["items"]["kept"] == len(items)


def test_what_a_night_would_refuse_is_exit_2(run, tiny_tables):
    items, events = tiny_tables
    result = run(items[: len(items) // 2], events)
    assert result.exit_code == 2
    assert "a night would refuse: log.csv: " in result.output
    assert "RECSYS_INTAKE__MAX_BAD=" in result.output


def test_a_shop_of_three_hears_what_is_missing(run, tiny_tables):
    items, events = tiny_tables
    result = run(items, events[events.user_id.isin(["000", "001", "002"])])
    assert (
        "ranked by popularity and texts: 3 shoppers have met two different items, and a ranker needs 10"
        in result.output
    )
