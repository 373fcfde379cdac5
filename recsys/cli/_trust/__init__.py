"""The project's promises, tried on a tiny shop of their own: faults, strange inputs, erased persons, nights.

A stage is one promise. Each makes what it needs in a temporary folder and runs its cases in supervised processes, so
that a crash is counted rather than suffered; the user's artifacts and settings are not looked at.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recsys.cli._trust import damage, erasure, faults, network, nights, readers, requests, shop, templates
from recsys.cli._trust.commands import expect, run
from recsys.cli._trust.result import Result, Tally, markdown
from recsys.cli._trust.supervised import Limits, Make, supervise
from recsys.cli._trust.trial import Trial
from recsys.progress import progress_bar, stage

__all__ = ["STAGES", "Plan", "Result", "Tally", "markdown", "prepare"]

_QUICK = Limits()
#: A case that runs a command, or several, on a machine that is busy.
_COMMAND = Limits(seconds=300, megabytes=4_096)


@dataclass(frozen=True)
class Plan:
    """What to try, how much of it, and where.

    Attributes
    ----------
    folder
        A temporary folder.
    share
        Share of the full numbers; each kind is tried at least once.
    case
        One kind to try alone, and one number of it or None for all; None for all kinds.
    progress
        Whether bars are shown.
    """

    folder: Path
    seed: int = 0
    share: float = 1.0
    workers: int = 2
    case: tuple[str, int | None] | None = None
    progress: bool = False

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment of every trial: lists are to change, so that new and old can be told apart; no gate minds."""
        gate = {"RECSYS_GATE__MARGIN": "1", "RECSYS_GATE__MAX_DRIFT": "99", "RECSYS_GATE__MAX_SHRINK": "1"}
        return shop.environment(self.folder / "encoder") | gate

    def cases(self, kind: str, full: int) -> Sequence[int]:
        """Numbers of the cases of one kind."""
        if self.case is not None and self.case[0] != kind:
            return []
        if self.case is not None and self.case[1] is not None:
            return [self.case[1]]
        return range(max(1, round(full * self.share)))

    def tally(
        self,
        kind: str,
        full: int,
        make: Make,
        limits: Limits = _QUICK,
        *,
        times: int = 1,
        cases: Sequence[int] | None = None,
    ) -> Tally:
        """Try one kind under a bar; `full` and the tally count inputs, of which a case holds `times`."""
        cases = self.cases(kind, full // times) if cases is None else cases
        with stage(kind), progress_bar(self.progress, threaded=False) as bar:
            task = bar.add_task(kind, total=len(cases) * times)
            drawn = 0.0

            def advance(done: int) -> None:
                nonlocal drawn
                bar.update(task, advance=done)
                if time.monotonic() > drawn + 0.2:
                    bar.refresh()
                    drawn = time.monotonic()

            bar.refresh()
            return supervise(
                kind, make, cases, self.folder, workers=self.workers, limits=limits, times=times, advance=advance
            )


def prepare(plan: Plan) -> None:
    """Make the encoder and the shop that faults are tried on; in a process of its own, so that this one stays small."""

    def make(_: Path) -> Callable[[int], str]:
        shop.write_encoder(plan.folder / "encoder")
        shop.enter(plan.variables)

        def work(_: int) -> str:
            _make_base(plan.folder / "base", plan.variables)
            return "made"

        return work

    plan.folder.chmod(0o711)  # an account without rights finds its own folder in it, and the encoder, and no more
    made = supervise("set up", make, [0], plan.folder, workers=1, limits=_COMMAND, advance=lambda _: None)
    if made.broken:
        raise RuntimeError(f"the shop for trials cannot be made: {made.breaches[0]}")


def _make_base(folder: Path, variables: Mapping[str, str]) -> None:
    """A shop of two versions, one of them pinned, with everything beside them that a shop comes to have."""
    from recsys.data.event_log import EVENTS, EventWriter
    from recsys.data.feedback import Feedback
    from recsys.data.handovers import Handovers
    from recsys.data.store import Store

    folder.mkdir()
    where = folder / "shop"
    items, events = shop.tables()
    items.to_csv(folder / "items.csv", index=False)
    items.assign(title=items["title"] + " again").to_csv(folder / "changed.csv", index=False)
    events.to_csv(folder / "events.csv", index=False)
    (folder / "shoppers.csv").write_text("\n".join(["user_id", *shop.SHOPPERS]), "utf-8")
    for arguments in (
        ["nightly", "--items", folder / "items.csv", "--interactions", folder / "events.csv"],
        ["forget", "--user", damage.ERASED],
        ["nightly", "--items", folder / "items.csv", "--interactions", folder / "events.csv"],
    ):
        expect(run([*arguments, "--artifacts", where], variables, folder.parent / "set-up.log"), [0])
    store = Store(where)
    store.pin(store.versions()[0])
    seen = {"item_id": "G001", "event": "view", "timestamp": 1_709_000_000.0}
    EventWriter(where / EVENTS).append({"user_id": user, **seen} for user in shop.SHOPPERS)
    Feedback(where / "feedback").add("where is it?", "on its way", user_id=shop.SHOPPERS[0])
    Handovers(where).add("where is it?", "asked where it is", shop.SHOPPERS[0])
    Trial.measure(where, variables)


def _faults(plan: Plan) -> Result:
    base = plan.folder / "base" / "shop"
    tallies = [
        plan.tally(kind, count, damage.maker(kind, base, plan.variables, plan.seed))
        for kind, (count, _) in damage.KINDS.items()
    ]
    tallies += [
        plan.tally(kind, fault.count, faults.maker(kind, base, plan.variables, plan.seed), _COMMAND)
        for kind, fault in faults.KINDS.items()
    ]
    cut = network.maker(base, plan.variables, plan.seed)
    tallies.append(plan.tally("network cut while fetching weights", network.COUNT, cut, _COMMAND))
    return Result(
        "no fault loses a live version, mixes or silently changes a list, or crashes by data; each ends in one line "
        "and its own exit code",
        "real commands on a tiny shop of two versions are killed, starved and robbed of rights; its files are damaged",
        "injected faults",
        tallies,
    )


def _inputs(plan: Plan) -> Result:
    tallies = [
        plan.tally(kind, count, readers.file_maker(kind, plan.variables, plan.seed))
        for kind, count in readers.FILES.items()
    ]
    tallies += [
        plan.tally(kind, count, readers.cell_maker(kind, plan.variables, plan.seed), times=readers.CELLS)
        for kind, (count, _) in readers.CELL_KINDS.items()
    ]
    asked = requests.maker(plan.folder / "base" / "shop", plan.variables, plan.seed)
    tallies.append(plan.tally("HTTP requests", requests.COUNT, asked, Limits(seconds=60)))
    strange = templates.maker(plan.variables, plan.seed)
    tallies.append(plan.tally("chat templates", templates.COUNT, strange, Limits(seconds=90)))
    return Result(
        "no input hangs a reader or the service, takes memory without bound, or ends in a stack trace",
        "nasty and damaged files, cells (in columns of 100), HTTP requests to the ASGI application, and chat templates",
        "inputs",
        tallies,
    )


def _erasure(plan: Plan) -> Result:
    together = max(1, round(erasure.TOGETHER * plan.share))
    tallies = []
    for kind, count, cases, times in (
        ("erased together", together, [0], together),
        ("erased one by one", erasure.ALONE, range(erasure.ALONE), 1),
    ):
        if plan.case is None or plan.case[0] == kind:
            make = erasure.maker(count, plan.variables, plan.seed)
            # One worker: they are erased from one shop, one after the other.
            alone = Plan(plan.folder, plan.seed, workers=1, progress=plan.progress)
            tallies.append(alone.tally(kind, count, make, _COMMAND, times=times, cases=cases))
    return Result(
        "nothing of an erased person is left, and the lists of others are those of a shop that never had them",
        "`recsys forget` on a shop with two versions, one pinned, users, impressions, event logs, ratings, hand-overs "
        "and quarantine; every byte of the artifacts is searched, compressed columns decoded",
        "persons",
        tallies,
    )


def _nights(plan: Plan) -> Result:
    alone = Plan(plan.folder, plan.seed, plan.share, workers=1, progress=plan.progress, case=plan.case)
    cases = range(max(2, round(nights.COUNT * plan.share))) if plan.case is None else None
    make = nights.maker(plan.variables, plan.seed)
    tally = alone.tally("nights", nights.COUNT, make, _COMMAND, cases=cases)
    kept = plan.folder / "nights-0" / nights.FIGURES
    figures = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    return Result(
        "an incremental night equals a build from nothing, a server beside never mixes versions, and nothing grows",
        "`recsys nightly` on tables that move on by a day, a build from nothing, and `recsys serve` beside",
        "nights",
        [tally],
        figures,
    )


#: Each stage measures one promise.
STAGES: Mapping[str, Callable[[Plan], Result]] = {
    "faults": _faults,
    "inputs": _inputs,
    "erasure": _erasure,
    "nights": _nights,
}


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
