"""Fine-tuning of a causal cross-encoder on labelled pairs: LoRA on the upper of its layers, and a head.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021. All pairs of a text are one input: the text is
read once, and no question sees another (as tokens of packed sequences do not); pairs that differ in their label alone
are scored once. The same pairs, seed and machine give the same weights.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, Field
from torch import nn

from recsys.encoders import pretrained, tokens
from recsys.encoders.cross_encoder import fitting, read_adapter
from recsys.encoders.encoder import pick_device
from recsys.encoders.pair_training import (
    SCALE,
    LabelledPair,
    Learner,
    LowRank,
    averaged,
    check,
    descend,
    mean_loss,
    write,
)
from recsys.llm.causal_cross_encoder import (
    HEAD,
    LAYERS,
    arithmetic,
    converted,
    first_ids,
    lower_layers,
    mask_of,
    text_ids,
)

PARTS = {"self_attn": ("q_proj", "k_proj", "v_proj", "o_proj"), "mlp": ("gate_proj", "up_proj", "down_proj")}
"""Linear layers of a transformer layer that are adapted."""
_TOGETHER = 12
"""Most questions or statements of one text in an input."""
_WARM_UP = 30
"""Updates in which the learning rate rises."""
_LEAST = 0.05
"""Share of the learning rate at the end."""
_HEAD_RATE = 5.0
"""How much faster the head learns, which begins at nothing."""


class CausalPairConfig(BaseModel):
    """How a causal cross-encoder is taught."""

    layers: int = Field(16, ge=1)
    """Lower layers of the model that read."""
    first_layer: int = Field(4, ge=0)
    """Layers below this one stay as they are."""
    rank: int = Field(16, ge=1, le=256)
    learning_rate: float = Field(4e-4, gt=0, lt=1)
    batch_tokens: int = Field(1024, ge=16)
    """Padded tokens in one update, about."""
    epochs: float = Field(1.0, gt=0)
    max_steps: int | None = Field(None, ge=1)
    keep: float = Field(0.0, ge=0, lt=1)
    """Share of the adapter gone on from in what is written: both are averaged, weight by weight."""
    seed: int = 0


@dataclass(frozen=True)
class _Inputs:
    """Texts, each with what is asked of it, as one batch; `rows` and `ends` say where each pair's last token is."""

    ids: torch.Tensor
    places: torch.Tensor
    mask: torch.Tensor
    rows: torch.Tensor
    ends: torch.Tensor

    def to(self, device: torch.device) -> _Inputs:
        return _Inputs(*(getattr(self, part.name).to(device) for part in fields(self)))


class _Learner(Learner):
    """The lower layers of a model with adapters, and a head of `outputs` scores on the last token of each pair."""

    model, head = "core.", HEAD

    def __init__(self, core: Any, outputs: int, config: CausalPairConfig) -> None:
        super().__init__()
        self.core = core.requires_grad_(False)
        for layer in core.layers[config.first_layer :]:
            for module, parts in ((getattr(layer, name), parts) for name, parts in PARTS.items()):
                for part in parts:
                    setattr(module, part, LowRank(getattr(module, part), config.rank, SCALE))
        self.out = nn.Linear(core.config.hidden_size, outputs)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, inputs: _Inputs) -> torch.Tensor:
        hidden = self.core(
            input_ids=inputs.ids, position_ids=inputs.places, attention_mask=inputs.mask, use_cache=False
        ).last_hidden_state
        scores: torch.Tensor = self.out(hidden[inputs.rows, inputs.ends].float())
        return scores


def teach(
    pairs: Sequence[LabelledPair],
    outputs: int,
    out: Path,
    *,
    base: str,
    config: CausalPairConfig | None = None,
    start: Path | None = None,
    progress: bool = False,
) -> dict[str, float]:
    """Teach a causal cross-encoder and write its adapter file; parameters, report and errors as `pair_training.teach`.

    The first text of each pair is in the form of `CausalCrossEncoder.prompts`, or as its user puts it. An adapter with
    another number of scores gets a new head.
    """
    config = config or CausalPairConfig()
    check(pairs, config.keep, start)
    torch.manual_seed(config.seed)
    path = pretrained.resolve(base)
    before: dict[str, torch.Tensor] = {}
    if start is not None:
        before, said = read_adapter(start, HEAD, (LAYERS,))
        fitting(start, said, path)
        before = {name: tensor for name, tensor in before.items() if name not in HEAD or len(tensor) == outputs}
        rank = next(len(t) for name, t in before.items() if name.endswith(".lora_a"))
        first = min(int(name.split(".")[1]) for name in before if name.endswith(".lora_a"))
        config = config.model_copy(update={"rank": rank, "layers": int(said[LAYERS]), "first_layer": first})
    device = pick_device()
    core, tokenizer = lower_layers(path, base, config.layers)
    dtype = arithmetic(device)
    net = _Learner(converted(core, dtype), outputs, config)
    net.go_on_from(before)
    net.to(device)
    adapters = [p for name, p in net.named_parameters() if p.requires_grad and not name.startswith("out.")]
    head = list(net.out.parameters())
    batches = _batches(pairs, tokenizer, config)
    total = config.max_steps or max(1, round(config.epochs * len(batches)))
    rate = config.learning_rate
    groups: list[dict[str, Any]] = [{"params": adapters}, {"params": head, "lr": _HEAD_RATE * rate}]
    optimizer = torch.optim.AdamW(groups, lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share(step, total))

    def losses() -> Iterator[torch.Tensor]:
        for batch in islice(_passes(batches, config.seed), total):
            inputs, labelled = _inputs(batch, tokenizer, dtype)
            with torch.autocast(device.type, dtype, enabled=dtype == torch.bfloat16):
                scores = net(inputs.to(device)).cpu()
            yield mean_loss(scores, labelled)

    report = descend(losses(), optimizer, schedule, total, progress=progress)
    weights_hash = pretrained.weights_hash(path)
    about = {"base": base, "scale": str(SCALE), LAYERS: str(config.layers), "weights_hash": weights_hash}
    write(averaged(net.taught(), before, config.keep), out, about)
    return report


_Text = tuple[str, list[list[LabelledPair]]]
"""A text and pairs whose second it is, those of one first together."""


def _share(step: int, total: int) -> float:
    """Of the learning rate: it rises, then falls along a cosine."""
    fall = (1 - _LEAST) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / total))) + _LEAST
    return min(1.0, (step + 1) / _WARM_UP) * fall


def _batches(pairs: Sequence[LabelledPair], tokenizer: Any, config: CausalPairConfig) -> list[list[_Text]]:
    """Texts of about one length together, each with its pairs."""
    drawn = random.Random(config.seed)  # noqa: S311  # no secret
    by_text: dict[str, dict[str, list[LabelledPair]]] = {}
    for pair in drawn.sample(pairs, len(pairs)):
        by_text.setdefault(pair.second, {}).setdefault(pair.first, []).append(pair)
    asked_of = {text: list(asked.values()) for text, asked in by_text.items()}
    texts = [(t, own[n : n + _TOGETHER]) for t, own in asked_of.items() for n in range(0, len(own), _TOGETHER)]
    asked = [sum(len(first_ids(tokenizer, pairs[0].first)) for pairs in own) for _, own in texts]
    lengths = [len(text_ids(tokenizer, text)) + n for (text, _), n in zip(texts, asked, strict=True)]
    return [[texts[n] for n in batch] for batch in tokens.batches(lengths, config.batch_tokens)]


def _passes(batches: Sequence[list[_Text]], seed: int) -> Iterator[list[_Text]]:
    """The batches pass after pass, each shuffled anew."""
    drawn = random.Random(seed)  # noqa: S311  # no secret
    while True:
        yield from drawn.sample(batches, len(batches))


def _inputs(batch: Sequence[_Text], tokenizer: Any, dtype: torch.dtype) -> tuple[_Inputs, list[LabelledPair]]:
    """Texts with their pairs: each first sees the text and itself, and is placed right behind the text."""
    rows = [(text_ids(tokenizer, text), [first_ids(tokenizer, own[0].first) for own in asked]) for text, asked in batch]
    longest = max(len(read) + sum(map(len, asked)) for read, asked in rows)
    ids, places = (torch.zeros(len(rows), longest, dtype=torch.long) for _ in range(2))
    sees = torch.eye(longest, dtype=torch.bool).repeat(len(rows), 1, 1)  # padding sees itself: nobody sees it
    ends = []
    for row, ((read, asked), (_, pairs)) in enumerate(zip(rows, batch, strict=True)):
        n = at = len(read)
        ids[row, :n], places[row, :n] = torch.tensor(read), torch.arange(n)
        sees[row, :n, :n] = torch.ones(n, n, dtype=torch.bool).tril()
        for own, of_it in zip(asked, pairs, strict=True):
            m = len(own)
            ids[row, at : at + m], places[row, at : at + m] = torch.tensor(own), torch.arange(n, n + m)
            sees[row, at : at + m, :n] = True
            sees[row, at : at + m, at : at + m] = torch.ones(m, m, dtype=torch.bool).tril()
            at += m
            ends += [(row, at - 1)] * len(of_it)
    where = torch.tensor(ends)
    inputs = _Inputs(ids, places, mask_of(sees[:, None], dtype), where[:, 0], where[:, 1])
    return inputs, [pair for _, asked in batch for own in asked for pair in own]
