"""What every command shares: errors to exit codes, the summary line, progress and logging."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.logging import RichHandler
from typer import Option
from typer.core import TyperGroup

from recsys.data.personal import MaskPersonal
from recsys.errors import BadInput, RecsysError, Unwritable, cause, unwritable
from recsys.settings import Settings

P = ParamSpec("P")
M = TypeVar("M", bound=BaseModel)

FAULT, INTERRUPTED = 1, 130

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

#: An option that names a file.
file = partial(Option, metavar="F")

Artifacts = Annotated[
    Path | None,
    Option("--artifacts", metavar="DIR", help="Where versions live; default: RECSYS_ARTIFACTS, then ./artifacts."),
]
Json = Annotated[bool, Option("--json", help="Print the summary as JSON and nothing else on standard output.")]
# A table's place is text: `pathlib` would make `s3:/` of `s3://`.
Place = str
Items = Annotated[
    Place | None, file("--items", help="Items: a file (csv, tsv, xlsx, jsonl, parquet), folder, glob or URL.")
]
Interactions = Annotated[Place | None, file("--interactions", help="Interactions, likewise.")]
Impressions = Annotated[Place | None, file("--impressions", help="What was shown, and clicked.")]
Engine = Annotated[str, Option("--engine", help="Where the heavy steps run: local or ray.")]
Users = Annotated[Place | None, file("--users", help="Users table (user_id, segment, ...).")]
Reviews = Annotated[
    Place | None,
    file("--reviews", help="Reviews (item_id, review [, user_id, rating, timestamp])."),
]
Orders = Annotated[
    Place | None,
    file("--orders", help="Orders: when each was placed, shipped, delivered; delivery times are learnt from them."),
]
Prices = Annotated[
    Place | None, file("--prices", help="Prices: what each item cost from when on (item_id, timestamp, price).")
]
Format = Annotated[str, Option("--format", help="auto (by the columns), own, or a layout: shopify, magento, ga4, ...")]
Map = Annotated[
    list[str] | None,
    Option("--map", metavar="OURS=THEIRS", help="Read our column from theirs: --map event=action; repeatable."),
]


def command(function: Callable[P, dict[str, Any]]) -> Callable[P, None]:
    """Make a function that returns a summary into a command body.

    The summary's ``line`` is printed last (``--json`` prints the rest as one object). A `RecsysError` or an unknown id
    is the user's to mend: its message and its exit code: 2 for bad input, 3 where another job holds the lock, 4 where
    there is no space or no right to write. Anything else is ours: one line, the trace in a file, exit 1. A summary with
    a true ``refused`` exits 1, one with an ``exit`` with that.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        _log()
        started = time.monotonic()
        try:
            summary = function(*args, **kwargs)
        except RecsysError as error:
            err.print(f"[bold red]error:[/] {_plain(error)}")
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            err.print("interrupted; the published version is as it was")
            raise typer.Exit(INTERRUPTED) from None
        except OSError as error:
            if not unwritable(error):
                raise typer.Exit(_fault(error)) from None
            err.print(
                f"[bold red]error:[/] {_plain(cause(error))}: no space or no right to write there; make room or choose "
                "another place, and run it again. The published version is as it was"
            )
            raise typer.Exit(Unwritable.exit_code) from None
        except Exception as error:  # noqa: BLE001 - the last resort
            raise typer.Exit(_fault(error)) from None
        seconds = round(time.monotonic() - started, 1)
        line = summary.pop("line")
        if not kwargs.get("as_json"):
            for said in summary.get("reading", {}).get("lines", ()):
                out.print(_plain(said))
        if kwargs.get("as_json"):
            print(json.dumps({**summary, "seconds": seconds}, ensure_ascii=False, default=str))
        else:
            out.print(f"{_plain(line)} ({seconds} s)")
        if code := summary.get("exit", FAULT if summary.get("refused") else 0):
            raise typer.Exit(code)

    return run


class _Lines(logging.Handler):
    """Log lines of one row each, for files and schedulers, where a terminal's columns would be cut."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record; the console finds standard error anew each time."""
        when = time.strftime("%H:%M:%S", time.localtime(record.created))
        err.print(f"{when} {record.levelname:<7} {record.getMessage()}", markup=False)


def _log() -> None:
    """Log as RECSYS_LOG says: our own modules at that level, what others have to say from warnings up.

    Without a terminal the stages of a night are logged, too: there are no bars to be seen.
    """
    handler = RichHandler(console=err, show_path=False) if err.is_terminal else _Lines()
    handler.addFilter(MaskPersonal())
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])
    wanted = os.environ.get("RECSYS_LOG", "").upper()
    logging.getLogger("recsys").setLevel(wanted or logging.WARNING)
    logging.getLogger("recsys.progress").setLevel(logging.NOTSET if wanted or interactive() else logging.INFO)
    if not sys.warnoptions:  # about the next release of a library; its users can do nothing about it
        warnings.simplefilter("ignore", FutureWarning)


def _fault(error: Exception) -> int:
    """Say where the trace of a fault of the program is; returns the exit code."""
    try:
        with tempfile.NamedTemporaryFile("w", prefix="recsys-", suffix=".log", delete=False, encoding="utf-8") as file:
            traceback.print_exception(error, file=file)
        where = f" with {file.name}"
    except OSError:  # a full disk may be what went wrong
        where = ""
    err.print(
        f"[bold red]fault:[/] {type(error).__name__}: {_plain(error)}\nThe published version is as it was. "
        f"Please report this{where}"
    )
    return FAULT


def with_columns(settings: Settings, pairs: Sequence[str] | None) -> Settings:
    """Settings with the columns of ``--map ours=theirs`` over those of ``[columns]``."""
    given = dict(pair.partition("=")[::2] for pair in pairs or ())
    if wrong := [ours for ours, theirs in given.items() if not ours or not theirs]:
        raise BadInput(f"--map {wrong[0]}: write ours=theirs, such as --map event=action")
    return settings.model_copy(update={"columns": {**settings.columns, **given}})


def group(about: str, *, cls: type[TyperGroup] | None = None, completion: bool = False) -> typer.Typer:
    """A Typer application of several commands, in the style of all of them."""
    return typer.Typer(
        cls=cls,
        help=about,
        no_args_is_help=cls is None,
        add_completion=completion,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


def config(model: type[M], **given: Any) -> M:
    """A model of options: those that were given (not None) over its own defaults; `BadInput` names what is wrong."""
    try:
        return model.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise BadInput("; ".join(f"--{e['loc'][0]}: {e['msg']}" for e in error.errors())) from None


def interactive() -> bool:
    """Whether progress bars would be seen."""
    return sys.stderr.isatty() or bool(os.environ.get("RECSYS_PROGRESS"))


def _plain(text: object) -> str:
    return str(text).replace("[", "\\[")
