"""Damage to stored files: bits flipped, bytes overwritten, files cut, grown, swapped or gone, and then asked for lists.

Whatever is damaged, a reader gets what it got before or one line that names the file; never another list.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from recsys.cli._trust.commands import lists
from recsys.cli._trust.result import Breach
from recsys.cli._trust.shop import enter
from recsys.cli._trust.supervised import Make, Work
from recsys.data.event_log import EventLog
from recsys.data.feedback import Feedback
from recsys.data.forgotten import Tombstones
from recsys.data.handovers import Handovers
from recsys.data.integrity import MANIFEST
from recsys.data.retention import read_pins, read_tags
from recsys.data.store import Store
from recsys.errors import ArtifactError, BadInput, RecsysError

Damage = Callable[[bytes, np.random.Generator], bytes | None]
#: The shopper of the shop of trials who was erased, and must stay so.
ERASED = "079"


def _flip(good: bytes, rng: np.random.Generator) -> bytes:
    bad = bytearray(good)
    bad[rng.integers(len(bad))] ^= 1 << int(rng.integers(8))
    return bytes(bad)


def _overwrite(good: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(len(good)))
    size = min(int(rng.integers(1, 4_097)), len(good) - start)
    noise = bytes(size) if rng.random() < 0.5 else rng.bytes(size)
    return good[:start] + noise + good[start + size :]


def _move(good: bytes, rng: np.random.Generator) -> bytes:
    """Bytes of one place written to another, as by a disk that lost its way."""
    a, b = (int(n) for n in rng.integers(len(good), size=2))
    size = min(int(rng.integers(1, 513)), len(good) - max(a, b))
    bad = bytearray(good)
    bad[b : b + size] = good[a : a + size]
    return bytes(bad)


#: How many of ten thousand faults are of each kind, and what is done to the file.
KINDS: Mapping[str, tuple[int, Damage]] = {
    "bit flipped": (5_200, _flip),
    "bytes overwritten": (1_250, _overwrite),
    "bytes moved": (650, _move),
    "file cut short": (1_500, lambda good, rng: good[: int(rng.integers(len(good)))]),
    "file grown": (300, lambda good, rng: good + rng.bytes(int(rng.integers(1, 4_097)))),
    "file gone": (200, lambda good, rng: None),
}


def maker(kind: str, base: Path, variables: Mapping[str, str], seed: int) -> Make:
    """The work of one kind on copies of the shop at `base`: case by case another file, so that each has its turn."""
    damage = KINDS[kind][1]

    def make(folder: Path) -> Work:
        enter(variables)
        shop = Path(shutil.copytree(base, folder / "shop"))
        version = Store(shop).require()
        old = {store for store in Store(shop).versions_dir.iterdir() if store != version.path}
        files = sorted(
            file
            for file in shop.rglob("*")
            if file.is_file()
            and file.stat().st_size
            and not file.name.endswith(".lock")
            and not any(file.is_relative_to(other) for other in old)
        )
        want, known = lists(shop), _records(shop)

        def work(number: int) -> str:
            rng = np.random.default_rng([seed, number])
            file = files[number % len(files)]
            good = file.read_bytes()
            bad = damage(good, rng)
            if bad == good:
                return "changed nothing"
            _put(file, bad)
            try:
                said = None
                try:
                    now = lists(shop)
                except (ArtifactError, BadInput) as error:
                    said = str(error)
                records = _records(shop)
            finally:
                _put(file, good)
            where = file.relative_to(shop)
            if said is None:
                if not now.equals(want):
                    raise Breach(f"{where}: other lists, in silence")
                if file.is_relative_to(version.path) and file.name != MANIFEST:
                    raise Breach(f"{where}: was not noticed")
            elif "\n" in said or file.name not in said:
                raise Breach(f"{where}: the message does not name it: {said}")
            # Pins and tombstones that are gone are those of a shop that has none; docs/trust.md says so.
            if bad is not None and any(records[name] not in (known[name], "refused") for name in records):
                raise Breach(f"{where}: what must be kept was changed in silence: {records}")
            return "harmless" if said is None and records == known else "refused by name"

        return work

    return make


def _put(file: Path, content: bytes | None) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)


def _records(shop: Path) -> dict[str, str]:
    """What the files beside the versions say that must not change unseen; those that cannot be read are refused.

    The log of events, ratings and the queue are read as well: a line of theirs may be damaged, and no more than that.
    """
    wanted: dict[str, Callable[[], object]] = {
        "pins": lambda: [sorted(read_pins(shop)), read_tags(shop)],
        "erased": lambda: sorted(Tombstones.read(shop).among([ERASED])),
        "events": lambda: len(EventLog.of(shop).read()[0]) >= 0,
        "queue": lambda: len(Handovers(shop).table()) >= 0,
        "ratings": lambda: len(Feedback(shop / "feedback").table()) >= 0,
    }
    found = {}
    for name, read in wanted.items():
        try:
            found[name] = json.dumps(read())
        except RecsysError as error:
            if "\n" in str(error):
                raise Breach(f"{name}: a message of several lines: {error}") from None
            found[name] = "refused"
    return found
