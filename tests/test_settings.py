"""Settings: what is misspelt is refused by its right name, and `recsys config` says what is in force and why."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsys.cli import app
from recsys.errors import BadInput
from recsys.settings import effective, load_settings


def write(path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    path.write_text(text, "utf-8")
    monkeypatch.setenv("RECSYS_CONFIG", str(path))
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[encodr]\nname = "x"\n', "no section or setting 'encodr'; did you mean encoder"),
        ("seeed = 3\n", "no section or setting 'seeed'; did you mean seed"),
        ('[encoder]\nnam = "x"\n', r"\[encoder\] has no setting 'nam'; did you mean name"),
        ("[gate]\nmax_shrnk = 1\n", r"\[gate\] has no setting 'max_shrnk'; did you mean max_shrink"),
        ("[encoder\n", r"shop\.toml: "),
    ],
)
def test_an_unknown_name_in_the_file_is_refused_with_the_right_one(text, message, tmp_path, monkeypatch):
    write(tmp_path / "shop.toml", text, monkeypatch)
    with pytest.raises(BadInput, match=message):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("RECSYS_ENCODR__NAME", "RECSYS_ENCODER__NAME"),
        ("RECSYS_ENCODER__NAMEE", "RECSYS_ENCODER__NAME"),
        ("RECSYS_ENCODER_NAME", "RECSYS_ENCODER__NAME"),
        ("RECSYS_ARTEFACTS", "RECSYS_ARTIFACTS"),
        ("RECSYS_CONFIGURATION", "RECSYS_CONFIG"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_right_one(variable, meant, monkeypatch):
    monkeypatch.setenv(variable, "x")
    with pytest.raises(BadInput, match=rf"{variable}, and there is no such setting; did you mean {meant}\?"):
        load_settings()


def test_the_right_name_that_was_named_works(monkeypatch):
    monkeypatch.setenv("RECSYS_ENCODER__NAME", "some-model")
    assert load_settings().encoder.name == "some-model"


def test_variables_that_are_no_settings_and_sections_as_json_pass(monkeypatch):
    for name in ("RECSYS_LOG", "RECSYS_PROGRESS", "RECSYS_DEVICE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("RECSYS_GATE", '{"margin": 0.2}')
    assert load_settings().gate.margin == 0.2


def test_a_settings_file_that_is_not_there_is_refused(tmp_path, monkeypatch):
    write(tmp_path / "recsys.toml", "seed = 1\n", monkeypatch)
    monkeypatch.setenv("RECSYS_CONFIG", str(tmp_path / "recsy.toml"))
    with pytest.raises(
        BadInput, match=r"RECSYS_CONFIG names .*recsy\.toml, and there is no such file; did you mean recsys\.toml"
    ):
        load_settings()
    monkeypatch.setenv("RECSYS_CONFIG", str(tmp_path / "recsys.toml"))
    assert load_settings().seed == 1


def test_without_a_variable_the_file_may_be_missing(tmp_path, monkeypatch):
    monkeypatch.delenv("RECSYS_CONFIG")
    monkeypatch.chdir(tmp_path)
    assert load_settings().seed == 7
    (tmp_path / "recsys.toml").write_text("seed = 5\n")
    assert load_settings().seed == 5


def test_each_setting_says_where_it_came_from(tmp_path, monkeypatch):
    file = write(tmp_path / "shop.toml", "seed = 3\n[gate]\nmargin = 0.1\nmax_shrink = 0.9\n", monkeypatch)
    monkeypatch.setenv("RECSYS_GATE__MARGIN", "0.2")
    found = {setting.name: (setting.value, setting.origin) for setting in effective(artifacts=Path("shop"))}
    assert found["artifacts"] == (Path("shop"), "argument")
    assert found["gate.margin"] == (0.2, "RECSYS_GATE__MARGIN")
    assert found["gate.max_shrink"] == (0.9, str(file))
    assert found["seed"] == (3, str(file))
    assert found["keep_versions"] == (3, "default")


def test_what_config_prints_is_a_settings_file_with_the_same_effect(tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_GATE__MARGIN", "0.2")
    monkeypatch.setenv("RECSYS_EXPLAIN__GUIDED", "true")
    printed = CliRunner().invoke(app, ["config"]).stdout
    assert "gate.margin = 0.2  # RECSYS_GATE__MARGIN" in printed
    before = load_settings()
    monkeypatch.delenv("RECSYS_GATE__MARGIN")
    monkeypatch.delenv("RECSYS_EXPLAIN__GUIDED")
    write(tmp_path / "recsys.toml", printed, monkeypatch)
    assert tomllib.loads(printed)["gate"]["margin"] == 0.2
    assert load_settings() == before


def test_passwords_are_shown_nowhere(monkeypatch):
    monkeypatch.setenv("RECSYS_ASSISTANT__ORDERS", "postgresql://shop:hunter2@db/shop")
    for arguments in (["config"], ["config", "--json"]):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0
        assert "hunter2" not in result.output
        assert "postgresql://shop:***@db/shop" in result.output
    assert json.loads(CliRunner().invoke(app, ["config", "--json"]).stdout)["settings"]["seed"]["value"] == 7
