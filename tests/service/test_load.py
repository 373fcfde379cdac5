"""Versions published under load, slow and vanishing callers: no failed answer, no mixed one, nothing left behind."""

from __future__ import annotations

import gc
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import weakref

import pytest
from starlette.testclient import TestClient

from recsys import Recommender
from recsys.data.store import Store
from recsys.service import guard
from recsys.service.app import create_app
from recsys.service.server import GRACE
from recsys.settings import load_settings
from tests.serving.test_live import flip_a_header_byte

httpx = pytest.importorskip("httpx", reason="the extra 'dev' is not installed")

PUBLISHED = 10


def publish_without(store: Store, item: str) -> str:
    """The live version again, which differs in that one item is not available."""
    import numpy as np

    live = store.require()
    with store.writing() as draft:
        draft.carry(live, without="nothing")
        path = draft.path / "facts" / "available.npy"
        available = np.load(path).copy()
        ids = Recommender.open(live, load_settings(artifacts=store.root)).shop.item_ids
        available[:] = True
        available[ids == item] = False
        path.unlink()
        np.save(path, available)
        body = {k: v for k, v in live.manifest.items() if k not in ("files", "format", "version", "created")}
        return store.publish(draft, body, live=live, keep=3).id


def wait_until(true, seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.02)


def test_ten_versions_and_a_broken_one_under_load_without_a_failed_or_mixed_answer(environment, tiny_version, tmp_path):
    shutil.copytree(tiny_version, tmp_path / "shop")
    store = Store(tmp_path / "shop")
    lacking = {store.require().id: None}
    answers: list[tuple[int, str, str, set[str]]] = []
    stop = threading.Event()
    with TestClient(create_app(load_settings(artifacts=store.root), check_every=0.05)) as client:

        def shop_on(user: str) -> None:
            while not stop.is_set():
                got = client.post("/recommend", json={"user_id": user, "k": 40, "exclude_seen": False})
                told = got.json()
                items = {row["item_id"] for row in told.get("items", ())}
                answers.append((got.status_code, got.headers["x-recsys-version"], told["version"], items))

        shoppers = [threading.Thread(target=shop_on, args=(f"{n:03d}",)) for n in range(3)]
        for shopper in shoppers:
            shopper.start()
        for n in range(PUBLISHED):
            item = f"G{n:03d}"
            version = publish_without(store, item)
            lacking[version] = item
            wait_until(lambda version=version: client.get("/healthz").json()["version"] == version)
        good = store.current_id()
        broken = flip_a_header_byte(store)
        wait_until(lambda: client.get("/readyz").json()["problem"] is not None)
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"], ready.json()["version"]) == (200, "ready", good)
        assert broken in ready.json()["problem"]
        stop.set()
        for shopper in shoppers:
            shopper.join()
    assert {status for status, *_ in answers} == {200}
    assert len({version for _, version, *_ in answers}) > PUBLISHED // 2
    for _, header, version, items in answers:
        assert header == version
        assert lacking[version] not in items  # each list is that of the version it names


def test_what_a_version_held_is_released_when_another_is_served(environment, tiny_version, tmp_path):
    shutil.copytree(tiny_version, tmp_path / "shop")
    store = Store(tmp_path / "shop")
    with TestClient(create_app(load_settings(artifacts=store.root), check_every=0.05)) as client:
        client.post("/recommend", json={"user_id": "000"})
        client.post("/explain", json={"user_id": "000", "k": 2})
        held = weakref.ref(client.app.state.lists.value)
        version = publish_without(store, "G001")
        wait_until(lambda: client.get("/healthz").json()["version"] == version)
        client.post("/recommend", json={"user_id": "000"})
        wait_until(lambda: gc.collect() is not None and held() is None)


def test_a_body_that_does_not_come_is_not_waited_for(environment, tiny_version, monkeypatch):
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.2)

    def slowly():
        yield b'{"user_id": '
        time.sleep(0.6)
        yield b'"000"}'

    import uvicorn

    from recsys.service.server import listen

    listener = listen("127.0.0.1", 0)
    app = create_app(load_settings(artifacts=tiny_version))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
    thread.start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        slow = httpx.post(f"{address}/recommend", content=slowly(), headers={"Content-Type": "application/json"})
        assert slow.status_code == 408
        assert slow.json()["title"] == "Request Timeout"
        # Callers that hang up in the middle, of the head, the body and the answer, leave the others alone.
        port = listener.getsockname()[1]
        for sent in (
            b"POST /recommend HTTP/1.1\r\nHost:",
            b"POST /recommend HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
        ):
            with socket.create_connection(("127.0.0.1", port)) as gone:
                gone.sendall(sent)
        with socket.create_connection(("127.0.0.1", port)) as gone:
            gone.sendall(b"GET /recommend?user_id=000&k=1000 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert httpx.get(f"{address}/recommend", params={"user_id": "000"}).status_code == 200
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_several_processes_agree_share_their_events_and_stop_gracefully(tiny_version, tiny_environment, tmp_path):
    shutil.copytree(tiny_version, tmp_path / "shop")
    store = Store(tmp_path / "shop")
    command = [sys.executable, "-m", "jobs.serve", "--port", "0", "--workers", "2", "--artifacts", str(store.root)]
    running = subprocess.Popen(
        command, env={**os.environ, **tiny_environment}, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        line = next(line for line in running.stderr if "serving" in line)
        address = re.search(r"http://127\.0\.0\.1:\d+", line)[0]
        assert "in 2 processes" in line
        wait_until(lambda: _up(address), 120)
        version = publish_without(store, "G001")
        wait_until(lambda: _versions(address) == {version})  # also the process that is still starting
        version = publish_without(store, "G002")
        wait_until(lambda: _versions(address) == {version})
        body = {"events": [{"user_id": "a stranger", "item_id": "G005"}]}
        assert httpx.post(f"{address}/events", json=body, timeout=30).status_code == 202
        statuses = {
            httpx.post(f"{address}/recommend", json={"user_id": "a stranger"}, timeout=30).status_code
            for _ in range(12)
        }
        assert statuses == {200}  # in whichever process
        counted = [httpx.get(f"{address}/metrics", timeout=30).text for _ in range(4)]
        assert all('recsys_events_total{event="view"} 1.0' in text for text in counted)
        running.terminate()
        out, err = running.communicate(timeout=GRACE + 30)
        assert running.returncode == 0, err
        assert "stopped serving" in out
    finally:
        running.kill()


def _up(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def _versions(address: str) -> set[str]:
    """The versions that new connections meet."""
    return {httpx.get(f"{address}/healthz", timeout=30).json()["version"] for _ in range(16)}
