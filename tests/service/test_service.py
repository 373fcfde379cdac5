"""The service gives what the Python interface gives, survives what it is sent, and follows the live version."""

from __future__ import annotations

import logging
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from typer.testing import CliRunner

from recsys import Recommender, cli
from recsys.assistant.setup import publish_knowledge
from recsys.data.handovers import Handovers
from recsys.data.store import Store
from recsys.settings import load_settings

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
httpx = pytest.importorskip("httpx", reason="the extra 'dev' is not installed")

from starlette.testclient import TestClient  # noqa: E402

from recsys.errors import BadInput  # noqa: E402
from recsys.service.app import create_app  # noqa: E402
from recsys.service.bodies import MAX_BODY, MAX_K  # noqa: E402
from tests.serving.test_live import flip_a_header_byte  # noqa: E402

#: What an error says (RFC 9457); `error` is what it was before it was a problem.
PROBLEM = {"type", "title", "status", "detail", "error"}


def records(table):
    """Rows as JSON has them: what is missing is null."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def test_health_and_version(client, rec):
    assert client.get("/healthz").json() == {"status": "ok", "version": rec.version.id, "problem": None}
    version = client.get("/version").json()
    assert version["version"] == rec.version.id
    assert version["counts"]["items"] == 50
    assert "/" not in str(version["encoder"]["name"]) or os.sep in str(version["encoder"]["name"])


def test_lists_equal_those_of_python(client, rec):
    got = client.get("/recommend", params={"user_id": "000", "k": 5}).json()
    assert got == {"version": rec.version.id, "items": records(rec.recommend("000", k=5))}
    assert client.post("/recommend", json={"user_id": "000", "k": 5}).json() == got
    seen = client.get("/recommend", params={"user_id": "000", "k": 50, "exclude_seen": False}).json()["items"]
    assert seen == records(rec.recommend("000", k=50, exclude_seen=False))


def test_a_new_shopper_by_history_by_sentence_and_by_nothing(client, rec):
    history = ["G001", "G002"]
    expected = records(rec.recommend({"history": history}))
    assert client.get("/recommend", params={"history": history}).json()["items"] == expected
    assert client.post("/recommend", json={"history": history}).json()["items"] == expected
    said = client.post("/recommend", json={"text": "red garden spade", "history": history, "k": 3}).json()["items"]
    assert said == records(rec.recommend({"text": "red garden spade", "history": history}, k=3))
    assert client.get("/recommend").json()["items"] == records(rec.recommend({}))


def test_given_items_known_and_described(client, rec):
    items = ["K003", {"title": "plain garden rake", "price": 4}, "G003"]
    got = client.post("/recommend", json={"user_id": "001", "items": items}).json()["items"]
    assert got == records(rec.recommend("001", items=items))
    assert sorted(row["position"] for row in got) == [0, 1, 2]
    assert [row["item_id"] for row in got if row["position"] == 1] == [None]
    assert len(client.get("/recommend", params={"user_id": "001", "items": ["K003", "G003"]}).json()["items"]) == 2


def test_rules(client, rec):
    rules = {"categories": ["garden"], "max_per_brand": 2, "pinned": {"2": "G020"}, "exclude_items": ["G001"]}
    got = client.post("/recommend", json={"user_id": "000", "k": 6, "rules": rules})
    assert got.status_code == 200, got.text
    assert got.json()["items"] == records(rec.recommend("000", k=6, rules=rules))
    assert got.json()["items"][1]["item_id"] == "G020"
    assert {row["item_id"][0] for row in got.json()["items"]} == {"G"}


def test_similar_items(client, rec):
    got = client.get("/similar", params={"item_id": "G000", "k": 4}).json()["items"]
    assert got == records(rec.similar("G000", k=4))
    assert "G000" not in {row["item_id"] for row in got}
    assert client.get("/similar", params={"item_id": "nope"}).status_code == 404


def test_baskets(client, rec):
    got = client.post("/complete", json={"basket": ["G001", "G002"], "k": 4, "rules": {"max_per_brand": 1}}).json()
    assert got["items"] == records(rec.complete(["G001", "G002"], k=4, rules={"max_per_brand": 1}))
    assert client.post("/complete", json={"basket": []}).status_code == 422
    some = client.post("/complete", json={"basket": ["G001", "nothing"], "k": 4}).json()
    assert some["items"] == records(rec.complete(["G001"], k=4))
    assert some["notes"] == ["history: 'nothing' is not in the catalogue and is left out"]


def test_explanations(client, rec):
    for user in ({"user_id": "000"}, {"history": ["G001", "K002"]}, {}):
        item = client.post("/recommend", json={**user, "k": 1}).json()["items"][0]
        got = client.post("/explain", json={**user, "item_id": item["item_id"]})
        assert got.status_code == 200, got.text
        told = got.json()
        assert (told["version"], told["item_id"]) == (rec.version.id, item["item_id"])
        assert told["sentence"]
        logit = told["baseline"] + sum(part["value"] for part in told["contributions"])
        assert abs(1 / (1 + math.exp(-logit)) - item["score"]) < 1e-6
    assert client.post("/explain", json={"user_id": "000", "item_id": "nothing"}).status_code == 404
    assert client.post("/explain", json={"user_id": "000"}).status_code == 422


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"user_id": "nobody"}, 404, "unknown user 'nobody'"),
        ({"user_id": "000", "items": ["G001", "nothing"]}, 404, "unknown item 'nothing'"),
        ({"user_id": "000", "items": []}, 422, "items: "),
        ({"user_id": "000", "items": [{"colour": "red"}]}, 422, "items: "),
        ({"user_id": "000", "items": [["G001"]]}, 422, "items.0"),
        ({"user_id": "000", "k": 0}, 422, "k: "),
        ({"user_id": "000", "k": MAX_K + 1}, 422, "k: "),
        ({"user_id": "000", "text": "red"}, 422, "either user_id"),
        ({"user": "000"}, 422, "user: Extra inputs are not permitted"),
        ({"user_id": "000", "rules": {"diversity": 2}}, 422, "rules.diversity"),
        ({"user_id": "x" * 300}, 422, "user_id"),
        ({"text": "x" * 30_000}, 422, "text"),
        (["000"], 422, "request: "),
    ],
)
def test_bad_requests_are_answered_with_what_was_wrong(client, body, status, said):
    answer = client.post("/recommend", json=body)
    assert answer.status_code == status
    assert set(answer.json()) == PROBLEM
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"user_id": "\\ud800"}',
        b'{"history": ["\\ud800"]}',
        b'{"text": "\\ud83d\\ude00 \\u0000"}',
        b'{"k": 1e999}',
        b'{"k": NaN}',
        b'{"items": [{"title": "pan", "price": NaN}]}',
        b'{"items": [{"title": {"a": [1]}}]}',
        b'{"items": [{"title": "\\ud800"}]}',
        b'{"items": [{"item_id": "G001"}]}',
        b'{"rules": {"boost_items": {"G001": 1e400}}}',
    ],
)
def test_no_body_whatever_makes_a_fault(client, raw):
    answer = client.post("/recommend", content=raw, headers={"content-type": "application/json"})
    assert answer.status_code in (200, 404, 422, 400), answer.text
    assert set(answer.json()) in (PROBLEM, {"version", "items"})


def test_no_knowledge_is_said_and_how_to_make_some(client):
    response = client.post("/answer", json={"question": "How long does delivery take?"})
    assert response.status_code == 503
    assert "--knowledge" in response.json()["error"]


def test_errors_are_json_everywhere(client):
    for method, path, status in (("GET", "/nowhere", 404), ("DELETE", "/recommend", 405), ("POST", "/healthz", 405)):
        answer = client.request(method, path)
        assert answer.status_code == status
        assert set(answer.json()) == PROBLEM


def test_a_large_body_is_refused_with_and_without_a_stated_length(client):
    body = b'{"text": "' + b"x" * MAX_BODY + b'"}'
    headers = {"content-type": "application/json"}
    for content in (body, iter([body[: MAX_BODY // 2], body[MAX_BODY // 2 :]])):
        answer = client.post("/recommend", content=content, headers=headers)
        assert answer.status_code == 413
        assert answer.json()["error"] == f"a request holds at most {MAX_BODY} bytes"


def test_logs_hold_no_personal_data(client, caplog, monkeypatch):
    with caplog.at_level(logging.DEBUG, logger="recsys"):
        client.get("/recommend", params={"user_id": "000"})
        client.get("/recommend", params={"user_id": "secret-nobody"})
        client.post("/recommend", json={"text": "secret wish for a pan"})
        client.get("/secret-nobody")

        def fault(user, *_, **__):
            raise RuntimeError(f"{user} broke it")

        monkeypatch.setattr(client.app.state.lists.value, "recommend", fault)
        broken = client.get("/recommend", params={"user_id": "secret-nobody"})
    assert broken.status_code == 500
    assert set(broken.json()) == PROBLEM
    assert "secret" not in broken.text
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert re.search(r"GET /recommend 200 [\d.]+ ms", logged)
    assert "RuntimeError while answering /recommend" in logged
    assert "secret" not in logged


def test_a_fault_inside_is_not_an_unknown_id(client, monkeypatch):
    def fault(*_, **__):
        raise KeyError("a column that should be there")

    monkeypatch.setattr(client.app.state.lists.value, "recommend", fault)
    assert client.get("/recommend").status_code == 500


def republish(store: Store) -> str:
    with store.writing() as draft:
        live = store.require()
        draft.carry(live, without="nothing")
        body = {k: v for k, v in live.manifest.items() if k not in ("files", "format", "version", "created")}
        return store.publish(draft, body, live=live).id


def test_a_new_version_is_served_without_dropping_a_request(environment, tiny_version, tmp_path):
    shutil.copytree(tiny_version, tmp_path / "shop")
    store = Store(tmp_path / "shop")
    with TestClient(create_app(load_settings(artifacts=store.root), check_every=0.05)) as client:
        statuses: list[int] = []
        versions: list[str] = []
        stop = threading.Event()

        def shop_on() -> None:
            while not stop.is_set():
                answer = client.get("/recommend", params={"user_id": "000", "k": 3})
                statuses.append(answer.status_code)
                versions.append(answer.json().get("version", ""))

        shoppers = [threading.Thread(target=shop_on) for _ in range(3)]
        for shopper in shoppers:
            shopper.start()
        published = [store.current_id()]
        for _ in range(3):
            published.append(republish(store))
            wait_until(lambda: published[-1] in versions or len(shoppers) > sum(s.is_alive() for s in shoppers))
        stop.set()
        for shopper in shoppers:
            shopper.join()
        assert set(statuses) == {200}
        assert set(versions) <= set(published)
        # Of three shoppers one may write down late what it was told before: who asks now is told the last.
        assert client.get("/recommend", params={"user_id": "000"}).json()["version"] == published[-1]

        # A version that cannot be opened leaves the last good one in place, and says so.
        (store.root / "current").write_text("20300101T000000-dead\n")
        wait_until(lambda: client.get("/healthz").json()["problem"] is not None)
        assert client.get("/recommend", params={"user_id": "000"}).json()["version"] == published[-1]
        assert client.get("/healthz").json()["version"] == published[-1]
        store.point_to(published[-2])
        wait_until(lambda: client.get("/healthz").json()["version"] == published[-2])
        assert client.get("/healthz").json()["problem"] is None


def test_a_damaged_version_changes_neither_lists_nor_answers_and_a_later_good_one_is_taken(
    environment, tiny_version, tmp_path
):
    shutil.copytree(tiny_version, tmp_path / "shop")
    store = Store(tmp_path / "shop")
    faq = tmp_path / "faq.csv"
    faq.write_text("question,answer\nHow long does delivery take?,Three days.\n", "utf-8")
    settings = load_settings(artifacts=store.root)
    publish_knowledge([faq], settings)
    question = {"question": "How long does delivery take?"}

    def served() -> tuple[str, int, int]:
        listed = client.get("/recommend", params={"user_id": "000", "k": 3})
        return listed.json()["version"], listed.status_code, client.post("/answer", json=question).status_code

    good = store.require().id
    for asked_before in (True, False):
        with TestClient(create_app(settings, check_every=0.05)) as client:
            if asked_before:
                assert served() == (good, 200, 200)
            broken = flip_a_header_byte(store)
            wait_until(lambda: client.get("/healthz").json()["problem"] is not None)
            assert broken in client.get("/healthz").json()["problem"]
            assert served() == (good, 200, 200)
            store.point_to(good)
            good = republish(store)
            wait_until(lambda: client.get("/healthz").json()["version"] == store.current_id())
            assert client.get("/healthz").json()["problem"] is None
            assert served() == (good, 200, 200)
            wait_until(lambda: client.app.state.answers.value.recommender.version.id == store.current_id())


def test_what_is_handed_over_waits_in_the_queue(environment, tiny_version, tmp_path):
    shutil.copytree(tiny_version, tmp_path / "shop")
    faq = tmp_path / "faq.csv"
    faq.write_text("question,answer\nHow long does delivery take?,Three days.\n", "utf-8")
    settings = load_settings(artifacts=tmp_path / "shop")
    publish_knowledge([faq], settings)
    with TestClient(create_app(settings)) as client:
        assert client.post("/answer", json={"question": "转人工", "user_id": "000"}).json()["handover"]
    waiting = Handovers(settings.artifacts).table()
    assert waiting[["user_id", "question"]].values.tolist() == [["000", "转人工"]]
    assert "转人工" in waiting.summary[0]


def test_a_shop_that_cannot_answer_does_not_tell_where_its_files_are(client, tiny_version):
    said = client.post("/answer", json={"question": "How long does delivery take?"}).json()["error"]
    assert str(tiny_version) not in said


def test_answers_are_sent_at_once_rather_than_after_a_delayed_acknowledgement():
    from recsys.service.server import listen

    listener = listen("127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def wait_until(true, seconds: float = 30) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.02)


def serve(arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "jobs.serve", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_serves_until_stopped(environment, tiny_version, tiny_environment, rec):
    running = serve(["--artifacts", str(tiny_version), "--port", "0"], tiny_environment)
    try:
        assert running.stderr is not None
        said = running.stderr.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert address, said + running.stderr.read()
        answer = httpx.get(f"{address[0]}/recommend", params={"user_id": "000", "k": 3}, timeout=30)
        assert answer.json()["items"] == records(rec.recommend("000", k=3))
        port = address[0].rsplit(":", 1)[1]
        taken = CliRunner().invoke(cli.app, ["serve", "--artifacts", str(tiny_version), "--port", port])
        assert "cannot listen there" in " ".join(taken.output.split())
        assert taken.exit_code == 2
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
        assert running.returncode == 0, err
        assert "stopped serving" in out
    finally:
        running.kill()


def test_slow_calls_keep_neither_health_nor_lists_waiting_and_end_at_their_deadline(
    environment, tiny_version, monkeypatch
):
    begun = threading.Semaphore(0)
    go_on = threading.Event()

    def slow(self, user, item):
        begun.release()
        assert go_on.wait(30)
        raise BadInput("late")

    monkeypatch.setattr(Recommender, "explain", slow)
    bounds = {"slow_threads": 2, "seconds": 1.5}
    with TestClient(create_app(load_settings(artifacts=tiny_version, serve=bounds))) as client:
        body = {"user_id": "000", "item_id": "K001"}
        answers = []
        callers = [
            threading.Thread(target=lambda: answers.append(client.post("/explain", json=body))) for _ in range(45)
        ]
        for caller in callers:
            caller.start()
        assert begun.acquire(timeout=10)
        assert begun.acquire(timeout=10)
        assert client.get("/healthz").status_code == 200
        assert client.get("/recommend", params={"user_id": "000"}).status_code == 200
        assert not answers  # both came before any of the 45
        for caller in callers:
            caller.join(timeout=20)
        assert [a.status_code for a in answers] == [503] * 45
        assert answers[0].headers["retry-after"] == "5"
        assert "not answered within 1.5 seconds" in answers[0].json()["error"]
        assert not begun.acquire(timeout=0.2)  # those that only waited were not begun
        go_on.set()


def test_described_products_are_bounded_in_one_request(client):
    many = [{"title": f"tea {n}"} for n in range(201)]
    refused = client.post("/recommend", json={"user_id": "000", "items": many})
    assert refused.status_code == 422
    assert "at most 200 described products in one request; found 201" in refused.json()["error"]
    assert len(client.post("/recommend", json={"user_id": "000", "items": many[:200]}).json()["items"]) == 200


@pytest.mark.skipif(os.name != "posix", reason="file descriptors")
def test_idle_connections_are_hung_up_on_and_block_nobody(tiny_version, tiny_environment):
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 2000)); "
        "from recsys.cli import app; from recsys.service import server; server.FIRST_REQUEST = 2.0; "
        "app(['serve', '--port', '0', '--artifacts', sys.argv[1]])"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", script, str(tiny_version)],
        env={**os.environ, **tiny_environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    idle = []
    try:
        address = re.search(r"http://127\.0\.0\.1:(\d+)", running.stderr.readline())
        idle = [socket.create_connection(("127.0.0.1", int(address[1])), timeout=10) for _ in range(600)]
        assert httpx.get(f"{address[0]}/healthz", timeout=10).json()["status"] == "ok"
        idle[0].settimeout(10)
        assert idle[0].recv(1) == b""  # the server has hung up
        assert httpx.get(f"{address[0]}/healthz", timeout=10).json()["status"] == "ok"
    finally:
        for connection in idle:
            connection.close()
        running.kill()
        running.communicate()


def test_nothing_to_serve_is_bad_input(tmp_path):
    refused = CliRunner().invoke(cli.app, ["serve", "--artifacts", str(tmp_path)])
    assert refused.exit_code == 2
    assert "no published version" in " ".join(refused.output.split())


def test_logs_of_a_server_hold_no_personal_data(capsys, monkeypatch):
    from recsys.service import server

    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    server._log_json()
    logging.getLogger("recsys.service").warning("events of %s are late", "anna@shop.example")
    assert '"message": "events of [e-mail] are late"' in capsys.readouterr().err
