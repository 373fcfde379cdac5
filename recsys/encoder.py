"""Texts to vectors with a BERT-family encoder, by default the final hidden state of `[CLS]`.

Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", 2019. A text has the same vector whatever
else is in its batch, within 1e-5 per component in fp32: padding is masked, and nothing is normalised over a batch.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from recsys import fast_bert, pretrained, tokens
from recsys.errors import BadInput

log = logging.getLogger(__name__)

DEFAULT_MAX_LENGTH = 128
CPU_TOKEN_BUDGET = 2048
GPU_TOKEN_BUDGET = 32768
WINDOW = 4096
"""Texts tokenised and sorted by length together; the next window is tokenised while this one is computed."""


class Forward(Protocol):
    """What computes a batch: the full model, or something faster that equals it."""

    def __call__(self, ids: Sequence[tokens.TokenIds]) -> torch.Tensor:
        """Pooled float32 vectors `(n, dim)` of token ids, on any device."""

    def positions(self, lengths: Sequence[int]) -> int:
        """How many tokens, padding included, a batch of texts of these lengths is computed as."""


@dataclass(frozen=True)
class Encoded:
    """What `Encoder.encode` returns: the vectors, and what it took to make them."""

    vectors: NDArray[np.float32]
    """`(n, dim)` float32, one row per text in the order given."""
    truncated: int
    """How many of the `n` texts were longer than the encoder's `max_length`."""
    cut: NDArray[np.bool_]
    """Which texts those are, `(n,)`."""
    unique: int
    """How many different texts were encoded."""
    tokens: int
    """Tokens in the different texts, special tokens included."""
    padding_waste: float
    """Share of the computed positions that were padding, 0 to 1."""


def pick_device(argument: str | None = None) -> torch.device:
    """Choose where to compute: the argument, then `RECSYS_DEVICE`, then cuda, then mps, then cpu.

    Raises
    ------
    BadInput
        The device named is none that torch knows, or this machine does not have it.
    """
    wanted = argument or os.environ.get("RECSYS_DEVICE") or ""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if not wanted or wanted == "auto":
        return torch.device(next(kind for kind, here in available.items() if here))
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise BadInput(f"device {wanted!r}: expected one of auto, cpu, cuda, cuda:0, mps") from None
    if not available.get(device.type, False) or (device.index or 0) >= max(1, torch.cuda.device_count()):
        here = [kind for kind, there in available.items() if there]
        raise BadInput(f"device {wanted!r} is not available to torch here (available: {', '.join(here)})")
    return device


class Encoder:
    """A loaded encoder; `Encoder.load` makes one, `encode` turns texts into vectors.

    Attributes
    ----------
    dim
        Components of a vector.
    pooling
        `cls` or `mean`: what a text's vector is made of.
    max_length
        Tokens of a text that are read, special tokens included; what is longer is cut and counted.
    fingerprint
        Hash of everything that decides a text's vector: weights, tokenizer, pooling, max length, prompts, precision.
    info
        The same in words, for a manifest.
    """

    def __init__(
        self,
        forward: Forward,
        tokenizer: tokens.Tokenizer,
        *,
        dim: int,
        pooling: str,
        prompts: dict[str, str],
        token_budget: int,
        info: dict[str, Any],
    ) -> None:
        self._forward = forward
        self._tokenizer = tokenizer
        self._prompts = prompts
        self._token_budget = token_budget
        self.dim = dim
        self.pooling = pooling
        self.max_length = tokenizer.max_length
        self.info = info
        decisive = [info["weights_hash"], pooling, self.max_length, sorted(prompts.items()), info["precision"]]
        self.fingerprint = hashlib.sha256(json.dumps(decisive).encode()).hexdigest()

    @classmethod
    def load(
        cls,
        name: str = "all-MiniLM-L6-v2",
        *,
        pooling: str = "cls",
        max_length: int | None = None,
        device: str | None = None,
        precision: str = "auto",
        offline: bool = False,
        cache_dir: Path | None = None,
    ) -> Encoder:
        """Load a BERT-family encoder.

        Parameters
        ----------
        name
            What `recsys.pretrained.resolve` takes: a directory, a pinned model or a hub name.
        pooling
            `cls` (the `[CLS]` vector), `mean` (mean over tokens), or `auto`: what a sentence-transformers directory
            says of itself, with its maximum length and its query and document prompts.
        max_length
            Tokens read of a text; 128 unless `auto` says otherwise, never more than the model can read.
        device
            See `pick_device`.
        precision
            `fp32`, `bf16`, or `auto`: bf16 (fp16 where there is no bf16) on a GPU, else fp32.
        offline, cache_dir
            See `recsys.pretrained.resolve`.

        Raises
        ------
        BadInput
            An argument is unknown, or the directory holds no encoder that loads without running its code.
        """
        if pooling not in {"cls", "mean", "auto"}:
            raise BadInput(f"pooling {pooling!r}: expected cls, mean or auto")
        if max_length is not None and max_length < 3:
            raise BadInput(f"max_length {max_length}: a text needs room for at least 3 tokens ([CLS], one, [SEP])")
        chosen = pick_device(device)
        dtype = _dtype(precision, chosen)
        path = pretrained.resolve(name, offline=offline, cache_dir=cache_dir)
        model, backend = _load(path, name)
        asked_pooling, asked_length, prompts = _own_settings(path) if pooling == "auto" else (pooling, None, {})
        if asked_pooling == "cls" and backend.cls_token is None:
            raise BadInput(f"model {name!r} has no [CLS] token; use pooling='mean'")
        tokenizer = tokens.Tokenizer(
            backend, min(max_length or asked_length or DEFAULT_MAX_LENGTH, _readable(model.config, backend))
        )
        model = model.to(device=chosen, dtype=dtype)
        log.info("encoder %s on %s in %s, pooling %s", name, chosen, dtype, asked_pooling)
        info = {
            "name": name,
            "weights_hash": pretrained.weights_hash(path),
            "pooling": asked_pooling,
            "max_length": tokenizer.max_length,
            "prompts": prompts,
            "precision": _PRECISIONS[dtype],
            "device": str(chosen),
        }
        return cls(
            fast_bert.build(model, asked_pooling) or FullModel(model, asked_pooling, pad=backend.pad_token_id or 0),
            tokenizer,
            dim=int(model.config.hidden_size),
            pooling=asked_pooling,
            prompts=prompts,
            token_budget=CPU_TOKEN_BUDGET if chosen.type == "cpu" else GPU_TOKEN_BUDGET,
            info=info,
        )

    def encode(
        self, texts: Sequence[str], *, kind: str = "document", normalize: bool = True, progress: bool = False
    ) -> Encoded:
        """Encode texts; equal texts are computed once.

        Parameters
        ----------
        texts
            Any number of strings; an empty one has a vector too (that of the special tokens alone).
        kind
            `document` or `query`: which of the model's own prompts, if it has any, is put before each text.
        normalize
            Scale every vector to length 1, so that an inner product is a cosine.
        progress
            Show a progress bar on standard error.

        Returns
        -------
        Encoded
            `vectors` is `(len(texts), dim)` float32.

        Raises
        ------
        BadInput
            A text is not a string (a missing value, for instance), or `kind` is unknown.
        """
        if kind not in {"document", "query"}:
            raise BadInput(f"kind {kind!r}: expected document or query")
        row_of: dict[str, int] = {}
        rows = np.empty(len(texts), dtype=np.int64)
        for position, text in enumerate(texts):
            if not isinstance(text, str):
                raise BadInput(f"text {position} is a {type(text).__name__}, expected str; replace missing texts by ''")
            rows[position] = row_of.setdefault(text, len(row_of))
        unique = [self._prompts.get(kind, "") + _valid_unicode(text) for text in row_of]

        vectors = np.empty((len(unique), self.dim), dtype=np.float32)
        cut = np.zeros(len(unique), dtype=bool)
        used = computed = 0
        bar = Progress(console=Console(stderr=True), disable=not progress, transient=True)
        with bar, ThreadPoolExecutor(max_workers=1) as ahead, torch.inference_mode():
            task = bar.add_task("encoding", total=len(unique))
            starts = range(0, len(unique), WINDOW)
            upcoming = ahead.submit(self._tokenizer, unique[:WINDOW])
            for start in starts:
                ids, cut[start : start + WINDOW] = upcoming.result()
                upcoming = ahead.submit(self._tokenizer, unique[start + WINDOW : start + 2 * WINDOW])
                lengths = [len(row) for row in ids]
                used += sum(lengths)
                order, parts = [], []
                for batch in tokens.batches(lengths, self._token_budget):
                    parts.append(self._forward([ids[row] for row in batch]))
                    order += batch
                    computed += self._forward.positions([lengths[row] for row in batch])
                    bar.advance(task, len(batch))
                vectors[start + np.asarray(order)] = torch.cat(parts).float().cpu().numpy()
        if normalize:
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return Encoded(
            vectors=vectors if len(unique) == len(texts) else vectors[rows],
            truncated=int(cut[rows].sum()),
            cut=cut[rows],
            unique=len(unique),
            tokens=used,
            padding_waste=1 - used / computed if computed else 0.0,
        )


class FullModel:
    """The whole Hugging Face model on a padded batch: right for every architecture, and what fast paths must equal."""

    def __init__(self, model: torch.nn.Module, pooling: str, *, pad: int) -> None:
        self._model = model
        self._pooling = pooling
        self._pad = pad
        self._device = next(model.parameters()).device

    def __call__(self, ids: Sequence[tokens.TokenIds]) -> torch.Tensor:
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


_PRECISIONS = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


def _dtype(precision: str, device: torch.device) -> torch.dtype:
    if precision == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    for dtype, name in _PRECISIONS.items():
        if name == precision:
            return dtype
    raise BadInput(f"precision {precision!r}: expected auto, fp32, bf16 or fp16")


def _load(path: Path, name: str) -> tuple[Any, Any]:
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


def _readable(config: Any, tokenizer: Any) -> int:
    """Longest input in tokens; RoBERTa's family loses the positions up to its padding index."""
    positions = getattr(config, "max_position_embeddings", None) or 10**6
    if config.model_type in {"roberta", "xlm-roberta", "camembert", "xlm-roberta-xl"}:
        positions -= config.pad_token_id + 1
    return int(min(positions, tokenizer.model_max_length))


def _own_settings(path: Path) -> tuple[str, int | None, dict[str, str]]:
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


def _valid_unicode(text: str) -> str:
    """Replace lone surrogates, which no tokenizer takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
