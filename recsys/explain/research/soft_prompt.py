"""A research option: tell a GPT who and what by vectors instead of words.

Li, Zhang & Chen, "Personalized Prompt Learning for Explainable Recommendation" (PEPLER), TOIS 2023, with continuous
prompts: the user's and the item's vectors are projected into the model's input space and stand before the text. Only
the projection is learnt; the model stays as it is. What it writes is free text with no slots, so it serves comparison
(`evaluate.overlap`) and is never delivered to shoppers.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from recsys.encoders import pretrained
from recsys.encoders.encoder import pick_device
from recsys.errors import ArtifactError, BadInput
from recsys.llm import gpt, tuning
from recsys.progress import progress_bar

_WEIGHTS, _META = "soft_prompt.safetensors", "soft_prompt.json"
_ABOUT = (
    "Two vectors, of the shopper's and of the item's description, stand before the text in place of words. It is a "
    "research option: what it writes is free text that nothing checks, and is not delivered to shoppers."
)


class SoftPromptReport(BaseModel):
    """What training did; also written to `soft_prompt.json` beside the weights."""

    model_config = ConfigDict(frozen=True)

    base: str
    """Name of the base model, as given."""
    base_hash: str
    """Hash of the base's files (`pretrained.weights_hash`)."""
    encoder: str
    """`Encoder.fingerprint` of the encoder that the vectors are from."""
    dim: int
    """Components of a vector."""
    tokens: int
    """Input embeddings made of each vector."""
    train_examples: int
    valid_examples: int
    steps: int
    losses: list[float]
    """Mean loss of each epoch in nats per token, while the weights were learning."""
    loss_before: float
    """Mean loss on the held-out examples in nats per token, before training; NaN where none are held out."""
    loss: float
    """The same after training."""
    seconds: float
    seed: int


class SoftPrompt(nn.Module):
    """Two vectors to a few input embeddings: ``(n, dim)`` twice -> ``(n, 2 * tokens, hidden)``."""

    def __init__(self, dim: int, hidden: int, tokens: int, scale: float) -> None:
        super().__init__()
        self.tokens = tokens
        self.user = nn.Sequential(nn.Linear(dim, hidden), nn.Tanh(), nn.Linear(hidden, tokens * hidden))
        self.item = nn.Sequential(nn.Linear(dim, hidden), nn.Tanh(), nn.Linear(hidden, tokens * hidden))
        # The model has only ever read embeddings of this size.
        self.scale = nn.Parameter(torch.tensor(scale), requires_grad=False)

    def forward(self, user: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
        """Input embeddings, the user's first."""
        both = torch.cat([self.user(user), self.item(item)], 1).view(len(user), 2 * self.tokens, -1)
        return nn.functional.normalize(both, dim=-1) * self.scale


def train(
    users: NDArray[np.float32],
    items: NDArray[np.float32],
    texts: Sequence[str],
    out: Path,
    *,
    encoder: str,
    base: str = gpt.DEFAULT,
    held_out: int = 0,
    tokens: int = 2,
    epochs: int = 2,
    max_steps: int | None = None,
    batch_size: int = 8,
    learning_rate: float = 1e-3,
    max_length: int = 96,
    seed: int = 7,
    progress: bool = False,
) -> SoftPromptReport:
    """Learn the projection and write it to the directory `out`, with `soft_prompt.json` and a model card `README.md`.

    Parameters
    ----------
    users, items
        Vectors of the shopper and the item of each text, shape ``(n, dim)``.
    texts
        Reference explanations.
    encoder
        `Encoder.fingerprint` of the encoder that the vectors are from; `write` refuses those of another.
    held_out
        So many of the last texts are not learnt from but measured on, before and after.
    max_steps
        Stop after this many updates, whatever `epochs` says.

    Raises
    ------
    BadInput
        There are not as many vectors as texts, no text is left to learn from, or the base cannot be used.
    """
    if not len(users) == len(items) == len(texts) or len(texts) <= held_out:
        raise BadInput(
            f"soft prompt: {len(users)} users and {len(items)} items for {len(texts)} texts, {held_out} held out"
        )
    if max_steps is not None and max_steps < 1:
        raise BadInput(f"soft prompt: {max_steps} updates; at least 1 is needed")
    started = time.monotonic()
    torch.manual_seed(seed)
    path = pretrained.resolve(base)
    model, tokenizer = gpt.load_model(path, base)
    if tokenizer.eos_token_id is None:
        raise BadInput(f"model {base!r}: its tokenizer has no end-of-text token, so a text could never end")
    model.to(pick_device()).requires_grad_(False).eval()
    embed = model.get_input_embeddings()
    scale = float(embed.weight.norm(dim=1).median())
    head = SoftPrompt(users.shape[1], embed.weight.shape[1], tokens, scale).to(model.device)
    optimiser = torch.optim.AdamW(head.parameters(), learning_rate)
    room = int(getattr(model.config, "max_position_embeddings", None) or 2048) - 2 * tokens
    lesson = _Lessons(model, head, users, items, _token_ids(tokenizer, texts, min(max_length, room)))
    learnt = len(texts) - held_out
    kept = np.arange(learnt, len(texts))
    steps = max_steps or epochs * math.ceil(learnt / batch_size)
    rng = np.random.default_rng(seed)
    loss_before = lesson.measure(kept, batch_size)
    losses: list[float] = []
    done = 0
    with progress_bar(progress) as bar:
        task = bar.add_task("training", total=steps)
        while done < steps:
            total = count = 0.0
            order = rng.permutation(learnt)
            for start in range(0, min(learnt, (steps - done) * batch_size), batch_size):
                loss, n = lesson(order[start : start + batch_size])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(head.parameters(), 1.0)
                optimiser.step()
                total, count, done = total + loss.item() * n, count + n, done + 1
                bar.update(task, completed=done)
            losses.append(total / count)
    report = SoftPromptReport(
        base=base,
        base_hash=pretrained.weights_hash(path),
        encoder=encoder,
        dim=int(users.shape[1]),
        tokens=tokens,
        train_examples=learnt,
        valid_examples=held_out,
        steps=steps,
        losses=losses,
        loss_before=loss_before,
        loss=lesson.measure(kept, batch_size),
        seconds=round(time.monotonic() - started, 1),
        seed=seed,
    )
    out.mkdir(parents=True, exist_ok=True)
    save_file({name: value.cpu() for name, value in head.state_dict().items()}, out / _WEIGHTS)
    (out / _META).write_text(json.dumps(report.model_dump(), indent=1), "utf-8")
    (out / "README.md").write_text(card(report, batch_size, learning_rate), "utf-8")
    return report


def card(report: SoftPromptReport, batch_size: int, learning_rate: float) -> str:
    """The model card: what was trained, on what, with what success."""
    rows = {
        "training examples": f"{report.train_examples:,}",
        "updates": f"{report.steps:,} of {batch_size} examples, learning rate {learning_rate:g}",
        "held-out examples": f"{report.valid_examples:,}",
        "held-out nats per token before / after": f"{report.loss_before:.3f} / {report.loss:.3f}",
        "encoder of the vectors": f"fingerprint `{report.encoder}`, {report.dim} components",
        "seed": f"{report.seed}",
    }
    trained = f"a projection of two vectors to {report.tokens} input embeddings each, the model itself unchanged"
    return tuning.card_page(report.base, report.base_hash, trained, rows, _ABOUT)


def _token_ids(tokenizer: Any, texts: Sequence[str], limit: int) -> list[list[int]]:
    """Token ids of each text with the end of the text, no more than `limit`."""
    ids = tokenizer([f" {text.strip()}" for text in texts], add_special_tokens=False)["input_ids"]
    return [[*row[: limit - 1], tokenizer.eos_token_id] for row in ids]


class _Lessons:
    """The loss of texts behind their vectors."""

    def __init__(
        self,
        model: Any,
        head: SoftPrompt,
        users: NDArray[np.float32],
        items: NDArray[np.float32],
        ids: Sequence[Sequence[int]],
    ) -> None:
        self._model = model
        self._head = head
        self._users = torch.from_numpy(users)
        self._items = torch.from_numpy(items)
        self._ids = ids

    def __call__(self, rows: NDArray[np.integer]) -> tuple[torch.Tensor, int]:
        """Mean loss of a batch in nats per token, and how many tokens that is."""
        device = self._model.device
        ids = [self._ids[row] for row in rows]
        padded = torch.zeros((len(ids), max(map(len, ids))), dtype=torch.long)
        mask = torch.zeros_like(padded)
        for row, values in enumerate(ids):
            padded[row, : len(values)] = torch.tensor(values)
            mask[row, : len(values)] = 1
        padded, mask = padded.to(device), mask.to(device)
        prompt = self._head(self._users[rows].to(device), self._items[rows].to(device))
        before = prompt.shape[1]
        whole = torch.cat([mask.new_ones((len(ids), before)), mask], 1)
        embedded = torch.cat([prompt, self._model.get_input_embeddings()(padded)], 1)
        logits = self._model(inputs_embeds=embedded, attention_mask=whole).logits
        labels = padded.masked_fill(mask == 0, -100)
        loss = nn.functional.cross_entropy(logits[:, before - 1 : -1].transpose(1, 2), labels, ignore_index=-100)
        return loss, int(mask.sum())

    def measure(self, rows: NDArray[np.integer], batch_size: int) -> float:
        """Mean loss of these texts in nats per token; NaN where there are none."""
        total = count = 0.0
        with torch.inference_mode():
            for start in range(0, len(rows), batch_size):
                loss, n = self(rows[start : start + batch_size])
                total, count = total + loss.item() * n, count + n
        return total / count if count else float("nan")


def write(
    users: NDArray[np.float32],
    items: NDArray[np.float32],
    directory: Path,
    *,
    encoder: str,
    max_new_tokens: int = 64,
    batch_size: int = 32,
    offline: bool = False,
    progress: bool = False,
) -> list[str]:
    """The likeliest text for each pair of vectors, from a directory that `train` wrote.

    Parameters
    ----------
    users, items
        Vectors of the shopper and the item of each text, shape ``(n, dim)``.
    encoder
        `Encoder.fingerprint` of the encoder that the vectors are from.

    Raises
    ------
    ArtifactError
        There is no soft prompt, it is damaged, or it was trained on another encoder's vectors or another base.
    """
    report = _read(directory, encoder)
    path = pretrained.resolve(report.base, offline=offline)
    if pretrained.weights_hash(path) != report.base_hash:
        raise ArtifactError(f"{directory}: trained on other weights of {report.base!r} than {path} holds; train again")
    model, tokenizer = gpt.load_model(path, report.base)
    model.to(pick_device()).eval()
    head = SoftPrompt(report.dim, model.get_input_embeddings().weight.shape[1], report.tokens, 1.0)
    try:
        head.load_state_dict(load_file(directory / _WEIGHTS))
    except (SafetensorError, RuntimeError) as error:
        raise ArtifactError(f"{directory / _WEIGHTS}: damaged, train again: {error}") from None
    head.to(model.device)
    texts: list[str] = []
    bar = progress_bar(progress)
    with bar, torch.inference_mode():
        task = bar.add_task("writing (soft prompt)", total=len(users))
        for start in range(0, len(users), batch_size):
            rows = slice(start, start + batch_size)
            user, item = (torch.from_numpy(vectors[rows]).to(model.device) for vectors in (users, items))
            prompt = head(user, item)
            tokens = model.generate(
                inputs_embeds=prompt,
                attention_mask=torch.ones(prompt.shape[:2], dtype=torch.long, device=model.device),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                pad_token_id=tokenizer.eos_token_id,
            )
            texts += [text.strip() for text in tokenizer.batch_decode(tokens, skip_special_tokens=True)]
            bar.update(task, completed=len(texts))
    return texts


def _read(directory: Path, encoder: str) -> SoftPromptReport:
    """What the directory says of itself, if its vectors are this encoder's."""
    if not (directory / _META).is_file() or not (directory / _WEIGHTS).is_file():
        raise ArtifactError(
            f"{directory}: no soft prompt here; train one with "
            "`recsys finetune explainer --references F --soft-prompt --out DIR`"
        )
    try:
        report = SoftPromptReport.model_validate_json((directory / _META).read_text("utf-8"))
    except ValidationError as error:
        wrong = ", ".join(str(e["loc"][0]) if e["loc"] else e["msg"] for e in error.errors())
        raise ArtifactError(f"{directory / _META}: damaged or of an older version ({wrong}); train again") from None
    if report.encoder != encoder:
        raise ArtifactError(
            f"{directory}: trained on vectors of another encoder (fingerprint {report.encoder[:8]}, the settings' is "
            f"{encoder[:8]}); name that one in RECSYS_ENCODER__NAME, or train again"
        )
    return report
