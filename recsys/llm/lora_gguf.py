"""LoRA adapters as GGUF files, which llama.cpp applies to a model it runs.

What is learnt beside a model then needs no second copy of it: one adapter of a few megabytes is switched on for the
requests that want it. The format is that of llama.cpp's `convert_lora_to_gguf.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from recsys.data.atomic import replacing
from recsys.encoders import pretrained
from recsys.encoders.wheels import sha256
from recsys.errors import BadInput, require

ARCHITECTURE = "qwen2"
"""The one whose adapters are written; llama.cpp takes its weights in the order that transformers has them."""
BASE_HASH = "recsys.base_sha256"
"""Metadata: SHA-256 of the GGUF file that was the base, or `pretrained.weights_hash` of another base."""


def check(config: Any, base: str) -> None:
    """Raise `BadInput` where the adapter of a model could not be written: before it is trained.

    Parameters
    ----------
    config
        Of the model, as transformers has it.
    base
        Its name, for the message.
    """
    require("gguf", "writers")
    if config.model_type != ARCHITECTURE:
        raise BadInput(
            f"model {base!r} is of the architecture {config.model_type}, and adapters for llama.cpp are written for "
            f"{ARCHITECTURE} alone; start from Qwen2.5-Coder-0.5B-Instruct or another Qwen 2 or 2.5"
        )


def write(adapter: Path, file: Path, config: Any, base: Path) -> None:
    """Write a peft adapter (float32) as a GGUF file (float16).

    Parameters
    ----------
    adapter
        Directory with `adapter_config.json` and `adapter_model.safetensors`.
    config
        Of the model that `check` passed.
    base
        Directory that the model was loaded from.

    Raises
    ------
    BadInput
        The adapter is of something else than the linear modules of layers.
    """
    gguf = require("gguf", "writers")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2, config.num_hidden_layers)
    alpha = json.loads((adapter / "adapter_config.json").read_text("utf-8"))["lora_alpha"]
    with replacing(file) as written:
        writer = gguf.GGUFWriter(str(written), ARCHITECTURE)
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(alpha))
        writer.add_string(BASE_HASH, _hash(base))
        for name, values in sorted(load_file(adapter / "adapter_model.safetensors").items()):
            module, _, side = name.removeprefix("base_model.model.").removesuffix(".weight").rpartition(".lora_")
            place = names.get_name(module)
            if place is None or side not in ("A", "B"):
                raise BadInput(f"adapter {adapter}: llama.cpp has no place for {name}; adapt linear modules of layers")
            writer.add_tensor(f"{place}.weight.lora_{side.lower()}", values.astype(np.float16))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def _hash(base: Path) -> str:
    files = sorted(base.glob("*.gguf"))
    return sha256(files[0]) if files else pretrained.weights_hash(base)
