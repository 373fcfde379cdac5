"""Model cards: figures are those of the tables, limits those of the data, and none outlives what it describes."""

from __future__ import annotations

import pandas as pd
import pytest

from recsys import Recommender
from recsys.data.store import Store
from recsys.pipeline.card import FILE
from recsys.pipeline.forget import forget
from recsys.pipeline.inputs import Inputs
from recsys.pipeline.runs import embed, nightly
from recsys.settings import load_settings


@pytest.fixture(scope="module")
def shop(tmp_path_factory, tiny_environment, tiny_tables):
    folder = tmp_path_factory.mktemp("card")
    items, events = tiny_tables
    items.drop(columns="price").to_parquet(folder / "items.parquet")
    events.to_csv(folder / "events.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        settings = load_settings(artifacts=folder / "a", training={"half_life": 5.0})
        nightly(Inputs(folder / "items.parquet", folder / "events.csv"), settings)
    return settings


def live_card(settings) -> str:
    return (Store(settings.artifacts).require().path / FILE).read_text("utf-8")


def test_the_card_of_a_night(shop, tiny_tables):
    items, events = tiny_tables
    told = live_card(shop)
    buyers, used = events.user_id.nunique(), len(Recommender.load(shop.artifacts).shop.events)
    assert f"{len(items):,} items, {buyers:,} shoppers, {used:,} events." in told
    assert "training.half_life = 5.0" in told
    assert "training.users" not in told
    assert "Not known of any item: price" in told
    assert "Per-user AUC on the latest events, held out: 0." in told
    assert "- rows: used" in told


def test_the_command_prints_it(shop):
    from typer.testing import CliRunner

    from recsys import cli

    result = CliRunner().invoke(cli.app, ["versions", "--card", "live", "--artifacts", str(shop.artifacts)])
    assert result.exit_code == 0
    assert "## Known limits" in result.output
    assert pd.Series(result.output.splitlines()).str.startswith("## ").sum() == 5


def test_embed_alone_says_that_no_ranker_answers(tmp_path, tiny, tiny_tables):
    items, events = tiny_tables
    events.to_csv(tmp_path / "events.csv", index=False)
    settings = load_settings(artifacts=tmp_path / "b")
    items.to_parquet(tmp_path / "items.parquet")
    embed(Inputs(tmp_path / "items.parquet", tmp_path / "events.csv"), settings)
    assert "No ranker answers here: cosine" in live_card(settings)
    assert "Not compared with anything" in live_card(settings)


def test_a_card_is_written_anew_when_users_are_erased(shop, tiny_tables):
    _, events = tiny_tables
    gone = str(events.user_id.iloc[0])
    forget({gone}, shop)
    assert f" {events.user_id.nunique() - 1:,} shoppers" in live_card(shop)
    assert "- rows: used" not in live_card(shop)  # the report of the reading may quote their rows
