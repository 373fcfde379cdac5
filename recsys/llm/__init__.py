"""Causal language models: writing with one, fine-tuning one, pre-training one from nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from recsys.llm.gpt import TextWriter
    from recsys.llm.pretraining import pretrain
    from recsys.llm.tuning import finetune

__all__ = ["TextWriter", "finetune", "pretrain"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__, submod_attrs={"gpt": ["TextWriter"], "pretraining": ["pretrain"], "tuning": ["finetune"]}
)
