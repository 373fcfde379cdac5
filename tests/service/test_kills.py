"""Servers killed while events are written: nothing that was acknowledged is lost, and no half row is read."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from recsys.data.event_log import EventLog

httpx = pytest.importorskip("httpx", reason="the extra 'dev' is not installed")

KILLS, CALLERS = 50, 4
#: A process that has everything imported and opened starts a server for each line it reads, and says its number.
_NURSERY = """
import os, sys, uvicorn
from recsys.service.app import create_app
from recsys.service.server import listen
from recsys.settings import load_settings
app = create_app(load_settings(artifacts=sys.argv[1]))
for _ in sys.stdin:
    listener = listen("127.0.0.1", 0)
    child = os.fork()
    if not child:
        uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False)).run(sockets=[listener])
        os._exit(0)
    print(child, listener.getsockname()[1], flush=True)
    listener.close()
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_no_acknowledged_event_is_lost_in_fifty_kills(tiny_version, tiny_environment, tmp_path):
    shutil.copytree(tiny_version, tmp_path / "shop")
    nursery = subprocess.Popen(
        [sys.executable, "-c", _NURSERY, str(tmp_path / "shop")],
        env={**os.environ, **tiny_environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    acknowledged: list[str] = []
    chance = random.Random(0)

    def shop_on(address: str, caller: str) -> None:
        with httpx.Client(base_url=address, timeout=10) as client:
            for n in range(10_000):
                users = [f"{caller}.{n}.{m}" for m in range(3)]
                body = {"events": [{"user_id": user, "item_id": "G001"} for user in users]}
                try:
                    answer = client.post("/events", json=body)
                except httpx.HTTPError:
                    return  # killed
                assert answer.status_code == 202
                acknowledged.extend(users)

    try:
        for kill in range(KILLS):
            nursery.stdin.write("\n")
            nursery.stdin.flush()
            child, port = map(int, nursery.stdout.readline().split())
            callers = [
                threading.Thread(target=shop_on, args=(f"http://127.0.0.1:{port}", f"{kill}.{n}"))
                for n in range(CALLERS)
            ]
            before = len(acknowledged)
            for caller in callers:
                caller.start()
            limit = time.monotonic() + 60
            while len(acknowledged) < before + 12 and time.monotonic() < limit:
                time.sleep(0.002)
            time.sleep(chance.random() * 0.02)
            os.kill(child, signal.SIGKILL)
            for caller in callers:
                caller.join(20)
    finally:
        nursery.kill()
        nursery.communicate()
    rows = EventLog.of(tmp_path / "shop").read()[0]
    there = [row["user_id"] for row in rows]
    assert len(acknowledged) >= 12 * KILLS
    assert set(acknowledged) <= set(there)
    assert len(there) == len(set(there))
    assert all(set(row) == {"user_id", "item_id", "event", "timestamp"} and row["item_id"] == "G001" for row in rows)
