"""The assistant's commands, as a user types them."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pandas as pd
import pytest
from gguf import GGUFReader
from typer.testing import CliRunner

import recsys
from recsys import Recommender
from recsys.assistant import setup
from recsys.assistant.knowledge import read_passages
from recsys.data.store import knowledge_store
from recsys.errors import ArtifactError
from recsys.llm import llamacpp
from recsys.llm.corpus import is_held_out, train_tokenizer
from recsys.settings import load_settings
from tests.tiny_gguf import write_tiny_gguf
from tests.tiny_gpt import write_qwen2


def run(name: str, *arguments: object):  # type: ignore[no-untyped-def]
    return CliRunner().invoke(importlib.import_module(f"jobs.{name}").app, [str(a) for a in arguments])


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


def test_answers_in_python_follow_what_is_published(shop: Path) -> None:
    asked = "How do I return an item?"
    assert recsys.answer(asked, artifacts=shop / "a").text == "Within 30 days."
    pd.DataFrame({"question": [asked], "answer": ["Within 14 days."]}).to_csv(shop / "texts" / "faq.csv", index=False)
    assert run("embed", "--knowledge", shop / "texts", "--artifacts", shop / "a").exit_code == 0
    assert recsys.answer(asked, artifacts=shop / "a").text == "Within 14 days."
    with pytest.raises(ArtifactError):
        recsys.answer(asked, artifacts=shop / "nothing")


def test_a_local_chat_model_answers_and_is_timed(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A random model: nothing that it says follows from the text, so that the shop's own words are given."""
    pytest.importorskip("xllamacpp", reason="the extra llm is not installed")
    monkeypatch.setattr(llamacpp, "MAX_CALL_TOKENS", 16)  # a random model never comes to an end
    monkeypatch.setenv("RECSYS_ASSISTANT__WRITER", str(write_tiny_gguf(tmp_path / "tiny.gguf")))
    pd.DataFrame({"question": ["How do I return an item?"]}).to_csv(shop / "q.csv", index=False)
    result = run("answer", "--questions", shop / "q.csv", "--out", shop / "a.parquet", "--artifacts", shop / "a")
    assert result.exit_code == 0, result.output
    assert pd.read_parquet(shop / "a.parquet")["answer"].tolist() == ["Within 30 days."]
    result = run("benchmark", "answers", "--size", 10, "--artifacts", shop / "a", "--json")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    with_model, alone = figures["contenders"].values()
    assert figures["questions"] == 10
    assert next(iter(figures["contenders"])).startswith("tiny@")
    assert 0 < alone["first_token"]["median"] <= alone["seconds"]["median"]
    assert with_model["words"] == alone["words"] == 0.0
    monkeypatch.setenv("RECSYS_ASSISTANT__WRITER", str(tmp_path / "absent.gguf"))
    assert (
        run("answer", "--questions", shop / "q.csv", "--out", shop / "b.csv", "--artifacts", shop / "a").exit_code == 2
    )


@pytest.mark.parametrize("installed", [True, False])
def test_a_default_model_that_cannot_be_had_is_said_and_answers_go_on(
    shop: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, installed: bool
) -> None:
    monkeypatch.setenv("RECSYS_ASSISTANT__WRITER", "auto")
    monkeypatch.setenv("RECSYS_OFFLINE", "1")
    monkeypatch.setattr(setup, "DEFAULT_CHAT", "No-Such-Model-GGUF")
    if not installed:
        monkeypatch.setitem(sys.modules, "xllamacpp", None)
    assistant = setup.load_assistant(load_settings(artifacts=shop / "a"))
    assert assistant.answer("How do I return an item?").text == "Within 30 days."
    said = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    why = "offline" if installed else "pip install"
    assert any("works without a language model" in text and why in text for text in said)


@pytest.mark.parametrize("job", ["embed", "nightly"])
def test_what_is_known_of_the_catalogue_follows_it(shop: Path, job: str) -> None:
    items = pd.read_parquet(shop / "items.parquet")
    assert "knowledge" not in json.loads(run("embed", "--artifacts", shop / "a", "--json").stdout)  # nothing is new
    new = items.iloc[[0]].assign(item_id="NEW1", title="Solar garden lantern")
    pd.concat([items.iloc[:-1], new]).to_parquet(shop / "items.parquet")
    result = run(job, "--items", shop / "items.parquet", "--artifacts", shop / "a", "--json")
    summary = json.loads(result.stdout)
    assert summary["passages"] == {"faq": 2, "policy": 1, "product": len(items) + 1}, result.output
    known = read_passages(knowledge_store(shop / "a").require().path)
    ids = {passage.id for passage in known}
    assert "item:NEW1" in ids
    # What left the feed is still known, as unavailable: a shopper who asks for it hears so.
    left = items["item_id"].iloc[-1]
    assert f"item:{left}" in ids
    shop_now = Recommender.load(shop / "a").shop
    assert not shop_now.available[shop_now.item_index.get_loc(left)]


def test_knowledge_that_cannot_be_read_is_a_warning_not_a_failed_night(shop: Path, caplog) -> None:
    (shop / "a" / "knowledge" / "current").write_text("damaged")
    result = run("embed", "--items", shop / "items.parquet", "--artifacts", shop / "a", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["knowledge"] is None
    assert "the assistant still knows the catalogue of before" in caplog.text


def test_the_assistant_is_measured(shop: Path) -> None:
    asked = {
        "question": ["How do I return an item?", "Write me a poem about cats"],
        "answers": ["0", None],
        "answer": ["Within 30 days.", None],
        "intent": ["returns", None],
        "refuse": ["false", "true"],
    }
    pd.DataFrame(asked).to_csv(shop / "asked.csv", index=False)
    run_it = ("evaluate", "--assistant", "--questions", shop / "asked.csv", "--artifacts", shop / "a")
    result = run(*run_it, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["shares"]["recall@1"] == {"value": 1.0, "n": 1, "low": pytest.approx(0.2065, abs=1e-3), "high": 1.0}
    assert found["shares"]["answers grounded"]["value"] == 1.0
    assert found["writers"]["the nearest known answer"]["rouge_l"] == 1.0
    assert "recall@5" in run(*run_it).stdout
    own = json.loads(run("evaluate", "--assistant", "--artifacts", shop / "a", "--json").stdout)
    assert own["shares"]["intent understood"]["n"] >= 90
    pd.DataFrame({"question": ["Hello?"], "answers": ["faq:99"]}).to_csv(shop / "asked.csv", index=False)
    wrong = run(*run_it)
    assert wrong.exit_code == 2
    assert "row 0, field 'answers'" in wrong.output
    assert run("evaluate", "--questions", shop / "asked.csv", "--artifacts", shop / "a").exit_code == 2


def test_bad_questions_exit_with_2(shop: Path) -> None:
    (shop / "q.csv").write_text("text\nhello\n", "utf-8")
    result = run("answer", "--questions", shop / "q.csv", "--out", shop / "o.csv", "--artifacts", shop / "a")
    assert result.exit_code == 2
    assert run("answer", "--out", shop / "o.csv", "--artifacts", shop / "a").exit_code == 2
    assert run("embed", "--knowledge", shop / "missing.csv", "--artifacts", shop / "a").exit_code == 2


def test_pretrain_then_finetune_then_answer(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n\n".join(f"Question: Does lamp {n} fit?\nAnswer: Yes, lamp {n} fits." for n in range(80))
    (tmp_path / "shop.txt").write_text(text, "utf-8")
    sizes = ["--layers", 1, "--width", 32, "--heads", 2, "--block", 128, "--vocabulary", 300, "--steps", 8]
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
    monkeypatch.setenv("RECSYS_ASSISTANT__WRITER", str(tmp_path / "gpt"))
    monkeypatch.setenv("RECSYS_ASSISTANT__ADAPTER", str(tmp_path / "adapter"))
    pd.DataFrame({"question": ["How do I return an item?"], "answer": ["Within 30 days."]}).to_csv(tmp_path / "q.csv")
    result = run("evaluate", "--assistant", "--questions", tmp_path / "q.csv", "--artifacts", shop / "a", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert len(found["writers"]) == 3, result.output  # the nearest answer, the writer before and after fine-tuning
    assert found["shares"]["answers grounded"]["value"] == 1.0  # what it makes up is replaced by its source
    assert (
        found["shares"]["in a writer's words"]["value"] == 0.0
    )  # an untrained model says nothing that its source says
    assert run("pretrain", "--text", tmp_path / "none.txt", "--out", tmp_path / "x").exit_code == 2
    assert run("pretrain", "--text", tmp_path / "shop.txt", "--out", tmp_path / "x", "--vocabulary", 3).exit_code == 2


def test_a_planner_is_taught_from_conversations(tmp_path: Path) -> None:
    blue = {"user": "is it blue", "plan": ["facts #1: is it blue"]}
    told = [
        json.dumps(
            {"lang": "en", "turns": [{"user": f"lamp {n}", "plan": ["find: lamp"], "shown": ["Lamp 9.00"]}, blue]}
        )
        for n in range(60)
    ]
    (tmp_path / "c.jsonl").write_text("\n".join(told), "utf-8")
    (tmp_path / "held.jsonl").write_text("\n".join(told[:4]), "utf-8")
    base = write_qwen2(tmp_path / "base", told, layers=14)
    arguments = ["finetune", "planner", "--conversations", tmp_path / "c.jsonl", "--base", base, "--max-steps", 2]
    result = run(*arguments, "--out", tmp_path / "p", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["steps"] == 2
    aside = sum(is_held_out(f"lamp {n}", 0.05) for n in range(60))
    assert (found["train_examples"], found["valid_examples"]) == (2 * (60 - aside), 2 * aside)
    assert found["valid_examples"] > 0
    assert {file.name for file in (tmp_path / "p").iterdir()} >= {"planner.gguf", "adapter_model.safetensors"}
    layers = [t.name.split(".")[1] for t in GGUFReader(tmp_path / "p" / "planner.gguf").tensors]
    assert sorted(set(layers)) == ["12", "13"]
    extended = run(
        *arguments[:4], "--conversations", tmp_path / "c.jsonl", *arguments[4:],
        "--held-out", tmp_path / "held.jsonl", "--out", tmp_path / "q", "--json",
    )  # fmt: skip
    assert extended.exit_code == 0, extended.output
    found = json.loads(extended.stdout)
    assert (found["train_examples"], found["valid_examples"]) == (240, 8)


def test_a_planner_is_taught_nothing_from_a_faulty_file(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text('{"lang":"en","turns":[{"user":"lamp","plan":["fnd: lamp"]}]}\n', "utf-8")
    arguments = ["finetune", "planner", "--conversations", tmp_path / "c.jsonl", "--out", tmp_path / "p"]
    result = run(*arguments)
    assert result.exit_code == 2
    assert "c.jsonl, line 1, turn 1: the plan 'fnd: lamp' begins with none of" in " ".join(result.output.split())
    (tmp_path / "c.jsonl").write_text('{"lang":"en","turns":[{"user":"lamp","plan":["find: lamp"]}]}\n', "utf-8")
    assert "give more of them" in run(*arguments).output
    assert "--epochs" in run(*arguments, "--epochs", -1).output
    assert not (tmp_path / "p").exists()


def test_the_tokenizer_keeps_to_its_size() -> None:
    assert len(train_tokenizer(["a red mug"] * 3, 270)) <= 270
