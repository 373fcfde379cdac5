"""Tuning examples: for an answering model from a table of questions and answers, for a planner from conversations."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recsys.assistant import plans
from recsys.assistant.dialogue import parse_history, read_history
from recsys.assistant.plans import PlannedTurn
from recsys.data.schema import ITEM
from recsys.errors import BadInput
from recsys.llm import text_cleaning, tuning
from recsys.llm.chat import DEFAULT_CHAT, PLANNER_FILE
from recsys.llm.corpus import is_held_out
from recsys.llm.text_cleaning import CleaningConfig
from recsys.llm.tuning import Example, TuningConfig, TuningReport

log = logging.getLogger(__name__)

QUESTION, ANSWER, CONTEXT, HISTORY = "question", "answer", "context", "history"
MAX_HELD_OUT = 200
"""Examples measured during training; more change the figure little and take long."""
HELD_OUT = 0.05
"""Share of the questions, or of the conversations, that is kept aside to measure on."""

PLANNER_CONFIG = TuningConfig(first_layer=12, max_length=384)
"""The upper half of the base's 24 layers learns: half the time and half the size of an adapter on all of them."""
ABOUT_PLANS = (
    "The examples are turns of written conversations with what has to be looked up for each. The model writes tool "
    "calls and nothing that a shopper reads; what it names is checked before it is looked up."
)


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


def lessons(table: pd.DataFrame, *, held_out: float = HELD_OUT, config: CleaningConfig | None = None) -> TuningExamples:
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


def train_planner(
    conversations: Sequence[Path],
    out: Path,
    base: str = DEFAULT_CHAT,
    config: TuningConfig = PLANNER_CONFIG,
    *,
    held_out: Path | None = None,
    resume: bool = False,
    progress: bool = False,
) -> TuningReport:
    """Fine-tune `base` to write a turn's tool calls; `out` gets the adapter, as `planner.gguf` for llama.cpp, too.

    Parameters
    ----------
    conversations
        Files that `plans.read_conversations` takes.
    held_out
        Conversations to measure on; by default a share of those given, told apart by their first sentence.

    Raises
    ------
    BadInput
        A file has a fault, nothing is left on one side, or llama.cpp could not run an adapter of this base.
    """
    read = [turns for path in conversations for turns in plans.read_conversations(path)]
    if held_out is None:
        valid = [turns for turns in read if is_held_out(turns[0].user, HELD_OUT)]
        train = [turns for turns in read if not is_held_out(turns[0].user, HELD_OUT)]
    else:
        train, valid = read, plans.read_conversations(held_out)
    if not train or not valid:
        raise BadInput(f"{len(train)} conversations to learn from and {len(valid)} held out: give more of them")
    return tuning.finetune(
        base,
        _plan_examples(train),
        _plan_examples(valid)[:MAX_HELD_OUT],
        out,
        config,
        about=ABOUT_PLANS,
        gguf=PLANNER_FILE,
        resume=resume,
        progress=progress,
    )


def _plan_examples(conversations: Iterable[Sequence[PlannedTurn]]) -> list[Example]:
    return [
        Example(plans.asked(example.situation), plans.written(example.calls))
        for example in plans.examples(conversations)
    ]
