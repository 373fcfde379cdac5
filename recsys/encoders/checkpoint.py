"""What a model directory holds: the model and its tokenizer, how long its inputs may be, what it says of itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from recsys.encoders.tokens import TokenIds
from recsys.errors import BadInput


class Forward(Protocol):
    """What computes a batch: the full model, or something faster that equals it."""

    def __call__(self, ids: Sequence[TokenIds]) -> torch.Tensor:
        """Pooled float32 vectors `(n, dim)` of token ids, on any device."""

    def positions(self, lengths: Sequence[int]) -> int:
        """How many tokens, padding included, a batch of texts of these lengths is computed as."""


class FullModel:
    """The whole Hugging Face model on a padded batch: right for every architecture, and what fast paths must equal."""

    def __init__(self, model: torch.nn.Module, pooling: str, *, pad: int) -> None:
        self._model = model
        self._pooling = pooling
        self._pad = pad
        self._device = next(model.parameters()).device

    def __call__(self, ids: Sequence[TokenIds]) -> torch.Tensor:
        """Pooled float32 vectors `(n, dim)` of token ids, on the model's device."""
        lengths = torch.tensor([len(row) for row in ids])
        padded = torch.full((len(ids), int(lengths.max())), self._pad)
        for row, values in enumerate(ids):
            padded[row, : len(values)] = torch.tensor(values)
        mask = (torch.arange(padded.shape[1]) < lengths[:, None]).long()
        if self._device.type == "cuda":
            padded, mask = padded.pin_memory(), mask.pin_memory()
        mask = mask.to(self._device, non_blocking=True)
        output = self._model(input_ids=padded.to(self._device, non_blocking=True), attention_mask=mask)
        hidden: torch.Tensor = output.last_hidden_state.float()
        if self._pooling == "cls":
            return hidden[:, 0]
        weights = mask[:, :, None].float()
        return (hidden * weights).sum(1) / weights.sum(1)

    def positions(self, lengths: Sequence[int]) -> int:
        """Every text is padded to the longest of its batch."""
        return len(lengths) * max(lengths)


def load(path: Path, name: str) -> tuple[Any, Any]:
    """Load a model in fp32 and its tokenizer from a directory, running none of its code."""
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # a bar for a tenth of a second of loading is noise in a nightly log
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
        model = AutoModel.from_pretrained(path, local_files_only=True, trust_remote_code=False, use_safetensors=True)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise BadInput(f"model {name!r}: {path} is no encoder that transformers can load: {error}") from error
    if model.config.is_encoder_decoder:
        raise BadInput(f"model {name!r} is an encoder-decoder; choose an encoder such as 'bert-base-uncased'")
    if hasattr(model, "pooler"):
        model.pooler = None  # its output is never used
    return model.eval().float(), tokenizer


def longest_input(config: Any, tokenizer: Any) -> int:
    """Longest input in tokens; RoBERTa's family loses the positions up to its padding index."""
    positions = getattr(config, "max_position_embeddings", None) or 10**6
    if config.model_type in {"roberta", "xlm-roberta", "camembert", "xlm-roberta-xl"}:
        positions -= config.pad_token_id + 1
    return int(min(positions, tokenizer.model_max_length))


def own_settings(path: Path) -> tuple[str, int | None, dict[str, str]]:
    """What a sentence-transformers directory says of itself: pooling, maximum length, prompts by kind."""
    modules = _json(path / "modules.json")
    unknown = [
        m["type"] for m in modules or [] if m["type"].rsplit(".")[-1] not in {"Transformer", "Pooling", "Normalize"}
    ]
    if unknown:
        raise BadInput(f"{path}: pooling='auto' does not know the modules {unknown}; choose pooling='cls' or 'mean'")
    pooling = _json(path / "1_Pooling" / "config.json") or {}
    modes = {key for key, value in pooling.items() if key.startswith("pooling_mode_") and value is True}
    known = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}
    if len(modes) != 1 or not modes <= set(known):
        raise BadInput(f"{path}: says no pooling that is supported ({sorted(modes)}); choose pooling='cls' or 'mean'")
    prompts = (_json(path / "config_sentence_transformers.json") or {}).get("prompts") or {}
    document = next((prompts[key] for key in ("document", "passage", "corpus") if prompts.get(key)), "")
    by_kind = {"query": prompts.get("query") or "", "document": document}
    length = (_json(path / "sentence_bert_config.json") or {}).get("max_seq_length")
    return known[modes.pop()], length, {kind: prompt for kind, prompt in by_kind.items() if prompt}


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
