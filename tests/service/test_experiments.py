"""A running experiment: each shopper's variant makes their list, and what was shown is logged."""

from __future__ import annotations

import shutil
import time

import pytest
from starlette.testclient import TestClient

from recsys import Recommender
from recsys.data.event_log import EXPOSURES, EventLog
from recsys.data.store import Store
from recsys.errors import BadInput
from recsys.pipeline import Inputs, runs
from recsys.service.app import create_app
from recsys.serving.experiment import assigned
from recsys.settings import load_settings

USERS = [f"{n:03d}" for n in range(12)]


@pytest.fixture
def shop(environment, tiny_version, tmp_path):
    shutil.copytree(tiny_version, tmp_path / "shop")
    return tmp_path / "shop"


def logged(shop, n):
    limit = time.monotonic() + 20
    while len(rows := EventLog.of(shop, EXPOSURES).read()[0]) < n:
        assert time.monotonic() < limit
        time.sleep(0.02)
    return rows


def items(answer):
    return [row["item_id"] for row in answer["items"]]


def test_variants_by_version_and_by_rules_and_their_exposures(shop):
    old = Store(shop).current_id()
    new = runs.embed(Inputs(), load_settings(artifacts=shop)).version.id
    variants = {"live": {}, "before": {"version": old}, "garden": {"rules": {"categories": ["garden"]}}}
    settings = load_settings(artifacts=shop, experiment={"name": "e", "variants": variants})
    plain = Recommender.load(settings=settings)
    shares = dict.fromkeys(variants, 1.0)
    with TestClient(create_app(settings)) as client:
        for _ in range(2):  # the second time from what was made
            for user in USERS:
                told = client.post("/recommend", json={"user_id": user, "k": 4}).json()
                variant = assigned("e", user, shares)
                assert told["variant"] == variant
                assert told["version"] == (old if variant == "before" else new)
                if variant == "garden":
                    assert items(told) == plain.recommend(user, k=4, rules={"categories": ["garden"]}).item_id.tolist()
        asked = {"user_id": USERS[0], "k": 4, "rules": {"categories": ["kitchen"]}}
        assert all(item.startswith("K") for item in items(client.post("/recommend", json=asked).json()))
        assert "variant" not in client.post("/recommend", json={"k": 4}).json()
        assert "variant" not in client.post("/recommend", json={"user_id": "000", "items": ["G001"]}).json()
        rows = logged(shop, 25)
    assert len(rows) == 25
    assert {row["variant"] for row in rows} == set(variants)
    assert all(row["experiment"] == "e" and len(row["items"]) == 4 and row["user_id"] in USERS for row in rows)


def test_interleaved_lists_name_the_team_of_each_place_in_the_log_alone(shop):
    variants = {"live": {}, "garden": {"rules": {"categories": ["garden"]}}}
    settings = load_settings(artifacts=shop, experiment={"name": "e", "interleave": True, "variants": variants})
    plain = Recommender.load(settings=settings)
    with TestClient(create_app(settings)) as client:
        told = client.post("/recommend", json={"user_id": "000", "k": 6}).json()
        (row,) = logged(shop, 1)
    assert told["variant"] == "interleaved"
    assert items(told) == row["items"]
    assert [r["rank"] for r in told["items"]] == [1, 2, 3, 4, 5, 6]
    assert row["variant"] is None
    assert sorted(row["teams"]) == ["garden"] * 3 + ["live"] * 3
    own = {name: [i for i, team in zip(row["items"], row["teams"], strict=True) if team == name] for name in variants}
    assert own["live"] == [i for i in plain.recommend("000", k=6).item_id if i in own["live"]]
    assert "team" not in str(told)


@pytest.mark.parametrize(
    ("experiment", "said"),
    [
        ({"name": "e", "variants": {"a": {}}}, "two or more"),
        ({"variants": {"a": {}, "b": {}}}, "needs one"),
        ({"name": "e", "interleave": True, "variants": {"a": {}, "b": {}, "c": {}}}, "takes two"),
        ({"name": "e", "variants": {"a": {}, "b": {"rules": {"diversity": 5}}}}, "variants.b: rules: diversity"),
    ],
)
def test_experiments_that_make_no_sense_are_refused(shop, experiment, said):
    with pytest.raises(BadInput, match=said):
        create_app(load_settings(artifacts=shop, experiment=experiment))
