"""Supervised workers: cases run in forked processes with a deadline and a bound of memory each.

A case may crash the interpreter, hang it or eat the machine; who watches is another process, which counts that and has
the rest done by a new worker.
"""

from __future__ import annotations

import gc
import os
import resource
import selectors
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from recsys.cli._trust.result import Breach, Tally
from recsys.errors import BadInput

Work = Callable[[int], str]
#: Makes the work of one worker in a folder of its own.
Make = Callable[[Path], Work]

MEGABYTE = 2**20
#: Seconds that a worker may take to get ready, with the runs that its expectations come from.
_SET_UP = 600.0


class LeftOut(Exception):
    """The kind of case cannot be tried on this machine; the message says why."""


@dataclass(frozen=True)
class Limits:
    """What one case may take: seconds of wall clock, and megabytes over what the worker had when it began."""

    seconds: float = 20.0
    megabytes: int = 1_024


@dataclass
class _Lane:
    """One worker: its process, its pipe, and the cases that it has still to do."""

    folder: Path
    todo: list[int]
    pid: int = 0
    pipe: int = -1
    ready: bool = False
    since: float = 0.0
    rest: bytes = field(default=b"")


def supervise(
    kind: str,
    make: Make,
    cases: Sequence[int],
    folder: Path,
    *,
    workers: int,
    limits: Limits,
    advance: Callable[[int], None],
    times: int = 1,
) -> Tally:
    """Run cases of one kind and count how they end.

    Parameters
    ----------
    make
        Called in each worker; what it returns takes a case's number and returns how it ended. A `Breach`, any other
        exception, a crash, a hang or a size above the limits is a broken promise.
    times
        Inputs that one case holds.
    """
    if not hasattr(os, "fork"):
        raise BadInput("recsys trust kills processes and needs a system with fork: Linux or macOS")
    tally = Tally(kind)
    lanes = [_Lane(folder / f"{kind.replace(' ', '-')}-{n}", list(cases[n::workers])) for n in range(workers)]
    lanes = [lane for lane in lanes if lane.todo]
    with selectors.DefaultSelector() as waiting:
        for lane in lanes:
            _start(lane, make, limits, waiting)
        while any(lane.pid for lane in lanes):
            for key, _ in waiting.select(0.2):
                _listen(key.data, make, limits, waiting, tally, advance, times)
            for lane in lanes:
                allowed = limits.seconds if lane.ready else _SET_UP
                if lane.pid and time.monotonic() - lane.since > allowed:
                    _end(lane, waiting)
                    if not lane.ready:
                        raise RuntimeError(f"{kind}: a worker was not ready within {_SET_UP:g} s")
                    _failed(lane, f"hangs: not done within {allowed:g} s", tally, advance, times)
                    _start(lane, make, limits, waiting)
    return tally


def _start(lane: _Lane, make: Make, limits: Limits, waiting: selectors.BaseSelector) -> None:
    if not lane.todo:
        return
    shutil.rmtree(lane.folder, ignore_errors=True)
    lane.folder.mkdir(parents=True)
    mine, theirs = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    lane.pid = os.fork()
    if not lane.pid:
        os.close(mine)
        _child(lane, make, limits, theirs)
    os.close(theirs)
    lane.pipe, lane.ready, lane.since, lane.rest = mine, False, time.monotonic(), b""
    waiting.register(mine, selectors.EVENT_READ, lane)


def _end(lane: _Lane, waiting: selectors.BaseSelector) -> int:
    """Stop a worker with all that it started; returns its wait status."""
    with suppress(ProcessLookupError):
        os.killpg(lane.pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(lane.pid, signal.SIGKILL)
    _, status = os.waitpid(lane.pid, 0)
    waiting.unregister(lane.pipe)
    os.close(lane.pipe)
    lane.pid = 0
    return status


def _failed(lane: _Lane, said: str, tally: Tally, advance: Callable[[int], None], times: int) -> None:
    number = lane.todo.pop(0)
    tally.breach(number, said, times)
    advance(times)


def _listen(
    lane: _Lane,
    make: Make,
    limits: Limits,
    waiting: selectors.BaseSelector,
    tally: Tally,
    advance: Callable[[int], None],
    times: int,
) -> None:
    raw = os.read(lane.pipe, 1 << 16)
    *lines, lane.rest = (lane.rest + raw).split(b"\n")
    lane.since = time.monotonic() if lines else lane.since
    for line in (one.decode("utf-8", "replace") for one in lines):
        if line.startswith("-"):
            tally.left_out = line[1:]
            lane.todo.clear()
        elif not lane.ready:
            if line != "ready":
                _end(lane, waiting)
                raise RuntimeError(f"{tally.kind}: a worker could not begin: {line}")
            lane.ready = True
        elif line.startswith("!"):
            _failed(lane, line[1:], tally, advance, times)
        else:
            lane.todo.pop(0)
            tally.add(line, times)
            advance(times)
    if raw:
        return
    was_ready, status = lane.ready, _end(lane, waiting)
    if not lane.todo:
        return
    if not was_ready:
        raise RuntimeError(f"{tally.kind}: a worker died before its first case (status {status})")
    if os.WIFSIGNALED(status) or status:
        number = os.WTERMSIG(status)
        how = f"crashes the process ({signal.Signals(number).name if number else f'exit {os.WEXITSTATUS(status)}'})"
        _failed(lane, how, tally, advance, times)
    _start(lane, make, limits, waiting)  # it asked to be replaced where its status is 0


def _child(lane: _Lane, make: Make, limits: Limits, pipe: int) -> None:
    """Do the cases and leave; what is printed goes to a file."""

    def tell(line: str) -> None:
        os.write(pipe, line.replace("\n", " ").encode("utf-8", "replace")[:4_000] + b"\n")

    code = 0
    try:
        os.setpgid(0, 0)
        quiet(lane.folder / "output.log")
        work = make(lane.folder)
        _bound(limits)
        before = _settled()
        tell("ready")
        for number in lane.todo:
            line = _one(work, number)
            grown = _largest() - before
            if grown > limits.megabytes:
                tell(f"!takes {grown:,} MB of memory")
                break  # what it holds would count for the next one, too
            tell(line)
    except LeftOut as why:
        tell(f"-{why}")
    except BaseException as error:  # noqa: BLE001 - told to whoever watches
        tell(f"{type(error).__name__}: {error} at {_where(error)}")
        code = 1
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
        os._exit(code)


def _one(work: Work, number: int) -> str:
    try:
        return work(number)
    except Breach as error:
        return f"!{error}"
    except Exception as error:  # noqa: BLE001 - a stack trace is what no input may cause
        return f"!{type(error).__name__}: {error} at {_where(error)}"


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames[::-1][:4])


def _largest() -> int:
    """The most memory that this process has held, in megabytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most // (MEGABYTE if sys.platform == "darwin" else 1_024))


def _settled() -> int:
    """The memory that this process holds now, in megabytes, from which a case's growth is counted.

    What a parent left to be collected, or set-up took and gave back, would hide as much growth of a case.
    """
    gc.collect()
    with suppress(OSError):  # Linux only: the most that was held is forgotten (proc(5), clear_refs)
        Path("/proc/self/clear_refs").write_text("5")
    return _largest()


def _bound(limits: Limits) -> None:
    """No worker takes the machine's memory, whatever it is given: far above the limit, allocation fails."""
    if sys.platform == "linux":
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        most = held + 4 * limits.megabytes * MEGABYTE
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def quiet(log: Path) -> None:
    """Send what this process prints to a file; the streams are new ones, as those of before may belong to a test."""
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="replace", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="replace", closefd=False)
    # Under a tester the handlers of logging hold its streams; a command makes its own.
    import logging

    logging.getLogger().handlers.clear()
