"""How fast reasons are written: batches with the check, against asking a text-generation pipeline one at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from recsys.cli._benchmarks.race import machine, race
from recsys.errors import BadInput
from recsys.explain import ReasonWriter
from recsys.explain.slot_templates import Plan
from recsys.explain.writer import MAX_NEW_TOKENS, load_local
from recsys.pipeline.reasons import sample_pairs
from recsys.serving.recommender import Recommender

PIPELINE = "transformers pipeline, one at a time"
#: Sentences the pipeline writes in a round; it is given few because it is slow.
FEW = 8


def bench_explain(rec: Recommender, *, sentences: int = 96, rounds: int = 3) -> dict[str, Any]:
    """Time the writing of distinct reasons for recommendations of this version: generation, check and template.

    The rival is `pipeline("text-generation")` with the same weights in fp32, the same prompts, length and temperature,
    asked for one text after another; nothing checks what it writes.

    Returns
    -------
    dict
        JSON-ready; ``seconds`` are per sentence.
    """
    settings = rec.settings.explain
    local = load_local(settings)
    if local is None:
        raise BadInput(f"the explain benchmark needs a local writer; explain.writer is {settings.writer!r}")
    pairs = sample_pairs(rec, 4 * sentences)
    evidence = [rec.explainer.evidence(pair.profile, [pair.item], user=pair.user)[0] for pair in pairs]
    key = ReasonWriter(None, settings).key
    facts = list({key(found.facts): found.facts for found in evidence}.values())[:sentences]
    few = [Plan.of(f, settings.tone, settings.length).line for f in facts[:FEW]]
    contenders: dict[str, Callable[[], Any]] = {
        "recsys": lambda: ReasonWriter.around(local, settings).write(facts),  # a new one each time: an empty cache
        PIPELINE: _pipeline(settings, few),
    }
    per_turn = {"recsys": len(facts), PIPELINE: len(few)}
    return {
        "machine": machine(),
        "writer": local.name,
        "sentences": len(facts),
        "reference": PIPELINE,
        "contenders": race(contenders, PIPELINE, rounds, per_turn=per_turn),
        "left_out": {},
    }


def _pipeline(settings: Any, prompts: Sequence[str]) -> Callable[[], Any]:
    from transformers import pipeline

    plain = load_local(settings)
    assert plain is not None
    asked = pipeline("text-generation", model=plain.model.float(), tokenizer=plain.tokenizer)
    sampled: dict[str, Any] = (
        {"do_sample": True, "temperature": settings.temperature} if settings.temperature else {"do_sample": False}
    )

    def one_at_a_time() -> None:
        for prompt in prompts:
            asked(prompt, max_new_tokens=MAX_NEW_TOKENS, return_full_text=False, **sampled)

    return one_at_a_time
