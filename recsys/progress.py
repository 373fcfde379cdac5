"""Progress: bars on standard error, gone when the work is done, and a line a stage where nobody watches."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

log = logging.getLogger(__name__)

T = TypeVar("T")


def progress_bar(shown: bool, *, threaded: bool = True) -> Progress:
    """A bar for a ``with`` block; nothing is written where it is not `shown`.

    Without a thread of its own (for whoever forks) the bar is drawn when ``refresh`` is called.
    """
    return Progress(console=Console(stderr=True), disable=not shown, transient=True, auto_refresh=threaded)


def strides(items: Sequence[T], size: int, title: str, *, shown: bool) -> Iterator[Sequence[T]]:
    """`items` in order, `size` at a time, under a bar that moves when the next ones are asked for."""
    with progress_bar(shown) as bar:
        task = bar.add_task(title, total=len(items))
        for start in range(0, len(items), size):
            some = items[start : start + size]
            yield some
            bar.update(task, advance=len(some))


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Timer of one stage of a long run: its seconds are logged (level INFO) when it ends without an error.

    A scheduler's log then says where a night spends its time; commands show these lines where no bar would be seen.
    """
    started = time.perf_counter()
    yield
    log.info("%-24s %7.1f s", name, time.perf_counter() - started)
