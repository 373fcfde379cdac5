"""Tuning examples for an answering model from a shop's table of questions and answers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recsys.assistant.dialogue import parse_history, read_history
from recsys.data.schema import ITEM
from recsys.errors import BadInput
from recsys.llm import text_cleaning, tuning
from recsys.llm.corpus import is_held_out
from recsys.llm.text_cleaning import CleaningConfig
from recsys.llm.tuning import Example, TuningConfig, TuningReport

log = logging.getLogger(__name__)

QUESTION, ANSWER, CONTEXT, HISTORY = "question", "answer", "context", "history"
MAX_HELD_OUT = 200
"""Examples measured during training; more change the figure little and take long."""


@dataclass(frozen=True)
class TuningExamples:
    """Examples to learn from and examples kept aside, which share no product (or, without products, no question)."""

    train: list[Example]
    valid: list[Example]
    cleaned: Mapping[str, int]


def prompt(question: str, context: str = "", history: str = "") -> str:
    """What the model reads before it writes an answer."""
    text = f"Shop's text: {context}" if context else ""
    return "\n".join(part for part in (text, history, f"Question: {question}", "Answer:") if part)


def lessons(table: pd.DataFrame, *, held_out: float = 0.05, config: CleaningConfig | None = None) -> TuningExamples:
    """Clean a table of ``question, answer`` [, ``context, item_id, history``] and split it.

    Raises
    ------
    BadInput
        A column is missing, or nothing is left on one side of the split.
    """
    cleaned = text_cleaning.clean(table, [QUESTION, ANSWER], config)
    train: list[Example] = []
    valid: list[Example] = []
    for row in cleaned.table.to_dict("records"):
        side = valid if is_held_out(str(row.get(ITEM) or row[QUESTION]), held_out) else train
        turns = read_history(parse_history(row.get(HISTORY)))
        spoken = "\n".join(f"{'Question' if t.role == 'user' else 'Answer'}: {t.text}" for t in turns)
        question, answer = (" ".join(str(row[name]).split()) for name in (QUESTION, ANSWER))
        context = row.get(CONTEXT)
        side.append(Example(prompt(question, context if isinstance(context, str) else "", spoken), f" {answer}"))
    if not train or not valid:
        raise BadInput(f"{len(train)} lessons to learn from and {len(valid)} held out: give more questions and answers")
    return TuningExamples(train, valid, cleaned.counts)


def train_assistant(
    table: pd.DataFrame,
    out: Path,
    base: str,
    config: TuningConfig | None = None,
    *,
    feedback: list[Example] | None = None,
    resume: bool = False,
    progress: bool = False,
) -> TuningReport:
    """Fine-tune `base` on a shop's questions and answers, and on well-rated answers of its own (`feedback`)."""
    found = lessons(table)
    log.info("%d lessons, %d held out; cleaning: %s", len(found.train), len(found.valid), dict(found.cleaned))
    return tuning.finetune(
        base,
        [*found.train, *(feedback or [])],
        found.valid[:MAX_HELD_OUT],
        out,
        config,
        resume=resume,
        progress=progress,
    )


def rated(table: pd.DataFrame) -> list[Example]:
    """Well-rated answers of `Feedback.table`; those that were handed over or rated badly teach nothing."""
    good = table[(table["rating"] == 1) & ~table["handover"].astype(bool) & (table["kind"] == "answer")]
    return [Example(prompt(q), f" {a}") for q, a in zip(good["question"], good["answer"], strict=True) if a]
