"""How many requests a second the service answers: against a bare FastAPI route, and against the call in Python."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from typing import Any, NamedTuple

import numpy as np

from recsys.cli._benchmarks.race import machine
from recsys.errors import BadInput, require
from recsys.explain.writer import TEMPLATE
from recsys.serving.recommender import Recommender
from recsys.settings import Settings

BARE, IDS, TITLES, FRESH, CALL = (
    "bare FastAPI route",
    "ids only",
    "with titles",
    "with titles, nobody asked twice",
    "the call in Python",
)
CLIENTS = (1, 4, 16)
K = 10
#: Calls that are slow, beside which health is asked for.
SLOW = 45
#: Seconds to wait for a writer to be loaded.
_PATIENCE = 120.0
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


class Load(NamedTuple):
    """What a number of clients met: seconds of each request, seconds in all, and requests that failed."""

    latencies: list[float]
    seconds: float
    errors: int

    def figures(self) -> dict[str, float]:
        """Rate and percentiles."""
        p50, p99 = np.percentile(self.latencies, [50, 99]) if self.latencies else (np.nan, np.nan)
        rate = len(self.latencies) / self.seconds
        return {"per_second": rate, "p50_ms": 1e3 * p50, "p99_ms": 1e3 * p99, "errors": self.errors}


def bench_serve(settings: Settings, *, requests: int = 2_000, rounds: int = 3) -> dict[str, Any]:
    """Load the service on this machine's loopback, with one worker, and its peers in the same run, taking turns.

    Parameters
    ----------
    requests
        Of each contender, in each round, at each number of clients.

    Returns
    -------
    dict
        JSON-ready: figures by number of clients and contender (medians over rounds), growth of the server's memory over
        the run, and how long ``/healthz`` takes beside slow calls.
    """
    rec = Recommender.load(settings=settings)
    if rec.shop.protection.pseudonyms is not None:
        raise BadInput("the serve benchmark asks by user id, and this version has pseudonyms; give another --artifacts")
    known = [str(u) for u, n in zip(rec.shop.user_ids, np.diff(rec.shop.histories.indptr), strict=True) if n]
    if not known:
        raise BadInput("the serve benchmark needs users with a history")
    asked = [known[i] for i in np.random.default_rng(0).permutation(len(known))]
    with _serving(settings) as (port, pid), _bare() as bare, _serving(settings, "0") as (fresh, _):
        targets = {
            BARE: (bare, [_get("/recommend")]),
            IDS: (port, [_post(user, None) for user in asked]),
            TITLES: (port, [_post(user, []) for user in asked]),
            FRESH: (fresh, [_post(user, []) for user in asked]),
        }
        for target, messages in targets.values():
            asyncio.run(_load(target, messages, 1, min(len(messages), 200)))
        _until_loaded(port, settings)
        before, sent, found = _memory(pid), 0, []
        for clients in CLIENTS:
            turns: dict[str, list[dict[str, float]]] = {name: [] for name in targets}
            for turn in range(rounds):
                order = list(targets) if turn % 2 == 0 else list(targets)[::-1]
                for name in order:
                    target, messages = targets[name]
                    turns[name].append(asyncio.run(_load(target, messages, clients, requests)).figures())
                    sent += requests if target == port else 0
            rows = {name: _median(figures) for name, figures in turns.items()}
            for row in rows.values():
                row["of_bare"] = row["per_second"] / rows[BARE]["per_second"]
            found.append({"clients": clients, **rows})
        after = _memory(pid)
        beside = _health_beside_slow_calls(port, asked)
    return {
        "machine": machine(),
        "shop": {"items": len(rec.shop.item_ids), "users": len(rec.shop.user_ids)},
        "reference": BARE,
        "load": found,
        CALL: _calls(rec, asked[:500]),
        "memory": {"requests": sent, "before": before, "after": after, "growth": after / before - 1},
        "healthz_beside_slow_calls": beside,
    }


def _calls(rec: Recommender, asked: Sequence[str]) -> dict[str, float]:
    """The same lists by the Python interface, one after another."""
    took = []
    for user in asked:
        started = time.perf_counter()
        rec.recommend(user, k=K)
        took.append(time.perf_counter() - started)
    return Load(took, sum(took), 0).figures()


def _median(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.median([row[name] for row in rows])) for name in rows[0] if name != "errors"} | {
        "errors": sum(row["errors"] for row in rows)
    }


async def _load(port: int, messages: Sequence[bytes], clients: int, requests: int) -> Load:
    """Send `requests` messages over as many connections as there are clients, each waiting for its answers."""
    latencies: list[float] = []
    errors = 0
    share = iter(range(requests))

    async def client() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for n in share:
            started = time.perf_counter()
            writer.write(messages[n % len(messages)])
            status = await _answer(reader)
            latencies.append(time.perf_counter() - started)
            errors += status != 200
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return Load(latencies, time.perf_counter() - started, errors)


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.I)
    assert length is not None
    await reader.readexactly(int(length[1]))
    return int(head[9:12])


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def _post(user: str, columns: list[str] | None, path: str = "/recommend", **more: Any) -> bytes:
    fields = {"user_id": user, **({"k": K, "columns": columns} if path == "/recommend" else more)}
    body = json.dumps(fields).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def _health_beside_slow_calls(port: int, asked: Sequence[str]) -> dict[str, float]:
    """Times of ``/healthz`` while `SLOW` explanations are asked for at once."""
    slow = [_post(user, None, "/explain", k=20) for user in asked[:SLOW]]
    done = threading.Event()

    def explain() -> None:
        asyncio.run(_load(port, slow, SLOW, SLOW))
        done.set()

    thread = threading.Thread(target=explain)
    thread.start()
    took: list[float] = []
    while not done.is_set() and len(took) < 500:
        took += asyncio.run(_load(port, [_get("/healthz")], 1, 1)).latencies
        time.sleep(0.01)
    thread.join()
    return {"asked": len(took), "p50_ms": 1e3 * float(np.median(took)), "most_ms": 1e3 * max(took)}


@contextlib.contextmanager
def _serving(settings: Settings, cached: str | None = None) -> Iterator[tuple[int, int]]:
    """A server of its own on this version; its port and process id."""
    more = {} if cached is None else {"RECSYS_SERVE__CACHED_LISTS": cached}
    command = [sys.executable, "-m", "jobs.serve", "--port", "0", "--artifacts", str(settings.artifacts)]
    with _process(command, {"RECSYS_LOG": "WARNING", **more}) as (line, pid):
        yield _port(line), pid


@contextlib.contextmanager
def _bare() -> Iterator[int]:
    """The least that FastAPI can do: a route that returns a constant, behind the same server and socket options."""
    program = (
        "import sys, fastapi, uvicorn\n"
        "from recsys.service.server import listen\n"
        "app = fastapi.FastAPI()\n"
        "@app.get('/recommend')\n"
        "async def constant():\n"
        "    return {'items': []}\n"
        "socket = listen('127.0.0.1', 0)\n"
        "print(f'http://127.0.0.1:{socket.getsockname()[1]}', file=sys.stderr, flush=True)\n"
        "uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).run(sockets=[socket])\n"
    )
    with _process([sys.executable, "-c", program], {}) as (line, _):
        yield _port(line)


@contextlib.contextmanager
def _process(command: Sequence[str], more: dict[str, str]) -> Iterator[tuple[str, int]]:
    process = subprocess.Popen(  # noqa: S603 - this program's own commands
        command, env={**os.environ, **more}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        line = next((line for line in process.stderr if _ADDRESS.search(line)), "")
        if not line:
            raise BadInput("the server did not start; `recsys serve` says why")
        threading.Thread(target=process.stderr.read, daemon=True).start()  # a full pipe would stop it
        yield line, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _port(line: str) -> int:
    found = _ADDRESS.search(line)
    assert found is not None
    return int(found[1])


def _until_loaded(port: int, settings: Settings) -> None:
    """Wait for the writer of reasons, which a server loads aside: its weights are no growth of memory."""
    latest = time.monotonic() + _PATIENCE
    while settings.explain.writer != TEMPLATE and time.monotonic() < latest:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/readyz")
        if json.loads(connection.getresponse().read())["writer"] == "ready":
            return
        time.sleep(0.5)


def _memory(pid: int) -> float:
    """Bytes that a process holds in memory (resident)."""
    return float(require("psutil", "dev").Process(pid).memory_info().rss)
