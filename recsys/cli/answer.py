"""Answer shoppers' questions from the shop's own text, or chat in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Option

from recsys.cli._command import Artifacts, Json, Place, command, file
from recsys.errors import BadInput
from recsys.settings import Settings, load_settings


@command
def answer(
    questions: Annotated[
        Path | None, file("--questions", help="Table with question [, user_id, history]; without it, a chat.")
    ] = None,
    out: Annotated[Path | None, file("--out", help="File to write (parquet or csv).")] = None,
    user: Annotated[str | None, Option("--user", help="Chat as this shopper.")] = None,
    handovers: Annotated[
        bool, Option("--handovers", help="Show the conversations that wait for a person, or write them to --out.")
    ] = False,
    users: Annotated[
        Place | None,
        file(
            "--users", help="With --handovers, where ids are kept as pseudonyms: your table of user_id, to name them."
        ),
    ] = None,
    artifacts: Artifacts = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Chat in the terminal; with --questions write question, answer, sources, intent, confidence, handover, writer.

    Sources are the ids of what was used (faq:12, returns.md#Refunds, item:85123A). The shop's texts are those published
    with `embed --knowledge`, or the sample shop's.

    Example: recsys answer --questions questions.csv --out answers.parquet
    """
    from recsys.data import outputs

    settings = load_settings(artifacts=artifacts)
    if handovers:
        return _handovers(settings, out, users)
    from recsys.assistant import answer_table
    from recsys.assistant.setup import load_assistant
    from recsys.cli._chat import Chat
    from recsys.data.sources import read_table

    if (questions is None) != (out is None):
        raise BadInput("--questions F and --out F go together; give neither for a chat")
    if out is not None:
        outputs.check_writable(out)
    table = read_table(questions) if questions is not None else None
    assistant = load_assistant(settings)
    if table is None:
        turns = Chat(assistant, settings, user).run()
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


def _handovers(settings: Settings, out: Path | None, users: Place | None) -> dict[str, Any]:
    """Show the queue, or write it to a file."""
    from recsys.cli._chat import waiting
    from recsys.cli._output import requested
    from recsys.data import outputs
    from recsys.data.handovers import Handovers
    from recsys.data.schema import USER

    queue = Handovers(settings.artifacts)
    rows = queue.table() if users is None else queue.named(requested(users, [USER], "users")[0][USER])
    if out is not None:
        outputs.write_table(rows, out)
    elif text := waiting(rows):
        print(text)
    line = "1 conversation waits" if len(rows) == 1 else f"{len(rows)} conversations wait"
    return {"waiting": len(rows), "line": f"{line} for a person{f': {out}' if out else ''}"}
