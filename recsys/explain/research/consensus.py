"""Minimum Bayes risk decoding: of several sampled drafts, the one most similar to the others.

A draft that the model's other drafts agree with is closer to what a person wrote than the likeliest sentence is. It is
for writers that were tuned on references; sentences around slots are checked against evidence instead.

Source: Kumar & Byrne, NAACL 2004; over sampled drafts Eikema & Aziz, EMNLP 2022.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recsys.errors import BadInput, require
from recsys.llm import gpt


def write(
    writer: gpt.TextWriter, prompts: Sequence[gpt.Prompt], sampling: gpt.Sampling, *, drafts: int = 12
) -> list[str]:
    """Sample `drafts` continuations of each prompt (seeds 0, 1, …) and keep the one most similar to the others.

    Raises
    ------
    BadInput
        The drafts would all be the same: `sampling` has no temperature, or fewer than two are asked for.
    """
    if drafts < 2 or not sampling.temperature:
        raise BadInput(f"a consensus needs at least 2 drafts (not {drafts}) and a temperature above 0")
    repeated = [prompt for prompt in prompts for _ in range(drafts)]
    written = writer.write(repeated, sampling, seeds=list(range(drafts)) * len(prompts))
    return [consensus(written[start : start + drafts]) for start in range(0, len(written), drafts)]


def consensus(drafts: Sequence[str]) -> str:
    """The draft with the greatest mean similarity to the others; the first of equals.

    Similarity is BLEU-4 of one sentence (sacrebleu, 0 to 1) plus ROUGE-L (F-measure), as `evaluate.overlap` has them.
    """
    if not drafts:
        raise BadInput("there is no draft to choose from")
    texts, place = np.unique(np.asarray(drafts, dtype=object), return_inverse=True)
    votes = np.bincount(place)
    bleu = require("sacrebleu", "evaluation").BLEU(effective_order=True)
    rouge = require("rouge_score.rouge_scorer", "evaluation").RougeScorer(["rougeL"], use_stemmer=False)

    def similarity(text: str, other: str) -> float:
        return bleu.sentence_score(text, [other]).score / 100 + rouge.score(other, text)["rougeL"].fmeasure

    table = np.array([[similarity(text, other) for other in texts] for text in texts])
    # A draft is compared with all but itself; those that say the same count as often as they were written.
    agreed = table @ votes - np.diag(table)
    return str(drafts[int(np.argmax(agreed[place]))])
