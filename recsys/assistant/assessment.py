"""The assistant that is live, measured: on the project's own labelled sentences, or on a table of the shop's."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys.assistant import evaluate, lessons
from recsys.assistant.evaluate import Conversation, Retrieval, Share
from recsys.assistant.knowledge import Knowledge
from recsys.assistant.setup import AUTO, load_assistant, orders_table
from recsys.assistant.wording import RETRIEVED
from recsys.data.parsing import as_ids
from recsys.data.sources import read_table
from recsys.encoders import pretrained
from recsys.errors import BadInput
from recsys.llm import gpt
from recsys.llm.gpt import Sampling
from recsys.settings import Settings

QUESTION, ANSWERS, ANSWER = "question", "answers", "answer"
TIMED = 50
"""Questions whose search is timed."""
_ANSWER_LENGTH = Sampling(max_new_tokens=64, stop=("\n",))


@dataclass(frozen=True)
class AssistantFigures:
    """Figures of one assistant.

    Attributes
    ----------
    passages
        What it knows.
    retrieval
        Where the questions name the passages that answer them (``answers``).
    leaks, foreign_orders
        Orders of others that a signed-in shopper got to see, of so many asked for; None where orders are not a table.
    search
        Median seconds of encoding a question and of searching with it.
    writers
        Scores against reference answers (``answer``): of the nearest known answer, the writer, the fine-tuned one.
    """

    questions: int
    passages: int
    conversation: Conversation
    retrieval: Retrieval | None
    leaks: int | None
    foreign_orders: int
    search: tuple[float, float]
    writers: pd.DataFrame | None

    def shares(self) -> dict[str, Share]:
        """Every share that was measured, with its number of cases and interval."""
        told = self.conversation
        found = {} if self.retrieval is None else {"recall@1": self.retrieval.recall_at_1}
        found |= {} if self.retrieval is None else {"recall@5": self.retrieval.recall_at_5}
        found |= {
            "answered": told.answered,
            "answers grounded": told.grounded,
            "in a writer's words": told.worded,
            "refused where it should": told.refused,
            "refused where it should not": told.needlessly_refused,
            "intent understood": told.intent,
        }
        return {name: share for name, share in found.items() if share.n}

    def plain(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "questions": self.questions,
            "passages": self.passages,
            "shares": {name: asdict(share) for name, share in self.shares().items()},
            "mrr": None if self.retrieval is None else self.retrieval.mrr,
            "orders_leaked": self.leaks,
            "foreign_orders_asked_for": self.foreign_orders,
            "answer_seconds": dict(zip(("p50", "p95"), self.conversation.seconds, strict=True)),
            "encoding_seconds": self.search[0],
            "search_seconds": self.search[1],
            "writers": None if self.writers is None else self.writers.to_dict("index"),
            "mistakes": self.conversation.mistakes.to_dict("records"),
        }


def own_questions() -> pd.DataFrame:
    """The project's labelled sentences: ``question, intent, refuse``; what they expect is true of the sample shop."""
    with resources.files(__package__).joinpath("questions.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str)


def assess_live(settings: Settings, questions: Path | None = None) -> AssistantFigures:
    """Measure the live version's assistant.

    Parameters
    ----------
    questions
        Table with ``question`` and any of ``answers`` (ids of the passages that answer it, or row numbers of the one
        FAQ table), ``answer`` (what a writer's words are compared with), ``intent``, ``refuse``; by default
        `own_questions`.

    Raises
    ------
    BadInput
        The table has no question, or a cell cannot be used.
    ArtifactError
        Nothing is published.
    """
    table = own_questions() if questions is None else read_table(questions)
    if QUESTION not in table.columns or not len(table):
        raise BadInput(f"{questions}: no column 'question'; there are {', '.join(map(str, table.columns))}")
    table = table[table[QUESTION].notna()].reset_index(drop=True)
    assistant = load_assistant(settings)
    orders = orders_table(settings, sample=assistant.orders is not None)
    leaks, asked_for = (None, 0) if orders is None else evaluate.privacy_leaks(assistant, orders)
    return AssistantFigures(
        questions=len(table),
        passages=len(assistant.knowledge),
        conversation=evaluate.conversation(assistant, table),
        retrieval=_retrieval(assistant.knowledge, table),
        leaks=leaks,
        foreign_orders=asked_for,
        search=_search_cost(assistant.knowledge, table[QUESTION].astype(str).tolist()[:TIMED]),
        writers=_writers(assistant.knowledge, table, settings),
    )


def _retrieval(knowledge: Knowledge, table: pd.DataFrame) -> Retrieval | None:
    if ANSWERS not in table.columns:
        return None
    rows = table[table[ANSWERS].notna()]
    if pd.api.types.is_numeric_dtype(rows[ANSWERS]):  # row numbers beside empty cells are read as 12.0
        rows = rows.assign(**{ANSWERS: as_ids(rows[ANSWERS])})
    tables = {p.id.rpartition(":")[0] for p in knowledge.passages if p.kind == "faq"}
    known = {p.id for p in knowledge.passages}
    right = [_ids(value, tables, known, int(row)) for row, value in zip(rows.index, rows[ANSWERS], strict=True)]
    return evaluate.retrieval(knowledge, rows[QUESTION].astype(str).tolist(), right)


def _ids(value: object, tables: set[str], known: set[str], row: int) -> frozenset[str]:
    named = list(value) if isinstance(value, list | tuple | np.ndarray) else re.split(r"[\s,;]+", str(value).strip())
    if any(str(name).isdigit() for name in named) and len(tables) != 1:
        raise BadInput(
            f"questions: row {row}, field 'answers': row numbers need one FAQ table; give ids such as faq:12"
        )
    ids = frozenset(f"{next(iter(tables))}:{name}" if str(name).isdigit() else str(name) for name in named)
    if unknown := ids - known:
        raise BadInput(f"questions: row {row}, field 'answers': no passage {sorted(unknown)[0]!r} is published")
    return ids


def _search_cost(knowledge: Knowledge, questions: Sequence[str]) -> tuple[float, float]:
    """Median seconds of encoding one question, and of searching the passages with it."""
    seconds = []
    for question in questions:
        started = time.perf_counter()
        read = knowledge.reader.read([question])
        read_at = time.perf_counter()
        knowledge.search_read(question, read)
        seconds.append((read_at - started, time.perf_counter() - read_at))
    encoding, searching = np.median(seconds, axis=0)
    return float(encoding), float(searching)


def _writers(knowledge: Knowledge, table: pd.DataFrame, settings: Settings) -> pd.DataFrame | None:
    """Scores of what is written without any source, beside the answer to the nearest known question as it is."""
    if ANSWER not in table.columns:
        return None
    from recsys.explain.evaluate import overlap  # scikit-learn's pipelines, for who gave reference answers

    rows = table[table[ANSWER].notna()]
    asked, right = ([" ".join(text.split()) for text in rows[name].astype(str)] for name in (QUESTION, ANSWER))
    nearest = [knowledge.search(question, 1, kinds=("faq",)) for question in asked]
    written = {"the nearest known answer": [found[0].passage.text if found else "" for found in nearest]}
    if (plain := _local_writer(settings)) is not None:
        chats = [[{"role": "user", "content": question}] for question in asked]
        written[plain.name] = plain.write(chats, _ANSWER_LENGTH)
    if (adapter := settings.assistant.adapter) is not None and (tuned := _local_writer(settings, adapter)) is not None:
        written[tuned.name] = tuned.write([lessons.prompt(question) for question in asked], _ANSWER_LENGTH)
    scores = {name: overlap(texts, right) for name, texts in written.items()}
    return pd.DataFrame({name: {"bleu": s["bleu4"], "rouge_l": s["rougeL"]} for name, s in scores.items()}).T


def _local_writer(settings: Settings, adapter: Path | None = None) -> gpt.LocalWriter | None:
    """The model of transformers that the settings name, as it was or adapted; None where they name another."""
    name = settings.assistant.writer
    if name in {AUTO, RETRIEVED} or name.startswith(gpt.ENDPOINT) or pretrained.is_gguf(name):
        return None
    return gpt.load(name, adapter, settings.encoder.device, offline=settings.offline)
