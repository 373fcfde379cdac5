"""Who may ask what: keys with scopes and rates, tokens of one shopper, and nothing without them for others."""

from __future__ import annotations

import json
import shutil
import time

import pytest
from starlette.testclient import TestClient

from recsys.errors import BadInput
from recsys.service.app import create_app
from recsys.service.keys import ENOUGH, KEYS, SECRET, Keys, new_key, read_keys, revoke, shopper_token
from recsys.service.server import refuse_open
from recsys.settings import load_settings

SIGNED_WITH = "s" * ENOUGH


@pytest.fixture(scope="module")
def keyed(environment, tiny_version, tmp_path_factory):
    folder = tmp_path_factory.mktemp("keyed")
    file = folder / "keys.json"
    names = {
        "front": ["recommend", "events"],
        "all": ["recommend", "explain", "events", "answer", "admin"],
        "little": ["recommend"],
    }
    made = {name: new_key(file, name, scopes, "3/hour" if name == "little" else None) for name, scopes in names.items()}
    shutil.copytree(tiny_version, folder / "shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SECRET, SIGNED_WITH)
        settings = load_settings(artifacts=folder / "shop", serve={"keys": file, "cors_origins": ["https://a.example"]})
        with TestClient(create_app(settings)) as client:
            yield client, made, file


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


ROUTES = [
    ("GET", "/recommend?user_id=000", None, "recommend"),
    ("POST", "/recommend", {"user_id": "000"}, "recommend"),
    ("POST", "/batch", {"users": ["000"]}, "recommend"),
    ("POST", "/score", {"pairs": [{"user_id": "000", "item_id": "G001"}]}, "recommend"),
    ("GET", "/similar?item_id=G001", None, "recommend"),
    ("POST", "/complete", {"basket": ["G001"]}, "recommend"),
    ("POST", "/buy-again", {"user_id": "000"}, "recommend"),
    ("POST", "/new-arrivals", {"user_id": "000"}, "recommend"),
    ("POST", "/recently-viewed", {"user_id": "000"}, "recommend"),
    ("POST", "/trending", {}, "recommend"),
    ("POST", "/explain", {"user_id": "000", "item_id": "G001"}, "explain"),
    ("POST", "/answer", {"question": "hello"}, "answer"),
    ("POST", "/generate", {"prompt": "hello"}, "answer"),
    ("POST", "/feedback", {"answer": "x", "rating": 1}, "answer"),
    ("POST", "/events", {"events": [{"user_id": "079", "item_id": "G001"}]}, "events"),
    ("GET", "/items/G001", None, "recommend"),
    ("GET", "/search?q=spade", None, "recommend"),
    ("GET", "/users/000/history", None, "recommend"),
    ("GET", "/opinions/G001", None, "recommend"),
    ("GET", "/delivery", None, "recommend"),
    ("GET", "/price-drops", None, "recommend"),
    ("GET", "/version", None, "recommend"),
    ("GET", "/metrics", None, "admin"),
    ("POST", "/tokens", {"user_id": "000"}, "admin"),
    ("GET", "/insight/shoppers", None, "admin"),
    ("GET", "/insight/card", None, "admin"),
    ("GET", "/insight/carriers", None, "admin"),
    ("GET", "/insight/outlook?item_id=G001", None, "admin"),
    ("POST", "/insight/reasons", {"user_id": "000", "items": ["G001"]}, "admin"),
    ("POST", "/insight/compare", {"user_id": "000"}, "admin"),
]


NOT_HERE = {"/delivery", "/price-drops", "/insight/carriers", "/insight/outlook?item_id=G001"}


@pytest.mark.parametrize(("method", "path", "body", "scope"), ROUTES)
def test_every_endpoint_asks_for_its_scope(keyed, method, path, body, scope):
    client, made, _ = keyed
    for headers in ({}, bearer("rk_wrong"), bearer(""), {"X-API-Key": "rk_wrong"}, bearer("st_wrong")):
        refused = client.request(method, path, json=body, headers=headers)
        assert refused.status_code == 401, path
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.json()["title"] == "Unauthorized"
    allowed = client.request(method, path, json=body, headers=bearer(made["all"]))
    # 503: this shop has neither knowledge nor a model; 404: nor orders nor prices.
    assert allowed.status_code in (200, 202, 503, *([404] if path in NOT_HERE else [])), allowed.text
    assert client.request(method, path, json=body, headers={"X-API-Key": made["all"]}).status_code < 600
    front = client.request(method, path, json=body, headers=bearer(made["front"])).status_code
    assert (front == 403) == (scope not in {"recommend", "events"})


def test_every_endpoint_but_health_is_in_that_list(keyed):
    document = keyed[0].get("/openapi.json").json()
    listed = {(method, path.partition("?")[0]) for method, path, _, _ in ROUTES}
    listed |= {("GET", "/healthz"), ("GET", "/readyz"), ("POST", "/similar")}
    there = {
        (method.upper(), path.replace("{item_id}", "G001").replace("{user_id}", "000"))
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert there == listed


def test_health_needs_no_key(keyed):
    assert keyed[0].get("/healthz").status_code == 200
    assert keyed[0].get("/readyz").status_code == 200


def test_a_shoppers_token_is_for_that_shopper_alone(keyed):
    client = keyed[0]
    own = bearer(shopper_token(SIGNED_WITH, "000"))
    for body in ({"user_id": "000"}, {"history": ["G001"]}, {}):
        assert client.post("/recommend", json=body, headers=own).status_code == 200
    assert client.get("/users/000/history", headers=own).status_code == 200
    assert client.post("/explain", json={"user_id": "000", "item_id": "G001"}, headers=own).status_code == 200
    mine = {"events": [{"user_id": "000", "item_id": "G001"}]}
    assert client.post("/events", json=mine, headers=own).status_code == 202
    others = [
        ("GET", "/recommend?user_id=001", None),
        ("POST", "/recommend", {"user_id": "001"}),
        ("POST", "/batch", {"users": ["000", "001"]}),
        ("POST", "/buy-again", {"user_id": "001"}),
        ("POST", "/recently-viewed", {"user_id": "001"}),
        ("POST", "/score", {"pairs": [{"user_id": "001", "item_id": "G001"}]}),
        ("POST", "/explain", {"user_id": "001", "item_id": "G001"}),
        ("POST", "/answer", {"question": "Where is my order?", "user_id": "001"}),
        ("POST", "/feedback", {"answer": "x", "rating": 1, "user_id": "001"}),
        ("POST", "/events", {"events": [*mine["events"], {"user_id": "001", "item_id": "G001"}]}),
        ("GET", "/users/001/history", None),
        ("GET", "/metrics", None),
        ("POST", "/tokens", {"user_id": "001"}),
    ]
    for method, path, body in others:
        assert client.request(method, path, json=body, headers=own).status_code == 403, path


def test_tokens_expire_and_cannot_be_made_up(keyed):
    client, made, _ = keyed
    given = client.post("/tokens", json={"user_id": "000", "seconds": 60}, headers=bearer(made["all"])).json()["token"]
    assert client.get("/recommend?user_id=000", headers=bearer(given)).status_code == 200
    body, _, signature = given.rpartition(".")
    for forged in (
        shopper_token(SIGNED_WITH, "000", -1),
        shopper_token("t" * ENOUGH, "000"),
        f"{body}.{signature[::-1]}",
        f"{body[:-1]}x.{signature}",
    ):
        assert client.get("/recommend?user_id=000", headers=bearer(forged)).status_code == 401


def test_rates_hold_per_key_and_say_when_to_come_back(keyed):
    client, made, _ = keyed
    statuses = [client.get("/recommend?user_id=000", headers=bearer(made["little"])) for _ in range(5)]
    assert [answer.status_code for answer in statuses] == [200, 200, 200, 429, 429]
    assert 0 < int(statuses[-1].headers["retry-after"]) <= 3_601
    assert client.get("/recommend?user_id=000", headers=bearer(made["front"])).status_code == 200


def test_a_key_that_is_made_or_revoked_counts_at_once(keyed):
    client, _, file = keyed
    made = new_key(file, "later", ["recommend"])
    assert client.get("/version", headers=bearer(made)).status_code == 200
    time.sleep(0.01)
    revoke(file, "later")
    assert client.get("/version", headers=bearer(made)).status_code == 401
    with pytest.raises(BadInput, match="no such key"):
        revoke(file, "later")


def test_only_hashes_are_kept_and_only_for_this_account(keyed):
    _, made, file = keyed
    assert not any(key in file.read_text() for key in made.values())
    assert oct(file.stat().st_mode)[-3:] == "600"
    assert {key.name for key in read_keys(file)} >= {"front", "all", "little"}


def test_only_named_origins_may_ask_from_a_browser(keyed):
    client = keyed[0]
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    named = client.options("/recommend", headers={"Origin": "https://a.example", **asked})
    assert named.headers["access-control-allow-origin"] == "https://a.example"
    other = client.options("/recommend", headers={"Origin": "https://b.example", **asked})
    assert "access-control-allow-origin" not in other.headers


def test_keys_of_the_environment(tmp_path):
    secret = new_key(tmp_path / "k.json", "one", ["recommend", "answer"], "5/second")
    (key,) = read_keys(tmp_path / "k.json")
    found = Keys(None, {KEYS: f"one:{key.hash}:recommend+answer:5/second two:{'0' * 64}:admin"})
    caller = found.caller(secret)
    assert (caller.name, caller.scopes, caller.rate) == ("one", {"recommend", "answer"}, "5/second")
    for wrong in ("one", f"one:{key.hash}", f"one:{key.hash}:fly", f"one:{key.hash}:admin:often", "one:abc:admin"):
        with pytest.raises(BadInput, match="RECSYS_KEYS"):
            Keys(None, {KEYS: wrong})
    with pytest.raises(BadInput, match=f"at least {ENOUGH}"):
        Keys(None, {SECRET: "short"})


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"keys": [{"name": "a"}]}', '{"keys": [3]}'])
def test_a_file_that_is_no_file_of_keys_is_refused(tmp_path, content):
    (tmp_path / "k.json").write_text(content)
    with pytest.raises(BadInput, match=r"k\.json"):
        Keys(tmp_path / "k.json", {})


def test_a_service_that_had_keys_does_not_open_when_the_last_is_revoked(tmp_path):
    file = tmp_path / "k.json"
    keys = Keys(file, {})
    assert not keys
    new_key(file, "one", ["recommend"])
    assert keys
    file.unlink()
    assert keys


def test_others_reach_a_service_only_with_keys(tmp_path, monkeypatch):
    monkeypatch.delenv(SECRET, raising=False)
    settings = load_settings(artifacts=tmp_path)
    for host in ("127.0.0.1", "localhost", "::1"):
        refuse_open(settings, host)
    with pytest.raises(BadInput, match="recsys keys add"):
        refuse_open(settings, "0.0.0.0")
    new_key(tmp_path / "keys.json", "one", ["recommend"])
    refuse_open(settings, "0.0.0.0")


def test_the_command_makes_lists_and_revokes_keys(tmp_path, capsys):
    from typer.testing import CliRunner

    from recsys.cli import app

    def run(*words: str) -> dict[str, object]:
        result = CliRunner().invoke(app, ["keys", *words, "--artifacts", str(tmp_path), "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    made = run("add", "front", "--scopes", "recommend, events")
    assert Keys(tmp_path / "keys.json", {}).caller(made["key"]).scopes == {"recommend", "events"}
    assert Keys(None, {KEYS: made["environment"]}).caller(made["key"]).name == "front"
    assert [key["name"] for key in run("list")["keys"]] == ["front"]
    run("revoke", "front")
    assert run("list")["keys"] == []
    wrong = CliRunner().invoke(app, ["keys", "add", "x", "--scopes", "fly", "--artifacts", str(tmp_path)])
    assert wrong.exit_code == 2
