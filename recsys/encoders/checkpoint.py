"""Encoder checkpoints: a directory's model and tokenizer, its longest input, its sentence-transformers settings.

Importing `transformers` takes two seconds, a tenth of a night with few changes. So an ordinary BERT or DistilBERT
directory is read by `safetensors` and `tokenizers` alone (`load_bert`), and every other one by `transformers` (`load`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from recsys.encoders.bert import Bert, require
from recsys.encoders.tokens import TokenIds, padded
from recsys.errors import BadInput

log = logging.getLogger(__name__)


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
        batch, mask = padded(ids, self._pad)
        if self._device.type == "cuda":
            batch, mask = batch.pin_memory(), mask.pin_memory()
        mask = mask.to(self._device, non_blocking=True)
        output = self._model(input_ids=batch.to(self._device, non_blocking=True), attention_mask=mask)
        hidden: torch.Tensor = output.last_hidden_state.float()
        if self._pooling == "cls":
            return hidden[:, 0]
        weights = mask[:, :, None].float()
        return (hidden * weights).sum(1) / weights.sum(1)

    def positions(self, lengths: Sequence[int]) -> int:
        """Every text is padded to the longest of its batch."""
        return len(lengths) * max(lengths)


@dataclass(frozen=True)
class FileTokenizer:
    """The tokenizer of a `tokenizer.json`, with what is asked of a fast tokenizer of `transformers`, by its names."""

    backend_tokenizer: Tokenizer
    model_max_length: int
    unk_token_id: int
    pad_token_id: int
    cls_token: str
    is_fast: ClassVar[bool] = True


def load_bert(path: Path) -> tuple[Bert, FileTokenizer] | None:
    """Load a BERT or DistilBERT in fp32 and its tokenizer without `transformers`; None where anything is unusual.

    Parameters
    ----------
    path
        A directory as `recsys.encoders.pretrained.resolve` returns it.
    """
    try:
        config = _json(path / "config.json")
        return _weights(path, config), _tokenizer(path, config)
    except Exception as error:  # noqa: BLE001  # whatever is wrong with a directory, the general way says it best
        log.info("%s is left to transformers: %s: %s", path, type(error).__name__, error)
        return None


_CHANGED_BY = ("auto_map", "quantization_config", "compression_config", "transformers_weights")
"""Settings with which the model is not simply what lies in `model.safetensors`."""
_TOKENIZERS = {"bert": "BertTokenizer", "distilbert": "DistilBertTokenizer"}
_WHOLE = "PreTrainedTokenizerFast"
"""The class of tokenizers that are what `tokenizer.json` holds and nothing else; special tokens are named beside it."""
_SPECIAL = {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]"}
_NORMALIZER = {"lowercase": "do_lower_case", "handle_chinese_chars": "tokenize_chinese_chars"}
"""Flags of the normalizer and the settings that switch them; both are on where nothing is said."""


def _weights(path: Path, config: Mapping[str, Any]) -> Bert:
    require(not any(config.get(key) for key in _CHANGED_BY), f"one of {_CHANGED_BY} is set")
    require(not (path / "adapter_config.json").exists(), "there is an adapter")
    tensors = load_file(path / "model.safetensors")
    if "embeddings.word_embeddings.weight" not in tensors:
        prefix = f"{config['model_type']}."  # of a model with a head
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    bert = Bert.read(config, tensors)
    stored = {str(parameter.dtype).removeprefix("torch.") for parameter in bert.parameters()}
    # transformers loads in the type that the configuration names, which rounds where that is the smaller one
    named = config.get("dtype") or config.get("torch_dtype") or min(stored)
    require(stored == {named}, f"{named} is stored as {sorted(stored)}")
    for parameter in bert.parameters():  # a copy: these are views of the file, which may be overwritten meanwhile
        parameter.data = parameter.to(torch.float32, copy=True)
    return bert


def _tokenizer(path: Path, config: Mapping[str, Any]) -> FileTokenizer:
    """The tokenizer of `tokenizer.json`, unless `tokenizer_config.json` says something else, which is what counts."""
    settings = _json(path / "tokenizer_config.json") or {}
    usual = _TOKENIZERS[config["model_type"]]
    named = settings.get("tokenizer_class") or config.get("tokenizer_class") or usual
    whole = named == _WHOLE
    require(whole or named.removesuffix("Fast") in _TOKENIZERS.values(), f"the tokenizer is a {named!r}")
    require(not (path / "added_tokens.json").exists(), "there is an added_tokens.json")
    special = {token: str(settings.get(token) or "") for token in _SPECIAL} if whole else _SPECIAL
    for says in (settings, _json(path / "special_tokens_map.json") or {}):
        for token, usual in special.items():
            found = says.get(token) or usual
            require((found["content"] if isinstance(found, dict) else found) == usual, f"{token} is {found!r}")
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    require(not whole or type(tokenizer.model).__name__ == "Unigram", f"a {_WHOLE} of another kind than Unigram")
    ids: dict[str, Any] = {token: tokenizer.token_to_id(content) for token, content in special.items()}
    require(None not in ids.values(), "a special token is missing")
    if not whole:
        for flag, setting in _NORMALIZER.items():
            require(getattr(tokenizer.normalizer, flag) == settings.get(setting, True), f"{setting} is said both ways")
        accents = settings.get("strip_accents")
        require(tokenizer.normalizer.strip_accents == accents, "strip_accents is said both ways")
    return FileTokenizer(
        backend_tokenizer=tokenizer,
        model_max_length=settings.get("model_max_length") or int(1e30),
        unk_token_id=ids["unk_token"],
        pad_token_id=ids["pad_token"],
        cls_token=special["cls_token"],
    )


def load(path: Path, name: str) -> tuple[Any, Any]:
    """Load a model of any architecture in fp32 and its tokenizer with `transformers`, running none of its code."""
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
