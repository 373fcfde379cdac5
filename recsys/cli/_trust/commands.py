"""The real commands, each in a process of its own that can be killed, starved or robbed of its rights.

The process is forked from one that has the libraries imported, so that hundreds of runs fit into minutes; from there on
it is the command line's own code, with its own exit code and messages.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pandas as pd

from recsys.cli._trust.result import Breach
from recsys.cli._trust.shop import SHOPPERS, enter
from recsys.cli._trust.supervised import quiet
from recsys.data.store import Store
from recsys.errors import RecsysError

#: A line of a log, or of a warning of a library: no message of the command.
_LOGGED = re.compile(r"\d\d:\d\d:\d\d (DEBUG|INFO|WARNING|ERROR) |.*Warning: |  warnings\.warn|\s+self\.pid")


_PDEATHSIG = 1


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, or minus the signal that killed it; and all that it printed."""

    code: int
    said: str


class Running:
    """A command that runs.

    Parameters
    ----------
    arguments
        As they stand after `recsys`.
    variables
        The environment's, in place of the user's own ``RECSYS_...``.
    log
        Where it prints to.
    before
        Called in the new process first: what is to go wrong in it.
    """

    def __init__(
        self,
        arguments: Sequence[object],
        variables: Mapping[str, str],
        log: Path,
        before: Callable[[], None] | None = None,
    ) -> None:
        self._log = log
        log.unlink(missing_ok=True)
        self.pid = os.fork()
        if not self.pid:
            _run([str(a) for a in arguments], variables, log, before)

    def kill(self) -> None:
        """Kill it, and what it started, as a power cut would."""
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError):
                kill(self.pid, signal.SIGKILL)

    def wait(self) -> Ended:
        """Wait for its end."""
        _, status = os.waitpid(self.pid, 0)
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        return Ended(code, self._log.read_text("utf-8", "replace") if self._log.exists() else "")


def _run(arguments: list[str], variables: Mapping[str, str], log: Path, before: Callable[[], None] | None) -> None:
    code = 1
    try:
        os.setpgid(0, 0)
        _end_with_parent()
        quiet(log)
        enter(variables)
        from recsys import cli

        if before is not None:
            before()
        cli.app(arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001 - as an interpreter would
        import traceback

        traceback.print_exc()
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def warm() -> None:
    """Import what commands import inside their bodies, once for all that are forked afterwards."""
    for name in ("recsys.pipeline.runs", "recsys.pipeline.forget", "recsys.serving", "sklearn.linear_model"):
        import_module(name)


def _end_with_parent() -> None:
    """Have the system kill this process when the one that started it is killed, a server above all (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)


def run(
    arguments: Sequence[object],
    variables: Mapping[str, str],
    log: Path,
    *,
    before: Callable[[], None] | None = None,
    kill_after: float | None = None,
) -> Ended:
    """Run a command to its end, or kill it after so many seconds."""
    running = Running(arguments, variables, log, before)
    if kill_after is not None:
        time.sleep(kill_after)
        running.kill()
    return running.wait()


def expect(ended: Ended, codes: Collection[int]) -> Ended:
    """The same; a `Breach` unless it ended in one of these codes, and in one line that says so where it failed."""
    last = [line for line in ended.said.splitlines() if line.strip()][-3:]
    if ended.code not in codes:
        raise Breach(f"exit code {ended.code}, expected one of {sorted(codes)}: {' / '.join(last)}")
    if "Traceback (most recent call last)" in ended.said or "Please report" in ended.said:
        raise Breach(f"a stack trace, or a fault of the program: {' / '.join(last)}")
    told = [line for line in ended.said.splitlines() if line.startswith("error: ")]
    rest = [line for line in ended.said.splitlines() if line.strip() and not _LOGGED.match(line)]
    if ended.code in (2, 3, 4) and (len(told) != 1 or rest[-1:] != told):
        raise Breach(f"exit code {ended.code} without one line that says why: {' / '.join(rest[-4:])}")
    return ended


def lists(shop: Path) -> pd.DataFrame:
    """Lists of some shoppers with a reason each, from the live version."""
    from recsys import Recommender

    rec = Recommender.load(shop)
    found = rec.recommend_many(SHOPPERS, k=8)
    first = found[found["rank"] == 1]
    why = [rec.explain(u, i).sentence for u, i in zip(first["user_id"], first["item_id"], strict=True)]
    return found.merge(first[["user_id"]].assign(reason=why), on="user_id")


def live_lists(shop: Path) -> tuple[str, pd.DataFrame]:
    """Id of the live version and its lists; a `Breach` where there is none, or one that is not whole."""
    store = Store(shop)
    try:
        for name in store.versions():
            if damaged := store.version(name).verify():
                raise Breach(f"version {name} is not whole: {', '.join(damaged[:3])}")
        return store.require().id, lists(shop)
    except RecsysError as error:
        raise Breach(f"the live version is lost: {error}") from None
