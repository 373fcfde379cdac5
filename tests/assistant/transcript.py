"""Conversations with an assistant, printed as they go."""

from __future__ import annotations

from typing import Any

from recsys.assistant.answers import Assistant
from recsys.assistant.reply import Answer


def talk(assistant: Assistant, *questions: str, user: str | None = None) -> list[Answer]:
    """A conversation; printed, so that a failing test shows the transcript."""
    history: list[dict[str, Any]] = []
    answers = []
    for question in questions:
        told = assistant.answer(question, history, user)
        print(f"> {question}\n{told.text}  {told.sources}")
        history += [{"role": "user", "content": question}, {"role": "assistant", "content": told.text}]
        answers.append(told)
    return answers
