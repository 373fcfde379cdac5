"""The chat in a real pseudo-terminal, and with its input piped."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from recsys import cli
from recsys.assistant.setup import publish_knowledge
from recsys.cli import _chat
from recsys.data.handovers import Handovers
from recsys.settings import load_settings

pexpect = pytest.importorskip("pexpect", reason="pexpect is not installed: no pseudo-terminal to type in")
if os.name != "posix":
    pytest.skip("pseudo-terminals are those of POSIX", allow_module_level=True)

UP, CTRL_C, CTRL_D = "\x1b[A", "\x03", "\x04"
TYPED = "How do I return an item?"
COMMAND = ["-m", "jobs.answer", "--artifacts"]


@pytest.fixture(scope="module")
def environment(tiny_environment: dict[str, str]) -> dict[str, str]:
    wanted = {"RECSYS_ASSISTANT__WRITER": "retrieved", "OMP_NUM_THREADS": "1", "TERM": "xterm", "LANG": "C.UTF-8"}
    return {**os.environ, **tiny_environment, **wanted, "INPUTRC": os.devnull}


@pytest.fixture(scope="module")
def answering(tiny_version: Path, tiny_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts with a ranker and the shop's texts."""
    folder = tmp_path_factory.mktemp("chat")
    shutil.copytree(tiny_version, folder / "a")
    faq = {"question": [TYPED, "怎么退货？"], "answer": ["Within 30 days.", "30天内。"]}
    pd.DataFrame(faq).to_csv(folder / "faq.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        publish_knowledge([folder / "faq.csv"], load_settings(artifacts=folder / "a"))
    return folder / "a"


@pytest.fixture
def artifacts(answering: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(answering, tmp_path / "a"))


@pytest.fixture
def terminal(artifacts: Path, environment: dict[str, str]) -> Iterator[Any]:
    child = pexpect.spawn(
        sys.executable,
        [*COMMAND, str(artifacts), "--user", "001"],
        env=environment,
        encoding="utf-8",
        timeout=120,
        dimensions=(50, 200),
        use_poll=True,  # a run of all tests has more descriptors than select() can count
    )
    child.expect("/help says what else")
    yield child
    child.close(force=True)


def test_a_conversation_in_a_terminal(terminal: Any, artifacts: Path) -> None:
    assert "50 products" in terminal.before
    assert "no language model" in terminal.before
    assert "signed in as 001" in terminal.before
    terminal.expect("\r\n.*> ")
    terminal.sendline("/items")
    terminal.expect("Nothing was shown yet")
    terminal.sendline(TYPED)
    terminal.expect_exact("Within 30 days.")
    terminal.expect_exact("[faq:0]")
    terminal.send(UP)  # history: the last line again
    terminal.expect_exact(TYPED)
    terminal.send("\r")
    terminal.expect_exact("Within 30 days.")
    terminal.expect_exact("> ")
    terminal.send("half a li" + CTRL_C)  # leaves the line, not the chat
    terminal.expect_exact("/quit or Ctrl-D ends")
    terminal.sendline("how much is the red garden spade?")
    terminal.expect_exact("item:G000")
    terminal.sendline("/items")
    terminal.expect("1\\. red garden spade .*G000")
    terminal.sendline("/why")
    terminal.expect(r"[+-]\d\.\d\d  \w+")
    terminal.sendline("/why 9")
    terminal.expect_exact("has the numbers 1 to 1")
    terminal.sendline("/feedback great")
    terminal.expect_exact("/feedback good or /feedback bad")
    terminal.sendline("/feedback good clear and short")
    terminal.expect_exact("Thank you, kept.")
    terminal.sendline("/wat")
    terminal.expect_exact("There is no /wat")
    terminal.send(CTRL_D)
    terminal.expect("3 questions")
    terminal.expect(pexpect.EOF)
    kept = [json.loads(line) for line in (artifacts / "feedback" / "feedback.jsonl").read_text("utf-8").splitlines()]
    assert [(row["rating"], row["note"], row["user_id"]) for row in kept] == [(1, "clear and short", "001")]
    assert kept[0]["sources"] == ["item:G000"]


def test_an_interrupted_answer_leaves_the_chat_going(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C while an answer comes: what was said stays, the turn does not count as answered."""

    class Interrupted:
        recommender = wording = shelves = None

        def stream(self, question: str, turns: Any, user: Any) -> Iterator[Any]:
            yield _chat.Token("Within ")
            raise KeyboardInterrupt

    chat = _chat.Chat(Interrupted(), load_settings(artifacts=artifacts))  # type: ignore[arg-type]
    lines = iter(["how?", "/quit"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(lines))
    chat.terminal = True
    assert chat.run() == 1
    assert "Within \n(interrupted)" in capsys.readouterr().out
    assert chat.turns == []


def test_questions_piped_give_answers_and_nothing_else(artifacts: Path, environment: dict[str, str]) -> None:
    asked = f"{TYPED}\n\n怎么退货？\n转人工 13800138000\n"
    done = subprocess.run(
        [sys.executable, *COMMAND, str(artifacts)],
        input=asked,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:4] == ["Within 30 days.", "[faq:0]", "30天内。", "[faq:1]"]
    assert "\x1b" not in done.stdout
    assert "> " not in done.stdout + done.stderr
    assert lines[-1].startswith("3 questions")
    waiting = Handovers(artifacts).table()
    assert waiting.question.tolist() == ["转人工 [phone]"]
    assert "13800138000" not in waiting.summary[0]
    told = CliRunner().invoke(cli.app, ["answer", "--handovers", "--artifacts", str(artifacts)])
    assert "not signed in" in told.output
    assert "1 conversation waits for a person" in told.output
