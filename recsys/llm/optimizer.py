"""Muon for weight matrices and AdamW for everything else, as one optimizer that the Trainer can hold.

Muon orthogonalises the momentum of each matrix (Jordan et al., "Muon: an optimizer for hidden layers in neural
networks", 2024; step sizes matched to AdamW's as in Liu et al., "Muon is scalable for LLM training", 2025). With little
text and few updates it learns more from each of them than AdamW does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from typing_extensions import override

log = logging.getLogger(__name__)

ALONE = 1e-3
"""Highest learning rate of AdamW where torch has no Muon (before 2.9)."""


def muon_adamw(
    model: torch.nn.Module, inner: str, *, rate: float, other_rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    """The optimizer of a language model.

    Parameters
    ----------
    model
        What is trained.
    inner
        Prefix of the names of the layers; their matrices are Muon's. Embeddings, norms and biases are AdamW's.
    rate, other_rate
        Peak learning rates of the matrices and of the rest.
    weight_decay
        Of the matrices.
    """
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    matrices = [p for name, p in named if p.ndim == 2 and name.startswith(inner)]
    ids = {id(p) for p in matrices}
    rest = [p for _, p in named if id(p) not in ids]
    if not hasattr(torch.optim, "Muon"):
        log.warning("torch %s has no Muon (2.9 has); training with AdamW alone learns more slowly", torch.__version__)
        groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=min(rate, ALONE), betas=(0.9, 0.98))
    return CombinedOptimizer(
        [
            torch.optim.Muon(matrices, lr=rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(rest, lr=other_rate, betas=(0.9, 0.98), weight_decay=0.0),
        ]
    )


def named_rates(optimizer: torch.optim.Optimizer) -> str:
    """Each optimizer's name and learning rate, for a model card: ``Muon 0.006, AdamW 0.02``."""
    parts = optimizer.parts if isinstance(optimizer, CombinedOptimizer) else (optimizer,)
    return ", ".join(f"{type(part).__name__} {part.param_groups[0]['lr']:g}" for part in parts)


class CombinedOptimizer(torch.optim.Optimizer):
    """Optimizers of different parameters that step together; schedules see all their groups."""

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self.parts = tuple(parts)
        super().__init__([group for part in self.parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        # The very same dictionaries: a rate that a schedule sets is the rate the part uses.
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    @override
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every part."""
        loss = None if closure is None else closure()
        for part in self.parts:
            part.step()
        return loss

    @override
    def state_dict(self) -> dict[str, Any]:
        """States of the parts, in order."""
        return {"parts": [part.state_dict() for part in self.parts]}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share()
