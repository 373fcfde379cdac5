"""How long a shopper waits for an answer: to its first piece and to its end, with the language model and without."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from typing import Any

from recsys.assistant import Assistant, Done, Token
from recsys.assistant.assessment import own_questions
from recsys.assistant.setup import load_assistant
from recsys.cli._benchmarks.race import machine, spread
from recsys.settings import Settings

ALONE = "without a language model"
EVERY = 4
"""Every so many of the project's labelled sentences are asked, where no number of them is given."""


def bench_answers(settings: Settings, *, size: int | None = None) -> dict[str, Any]:
    """Time the labelled sentences, each in a turn of its own, after loading and warming.

    Returns
    -------
    dict
        JSON-ready; of each contender ``seconds`` of a whole answer and of its ``first_token`` (the first piece that is
        shown), ``words`` (share of answers that the model worded), and ``peak_mb`` of this process so far.
    """
    start = time.perf_counter()
    assistant = load_assistant(settings)
    loading = time.perf_counter() - start
    asked = own_questions()["question"].tolist()
    asked = asked[::EVERY] if size is None else asked[:size]
    plain = Assistant(assistant.knowledge, assistant.recommender, assistant.orders, bound=assistant.bound)
    plain.answer(asked[0])  # what is read from disk once
    contenders = {ALONE: _timed(plain, asked)}
    if assistant.model is not None:
        contenders = {assistant.model.name: _timed(assistant, asked), **contenders}
    first, found = next(iter(contenders.items()))
    return {
        "machine": machine(),
        "questions": len(asked),
        "loading_seconds": round(loading, 2),
        "contenders": contenders,
        "left_out": {},
        "line": f"answers: {first} begins after {found['first_token']['median']:.3g} s (median), is done after "
        f"{found['seconds']['median']:.3g} s, at most {found['seconds']['most']:.3g} s",
    }


def _timed(assistant: Assistant, questions: Sequence[str]) -> dict[str, Any]:
    firsts, wholes, worded = [], [], 0
    for question in questions:
        start, first = time.perf_counter(), None
        for event in assistant.stream(question):
            if first is None and isinstance(event, Token):
                first = time.perf_counter() - start
            if isinstance(event, Done) and assistant.model is not None:
                worded += event.answer.writer == assistant.model.name
        wholes.append(time.perf_counter() - start)
        firsts.append(first if first is not None else wholes[-1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return {
        "seconds": spread(wholes),
        "first_token": spread(firsts),
        "words": round(worded / len(questions), 3),
        "peak_mb": round(peak),
    }
