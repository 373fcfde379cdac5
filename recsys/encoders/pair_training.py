"""Fine-tuning of a cross-encoder on labelled pairs: LoRA on every linear layer of a BERT, and a head.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021. What an adapter knew before it is taught on
stays by averaging its weights of before and after (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022).
Batches hold pairs of about one length, so little of them is padding; the same pairs, seed and machine give the same
weights.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, Field
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from recsys.data.atomic import replacing
from recsys.encoders import checkpoint, pretrained, tokens
from recsys.encoders.bert import Bert
from recsys.encoders.cross_encoder import HEAD, bounded_tokenizer, fitting, pair_ids, read_adapter
from recsys.encoders.encoder import pick_device
from recsys.errors import BadInput
from recsys.progress import progress_bar

PARTS = ("query", "key", "value", "output", "up", "down")
"""Linear layers of a transformer layer that are adapted."""
_WINDOW = 16
"""Batches whose pairs are tokenized and sorted by length together."""
_WARM_UP = 0.06
"""Share of the updates in which the learning rate rises."""


class PairConfig(BaseModel):
    """How a cross-encoder is taught."""

    rank: int = Field(32, ge=1, le=256)
    learning_rate: float = Field(6e-4, gt=0, lt=1)
    batch: int = Field(32, ge=1)
    epochs: float = Field(2.0, gt=0)
    max_steps: int | None = Field(None, ge=1)
    keep: float = Field(0.0, ge=0, lt=1)
    """Share of the adapter gone on from in what is written: both are averaged, weight by weight."""
    seed: int = 0


@dataclass(frozen=True)
class LabelledPair:
    """Two texts and which output of a group of outputs is right.

    Attributes
    ----------
    group
        Columns of the scores that exclude one another: their softmax is learnt, of one its sigmoid.
    label
        Place in the group; of a group of one, 1 or 0.
    """

    first: str
    second: str
    group: tuple[int, ...]
    label: int


class LowRank(nn.Module):
    """A linear layer with a low-rank update beside it; the layer itself stays as it is."""

    def __init__(self, layer: nn.Linear, rank: int, scale: float) -> None:
        super().__init__()
        self.layer, self.scale = layer, scale
        self.lora_a = nn.Parameter(torch.empty(rank, layer.in_features))
        self.lora_b = nn.Parameter(torch.zeros(layer.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer's output and the update's."""
        out: torch.Tensor = self.layer(x) + self.scale * (x @ self.lora_a.T @ self.lora_b.T)
        return out


class Learner(nn.Module):
    """A model with adapters and a head, whose tensors an adapter file holds.

    Attributes
    ----------
    model, head
        What the names of the model's tensors begin with here and not in the file; the names of the head's.
    """

    model: str
    head: Sequence[str]

    def taught(self) -> dict[str, torch.Tensor]:
        """The tensors of an adapter file, by its names."""
        kept = ("lora_a", "lora_b", *self.head)
        found = ((name.removeprefix(self.model), p) for name, p in self.named_parameters() if name.endswith(kept))
        return {name: p.detach().half().cpu().contiguous() for name, p in found}

    def go_on_from(self, before: Mapping[str, torch.Tensor]) -> None:
        """Take the tensors of an adapter file."""
        own = dict(self.named_parameters())
        with torch.no_grad():
            for name, tensor in before.items():
                own[name if name in self.head else f"{self.model}{name}"].copy_(tensor)


class _Learner(Learner):
    """An encoder with adapters, and a head of `outputs` scores on its [CLS]."""

    model, head = "bert.", HEAD

    def __init__(self, bert: Bert, outputs: int, rank: int, scale: float) -> None:
        super().__init__()
        self.bert = bert
        for layer in bert.layers:
            for part in PARTS:
                setattr(layer, part, LowRank(getattr(layer, part), rank, scale))
        size = bert.config.hidden_size
        self.pool, self.out = nn.Linear(size, size), nn.Linear(size, outputs)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        first = self.bert(ids, mask).last_hidden_state[:, 0].float()
        scores: torch.Tensor = self.out(torch.tanh(self.pool(first)))
        return scores


SCALE = 2.0
"""Factor of the low-rank updates (LoRA's alpha over its rank)."""


def teach(
    pairs: Sequence[LabelledPair],
    outputs: int,
    out: Path,
    *,
    base: str,
    config: PairConfig | None = None,
    start: Path | None = None,
    progress: bool = False,
) -> dict[str, float]:
    """Teach a cross-encoder and write its adapter file.

    Parameters
    ----------
    pairs
        What is learnt from, in any order.
    outputs
        Number of scores.
    base
        Encoder to start from, by the name that the file will say.
    start
        Adapter file that teaching goes on from, at its rank.

    Returns
    -------
    dict
        ``steps``, and the mean loss over the first and the last tenth of them.

    Raises
    ------
    BadInput
        There is no pair, or a share is to be kept of no adapter.
    """
    config = config or PairConfig()
    check(pairs, config.keep, start)
    torch.manual_seed(config.seed)
    path = pretrained.resolve(base)
    loaded = checkpoint.load_bert(path)
    if loaded is None:
        raise BadInput(f"{path}: no BERT that a cross-encoder can be made of")
    bert, backend = loaded
    bounded_tokenizer(bert, backend)
    before: dict[str, torch.Tensor] = {}
    if start is not None:
        before, about = read_adapter(start)
        fitting(start, about, path)
    rank = next((len(t) for name, t in before.items() if name.endswith(".lora_a")), config.rank)
    device = pick_device()
    net = _Learner(bert, outputs, rank, SCALE)
    net.go_on_from(before)
    net.to(device)
    learnt = [p for p in net.parameters() if p.requires_grad]
    total = config.max_steps or max(1, int(config.epochs * len(pairs) / config.batch))
    optimizer = torch.optim.AdamW(learnt, lr=config.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / max(1.0, _WARM_UP * total)) * max(0.02, 1 - step / total)
    )

    def losses() -> Iterator[torch.Tensor]:
        for batch in _batches(pairs, backend.backend_tokenizer, config, total):
            ids, mask = tokens.padded([row for row, _ in batch], backend.pad_token_id)
            # On a CPU, the gradient of the fused attention with a mask takes longer than all other layers.
            plain = sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()
            with plain, torch.autocast(device.type, torch.bfloat16):
                scores = net(ids.to(device), mask.to(device)).cpu()
            yield mean_loss(scores, [pair for _, pair in batch])

    report = descend(losses(), optimizer, schedule, total, progress=progress)
    about = {"base": base, "scale": str(SCALE), "weights_hash": pretrained.weights_hash(path)}
    write(averaged(net.taught(), before, config.keep), out, about)
    return report


def check(pairs: Sequence[LabelledPair], keep: float, start: Path | None) -> None:
    """Refuse to teach on no pair, or to keep a share of no adapter."""
    if not pairs:
        raise BadInput("pairs: there is none to learn from")
    if keep and start is None:
        raise BadInput("keep: no adapter is gone on from, of which a share could stay; name one with --start")


def descend(
    losses: Iterator[torch.Tensor],
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LambdaLR,
    total: int,
    *,
    progress: bool,
) -> dict[str, float]:
    """One update for each loss, `total` of them, each reckoned after the update before; the report of `teach`."""
    learnt = [p for group in optimizer.param_groups for p in group["params"]]
    found: list[float] = []
    with progress_bar(progress) as bar:
        task = bar.add_task("teaching", total=total)
        for loss in losses:
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(learnt, 1.0)
            optimizer.step()
            schedule.step()
            found.append(float(loss.detach()))
            bar.advance(task)
    tenth = max(1, total // 10)
    return {"steps": total, "loss_first": float(np.mean(found[:tenth])), "loss_last": float(np.mean(found[-tenth:]))}


def write(taught: dict[str, torch.Tensor], out: Path, about: dict[str, str]) -> None:
    """Write an adapter file: its tensors, and what it says of itself."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as draft:
        save_file(taught, draft, about)


def averaged(after: dict[str, torch.Tensor], before: dict[str, torch.Tensor], keep: float) -> dict[str, torch.Tensor]:
    """Tensors between those before and after teaching; where there was nothing before, those after."""
    if not (keep and before):
        return after
    both = {name: ((1 - keep) * after[name].float() + keep * t.float()).half() for name, t in before.items()}
    return after | both


def mean_loss(scores: torch.Tensor, pairs: Sequence[LabelledPair]) -> torch.Tensor:
    """Mean cross-entropy of pairs' scores, shape ``(n, outputs)``, each within its group of outputs."""
    return torch.stack([_loss(row.float(), pair) for row, pair in zip(scores, pairs, strict=True)]).mean()


def _loss(scores: torch.Tensor, pair: LabelledPair) -> torch.Tensor:
    own = scores[list(pair.group)]
    if len(pair.group) == 1:
        return functional.binary_cross_entropy_with_logits(own[0], torch.tensor(float(pair.label)))
    return functional.cross_entropy(own[None], torch.tensor([pair.label]))


def _batches(
    pairs: Sequence[LabelledPair], tokenizer: Tokenizer, config: PairConfig, total: int
) -> Iterator[list[tuple[list[int], LabelledPair]]]:
    """Batches of token ids with their pairs, `total` of them; each pass is shuffled anew."""
    shuffled, made = random.Random(config.seed), 0  # noqa: S311  # no secret
    while True:
        order = shuffled.sample(range(len(pairs)), len(pairs))
        for at in range(0, len(order), config.batch * _WINDOW):
            window = [pairs[n] for n in order[at : at + config.batch * _WINDOW]]
            ids = pair_ids(tokenizer, [(pair.first, pair.second) for pair in window])
            near = sorted(zip(ids, window, strict=True), key=lambda pair: len(pair[0]))
            found = [near[n : n + config.batch] for n in range(0, len(near), config.batch)]
            shuffled.shuffle(found)
            for batch in found:
                yield batch
                made += 1
                if made == total:
                    return
