"""Training examples (prompt, completion) of a causal language model, as padded batches of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.nn.utils.rnn import pad_sequence

from recsys.encoders import tokens
from recsys.errors import BadInput
from recsys.llm.gpt import Prompt, rendered
from recsys.llm.trainer import IGNORED


class Example(NamedTuple):
    """Training example: after `prompt`, exactly as given, the model should write `completion` and stop.

    Messages of a chat are put into the model's chat template, as they are when it writes.
    """

    prompt: Prompt
    completion: str


class Row(NamedTuple):
    """Token ids of an example and how many of them are the prompt."""

    ids: list[int]
    prompt: int


def check(examples: Sequence[Example], name: str) -> None:
    """Raise `BadInput` where there is nothing to learn from, or an example has nothing to write."""
    if not examples:
        raise BadInput(f"{name}: no examples to fine-tune on")
    for position, example in enumerate(examples):
        if not example.completion.strip():
            raise BadInput(f"{name}: example {position} has an empty completion; remove it or fill it in")


def tokenise(tokenizer: Any, examples: Sequence[Example], limit: int) -> tuple[list[Row], int]:
    """Token ids per example, the two parts tokenised apart (as at generation time), and how many were cut."""
    prompts = tokenizer([rendered(tokenizer, e.prompt) for e in examples], add_special_tokens=False)["input_ids"]
    completions = tokenizer([e.completion for e in examples], add_special_tokens=False)["input_ids"]
    rows, cut = [], 0
    for prompt, completion in zip(prompts, completions, strict=True):
        target = [*completion, tokenizer.eos_token_id]
        cut += len(prompt) + len(target) > limit
        target = target[: limit - 1]  # at least one token must come before what is predicted
        kept = prompt[max(0, len(prompt) + len(target) - limit) :] or [tokenizer.bos_token_id or tokenizer.eos_token_id]
        rows.append(Row([*kept, *target], len(kept)))
    return rows, cut


def batches(rows: Sequence[Row], budget: int) -> list[list[Row]]:
    """Token-budget batches of rows of like length, so that little is padding; the Trainer shuffles the batches."""
    return [[rows[i] for i in batch] for batch in tokens.batches([len(row.ids) for row in rows], budget)]


def collate(batches: Sequence[Sequence[Row]], pad: int) -> dict[str, Any]:
    """Tokens, mask and labels of one update, padded on the right; prompt and padding carry the label `IGNORED`.

    Logits and labels begin at the token before the first completion: what comes before teaches nothing, and with a
    large vocabulary its logits are most of an update's memory.
    """
    rows = [row for batch in batches for row in batch]
    ids, mask = tokens.padded([row.ids for row in rows], pad)
    labels = [torch.tensor([IGNORED] * row.prompt + row.ids[row.prompt :]) for row in rows]
    kept = ids.shape[1] - min(row.prompt for row in rows) + 1
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "labels": pad_sequence(labels, True, IGNORED)[:, -kept:],
        "logits_to_keep": kept,
    }
