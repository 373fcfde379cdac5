"""The console script: one application, started quickly, wherever it is called."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import jobs
from recsys import __version__, cli

COMMANDS = {m.name for m in pkgutil.iter_modules(jobs.__path__)}


def test_it_offers_what_jobs_offers() -> None:
    assert set(get_command(cli.app).commands) == COMMANDS


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(cli.app, ["--version"]).stdout == f"shop-recsys {__version__}\n"


def test_the_script_is_installed() -> None:
    scripts = {script.name: script.value for script in metadata.distribution("shop-recsys").entry_points}
    assert scripts == {"recsys": "recsys.cli:app"}


def test_help_waits_for_no_library() -> None:
    slow = {"torch", "numpy", "pandas", "sklearn", "transformers", "faiss"}
    code = f"import sys, recsys.cli; print(sorted({slow} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_project_with_jobs_of_its_own_runs_ours(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "__init__.py").write_text("raise RuntimeError('not ours')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from recsys.cli import app; app(['versions'])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 2
    assert "recsys nightly" in result.stderr


@pytest.mark.parametrize(
    ("asked", "answers"),
    [
        ([], "lists"),
        (["--artifacts", "a", "--json"], "lists"),
        (["lists", "--peers"], "lists"),
        (["--artifacts", "a", "--explanations", "5", "--sheet", "s.csv"], "explanations"),
        (["--explanations=5"], "explanations"),
        (["explanations", "--size", "5"], "explanations"),
        (["--questions", "q.csv", "--assistant"], "assistant"),
        (["assistant"], "assistant"),
    ],
)
def test_older_scripts_name_the_subcommand_by_an_option(
    asked: list[str], answers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = get_command(cli.app).commands["evaluate"]
    with command.make_context("evaluate", list(asked)) as context:
        name, _, arguments = command.resolve_command(context, [*context._protected_args, *context.args])
        assert name == answers
        with command.commands[name].make_context(name, arguments, parent=context):
            pass  # every option is one that the subcommand takes


def test_options_of_another_subcommand_are_refused() -> None:
    result = CliRunner().invoke(cli.app, ["evaluate", "--explanations", "5", "--peers"])
    assert result.exit_code == 2
    assert "--peers" in result.stderr
