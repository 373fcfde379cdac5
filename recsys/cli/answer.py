"""Answer shoppers' questions from the shop's own text, or chat in the terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from recsys.cli._command import Artifacts, Json, command, file
from recsys.errors import BadInput
from recsys.settings import load_settings


@command
def answer(
    questions: Annotated[
        Path | None, file("--questions", help="Table with question [, user_id, history]; without it, a chat.")
    ] = None,
    out: Annotated[Path | None, file("--out", help="File to write (parquet or csv).")] = None,
    user: Annotated[str | None, Option("--user", help="Chat as this shopper.")] = None,
    artifacts: Artifacts = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Write question, answer, sources, intent, confidence, handover, writer; or chat where no questions are given.

    Sources are the ids of what was used (faq:12, returns.md#Refunds, item:85123A). The shop's texts are those published
    with `embed --knowledge`, or the sample shop's.

    Example: recsys answer --questions questions.csv --out answers.parquet
    """
    from recsys.assistant import answer_table
    from recsys.assistant.setup import load_assistant
    from recsys.data import outputs
    from recsys.data.sources import read_table

    if (questions is None) != (out is None):
        raise BadInput("--questions F and --out F go together; give neither for a chat")
    if out is not None:
        outputs.check_writable(out)
    table = read_table(questions) if questions is not None else None
    assistant = load_assistant(load_settings(artifacts=artifacts))
    if table is None:
        turns = _chat(assistant, user)
        return {"turns": turns, "line": f"{turns} questions"}
    answers = answer_table(assistant, table)
    assert out is not None
    outputs.write_table(answers, out)
    handed = int(answers["handover"].sum())
    return {
        "questions": len(answers),
        "handed_over": handed,
        "out": str(out),
        "line": f"{len(answers)} questions, {handed} handed over to a person: {out}",
    }


def _chat(assistant: Any, user: str | None) -> int:
    history: list[dict[str, Any]] = []
    while True:
        print("> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line.strip():  # an empty line, or the end of the input
            return len(history) // 2
        told = assistant.answer(line, history, user)
        sources = f"  [{', '.join(told.sources)}]" if told.sources else ""
        print(f"{told.text}{sources}")
        if told.summary:
            print(told.summary)
        history += [
            {"role": "user", "content": line.strip()},
            {"role": "assistant", "content": told.text, "sources": told.sources},
        ]
