"""A BERT or DistilBERT directory read as it lies there: in a tenth of a second; importing `transformers` takes two.

Only the usual is read: a `model.safetensors` that `recsys.encoders.bert` knows every tensor of, beside a tokenizer that
`recsys.encoders.plain_tokenizer` knows. Everything else is left to `recsys.encoders.checkpoint.load`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from recsys.encoders import plain_tokenizer
from recsys.encoders.bert import Bert, require
from recsys.encoders.plain_tokenizer import PlainTokenizer

log = logging.getLogger(__name__)

_ELSEWHERE = ("auto_map", "quantization_config", "compression_config", "transformers_weights")
"""Settings with which the model is not simply what lies in `model.safetensors`."""


def load(path: Path) -> tuple[Bert, PlainTokenizer] | None:
    """Read the model, in fp32, and the tokenizer of a directory; None where anything about it is unusual.

    Parameters
    ----------
    path
        A directory as `recsys.encoders.pretrained.resolve` returns it.
    """
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        tokenizer = plain_tokenizer.read(path, config)
        return _model(path, config), tokenizer
    except Exception as error:  # noqa: BLE001  # whatever is wrong with a directory, the general way says it best
        log.info("%s is left to transformers: %s: %s", path, type(error).__name__, error)
        return None


def _model(path: Path, config: Mapping[str, Any]) -> Bert:
    require(not any(config.get(key) for key in _ELSEWHERE), f"one of {_ELSEWHERE} is set")
    require(not (path / "adapter_config.json").exists(), "there is an adapter")
    tensors = load_file(path / "model.safetensors")
    if "embeddings.word_embeddings.weight" not in tensors:
        prefix = f"{config['model_type']}."  # of a model with a head
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    bert = Bert.read(config, tensors)
    stored = {str(parameter.dtype).removeprefix("torch.") for parameter in bert.parameters()}
    # transformers loads in the type that the configuration names, which rounds where that is the smaller one
    named = config.get("dtype") or config.get("torch_dtype") or min(stored)
    require(stored == {named} and named in {"float32", "float16", "bfloat16"}, f"{named} is stored as {sorted(stored)}")
    for parameter in bert.parameters():  # a copy: these are views of the file, which may be overwritten meanwhile
        parameter.data = parameter.to(torch.float32, copy=True)
    return bert
