"""An event sent now changes this shopper's next list, also through another process, and survives whatever kills one."""

from __future__ import annotations

import errno
import os
import shutil
import time

import pytest
from starlette.testclient import TestClient

from recsys.data.event_log import EVENTS, EventLog, EventWriter
from recsys.pipeline import Inputs, runs
from recsys.service.app import create_app
from recsys.settings import load_settings


@pytest.fixture
def settings(environment, tiny_version, tmp_path):
    shutil.copytree(tiny_version, tmp_path / "shop")
    return load_settings(artifacts=tmp_path / "shop")


@pytest.fixture
def client(settings):
    with TestClient(create_app(settings, check_every=0.05)) as client:
        yield client


def ids(client, user="000", **more):
    return [row["item_id"] for row in client.post("/recommend", json={"user_id": user, "k": 6, **more}).json()["items"]]


def send(client, *events):
    answer = client.post("/events", json={"events": list(events)})
    assert answer.status_code == 202, answer.text
    return answer.json()


def test_an_event_counts_in_the_next_list_and_in_the_next_version_once(client, settings, rec):
    before = ids(client)
    told = send(client, *({"user_id": "000", "item_id": item, "event": "cart"} for item in ("G001", "G002", "G003")))
    assert told == {"accepted": 3, "unknown_items": []}
    after = ids(client)
    since = [{"item_id": item, "event": "cart"} for item in ("G001", "G002", "G003")]
    assert after == rec.recommend({"user": "000", "since": since}, k=6).item_id.tolist() != before
    assert ids(client, "001") == rec.recommend("001", k=6).item_id.tolist()
    met = client.get("/users/000/history").json()["items"][-3:]
    assert [(one["item_id"], one["event"], one["weight"]) for one in met] == [
        ("G001", "cart", 0.5),
        ("G002", "cart", 0.5),
        ("G003", "cart", 0.5),
    ]
    version = runs.embed(Inputs(), settings).version
    limit = time.monotonic() + 30
    while client.get("/healthz").json()["version"] != version.id:
        assert time.monotonic() < limit
        time.sleep(0.05)
    met = client.get("/users/000/history").json()["items"][-3:]
    assert {(one["item_id"], one["event"]) for one in met} == {("G001", None), ("G002", None), ("G003", None)}
    assert ids(client) == type(rec).load(settings=settings).recommend("000", k=6).item_id.tolist()


def test_events_of_a_process_beside_this_one_count_too(client, settings):
    before = ids(client)
    row = {"user_id": "000", "item_id": "G001", "event": "purchase", "timestamp": time.time()}
    EventWriter(settings.artifacts / EVENTS).append([row])
    assert ids(client) != before


def test_a_stranger_becomes_a_shopper_and_unknown_items_are_said(client, rec):
    assert client.post("/recommend", json={"user_id": "new one"}).status_code == 404
    told = send(client, {"user_id": "new one", "item_id": "G001"}, {"user_id": "new one", "item_id": "tomorrow's"})
    assert told["unknown_items"] == ["tomorrow's"]
    got = client.post("/recommend", json={"user_id": "new one", "k": 6}).json()
    assert [row["item_id"] for row in got["items"]] == rec.recommend({"history": ["G001"]}, k=6).item_id.tolist()
    assert got["notes"] == ['history: "tomorrow\'s" is not in the catalogue and is left out']
    assert client.post("/explain", json={"user_id": "new one", "item_id": "G002"}).status_code == 200


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"item_id": "G001"}, "user_id"),
        ({"user_id": "1", "item_id": "G001", "event": "search"}, "event"),
        ({"user_id": "1", "item_id": "G001", "timestamp": 5}, "timestamp"),
        ({"user_id": "1", "item_id": "G001", "timestamp": time.time() + 3 * 86_400}, "more than a day in the future"),
        ({"user_id": "1", "item_id": "G001", "price": -1}, "price"),
        ({"user_id": "1", "item_id": "G001", "note": "x"}, "note"),
        ({"user_id": "", "item_id": "G001"}, "user_id"),
    ],
)
def test_one_bad_event_refuses_all_of_a_request(client, settings, event, said):
    answer = client.post("/events", json={"events": [{"user_id": "1", "item_id": "G001"}, event]})
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert EventLog.of(settings.artifacts).read()[0] == []


def test_a_full_disk_is_said_and_nothing_is_acknowledged(client, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        answer = client.post("/events", json={"events": [{"user_id": "1", "item_id": "G001"}]})
    assert answer.status_code == 503
    assert "no space" in answer.json()["detail"]
    send(client, {"user_id": "1", "item_id": "G001"})
