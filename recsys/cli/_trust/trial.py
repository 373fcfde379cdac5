"""A shop on which commands are tried, with what it answers before and after each of them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recsys.cli._trust.commands import Ended, expect, live_lists, run
from recsys.cli._trust.result import Breach
from recsys.data.store import Store

Before = Callable[[], None]
#: Commands that write, to the artifacts or to a table.
WRITERS = ("embed", "nightly", "train", "forget", "recommend")
#: Folder beside the shop of what each command gives undisturbed.
EXPECTED = "expected"


@dataclass(frozen=True)
class Trial:
    """A shop on which commands are tried, and what it answers before and after each of them.

    Attributes
    ----------
    base
        The shop as it was; each case begins with a copy.
    lists
        Its lists.
    after
        Lists after each command that ran undisturbed, and the seconds it took.
    """

    folder: Path
    logs: Path
    base: Path
    variables: Mapping[str, str]
    lists: pd.DataFrame
    after: dict[str, tuple[pd.DataFrame, float]]

    @classmethod
    def load(cls, folder: Path, logs: Path, base: Path, variables: Mapping[str, str]) -> Trial:
        """A trial in `folder` with what `measure` has found."""
        kept = base.parent / EXPECTED
        seconds = json.loads((kept / "seconds.json").read_text("utf-8"))
        after = {name: (pd.read_parquet(kept / f"{name}.parquet"), took) for name, took in seconds.items()}
        for place in (folder / "out", logs):
            place.mkdir(exist_ok=True)
        return cls(folder, logs, base, variables, pd.read_parquet(kept / "before.parquet"), after)

    @classmethod
    def measure(cls, base: Path, variables: Mapping[str, str]) -> None:
        """Run each command once, undisturbed, and keep the lists of before and after beside the shop."""
        kept = base.parent / EXPECTED
        kept.mkdir()
        live_lists(base)[1].to_parquet(kept / "before.parquet")
        (kept / "seconds.json").write_text("{}", "utf-8")
        trial = cls.load(kept, kept, base, variables)
        seconds = {}
        for name in WRITERS:
            shop, began = trial.fresh(), time.monotonic()
            expect(trial.run(name), [0])
            seconds[name] = time.monotonic() - began
            live_lists(shop)[1].to_parquet(kept / f"{name}.parquet")
        shutil.rmtree(kept / "shop")
        (kept / "seconds.json").write_text(json.dumps(seconds), "utf-8")

    @property
    def out(self) -> Path:
        """Where `recommend` writes its lists."""
        return self.folder / "out" / "lists.parquet"

    def fresh(self) -> Path:
        """A new copy of the shop."""
        shutil.rmtree(self.folder / "shop", ignore_errors=True)
        return Path(shutil.copytree(self.base, self.folder / "shop"))

    def arguments(self, name: str, shop: Path | None = None) -> list[str]:
        """A command's arguments: changed items for a night, one shopper to erase, lists for a file."""
        tables = self.base.parent
        changed = ["--items", f"{tables}/changed.csv", "--interactions", f"{tables}/events.csv"]
        own = {
            "embed": changed,
            "nightly": changed,
            "train": [],
            "forget": ["--user", "003"],
            "recommend": ["--users", f"{tables}/shoppers.csv", "--k", "8", "--out", str(self.out)],
        }
        return [name, *own[name], "--artifacts", str(shop or self.folder / "shop")]

    def run(self, name: str, before: Before | None = None, kill_after: float | None = None) -> Ended:
        """Run a command on the copy."""
        log = self.logs / f"{name}.log"
        return run(self.arguments(name), self.variables, log, before=before, kill_after=kill_after)

    def check(self, name: str, shop: Path) -> str:
        """Which of both states the shop is in; a `Breach` where it is in neither."""
        live, found = live_lists(shop)
        was = Store(self.base).current_id()
        if live == was and found.equals(self.lists):
            return "as before"
        if live != was and found.equals(self.after[name][0]):
            return "published"
        raise Breach(f"{name}: lists that are neither those of before nor those of after")

    def finish(self, name: str) -> None:
        """Run the command again, undisturbed: it must end what was begun."""
        expect(self.run(name), [0])
        if not live_lists(self.folder / "shop")[1].equals(self.after[name][0]):
            raise Breach(f"{name}: run again after the fault, it gives other lists than undisturbed")
