"""What the page asks for beside the public endpoints: typed, for the shop's own people, never more than is kept."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from starlette.testclient import TestClient

from recsys.data import evaluations
from recsys.data.store import Store
from recsys.service.app import create_app
from recsys.service.keys import new_key
from recsys.settings import load_settings

ASKED = [
    ("GET", "/insight/shoppers", None),
    ("POST", "/insight/reasons", {"user_id": "000", "items": ["G001"]}),
    ("POST", "/insight/compare", {"user_id": "000"}),
    ("GET", "/insight/card", None),
]


def test_shoppers_differ_or_begin_as_was_typed(client, rec):
    few = client.get("/insight/shoppers", params={"k": 2}).json()["shoppers"]
    kinds = [{title.split()[1] for title in one["latest"]} for one in few]
    assert kinds in ([{"garden"}, {"kitchen"}], [{"kitchen"}, {"garden"}])  # the shop has two tastes
    found = client.get("/insight/shoppers", params={"q": "01", "k": 20}).json()["shoppers"]
    assert [one["user_id"] for one in found] == [f"{n:03d}" for n in range(10, 20)]
    code = rec.lookup.user_code("010")
    assert found[0]["items"] == len(rec.shop.profile(code))
    assert client.get("/insight/shoppers", params={"q": "nobody"}).json()["shoppers"] == []


def test_reasons_have_parts_that_add_up_and_name_what_was_bought(client, rec):
    items = rec.recommend("000", k=5).item_id.tolist()
    got = client.post("/insight/reasons", json={"user_id": "000", "items": items}).json()
    assert [row["item_id"] for row in got["items"]] == items
    own = {str(rec.shop.item_ids[i]) for i in rec.shop.profile(0).items}
    for row in got["items"]:
        assert sum(row["parts"].values()) == pytest.approx(row["logit"] - row["baseline"], abs=1e-6)
        assert set(row["worth"]) == own
        assert set(row["because"]) <= own
        assert set(row["parts"]) == set(got["blocks"])
    zh = client.post("/insight/reasons", json={"user_id": "000", "items": items, "language": "zh"}).json()
    assert any("\u4e00" <= letter <= "\u9fff" for row in zh["items"] for letter in row["sentence"] or "")
    less = {"user_id": "000", "without": row["because"] or [min(own)], "items": items}
    assert client.post("/insight/reasons", json=less).json()["items"] != got["items"]


def test_popularity_is_what_sold_lately_but_for_what_the_shopper_has(client, rec):
    got = client.post("/insight/compare", json={"user_id": "000", "by": "popularity", "k": 50}).json()["items"]
    events = rec.shop.events
    late = events.where(events.time >= events.end - 30 * 86_400)
    counts = np.bincount(late.item, late.weight, minlength=50)
    seen = {str(rec.shop.item_ids[i]) for i in rec.shop.seen(0)}
    expected = [
        str(rec.shop.item_ids[i])
        for i in np.lexsort((np.arange(50), -counts))
        if counts[i] and rec.shop.available[i] and str(rec.shop.item_ids[i]) not in seen
    ]
    assert [row["item_id"] for row in got] == expected
    assert got[0]["price"] > 0


def test_a_version_that_is_kept_is_compared_and_others_are_unknown(environment, tiny_version, tmp_path):
    shutil.copytree(tiny_version, tmp_path / "shop")
    store = Store(tmp_path / "shop")
    first = store.require()
    with store.writing() as draft:
        draft.carry(first, without="nothing")
        old = {
            k: v for k, v in first.manifest.items() if k not in ("files", "format", "version", "created", "sequence")
        }
        second = store.publish(draft, old, live=first)
    evaluations.keep(store, first.id, {"auc": 1}, {})
    with TestClient(create_app(load_settings(artifacts=store.root))) as client:
        card = client.get("/insight/card").json()
        assert [(one["version"], one["live"]) for one in card["versions"]] == [(second.id, True), (first.id, False)]
        assert card["figures"] is None  # they are of the version before
        live = client.post("/insight/compare", json={"user_id": "000"}).json()
        before = client.post("/insight/compare", json={"user_id": "000", "version": first.id}).json()
        assert (live["version"], before["version"]) == (second.id, first.id)
        assert [row["item_id"] for row in live["items"]] == [row["item_id"] for row in before["items"]]
        for version, status in (("20200101T000000-0000", 404), ("../../etc", 422)):
            answer = client.post("/insight/compare", json={"user_id": "000", "version": version})
            assert answer.status_code == status, answer.text


def test_the_card_names_files_without_the_servers_folders(client, rec):
    card = client.get("/insight/card").json()
    assert card["card"]["counts"]["items"] == 50
    assert card["price"] == [5.0, 29.0]
    assert [block["name"] for block in card["blocks"]] == [block.name for block in rec.ranker.blocks]
    assert all("/" not in table["source"] for table in card["intake"]["tables"].values())


@pytest.mark.parametrize(("method", "path", "body"), ASKED)
def test_only_keys_that_run_the_service_may_ask(environment, tiny_version, tmp_path, method, path, body):
    file = tmp_path / "keys.json"
    front, own = new_key(file, "front", ["recommend", "explain"]), new_key(file, "own", ["admin"])
    settings = load_settings(artifacts=tiny_version, serve={"keys": file})
    client = TestClient(create_app(settings))
    for key, status in (("rk_wrong", 401), (front, 403), (own, 200)):
        answer = client.request(method, path, json=body, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/insight/reasons", {"user_id": "000", "items": []}, 422),
        ("/insight/reasons", {"user_id": "000", "items": ["G001"] * 51}, 422),
        ("/insight/reasons", {"user_id": "000", "items": ["nothing"]}, 404),
        ("/insight/reasons", {"user_id": "nobody", "items": ["G001"]}, 404),
        ("/insight/compare", {"user_id": "nobody", "by": "popularity"}, 404),
        ("/insight/compare", {"user_id": "000", "by": "magic"}, 422),
        ("/insight/compare", {"user_id": "000", "k": 0}, 422),
    ],
)
def test_what_cannot_be_answered_is_a_problem(client, path, body, status):
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
