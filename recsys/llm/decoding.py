"""Decoding: greedy, seeded sampling, constrained to given texts, and stop strings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from recsys.errors import BadInput


@dataclass(frozen=True)
class Sampling:
    """Sampling parameters.

    Attributes
    ----------
    max_new_tokens
        Longest continuation, in tokens.
    temperature
        0 takes the likeliest token; higher values vary more.
    top_k, top_p
        Only the `top_k` likeliest tokens, and of those the likeliest that together hold `top_p` of the probability
        (Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020), can be drawn.
    stop
        A text ends before the first of these strings.
    """

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_k: int = 50
    top_p: float = 0.95
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1 or self.temperature < 0 or self.top_k < 1 or not 0 < self.top_p <= 1:
            raise BadInput(f"sampling: {self} needs max_new_tokens >= 1, temperature >= 0, top_k >= 1, 0 < top_p <= 1")


GREEDY = Sampling()
"""Always the likeliest token."""


def cut(text: str, stop: Sequence[str]) -> str:
    """`text` up to the first of the `stop` strings, stripped."""
    ends = [at for mark in stop if (at := text.find(mark)) >= 0]
    return text[: min(ends, default=len(text))].strip()


Tree = dict[int, Any]
"""Prefix tree over token ids: token -> subtree."""


def prefix_tree(tokenizer: Any, texts: Sequence[str], end: int) -> Tree:
    """Prefix tree (trie) of the tokens of `texts`, each ended by `end`."""
    if not texts:
        raise BadInput("within: no text that may be written")
    tree: Tree = {}
    for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]:
        node = tree
        for token in (*ids, end):
            node = node.setdefault(token, {})
    return tree


def allowed_tokens(trees: Sequence[Tree], start: int, end: int) -> Callable[[int, torch.Tensor], list[int]]:
    """Constrained decoding: the tokens which continue a text of a row's tree, written from column `start` on."""

    def allowed(row: int, ids: torch.Tensor) -> list[int]:
        node = trees[row]
        for token in ids[start:].tolist():
            node = node.get(token, {})
        return list(node) or [end]

    return allowed


class SeededDraw:
    """Top-k and nucleus sampling with a generator per row (Gumbel-max), so that a text depends on its seed alone.

    It leaves one finite score per row, so that greedy search takes the token drawn here.
    """

    def __init__(self, sampling: Sampling, seeds: Sequence[int]) -> None:
        self._sampling = sampling
        self._generators = [torch.Generator().manual_seed(seed & (2**63 - 1)) for seed in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores of which only the drawn token's is finite."""
        k = min(self._sampling.top_k, scores.shape[1])
        values, tokens = torch.topk(scores.float() / self._sampling.temperature, k, dim=1)
        mass = torch.softmax(values, 1)
        values[mass.cumsum(1) - mass >= self._sampling.top_p] = -torch.inf
        uniform = torch.stack([torch.rand(k, generator=g) for g in self._generators]).to(values.device)
        drawn = (values - torch.log(-torch.log(uniform.clamp(1e-20, 1 - 1e-7)))).argmax(1, keepdim=True)
        return torch.full_like(scores, -torch.inf).scatter_(1, tokens.gather(1, drawn), 0.0)


class StopStrings:
    """Stopping criterion: a row ends once its new text holds one of the strings."""

    def __init__(self, tokenizer: Any, stop: Sequence[str], width: int) -> None:
        self._tokenizer = tokenizer
        self._stop = stop
        self._width = width

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        """Whether each row is done."""
        texts = self._tokenizer.batch_decode(input_ids[:, self._width :], skip_special_tokens=True)
        # A stop string at the very beginning is the model clearing its throat, not an end.
        done = [any(mark in text.lstrip() for mark in self._stop) for text in texts]
        return torch.tensor(done, device=input_ids.device)
