"""Causal language models: writing with one, fine-tuning one, pre-training one from nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys._public import lazily

if TYPE_CHECKING:
    from recsys.llm.gpt import TextWriter
    from recsys.llm.pretraining import pretrain
    from recsys.llm.tuning import finetune

__all__ = ["TextWriter", "finetune", "pretrain"]

__getattr__ = lazily(
    __name__,
    {
        "TextWriter": "recsys.llm.gpt",
        "finetune": "recsys.llm.tuning",
        "pretrain": "recsys.llm.pretraining",
    },
)
