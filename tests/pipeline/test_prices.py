"""Prices at night: the ranker that is published, the one the gate compares and the one figures are of all know them."""

from __future__ import annotations

import pandas as pd

from recsys.data import snapshot
from recsys.evaluation.assessment import Case
from recsys.pipeline import Inputs, gate, runs
from recsys.ranking.ranker import Ranker
from recsys.settings import load_settings

DAY = 86_400.0


def test_every_ranker_of_a_shop_with_prices_reads_them(tiny, tiny_tables, tmp_path, monkeypatch):
    items, events = tiny_tables
    end = float(pd.to_numeric(events["timestamp"]).max())
    first = items["item_id"].min()
    prices = pd.DataFrame({"item_id": first, "date": [end - 200 * DAY, end - 7 * DAY], "price": [10.0, 8.0]})
    items.to_parquet(tmp_path / "items.parquet")
    events.to_parquet(tmp_path / "events.parquet")
    prices.to_csv(tmp_path / "prices.csv", index=False)
    compared: list[Ranker] = []
    scores = gate.ranker_scores

    def spy(ranker, *given):
        compared.append(ranker)
        return scores(ranker, *given)

    monkeypatch.setattr(gate, "ranker_scores", spy)
    settings = load_settings(artifacts=tmp_path / "shop")
    inputs = Inputs(tmp_path / "items.parquet", tmp_path / "events.parquet", prices=tmp_path / "prices.csv")
    version = runs.nightly(inputs, settings).version
    shop = snapshot.load(version.path)
    measured = Case.of(shop, lambda histories, users: shop.history_pool.vectors[users], settings).trainer.ranker()
    for ranker in (Ranker.load(version.path / "ranker"), *compared, measured):
        assert "price drop" in [block.name for block in ranker.blocks]
    assert len(compared) == 1
