"""The command line `recsys`: arguments in, one call into the library, a printed summary out.

Commands import what they run inside their bodies, so that help and completion do not wait for torch.
"""

from __future__ import annotations

from importlib import metadata
from typing import Annotated

import typer

from recsys.cli import (
    answer,
    benchmark,
    embed,
    evaluate,
    explain,
    finetune,
    nightly,
    pretrain,
    recommend,
    serve,
    train,
    versions,
)
from recsys.cli._command import group, program
from recsys.errors import DISTRIBUTION

__all__ = ["app", "program"]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"{DISTRIBUTION} {metadata.version(DISTRIBUTION)}")
        raise typer.Exit


app = group("Recommendations a shop can stand behind.", completion=True)


@app.callback()
def _recsys(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Recommendations a shop can stand behind; start with `recsys nightly`, which needs no files."""


app.command()(nightly.nightly)
app.command()(embed.embed)
app.command()(train.train)
app.add_typer(evaluate.app, name="evaluate")
app.command()(recommend.recommend)
app.command()(explain.explain)
app.command()(answer.answer)
app.command()(serve.serve)
app.command()(versions.versions)
app.add_typer(finetune.app, name="finetune")
app.command()(pretrain.pretrain)
app.command()(benchmark.benchmark)
