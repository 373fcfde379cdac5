"""A research option: tell a GPT who and what by vectors instead of words.

Li, Zhang & Chen, "Personalized Prompt Learning for Explainable Recommendation" (PEPLER), TOIS 2023, with continuous
prompts: the user's and the item's vectors are projected into the model's input space and stand before the text. Only
the projection is learnt; the model stays as it is. What it writes is free text with no slots, so it serves comparison
(`evaluate.overlap`) and is never delivered to shoppers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn

from recsys import gpt, pretrained
from recsys.errors import ArtifactError, BadInput

_WEIGHTS, _META = "soft_prompt.safetensors", "soft_prompt.json"


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
    base: str = gpt.DEFAULT,
    tokens: int = 2,
    epochs: int = 2,
    batch_size: int = 8,
    learning_rate: float = 1e-3,
    max_length: int = 96,
    seed: int = 7,
) -> list[float]:
    """Learn the projection and write it to the directory `out`.

    Parameters
    ----------
    users, items
        Vectors of the shopper and the item of each text, shape ``(n, dim)``.
    texts
        Reference explanations.

    Returns
    -------
    list of float
        Mean loss (nats per token) of each epoch.
    """
    if not len(users) == len(items) == len(texts) or not len(texts):
        raise BadInput(f"soft prompt: {len(users)} users and {len(items)} items for {len(texts)} texts")
    torch.manual_seed(seed)
    model, tokenizer = gpt.load_model(pretrained.resolve(base), base)
    model.requires_grad_(False).eval()
    embed = model.get_input_embeddings()
    scale = float(embed.weight.norm(dim=1).median())
    head = SoftPrompt(users.shape[1], embed.weight.shape[1], tokens, scale)
    optimiser = torch.optim.AdamW(head.parameters(), learning_rate)
    ids = [[*tokenizer(f" {t.strip()}")["input_ids"][: max_length - 1], tokenizer.eos_token_id] for t in texts]
    rng = np.random.default_rng(seed)
    losses = []
    for _ in range(epochs):
        total = 0.0
        order = rng.permutation(len(ids))
        for start in range(0, len(ids), batch_size):
            rows = order[start : start + batch_size]
            loss = _loss(model, embed, head, users[rows], items[rows], [ids[i] for i in rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            optimiser.step()
            total += loss.item() * len(rows)
        losses.append(total / len(ids))
    out.mkdir(parents=True, exist_ok=True)
    save_file(head.state_dict(), out / _WEIGHTS)
    meta = {"base": base, "dim": int(users.shape[1]), "tokens": tokens, "losses": losses, "seed": seed}
    (out / _META).write_text(json.dumps(meta, indent=1), "utf-8")
    return losses


def _loss(
    model: Any,
    embed: Any,
    head: SoftPrompt,
    users: NDArray[np.float32],
    items: NDArray[np.float32],
    ids: Sequence[Sequence[int]],
) -> torch.Tensor:
    width = max(map(len, ids))
    padded = torch.zeros((len(ids), width), dtype=torch.long)
    mask = torch.zeros((len(ids), width), dtype=torch.long)
    for row, values in enumerate(ids):
        padded[row, : len(values)] = torch.tensor(values)
        mask[row, : len(values)] = 1
    prompt = head(torch.from_numpy(users), torch.from_numpy(items))
    before = prompt.shape[1]
    whole = torch.cat([torch.ones((len(ids), before), dtype=torch.long), mask], 1)
    logits = model(inputs_embeds=torch.cat([prompt, embed(padded)], 1), attention_mask=whole).logits
    labels = padded.masked_fill(mask == 0, -100)
    return nn.functional.cross_entropy(logits[:, before - 1 : -1].transpose(1, 2), labels, ignore_index=-100)


def write(
    users: NDArray[np.float32],
    items: NDArray[np.float32],
    directory: Path,
    *,
    max_new_tokens: int = 64,
    batch_size: int = 32,
) -> list[str]:
    """The likeliest text for each pair of vectors, from a directory that `train` wrote."""
    if not (directory / _META).is_file() or not (directory / _WEIGHTS).is_file():
        raise ArtifactError(f"{directory}: no soft prompt here; train one first")
    meta = json.loads((directory / _META).read_text("utf-8"))
    model, tokenizer = gpt.load_model(pretrained.resolve(meta["base"]), meta["base"])
    hidden = model.get_input_embeddings().weight.shape[1]
    head = SoftPrompt(meta["dim"], hidden, meta["tokens"], 1.0)
    head.load_state_dict(load_file(directory / _WEIGHTS))
    texts: list[str] = []
    with torch.inference_mode():
        for start in range(0, len(users), batch_size):
            rows = slice(start, start + batch_size)
            prompt = head(torch.from_numpy(users[rows]), torch.from_numpy(items[rows]))
            tokens = model.eval().generate(
                inputs_embeds=prompt,
                attention_mask=torch.ones(prompt.shape[:2], dtype=torch.long),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                pad_token_id=tokenizer.eos_token_id,
            )
            texts += [text.strip() for text in tokenizer.batch_decode(tokens, skip_special_tokens=True)]
    return texts
