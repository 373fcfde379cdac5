"""Trials of what a stranger's file does to a reader: in another process, under limits of time and memory.

A file of a kilobyte may describe a table of a terabyte, and the library that reads it asks for all of that at once; so
it is read aside first, where running out of memory harms nobody.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

#: How long a trial may take in all, beside its processor seconds: the start of an interpreter on a busy machine.
_WALL = 60.0
_PRELUDE = """
import sys
def limit():
    try:
        import resource
    except ImportError:
        return
    seconds, memory = map(int, sys.argv[1:3])
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(open("/proc/self/statm").read().split()[0]) if sys.platform == "linux" else 0
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + seconds,) * 2)
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + memory,) * 2)
"""


def fits(program: str, data: bytes, *, seconds: int, memory: int, arguments: Sequence[object] = ()) -> bool:
    """Whether a program ends by itself, and well, with `data` as its input.

    Parameters
    ----------
    program
        Python that imports what it needs, calls ``limit()``, and then reads ``sys.stdin``; ``sys.argv[3:]`` are the
        `arguments`. What ends it with another status than 0 is a no.
    seconds, memory
        Processor seconds and bytes that it may take after ``limit()``.
    """
    command = [sys.executable, "-I", "-c", _PRELUDE + program, str(seconds), str(memory), *map(str, arguments)]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=_WALL + seconds, check=False)  # noqa: S603 - our own program, the data its input
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
