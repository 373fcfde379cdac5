"""Compressed nights with a server beside: each night equals a build from nothing, and nothing grows.

The tables are a window that moves on by a day: items come, change and go, events are added at one end and lost at the
other, so that whatever grows over a hundred nights grows for no reason.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.cli._trust import shop as tiny
from recsys.cli._trust.commands import Running, expect, lists, warm
from recsys.cli._trust.result import Breach
from recsys.cli._trust.shop import SHOPPERS, enter
from recsys.cli._trust.supervised import LeftOut, Make, Work
from recsys.data.store import Store

COUNT = 100
#: File of a worker's folder in which it keeps what it measured.
FIGURES = "figures.json"
#: Nights after which sizes are taken as a base: versions are kept for three.
SETTLED = 5
#: What a server may grow by over all nights: allocators keep some of what they had.
MEGABYTES, DESCRIPTORS, FILES = 64, 8, 4
DAY = 86_400
#: Seconds between two requests: often enough to meet every publishing, and the processors are left to the nights.
PAUSE = 0.05


def tables(night: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of one night: a third of the items has a changed title or price, one is not sold, the window moves on."""
    items, _ = tiny.tables()
    turn = (np.arange(len(items)) + night) % 3
    items["title"] = [f"{title} {night}" if t == 0 else title for title, t in zip(items["title"], turn, strict=True)]
    items["price"] += np.where(turn == 1, night % 7, 0)
    items = items[np.arange(len(items)) % 25 != night % 25]
    days = []
    for day in range(night, night + 60):  # each day has its own events, whatever night reads them
        rng = np.random.default_rng([seed, day])
        users = rng.integers(0, 80, 9)
        kinds = np.where(users % 2, "G", "K")
        ids = [f"{kind}{n:03d}" for kind, n in zip(kinds, rng.integers(0, 25, 9), strict=True)]
        when = 1_700_000_000 + day * DAY + rng.integers(0, DAY, 9)
        days.append(pd.DataFrame({"user_id": [f"{u:03d}" for u in users], "item_id": ids, "timestamp": when}))
    events = pd.concat(days)
    return items, events[events["item_id"].isin(items["item_id"])]


class _Client(threading.Thread):
    """A shopper's browser that asks for lists every `PAUSE` and keeps what it got."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self.stop = threading.Event()
        self.answers: list[tuple[str, str, tuple[str, ...]]] = []
        self.failures: list[str] = []

    def run(self) -> None:
        """Ask until told to stop."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        asked = 0
        while not self.stop.wait(PAUSE):
            user = SHOPPERS[asked % len(SHOPPERS)]
            asked += 1
            try:
                connection.request("GET", f"/recommend?user_id={user}&k=8")
                response = connection.getresponse()
                body = response.read()
            except OSError as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                connection.close()
                continue
            # A shopper without a history that night is unknown, and told so.
            found = json.loads(body).get("items", []) if response.status in (200, 404) else None
            if found is None:
                self.failures.append(f"status {response.status}: {body[:200]!r}")
            elif response.status == 200:
                version = response.headers["X-Recsys-Version"]
                self.answers.append((version, user, tuple(row["item_id"] for row in found)))

    def take(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Answers since the last time."""
        taken, self.answers = self.answers, []
        return taken


def maker(variables: Mapping[str, str], seed: int) -> Make:
    """Nights of one shop, one after the other, with a server beside that is asked all the time."""

    def make(folder: Path) -> Work:
        if not find_spec("fastapi") or not find_spec("uvicorn") or sys.platform != "linux":
            raise LeftOut("needs Linux and the extra 'serve'")
        enter(variables)
        warm()
        shop = folder / "shop"
        expected: dict[tuple[str, str], tuple[str, ...]] = {}
        sizes: list[dict[str, int]] = []
        asked = [0]

        def export(number: int) -> None:
            for name, table in zip(("items", "events"), tables(number, seed), strict=True):
                table.to_csv(folder / f"{name}.csv", index=False)

        def night(where: Path) -> Running:
            given = ["--items", folder / "items.csv", "--interactions", folder / "events.csv", "--artifacts", where]
            return Running(["nightly", *given], variables, folder / f"{where.name}.log")

        export(COUNT)
        expect(night(shop).wait(), [0])
        server = Running(["serve", "--port", "0", "--artifacts", shop], variables, folder / "serve.log")
        client = _Client(_port(folder / "serve.log"))
        _remember(shop, lists(shop), expected)
        client.start()

        def work(number: int) -> str:
            scratch = folder / f"scratch-{number}"
            export(number)
            both = [night(shop), night(scratch)]
            for one in both:
                expect(one.wait(), [0])
            mine, theirs = lists(shop), lists(scratch)
            shutil.rmtree(scratch)
            if not mine.equals(theirs):
                raise Breach(f"night {number}: other lists than a build from nothing gives")
            _remember(shop, mine, expected)
            _until_followed(client, Store(shop).require().id)
            answers = client.take()
            if wrong := [a for a in answers if a[2] != expected.get(a[:2])]:
                raise Breach(
                    f"night {number}: {len(wrong)} of {len(answers)} answers are not their version's: {wrong[0]}"
                )
            if client.failures:
                raise Breach(f"night {number}: {len(client.failures)} requests failed: {client.failures[0]}")
            sizes.append(_sizes(server.pid, shop))
            asked[0] += len(answers)
            first, last = sizes[min(SETTLED, len(sizes)) - 1], sizes[-1]
            figures = {"answers of the server": asked[0], "server and files": f"{first} -> {last}"}
            (folder / FIGURES).write_text(json.dumps(figures), "utf-8")
            _no_growth(sizes)
            return "equal to a build from nothing"

        return work

    return make


def _port(log: Path) -> int:
    """Port that a server says it listens on."""
    limit = time.monotonic() + 120
    while time.monotonic() < limit:
        if log.exists() and (found := re.search(r"http://[\w.]+:(\d+)", log.read_text("utf-8", "replace"))):
            return int(found[1])
        time.sleep(0.05)
    raise RuntimeError(f"the server does not start: {log.read_text('utf-8', 'replace')[-400:]}")


def _remember(shop: Path, found: pd.DataFrame, expected: dict[tuple[str, str], tuple[str, ...]]) -> None:
    """What the live version answers."""
    live = Store(shop).require().id
    for user, rows in found.groupby("user_id"):
        expected[live, str(user)] = tuple(rows.sort_values("rank")["item_id"])


def _until_followed(client: _Client, version: str) -> None:
    """Wait until the server answers from this version."""
    limit = time.monotonic() + 30
    while not any(answer[0] == version for answer in client.answers[-20:]):
        if time.monotonic() > limit:
            raise Breach(f"the server does not follow to version {version} within 30 s")
        time.sleep(0.05)


def _sizes(pid: int, shop: Path) -> dict[str, int]:
    status = Path(f"/proc/{pid}/status").read_text()
    held = re.search(r"VmRSS:\s+(\d+) kB", status)
    return {
        "megabytes": int(held[1]) // 1_024 if held else 0,
        "descriptors": sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
        "files": sum(1 for p in shop.rglob("*") if p.is_file()),
    }


def _no_growth(sizes: list[dict[str, int]]) -> None:
    """Compare the last nights with those after which nothing should have grown any more."""
    if len(sizes) <= 2 * SETTLED:
        return
    for name, allowed in (("megabytes", MEGABYTES), ("descriptors", DESCRIPTORS), ("files", FILES)):
        began, now = max(s[name] for s in sizes[:SETTLED]), min(s[name] for s in sizes[-SETTLED:])
        if now > began + allowed:
            raise Breach(f"{name} grew from {began} to {now} over {len(sizes)} nights")
