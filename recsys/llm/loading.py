"""Model loading: causal models from a resolved directory, and LoRA adapters merged into them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from recsys.errors import ArtifactError, BadInput, require
from recsys.llm.vetting import vet_adapter, vet_template


@contextmanager
def _quietly() -> Iterator[None]:
    """Without transformers' bar over the tensors of a GGUF file and its notes on its own next release."""
    from transformers import modeling_gguf_pytorch_utils as gguf

    bar = gguf.tqdm
    gguf.tqdm = lambda tensors, **_: tensors
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            yield
    finally:
        gguf.tqdm = bar


def is_causal(path: Path) -> bool:
    """Whether a resolved directory holds a causal model rather than an encoder."""
    if any(path.glob("*.gguf")):
        return True
    named = json.loads((path / "config.json").read_text("utf-8")).get("architectures") or []
    return any(str(name).endswith(("ForCausalLM", "LMHeadModel")) for name in named)


def load_model(path: Path, name: str) -> tuple[Any, Any]:
    """A causal model in fp32 and its tokenizer from a resolved directory, running none of its code."""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    gguf = sorted(path.glob("*.gguf"))
    if gguf:
        for needed in ("gguf", "accelerate"):
            require(needed, "writers")
    where: dict[str, Any] = {"gguf_file": gguf[0].name} if gguf else {}
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, **where, **safe)
        weights = {} if gguf else {"use_safetensors": True}
        with _quietly():
            model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, **where, **weights, **safe)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise BadInput(f"model {name!r}: {path} is no causal model that transformers can load: {error}") from error
    if gguf:  # the weights are plain fp32 now, but still labelled quantized, which forbids training
        model.is_quantized, model.hf_quantizer, model.quantization_method = False, None, None
        model.config.__dict__.pop("quantization_config", None)
    if isinstance(tokenizer.chat_template, str):
        vet_template(tokenizer.chat_template, name)
    if tokenizer.eos_token_id is None and tokenizer.sep_token_id is not None:
        tokenizer.eos_token = tokenizer.sep_token  # Chinese GPT-2s come with BERT's tokenizer
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def merge_adapter(model: Any, adapter: Path) -> Any:
    """The model with a LoRA adapter merged into its weights."""
    peft = require("peft", "writers")
    for file in ("adapter_config.json", "adapter_model.safetensors"):
        if not (adapter / file).is_file():
            raise ArtifactError(f"adapter {adapter}: {file} is missing; train one with `recsys finetune`")
    vet_adapter(adapter)
    try:
        with _quietly():
            return peft.PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        raise ArtifactError(f"adapter {adapter} does not fit this model: {error}") from error
