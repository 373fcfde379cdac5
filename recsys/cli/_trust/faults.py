"""Faults while commands run: kills, full disks, rights taken away, a moved clock, two at once, `current` lost.

After each, the live version is whole and gives the lists it gave, or those that the command would have published.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys.cli._trust.commands import Ended, Running, expect, live_lists, run, warm
from recsys.cli._trust.private import as_nobody, small_disk
from recsys.cli._trust.result import Breach
from recsys.cli._trust.shop import enter
from recsys.cli._trust.supervised import Make, Work
from recsys.cli._trust.trial import WRITERS, Trial
from recsys.data import store as store_module
from recsys.data.store import Store

Rng = np.random.Generator


Case = Callable[[Trial, str, Rng], str]


def _killed(trial: Trial, name: str, rng: Rng) -> str:
    shop = trial.fresh()
    trial.out.unlink(missing_ok=True)
    seconds = trial.after[name][1]
    ended = trial.run(name, kill_after=float(rng.uniform(0, 1.05 * seconds)))
    state = trial.check(name, shop)
    if name == "recommend" and trial.out.exists() and len(pd.read_parquet(trial.out)) != 3 * 8:
        raise Breach("a table of lists that is not whole")
    if rng.random() < 0.1:
        trial.finish(name)
    return f"{name}: {state}" if ended.code < 0 else f"{name}: done before the kill"


def _limited(trial: Trial, name: str, rng: Rng) -> str:
    """Files may grow to so many bytes and no further, at whatever write that is; what is printed goes to a pipe."""
    shop = trial.fresh()
    largest = max(p.stat().st_size for p in trial.base.rglob("*") if p.is_file())
    most = int(largest * rng.random() ** 3)
    printed, end = os.pipe()

    def limit() -> None:
        for stream in (1, 2):
            os.dup2(end, stream)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    code = trial.run(name, limit).code
    os.close(end)
    with os.fdopen(printed, encoding="utf-8", errors="replace") as said:
        ended = expect(Ended(code, said.read()), [0, 4])
    return _after(trial, name, shop, ended, rng)


def _after(trial: Trial, name: str, shop: Path, ended: Ended, rng: Rng) -> str:
    state = trial.check(name, shop)
    if ended.code == 0 and state != "published" and name not in ("recommend",):
        raise Breach(f"{name}: exit code 0, and nothing was published")
    if rng.random() < 0.1:
        trial.finish(name)
    return f"{name}: exit {ended.code}"


def _full(trial: Trial, name: str, rng: Rng) -> str:
    """A disk with room for a part of what the command writes."""
    shop = trial.fresh()
    size = sum(p.stat().st_size for p in shop.rglob("*") if p.is_file())
    free = shutil.disk_usage(shop).free
    filler = trial.folder / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(free - int(rng.uniform(0, 2.5 * size)), 4_096))
    try:
        ended = trial.run(name)
        said = expect(ended, [0, 4])
    finally:
        filler.unlink()
    return _after(trial, name, shop, said, rng)


def _forbidden(trial: Trial, name: str, rng: Rng) -> str:
    """A directory that may not be written, or a file that may not be read."""
    shop = trial.fresh()
    version = Store(shop).require().path
    files = [p for p in version.rglob("*") if p.is_file()]
    places = [
        shop,
        shop / "versions",
        shop / "current",
        files[int(rng.integers(len(files)))],
        version,
        trial.out.parent,
    ]
    place = places[int(rng.integers(len(places)))]
    place.chmod(0o555 if place.is_dir() else 0)
    try:
        ended = expect(trial.run(name), [0, 2, 4])
    finally:  # wherever it is by now: a version that goes is moved first
        for entry in (trial.out.parent, shop, *shop.rglob("*")):
            entry.chmod(0o700 if entry.is_dir() else 0o600)
    return _after(trial, name, shop, ended, rng)


def _moved_clock(trial: Trial, name: str, rng: Rng) -> str:
    shop = trial.fresh()
    days = float(rng.choice([-1, 1]) * 10 ** rng.uniform(-4, 4))
    before = Store(shop).current_id()
    # Back before the events happened they lie in the future, and the tables are refused.
    ended = expect(trial.run(name, lambda: _set_clock(days)), [0, 1, 2])
    if before not in Store(shop).versions() and name != "forget":
        raise Breach(f"{name}: with the clock moved by {days:g} days last night's version was deleted")
    live_lists(shop)
    return f"{name}: exit {ended.code}"


def _set_clock(days: float) -> None:
    """Move the clock that this process reads; the file system's stays, as with a server of files."""
    shift, real = timedelta(days=days), time.time

    class Moved(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.fromtimestamp(real(), tz or UTC) + shift

    store_module.datetime = Moved  # type: ignore[attr-defined]
    time.time = lambda: real() + shift.total_seconds()


def _two_at_once(trial: Trial, name: str, rng: Rng) -> str:
    shop = trial.fresh()
    running = []
    for n in range(2):
        running.append(Running(trial.arguments(name), trial.variables, trial.logs / f"both-{n}.log"))
        time.sleep(float(rng.uniform(0, trial.after[name][1])) if not n else 0)
    codes = sorted(expect(one.wait(), [0, 3]).code for one in running)
    if codes[0] != 0 or trial.check(name, shop) != "published":
        raise Breach(f"{name}, twice at once: exit codes {codes}")
    return f"{name}: exit codes {codes[0]} and {codes[1]}"


def _current_lost(trial: Trial, name: str, rng: Rng) -> str:
    shop = trial.fresh()
    was = Store(shop).current_id()
    current = shop / "current"
    rubbish: Sequence[bytes] = [
        b"", b"\x00" * 23, rng.bytes(int(rng.integers(1, 80))), b"../../x\n", f"{was}/".encode(), b"latest\n",
        b"20200101T000000-0000\n", current.read_bytes()[: int(rng.integers(1, 20))],
    ]  # fmt: skip
    choice = int(rng.integers(len(rubbish) + 1))
    if choice == len(rubbish):
        current.unlink()
    else:
        current.write_bytes(rubbish[choice])
    # A night that is given all tables needs no older version, and mends what was lost; the others say what to do.
    # What `embed` then publishes has no ranker, and it says so.
    ended = expect(trial.run(name), [0, 2] if name in ("embed", "nightly") else [2])
    if ended.code == 2:
        told = re.search(r"recsys (versions --use \S+?)[`\s]", ended.said.replace("\n", " "))
        if told is None:
            raise Breach(f"{name}: `current` lost, and no command named: {ended.said[-300:]}")
        arguments = [*told[1].split(), "--artifacts", str(shop)]
        expect(run(arguments, trial.variables, trial.logs / "use.log"), [0])
        if not any(live_lists(shop)[1].equals(some) for some in (trial.lists, _other(trial))):
            raise Breach(f"{name}: `{told[1]}` gives lists of neither version")
        return f"{name}: exit 2, and its command brings it back"
    if name == "embed":
        if "recsys train" not in ended.said:
            raise Breach("a version without a ranker was published in silence")
        Store(shop).require()
    else:
        trial.check(name, shop)
    return f"{name}: published afresh"


def _other(trial: Trial) -> pd.DataFrame:
    """Lists of the version before the live one."""
    store = Store(trial.folder / "shop")
    live = store.require().id
    try:
        store.point_to(next(name for name in store.versions() if name != Store(trial.base).current_id()))
        return live_lists(trial.folder / "shop")[1]
    finally:
        store.point_to(live)


@dataclass(frozen=True)
class Fault:
    """A kind of fault: how many of ten thousand, on which commands, where, and what happens."""

    count: int
    case: Case
    commands: tuple[str, ...] = WRITERS
    place: Callable[[Path], Path] = lambda folder: folder


KINDS: Mapping[str, Fault] = {
    "killed at a random moment": Fault(400, _killed),
    "files cut off by a limit": Fault(150, _limited),
    "disk full": Fault(80, _full, place=small_disk),
    "rights taken away": Fault(80, _forbidden, place=as_nobody),
    "clock moved": Fault(60, _moved_clock),
    "two at once": Fault(40, _two_at_once, ("embed", "train", "forget")),
    "current lost": Fault(70, _current_lost),
}


def maker(kind: str, base: Path, variables: Mapping[str, str], seed: int) -> Make:
    """The work of one kind on copies of the shop at `base`; the commands take turns."""
    fault = KINDS[kind]

    def make(folder: Path) -> Work:
        # An account without rights reads a copy of its own.
        given = Path(shutil.copytree(base.parent, folder / "given"))
        (folder / "logs").mkdir()
        enter(variables)
        warm()
        where = fault.place(folder)
        trial = Trial.load(where, folder / "logs", given / base.name, variables)

        def work(number: int) -> str:
            name = fault.commands[number % len(fault.commands)]
            return fault.case(trial, name, np.random.default_rng([seed, number]))

        return work

    return make
