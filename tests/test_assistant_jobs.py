"""The assistant's commands, as a user types them."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from jobs._cli import program
from recsys.corpus import train_tokenizer


def run(name: str, *arguments: object):  # type: ignore[no-untyped-def]
    module = importlib.import_module(f"jobs.{name}")
    app = getattr(module, "app", None) or program(getattr(module, name))
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def shop(tmp_path, tiny_tables, tiny):  # type: ignore[no-untyped-def]
    items, events = tiny_tables
    items.to_parquet(tmp_path / "items.parquet")
    events.to_csv(tmp_path / "events.csv", index=False)
    faq = {"question": ["How do I return an item?", "怎么退货？"], "answer": ["Within 30 days.", "30天内。"]}
    (tmp_path / "texts").mkdir()
    pd.DataFrame(faq).to_csv(tmp_path / "texts" / "faq.csv", index=False)
    (tmp_path / "texts" / "delivery.md").write_text("# Delivery\n\n## Times\n\nTwo to five days.\n", "utf-8")
    result = run(
        "embed",
        *("--items", tmp_path / "items.parquet", "--interactions", tmp_path / "events.csv"),
        *("--knowledge", tmp_path / "texts", "--artifacts", tmp_path / "a", "--json"),
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["passages"] == {"faq": 2, "policy": 1, "product": len(items)}
    return tmp_path


def test_questions_in_answers_out(shop: Path) -> None:
    asked = pd.DataFrame({"question": ["How do I return an item?", "怎么退货？", None], "user_id": [1.0, None, None]})
    asked.to_parquet(shop / "q.parquet")
    result = run("answer", "--questions", shop / "q.parquet", "--out", shop / "a.parquet", "--artifacts", shop / "a")
    assert result.exit_code == 0, result.output
    table = pd.read_parquet(shop / "a.parquet")
    assert list(table) == ["question", "answer", "sources", "intent", "confidence", "handover", "writer"]
    assert table["answer"].tolist()[:2] == ["Within 30 days.", "30天内。"]
    assert table["sources"].iloc[0].tolist() == ["faq:0"]


def test_bad_questions_exit_with_2(shop: Path) -> None:
    (shop / "q.csv").write_text("text\nhello\n", "utf-8")
    result = run("answer", "--questions", shop / "q.csv", "--out", shop / "o.csv", "--artifacts", shop / "a")
    assert result.exit_code == 2
    assert run("answer", "--out", shop / "o.csv", "--artifacts", shop / "a").exit_code == 2
    assert run("embed", "--knowledge", shop / "missing.csv", "--artifacts", shop / "a").exit_code == 2


def test_pretrain_then_finetune(tmp_path: Path) -> None:
    text = "\n\n".join(f"Question: Does lamp {n} fit?\nAnswer: Yes, lamp {n} fits." for n in range(80))
    (tmp_path / "shop.txt").write_text(text, "utf-8")
    sizes = ["--layers", 1, "--width", 32, "--heads", 2, "--block", 32, "--vocabulary", 300, "--steps", 8]
    result = run("pretrain", "--text", tmp_path / "shop.txt", "--out", tmp_path / "gpt", *sizes, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["bits_per_byte"] > 0
    table = pd.DataFrame(
        {"question": [f"Does lamp {n} fit?" for n in range(80)], "answer": [f"Yes, lamp {n}." for n in range(80)]}
    )
    table.to_csv(tmp_path / "qa.csv", index=False)
    arguments = ["--questions", tmp_path / "qa.csv", "--base", tmp_path / "gpt", "--max-steps", 2, "--json"]
    result = run("finetune", "assistant", *arguments, "--out", tmp_path / "adapter")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()
    assert run("pretrain", "--text", tmp_path / "none.txt", "--out", tmp_path / "x").exit_code == 2
    assert run("pretrain", "--text", tmp_path / "shop.txt", "--out", tmp_path / "x", "--vocabulary", 3).exit_code == 2


def test_the_tokenizer_keeps_to_its_size() -> None:
    assert len(train_tokenizer(["a red mug"] * 3, 270)) <= 270
