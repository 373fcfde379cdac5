"""Writers beside what people wrote: the commands that train them and the table that compares them."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from recsys.errors import ArtifactError, BadInput
from recsys.explain import evaluate, training
from recsys.explain.research import references
from recsys.settings import load_settings
from tests.tiny_gpt import write_gpt2

pytestmark = pytest.mark.usefixtures("tiny")

TOOLS = ("spade", "rake", "hose", "pot", "bowl")
PLACES = ("garden", "kitchen", "yard", "shed", "hall", "attic")


@pytest.fixture
def table() -> pd.DataFrame:
    """Thirty references; the last eight pairs are like the first ones."""
    pairs = [(tool, place) for tool in TOOLS for place in PLACES]
    return pd.DataFrame(
        {
            "user_profile": [f"someone who works in the {place} on Sundays" for _, place in pairs],
            "item_profile": [f"a {tool} for people with {n} hands" for n, (tool, _) in enumerate(pairs)],
            "explanation": [f"The user would buy the {tool} because the {place} needs care." for tool, place in pairs],
            "same_pred": [f"The user would buy the {tool} because the {place} needs care." for tool, place in pairs],
            "wild_pred": ["Bought by 7777 Martians."] * 29 + [None],
        }
    )


@pytest.fixture
def file(table: pd.DataFrame, tmp_path: Path) -> Path:
    table.to_parquet(tmp_path / "references.parquet", index=False)
    return tmp_path / "references.parquet"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer GPT-2 with random weights and a byte-level tokenizer, as a directory."""
    words = " ".join((*TOOLS, *PLACES, "the user would buy"))
    return write_gpt2(tmp_path_factory.mktemp("tiny-gpt2"), [words], positions=256)


def finetune(*arguments: object):
    return CliRunner().invoke(importlib.import_module("jobs.finetune").app, ["explainer", *map(str, arguments)])


def run(*arguments: object):
    return CliRunner().invoke(importlib.import_module("jobs.evaluate").app, [str(argument) for argument in arguments])


def test_the_tuned_writer_is_compared(file: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    how = ("--references", file, "--base", base, "--max-steps", 3, "--json")
    result = finetune(*how, "--out", tmp_path / "tuned")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["train_examples"], report["valid_examples"], report["steps"]) == (22, 8, 3)

    monkeypatch.setenv("RECSYS_EXPLAIN__WRITER", str(base))
    monkeypatch.setenv("RECSYS_EXPLAIN__ADAPTER", str(tmp_path / "tuned"))
    result = run("--explanations", 5, "--references", file, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["references"] == 5
    assert list(summary["writers"]) == [
        references.TEMPLATE,
        references.BY_BLEU,
        references.BY_ROUGE,
        references.ZERO_SHOT,
        references.GREEDY,
        references.CONSENSUS,
        "same_pred",
        "wild_pred",
    ]


def test_the_figures_are_those_of_the_texts(file: Path, table: pd.DataFrame) -> None:
    result = run("--explanations", 12, "--references", file)
    assert result.exit_code == 0, result.output
    assert all(name in result.stdout for name in ("rougeL", "grounded", "same_pred", "12 references"))
    found = references.compare(load_settings(), table, 12)
    assert list(found.table.index) == ["template", *found.constants, "same_pred", "wild_pred"], (
        "no model, no rows of it"
    )
    same, wild = found.table.loc["same_pred"], found.table.loc["wild_pred"]
    assert same["bleu4"] == pytest.approx(100)
    assert same["rougeL"] == pytest.approx(1)
    assert found.best("bleu4") == found.best("rougeL") == "same_pred"
    assert 0 < same["low"] <= same["ahead"] <= same["high"]
    assert wild["grounded"] == 0
    assert found.table.loc["template", "grounded"] == 1
    assert found.table.loc[references.BY_ROUGE, ["ahead", "low", "high"]].tolist() == [0, 0, 0]
    expected = evaluate.overlap(table["wild_pred"].tolist()[:12], table["explanation"].tolist()[:12])
    assert wild[list(expected)].to_dict() == pytest.approx(expected)


def test_constants_are_the_best_of_other_pairs(table: pd.DataFrame) -> None:
    found = references.compare(load_settings(), table, 12)
    truth, others = table["explanation"].tolist()[:12], table["explanation"].tolist()[12:]
    for column, name in (("bleu4", references.BY_BLEU), ("rougeL", references.BY_ROUGE)):
        figures = {text: evaluate.overlap([text] * 12, truth)[column] for text in others}
        assert figures[found.constants[name]] == pytest.approx(max(figures.values()))
        assert found.table.at[name, column] == pytest.approx(max(figures.values()))
    whole = references.compare(load_settings(), table, 500)
    assert whole.references == len(table), "all there are, where there are fewer"
    assert set(whole.constants.values()) <= set(table["explanation"])


def test_the_template_says_what_the_shopper_enjoys() -> None:
    known = ["They would buy the book because it is long.", "They would buy the book because of it.", "Fine."]
    profiles = ["Going by the reviews, this user is likely to enjoy long books.", "a gardener"]
    assert references.templates(profiles, known) == [
        "They would buy the book because they enjoy long books.",
        "They would buy the book because a gardener",
    ]
    assert references.templates(profiles[1:], known[2:]) == ["The user would buy it because a gardener"]


def test_rows_with_an_empty_cell_are_left_out(table: pd.DataFrame) -> None:
    table.loc[0, "explanation"] = None
    table.loc[1, "user_profile"] = "  "
    rows = training.usable_references(table)
    assert len(rows) == len(table) - 2
    assert training.reference_examples(rows)[0].completion == f" {table.explanation[2]}"
    with pytest.raises(BadInput, match=r"19 rows .* at least 20"):
        training.usable_references(table.head(21))


def test_wrong_input_exits_with_2(file: Path, table: pd.DataFrame, tmp_path: Path) -> None:
    few, lacking = tmp_path / "few.csv", tmp_path / "lacking.csv"
    table.head(19).to_csv(few, index=False)
    table.drop(columns="item_profile").to_csv(lacking, index=False)
    size = ("--explanations", 5)
    for arguments, message in (
        (("--references", file), "--references"),
        ((*size, "--references", file, "--sheet", tmp_path / "s.csv"), "--sheet"),
        ((*size, "--references", few), "at least 20"),
        ((*size, "--references", lacking), "item_profile"),
        ((*size, "--references", tmp_path / "none.csv"), "none.csv"),
        (("--explanations", 0, "--references", file), "at least 1"),
        ((*size, "--assistant"), "--assistant"),
        ((*size, "--peers", "--report", tmp_path / "r.html"), "--peers"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2, arguments
        assert message in result.stderr
    for file, message in ((few, "at least 20"), (lacking, "item_profile")):
        result = finetune("--out", tmp_path / "tuned", "--references", file)
        assert result.exit_code == 2, file
        assert message in result.stderr
    assert not (tmp_path / "tuned").exists()


def test_a_missing_adapter_is_named(
    table: pd.DataFrame, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_EXPLAIN__WRITER", str(base))
    monkeypatch.setenv("RECSYS_EXPLAIN__ADAPTER", str(tmp_path / "none"))
    with pytest.raises(ArtifactError, match="adapter_config"):
        references.compare(load_settings(), table, 5)
