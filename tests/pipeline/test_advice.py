"""Advice of a night's messages, followed to the letter, works."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from recsys.cli import app
from recsys.data import snapshot
from recsys.data.store import Store


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, tiny_tables, tiny_environment) -> Path:
    """A live version of the tiny shop, made from csv files; copied by each test that writes to it."""
    folder = tmp_path_factory.mktemp("advice")
    items, log = tiny_tables
    items.to_csv(folder / "items.csv", index=False)
    log = log.sort_values("timestamp")
    log[:-40].to_csv(folder / "history.csv", index=False)
    log[-40:].to_csv(folder / "today.csv", index=False)
    arguments = ("nightly", "--items", "items.csv", "--interactions", "history.csv")
    result = run(folder, *arguments, env=tiny_environment)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def shop(published: Path, tmp_path: Path, tiny) -> Path:
    """A copy of the live version and of its files."""
    return Path(shutil.copytree(published, tmp_path, dirs_exist_ok=True))


def run(folder: Path, command: str, *arguments: str, env: dict[str, str] | None = None):
    given = [str(folder / word) if word.endswith((".csv", ".jsonl")) else word for word in arguments]
    return CliRunner().invoke(app, [command, *given, "--artifacts", str(folder / "shop")], env=env)


def counts(folder: Path) -> dict[str, int]:
    return Store(folder / "shop").require().manifest["counts"]


def test_a_delta_without_append_is_told_of_it_and_keeps_the_history_then(shop):
    before = counts(shop)["events"]
    refused = run(shop, "nightly", "--interactions", "today.csv")
    assert refused.exit_code == 1
    assert f"events fell from {before} to 40" in refused.output
    option = re.search(r"only the new events, add them with (--\w+)", refused.output)
    assert option is not None
    assert run(shop, "nightly", "--interactions", "today.csv", option[1]).exit_code == 0
    assert counts(shop)["events"] == before + 40


def test_a_delta_that_is_meant_to_replace_does_with_the_setting_that_is_named(shop):
    refused = run(shop, "nightly", "--interactions", "today.csv")
    name, value = re.search(r"set (RECSYS_\w+)=(\S+) for one run", refused.output).groups()
    assert run(shop, "nightly", "--interactions", "today.csv", env={name: value}).exit_code == 0
    assert counts(shop)["events"] == 40


def test_events_that_speak_of_products_do_not_replace_the_catalogue(shop, tiny_tables):
    items, log = tiny_tables
    events = [
        {
            "event_name": "purchase",
            "event_timestamp": str(int(row.timestamp) * 1_000_000),
            "user_pseudo_id": row.user_id,
            "items": [{"item_id": row.item_id, "item_name": "name of the event"}],
        }
        for row in log[log["item_id"] != items["item_id"][0]].itertuples()
    ]
    (shop / "ga4.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    result = run(shop, "embed", "--interactions", "ga4.jsonl")
    assert result.exit_code == 0, result.output
    table = snapshot.load(Store(shop / "shop").require().path).tables.value.items
    pd.testing.assert_series_equal(
        table["title"], items.sort_values("item_id", ignore_index=True)["title"], check_dtype=False
    )
