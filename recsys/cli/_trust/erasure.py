"""Erased persons: every table, log and version holds them, then `recsys forget`, then a search of every byte.

Compressed columns are decoded, numbers are looked for at every offset. The lists of all others are those of a shop that
never had them, trained the same way.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from recsys.cli._trust import shop as tiny
from recsys.cli._trust.commands import expect, run
from recsys.cli._trust.result import Breach
from recsys.cli._trust.shop import enter
from recsys.cli._trust.supervised import Make, Work
from recsys.data.event_log import EVENTS, EXPOSURES, EventWriter
from recsys.data.feedback import Feedback
from recsys.data.handovers import Handovers
from recsys.data.store import Store

TOGETHER, ALONE = 490, 10
OTHERS = 200
#: Begins every id, query and segment of theirs, and stands in no other text.
_MARK = "planted7c1e"
_TOKEN = re.compile(rb"planted7c1e\w*", re.IGNORECASE)


@dataclass(frozen=True)
class Planted:
    """Persons who are to be erased, and what nobody else has: times and prices of purchases."""

    ids: list[str]
    rows: pd.DataFrame

    @classmethod
    def of(cls, count: int, items: pd.DataFrame, rng: np.random.Generator) -> Planted:
        """So many persons with four purchases and a search each."""
        ids = [f"{_MARK}x{n:04d}" for n in range(count)]
        rows: list[dict[str, Any]] = []
        for n, user in enumerate(ids):
            own = rng.choice(items["item_id"].to_numpy(), 4, replace=False)
            for visit, item in enumerate(own):
                when = 1_700_000_000.0 + 86_400 * int(rng.integers(0, 150)) + 0.25 + (5 * n + visit) * 1e-3
                price = 1_000 + n + visit / 8 + 1 / 1_024
                rows.append({"user_id": user, "item_id": item, "timestamp": when, "event": "purchase", "price": price})
            asked = {"event": "search", "query": f"{_MARK} query {n}"}
            rows.append({"user_id": user, "item_id": None, "timestamp": 1_704_000_000.5 + n * 1e-3, **asked})
        return cls(ids, pd.DataFrame(rows))

    def of_user(self, users: Collection[str]) -> tuple[set[float], set[float]]:
        """Times and prices of some of them."""
        mine = self.rows[self.rows["user_id"].isin(list(users))]
        return set(mine["timestamp"]), set(mine["price"].dropna())


def _write(folder: Path, items: pd.DataFrame, events: pd.DataFrame, planted: Planted) -> list[str]:
    """Tables of the shop, with the planted in all of them; returns the arguments of a night."""
    folder.mkdir()
    ids = planted.ids
    item = items["item_id"].iloc[0]
    broken = pd.DataFrame({"user_id": ids[:40], "item_id": "no such item", "timestamp": 1_700_000_000.0})
    users = pd.DataFrame(
        {"user_id": ["000", *ids], "segment": ["a", *(f"{_MARK} segment {n}" for n in range(len(ids)))]}
    )
    shown = pd.DataFrame({"user_id": ["000", *ids], "item_id": item, "timestamp": 1_705_000_000.0, "clicked": True})
    items.to_csv(folder / "items.csv", index=False)
    pd.concat([events, planted.rows, broken]).to_csv(folder / "events.csv", index=False)
    users.to_csv(folder / "users.csv", index=False)
    shown.to_csv(folder / "shown.csv", index=False)
    files = {"items": "items", "interactions": "events", "users": "users", "impressions": "shown"}
    return [part for option, name in files.items() for part in (f"--{option}", str(folder / f"{name}.csv"))]


def _leave_traces(shop: Path, ids: Collection[str]) -> None:
    """What a service and an assistant write of shoppers between nights."""
    feedback, queue = Feedback(shop / "feedback"), Handovers(shop)
    for name in (EVENTS, EXPOSURES):
        writer = EventWriter(shop / name)
        writer.append({"user_id": i, "item_id": "G001", "event": "view", "timestamp": 1_709_000_000.0} for i in ids)
        writer.append([{"user_id": "000", "item_id": "G002", "event": "view", "timestamp": 1_709_000_001.0}])
    for user in ids:
        feedback.add("where is it?", "on its way", user_id=user)
    for user in list(ids)[:20]:
        queue.add("where is it?", f"{user} asked where it is", user)


def maker(count: int, variables: Mapping[str, str], seed: int) -> Make:
    """A shop with so many planted persons; case by case some of them are erased: all at once, or one at a time."""
    alone = count == ALONE

    def make(folder: Path) -> Work:
        quick = {**variables, "RECSYS_INTAKE__MAX_BAD": "0.9"}
        enter(quick)
        log = folder / "command.log"

        def command(*arguments: object) -> None:
            expect(run(arguments, quick, log), [0])

        rng = np.random.default_rng([seed, count])
        items, events = tiny.tables(OTHERS)
        planted, nobody = Planted.of(count, items, rng), Planted([], Planted.of(1, items, rng).rows[:0])
        shop, without = folder / "with", folder / "without"
        night = _write(folder / "tables", items, events, planted)
        command("nightly", *night, "--artifacts", shop)
        command("nightly", *_write(folder / "other-tables", items, events, nobody), "--artifacts", without)
        command("embed", *night, "--artifacts", shop)
        first = Store(shop).versions()[0]
        command("versions", "--pin", first, "--artifacts", shop)
        _leave_traces(shop, planted.ids)
        vectors = _vectors(shop, planted.ids)
        if len(traces(shop, planted, planted.ids, vectors)) < 16:
            raise RuntimeError("the search does not find what was planted")

        def work(number: int) -> str:
            gone = [planted.ids[number]] if alone else planted.ids
            if alone:
                command("forget", "--user", gone[0], "--artifacts", shop)
            else:
                pd.DataFrame({"user_id": gone}).to_csv(folder / "gone.csv", index=False)
                command("forget", "--user-file", folder / "gone.csv", "--artifacts", shop)
            if found := traces(shop, planted, gone, vectors):
                raise Breach(f"{len(found)} files hold something of the erased: {found[:5]}")
            if number == len(planted.ids) - 1 or not alone:
                command("train", "--artifacts", shop)
                command("train", "--artifacts", without)
                _same_lists(shop, without)
                command("embed", *night, "--artifacts", shop)  # an old export brings nobody back
                if found := traces(shop, planted, planted.ids, vectors):
                    raise Breach(f"an old export brought the erased back: {found[:5]}")
            return "nothing found"

        return work

    return make


def _same_lists(shop: Path, without: Path) -> None:
    from recsys import Recommender

    others = [f"{n:03d}" for n in range(OTHERS)]
    mine, theirs = (Recommender.load(where).recommend_many(others, k=10) for where in (shop, without))
    if not mine.equals(theirs):
        differ = int((mine.merge(theirs, how="outer", indicator=True)["_merge"] != "both").sum())
        raise Breach(f"the lists of others differ from those of a shop that never had the erased, in {differ} rows")


def _vectors(shop: Path, ids: Collection[str]) -> set[bytes]:
    """History vectors of the planted that nobody else has."""
    from recsys import Recommender

    rec = Recommender.load(shop)
    pool = np.asarray(rec.shop.history_pool.vectors, np.float32)
    mine = np.isin(rec.shop.user_ids.astype(str), list(ids))
    return {row.tobytes() for row in pool[mine]} - {row.tobytes() for row in pool[~mine]}


def traces(shop: Path, planted: Planted, users: Collection[str], vectors: set[bytes]) -> list[str]:
    """Files that hold an id, text, time or price of these persons or, when all are asked for, a vector."""
    times, prices = planted.of_user(users)
    numbers = np.array(sorted(times | prices))
    suffixes = {user.removeprefix(f"{_MARK}x") for user in users}
    everybody = len(users) == len(planted.ids)
    found = []
    for path in sorted(p for p in shop.rglob("*") if p.is_file()):
        raw = path.read_bytes()
        if path.suffix == ".gz":
            raw += gzip.decompress(raw)
        if path.suffix == ".parquet":
            raw += json.dumps(pq.read_table(path).to_pydict(), default=str, ensure_ascii=False).encode()
            cells = pq.read_table(path).to_pandas().select_dtypes("number").to_numpy(np.float64, na_value=np.nan)
            raw += cells.tobytes()
        texts = {token.decode().lower() for token in _TOKEN.findall(raw)}
        named = bool(texts) if everybody else any(token.endswith(tuple(suffixes)) for token in texts)
        if named or _holds(raw, numbers) or (everybody and _has_vector(path, vectors)):
            found.append(path.relative_to(shop).as_posix())
    return found


def _holds(raw: bytes, numbers: np.ndarray[Any, np.dtype[np.float64]]) -> bool:
    """Whether one of the numbers stands anywhere in the bytes, as a double of either order."""
    for offset in range(min(8, len(raw))):
        whole = raw[offset : offset + (len(raw) - offset) // 8 * 8]
        for order in ("<f8", ">f8"):
            with np.errstate(invalid="ignore"):
                if np.isin(np.frombuffer(whole, order), numbers).any():
                    return True
    return False


def _has_vector(path: Path, vectors: set[bytes]) -> bool:
    if path.suffix != ".npy":
        return False
    array = np.load(path, allow_pickle=False)
    if array.ndim != 2 or array.dtype.kind != "f":
        return False
    return not vectors.isdisjoint(row.tobytes() for row in np.asarray(array, np.float32))
