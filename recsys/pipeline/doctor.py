"""Preflight checks: what a night and a server need of this machine, each with what to mend.

Nothing is written, fetched or trained; a check that cannot run is a finding, too.
"""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from recsys.data.store import Store
from recsys.encoders.encoder import named_device, pick_device
from recsys.encoders.pretrained import resolve
from recsys.errors import DISTRIBUTION, BadInput, RecsysError
from recsys.explain.writer import TEMPLATE
from recsys.llm.gpt import ENDPOINT
from recsys.settings import Effective, Settings, effective

State = Literal["ok", "warn", "fail"]

#: Bytes free below which a small shop's night may not fit, and below which it will not.
ROOM, NO_ROOM = 5 * 2**30, 500 * 2**20
#: Bytes of memory that a night of the sample shop needs, weights and torch included.
MEMORY = 2 * 2**30
#: Python modules of extras that a server or a night would ask for, by extra.
EXTRAS = {
    "serve": ("fastapi", "uvicorn"),
    "writers": ("gguf", "peft"),
    "evaluation": ("matplotlib", "jinja2"),
    "sql": ("sqlalchemy",),
    "redis": ("redis",),
}


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    check
        What was looked at.
    state
        ``fail`` keeps a night or a server from working, ``warn`` makes it slower or plainer.
    said
        What is so.
    mend
        What to do about it; '' where nothing is to be done.
    """

    check: str
    state: State
    said: str
    mend: str = ""


def examine(settings: Settings) -> list[Finding]:
    """All findings, in the order in which to mend them."""
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("machine", _machine),
        ("settings", lambda: _settings(settings)),
        ("extras", _extras),
        ("device", lambda: _device(settings)),
        ("weights", lambda: _weights(settings)),
        ("disk", lambda: _disk(settings.artifacts)),
        ("artifacts", lambda: _artifacts(settings.artifacts)),
    ]
    found = []
    for name, check in checks:
        try:
            found += list(check())
        except RecsysError as error:
            found.append(Finding(name, "fail", str(error)))
        except OSError as error:
            found.append(Finding(name, "fail", f"cannot be looked at ({error.strerror})"))
    return found


def _machine() -> Iterator[Finding]:
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    said = f"Python {platform.python_version()}, torch {torch.__version__}, {platform.machine()}, {cores} cores"
    yield Finding("machine", "ok", said)
    free = _free_memory()
    if free is not None:
        gib = f"{free / 2**30:.1f} GiB of memory free"
        if free < MEMORY:
            yield Finding("memory", "warn", gib, f"the smallest night takes about {MEMORY / 2**30:.0f} GiB: free some")
        else:
            yield Finding("memory", "ok", gib)
    if cores > 1 and os.environ.get("OMP_NUM_THREADS") == "1":
        yield Finding("threads", "warn", "OMP_NUM_THREADS=1: encoding uses one core", "unset it for nights")


def _free_memory() -> int | None:
    """Bytes that this process could still take: the machine's, or less where its control group has a limit."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return None
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text("ascii"))
        return min(free, limit - int((group / "memory.current").read_text("ascii")))
    except (OSError, ValueError):  # no control groups, or "max"
        return free


def _settings(settings: Settings) -> Iterator[Finding]:
    changed: list[Effective] = [s for s in effective(artifacts=settings.artifacts) if s.origin != "default"]
    said = ", ".join(f"{s.name} ({s.origin})" for s in changed) or "all are the defaults"
    yield Finding("settings", "ok", said)


def _extras() -> Iterator[Finding]:
    try:
        requires(DISTRIBUTION)
    except PackageNotFoundError:
        yield Finding("package", "warn", "runs from a folder, not installed", "pip install -e . in the checkout")
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if find_spec(module) is None]
        mend = f"where you need it: pip install '{DISTRIBUTION}[{extra}]'"
        yield (
            Finding(f"extra {extra}", "warn", f"{', '.join(missing)} not installed", mend)
            if missing
            else Finding(f"extra {extra}", "ok", "installed")
        )


def _device(settings: Settings) -> Iterator[Finding]:
    import torch

    device = pick_device(settings.encoder.device)
    asked = named_device(settings.encoder.device)
    said = f"{device}" + (f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else "")
    if device.type == "cpu" and asked is None and shutil.which("nvidia-smi"):
        mend = "install the CUDA build of torch (pytorch.org, Get started), or set RECSYS_DEVICE=cpu to say it is meant"
        yield Finding("device", "warn", f"{said}: there is a GPU, but this torch does not see it", mend)
    else:
        yield Finding("device", "ok", said)


def _weights(settings: Settings) -> Iterator[Finding]:
    writers = {"writer": settings.explain.writer, "assistant's writer": settings.assistant.writer}
    yield _model("encoder", settings.encoder.name, settings.offline, essential=True)
    for what, name in writers.items():
        if name not in (TEMPLATE, "retrieved") and not name.startswith(ENDPOINT):
            yield _model(what, name, settings.offline, essential=False)


def _model(what: str, name: str, offline: bool, *, essential: bool) -> Finding:
    try:
        folder = resolve(name, offline=True)
    except BadInput as error:
        return Finding(what, "fail", str(error))
    except RecsysError:
        if offline:
            state: State = "fail" if essential else "warn"
            mend = "run once with network access, or copy the cache directory of a machine that has it"
            return Finding(what, state, f"{name} is not here and settings say offline", mend)
        return Finding(what, "ok", f"{name} is fetched when first needed")
    return Finding(what, "ok", f"{name} in {folder}")


def _disk(artifacts: Path) -> Iterator[Finding]:
    there = next(path for path in [artifacts.absolute(), *artifacts.absolute().parents] if path.exists())
    for what, folder in (("disk", there), ("temporary files", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(folder).free
        said = f"{free / 2**30:.1f} GiB free at {folder}"
        if not os.access(folder, os.W_OK):
            yield Finding(what, "fail", f"no right to write at {folder}", "give this account the right, or use another")
        elif free < ROOM:
            state: State = "fail" if free < NO_ROOM else "warn"
            yield Finding(what, state, said, "make room: `recsys versions` lists what is kept (setting keep_versions)")
        else:
            yield Finding(what, "ok", said)


def _artifacts(root: Path) -> Iterator[Finding]:
    store = Store(root)
    if store.current_id() is None and not store.versions():
        yield Finding("artifacts", "warn", f"{root}: nothing is published yet", f"recsys nightly --artifacts {root}")
        return
    version = store.require()
    counts, serves = version.manifest["counts"], version.manifest["serves"]
    kept = len(store.versions())
    said = f"live {version.id}: {counts['items']:,} items, {counts['users']:,} users, files whole; {kept} versions kept"
    if serves == "ranker":
        yield Finding("artifacts", "ok", said)
    else:
        yield Finding("artifacts", "warn", f"{said}; no ranker serves", f"recsys train --artifacts {root}")


def healthy(found: list[Finding]) -> bool:
    """Whether nothing keeps a night or a server from working."""
    return all(finding.state != "fail" for finding in found)
