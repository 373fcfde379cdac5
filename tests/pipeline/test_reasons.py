"""Explanations through the commands, and the live version's assessment."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from recsys.errors import BadInput
from recsys.pipeline import reasons
from recsys.settings import load_settings

pytestmark = pytest.mark.usefixtures("tiny", "plain")


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model: the templates' sentences."""
    monkeypatch.setenv("RECSYS_EXPLAIN__WRITER", "template")


def run(name: str, *arguments: object):
    return CliRunner().invoke(importlib.import_module(f"jobs.{name}").app, [str(a) for a in arguments])


def test_assess_live(tiny_version: Path, tmp_path: Path) -> None:
    figures, table = reasons.assess_live(load_settings(artifacts=tiny_version), 30, tmp_path / "sheet.csv")
    assert figures["pairs"] == 30
    assert figures["completeness"] < 1e-6
    assert (table["grounded"] == 1).all()
    assert len(pd.read_csv(tmp_path / "sheet.csv")) == 30
    with pytest.raises(BadInput, match="rating sheet"):
        reasons.assess_live(load_settings(artifacts=tiny_version), 5, tmp_path / "sheet.txt")


def test_evaluate_explanations(tiny_version: Path) -> None:
    result = run("evaluate", "--artifacts", tiny_version, "--explanations", 12, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["pairs"] == 12


def test_explain_writes_a_reason_for_every_row_of_every_list(tiny_version: Path, tmp_path: Path) -> None:
    pd.DataFrame({"user_id": ["000", "001", "stranger"]}).to_csv(tmp_path / "users.csv", index=False)
    out = tmp_path / "reasons.parquet"
    result = run("explain", "--artifacts", tiny_version, "--users", tmp_path / "users.csv", "--k", 4, "--out", out)
    assert result.exit_code == 0, result.output
    table = pd.read_parquet(out)
    assert list(table.columns) == ["user_id", "rank", "item_id", "score", "reason", "writer"]
    assert len(table) == 12
    assert (table.reason.str.len() > 10).all()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["reasons.parquet", "users.csv"], "no parts are left behind"


def test_explain_in_chinese_and_copy(tiny_version: Path, tmp_path: Path) -> None:
    pd.DataFrame({"user_id": ["000"]}).to_csv(tmp_path / "users.csv", index=False)
    pd.DataFrame({"item_id": ["G001", "K002"]}).to_csv(tmp_path / "items.csv", index=False)
    out = tmp_path / "out.csv"
    where = ("--artifacts", tiny_version, "--out", out)
    assert run("explain", *where, "--users", tmp_path / "users.csv", "--k", 2, "--language", "zh").exit_code == 0
    assert pd.read_csv(out).reason.str.contains("。").all()
    assert run("explain", *where, "--copy", tmp_path / "items.csv").exit_code == 0
    assert list(pd.read_csv(out).columns) == ["item_id", "copy", "writer"]


@pytest.mark.parametrize("arguments", [(), ("--users", "u.csv", "--copy", "c.csv")])
def test_explain_needs_one_kind_of_input(arguments: tuple[str, ...], tiny_version: Path, tmp_path: Path) -> None:
    result = run("explain", "--artifacts", tiny_version, "--out", tmp_path / "o.csv", *arguments)
    assert result.exit_code == 2
