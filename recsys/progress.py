"""Progress on standard error, gone when the work is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

T = TypeVar("T")


def progress_bar(shown: bool) -> Progress:
    """A bar for a ``with`` block; nothing is written where it is not `shown`."""
    return Progress(console=Console(stderr=True), disable=not shown, transient=True)


def strides(items: Sequence[T], size: int, title: str, *, shown: bool) -> Iterator[Sequence[T]]:
    """`items` in order, `size` at a time, under a bar that moves when the next ones are asked for."""
    with progress_bar(shown) as bar:
        task = bar.add_task(title, total=len(items))
        for start in range(0, len(items), size):
            some = items[start : start + size]
            yield some
            bar.update(task, advance=len(some))
