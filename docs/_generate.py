"""Pages of the site that come from the code: settings, command line, and the files that pages link to.

A hook of mkdocs. Links to code are written relative to the repository (``../recsys/settings.py``), where they work as
they are; on the site they lead to a page with the file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from typer.main import get_command
from typer.testing import CliRunner

from recsys.cli import app
from recsys.settings import Settings

ROOT = Path(__file__).parents[1]
_CODE = re.compile(r"\]\((?:\.\./)+((?:recsys|jobs|notebooks)/[\w./]+\.py)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    pages = {"reference/settings.md": settings_page(), "reference/cli.md": cli_page()}
    for page in [f for f in files.documentation_pages() if f.abs_src_path]:
        for path in _CODE.findall(Path(page.abs_src_path or "").read_text("utf-8")):
            text = (ROOT / path).read_text("utf-8")
            pages[f"code/{path[:-3]}.md"] = (
                f"---\nsearch:\n  exclude: true\n---\n# {path}\n\n````python\n{text}\n````\n"
            )
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links to code to the pages that `on_files` made."""
    up = "../" * page.file.src_uri.count("/")
    return _CODE.sub(lambda found: f"]({up}code/{found[1][:-3]}.md)", markdown)


def settings_page() -> str:
    """Every setting with its default and what its docstring says."""
    lines = [
        "# Settings\n",
        "From keyword arguments, then the environment (`RECSYS_ENCODER__NAME=...`), then `recsys.toml` in the working "
        "directory (or the file named by `RECSYS_CONFIG`), then the defaults below.\n",
    ]
    sections = {n: f.annotation for n, f in Settings.model_fields.items() if _is_section(f.annotation)}
    lines += _table("", Settings, skip=set(sections))
    for name, section in sections.items():
        lines += [f"## {name}\n", f"{(section.__doc__ or '').strip()}\n", *_table(f"{name}.", section)]
    return "\n".join(lines)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _table(prefix: str, model: Any, skip: frozenset[str] | set[str] = frozenset()) -> list[str]:
    rows = ["| setting | default | |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        if name not in skip:
            default = "none" if field.default is None else f"`{field.default}`"
            said = " ".join((field.description or "").replace("``", "`").split()).replace("|", "\\|")
            rows.append(f"| `{prefix}{name}` | {default} | {said} |")
    return [*rows, ""]


def cli_page() -> str:
    """What `--help` prints, of every command."""
    os.environ.update(COLUMNS="100", TERM="dumb", NO_COLOR="1")
    lines = [
        "# Command line\n",
        "`python -m jobs.nightly` and `recsys nightly` run the same code, and so on for every command.\n",
    ]
    for words in _commands(get_command(app), ()):
        said = CliRunner().invoke(app, [*words, "--help"], prog_name="recsys").output
        lines += [f"{'#' * (len(words) + 1)} recsys {' '.join(words)}\n", f"```text\n{said.strip()}\n```\n"]
    return "\n".join(lines)


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield (*words, name)
        yield from _commands(inner, (*words, name))
