"""The command line `recsys`: arguments in, one call into the library, a printed summary out.

Commands import what they run inside their bodies, so that help and completion do not wait for torch.
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import Annotated

import typer
from typer import Option

from recsys.cli._command import group
from recsys.errors import DISTRIBUTION

__all__ = ["app", "job"]

#: Each is in the module of its name: a function of that name or, where it has subcommands, `app`.
COMMANDS = (
    "demo",
    "nightly",
    "check",
    "config",
    "doctor",
    "embed",
    "train",
    "evaluate",
    "recommend",
    "explain",
    "answer",
    "delivery",
    "forecast",
    "pictures",
    "serve",
    "keys",
    "reviews",
    "versions",
    "forget",
    "seal",
    "finetune",
    "pretrain",
    "benchmark",
    "trust",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"{DISTRIBUTION} {metadata.version(DISTRIBUTION)}")
        raise typer.Exit


app = group("Recommendations a shop can stand behind.", completion=True)


@app.callback()
def _recsys(
    version: Annotated[
        bool, Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Recommendations a shop can stand behind; start with `recsys nightly`, which needs no files."""


def _add(name: str, to: typer.Typer) -> None:
    module = import_module(f"recsys.cli.{name}")
    if hasattr(module, "app"):
        to.add_typer(module.app, name=name)
    else:
        to.command()(getattr(module, name))


for _name in COMMANDS:
    _add(_name, app)


def job(name: str, module: str) -> typer.Typer:
    """One command as a program of its own, started where `module` is the main one: ``python -m jobs.NAME``."""
    own = getattr(import_module(f"recsys.cli.{name}"), "app", None)
    if own is None:
        own = group("")
        _add(name, own)
    if module == "__main__":
        own()
    return own
