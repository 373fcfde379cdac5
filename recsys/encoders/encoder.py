"""Text embeddings of a BERT-family encoder, by default the final hidden state of `[CLS]`.

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
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recsys.data.parsing import storable
from recsys.encoders import checkpoint, fast_bert, int8, pretrained, tokens
from recsys.encoders.checkpoint import Forward, FullModel
from recsys.encoders.protocol import Encoded
from recsys.errors import BadInput
from recsys.progress import progress_bar

log = logging.getLogger(__name__)

DEFAULT_MAX_LENGTH = 128
CPU_TOKEN_BUDGET = 2048
"""Padded tokens in a batch: on a CPU a matrix of so many rows is fast and its results stay in cache."""
INT8_TOKEN_BUDGET = 512
GPU_TOKEN_BUDGET = 65536
"""At most; less on a GPU without the memory for it."""
WINDOW = 4096
"""Texts tokenised and sorted by length together; the next window is tokenised while this one is computed."""


def named_device(argument: str | None = None) -> str | None:
    """The device that is asked for, by the argument or else by `RECSYS_DEVICE`; None where the choice is left open."""
    wanted = argument or os.environ.get("RECSYS_DEVICE") or "auto"
    return None if wanted == "auto" else wanted


def pick_device(argument: str | None = None) -> torch.device:
    """Choose where to compute: the argument, then `RECSYS_DEVICE`, then cuda, then mps, then cpu.

    Of a list such as ``cuda:0,cuda:1`` it is the first; `recsys.encoders.parallel.all_devices` uses them all.

    Raises
    ------
    BadInput
        The device named is none that torch knows, or this machine does not have it.
    """
    wanted = named_device(argument)
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted is None:
        return torch.device(next(kind for kind, here in available.items() if here))
    wanted = wanted.split(",")[0].strip()
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise BadInput(f"device {wanted!r}: expected one of auto, cpu, cuda, cuda:0, mps") from None
    if not available.get(device.type, False) or (device.index or 0) >= max(1, torch.cuda.device_count()):
        here = [kind for kind, there in available.items() if there]
        raise BadInput(f"device {wanted!r} is not available to torch here (available: {', '.join(here)})")
    return device


class Encoder:
    """Text encoder on one device; `Encoder.load` makes one, `encode` turns texts into vectors.

    Its attributes are those of `recsys.encoders.protocol.Encodes`.
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
            What `recsys.encoders.pretrained.resolve` takes: a directory, a pinned model or a hub name.
        pooling
            `cls` (the `[CLS]` vector), `mean` (mean over tokens), or `auto`: what a sentence-transformers directory
            says of itself, with its maximum length and its query and document prompts.
        max_length
            Tokens read of a text; 128 unless `auto` says otherwise, never more than the model can read.
        device
            See `pick_device`.
        precision
            `fp32`, `bf16`, `fp16`, `int8`, or `auto`: bf16 (fp16 where there is no bf16) on a GPU, else fp32. `int8`
            is for CPUs, and stays in fp32 with a warning when it would turn vectors too far (see
            `recsys.encoders.int8`).
        offline, cache_dir
            See `recsys.encoders.pretrained.resolve`.

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
        precision = _precision(precision, chosen)
        path = pretrained.resolve(name, offline=offline, cache_dir=cache_dir)
        model, backend = checkpoint.load_bert(path) or checkpoint.load(path, name)
        asked_pooling, asked_length, prompts = (
            checkpoint.own_settings(path) if pooling == "auto" else (pooling, None, {})
        )
        if asked_pooling == "cls" and backend.cls_token is None:
            raise BadInput(f"model {name!r} has no [CLS] token; use pooling='mean'")
        tokenizer = tokens.Tokenizer(
            backend,
            min(max_length or asked_length or DEFAULT_MAX_LENGTH, checkpoint.longest_input(model.config, backend)),
        )
        model = model.to(device=chosen, dtype=_DTYPES[precision])
        fast = fast_bert.build(model, asked_pooling)
        if precision == "int8":
            quick = int8.build(model, asked_pooling, fast, tokenizer)
            fast, precision = (quick, "int8") if quick else (fast, "fp32")
        log.info("encoder %s on %s in %s, pooling %s", name, chosen, precision, asked_pooling)
        return cls(
            fast or FullModel(model, asked_pooling, pad=backend.pad_token_id or 0),
            tokenizer,
            dim=int(model.config.hidden_size),
            pooling=asked_pooling,
            prompts=prompts,
            token_budget=INT8_TOKEN_BUDGET if precision == "int8" else _token_budget(chosen, model.config),
            info={
                "name": name,
                "weights_hash": pretrained.weights_hash(path),
                "pooling": asked_pooling,
                "max_length": tokenizer.max_length,
                "prompts": prompts,
                "precision": precision,
                "device": str(chosen),
            },
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
        unique = [self._prompts.get(kind, "") + storable(text) for text in row_of]

        vectors = np.empty((len(unique), self.dim), dtype=np.float32)
        cut = np.zeros(len(unique), dtype=bool)
        used = computed = 0
        bar = progress_bar(progress)
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


_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "int8": torch.float32}


def _precision(asked: str, device: torch.device) -> str:
    if asked == "auto":
        if device.type != "cuda":
            return "fp32"
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    if asked not in _DTYPES:
        raise BadInput(f"precision {asked!r}: expected auto, {', '.join(_DTYPES)}")
    if asked == "int8" and device.type != "cpu":
        raise BadInput(f"precision 'int8' is for CPUs; on {device} use 'auto'")
    return asked


def _token_budget(device: torch.device, config: Any) -> int:
    """Tokens in a batch: fixed on a CPU; on a GPU what half its free memory holds of the widest layers' results."""
    if device.type != "cuda":
        return CPU_TOKEN_BUDGET
    free, _ = torch.cuda.mem_get_info(device)
    width = 12 * config.hidden_size + 2 * getattr(config, "intermediate_size", 4 * config.hidden_size)
    return int(min(GPU_TOKEN_BUDGET, max(CPU_TOKEN_BUDGET, free // 2 // (4 * width))))
