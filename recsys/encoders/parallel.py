"""Data-parallel encoding on several GPUs: each has a process with its own encoder and takes a part of the texts."""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import torch

from recsys.encoders.encoder import Encoder, named_device, pick_device
from recsys.encoders.protocol import Composed, Encoded
from recsys.errors import BadInput

FEW = 2048
"""Fewer texts than this are encoded in this process: handing them over would take longer."""

_DEAL = 8192  # texts in one hand: large enough to sort well by length, small enough to even out devices
_encoder: Encoder | None = None  # of a worker process


def all_devices(named: str | None) -> list[str]:
    """What the setting ``encoder.device`` stands for: each device of a list, or every GPU for ``cuda`` and for nothing.

    `RECSYS_DEVICE` counts where the setting is silent. Empty where nothing is named and there is no GPU.
    """
    named = named_device(named)
    if named in (None, "cuda"):
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [device.strip() for device in named.split(",")]


class ParallelEncoder(Composed):
    """Data-parallel encoder: many texts are spread over devices, a few are encoded on the first of them.

    Parameters
    ----------
    devices
        Such as `["cuda:0", "cuda:1"]`; `["cuda"]` stands for every GPU there is.
    options
        Everything else that `Encoder.load` takes.

    Examples
    --------
    ::

        with ParallelEncoder(["cuda"], name="BAAI/bge-small-en-v1.5") as encoder:
            vectors = encoder.encode(texts).vectors
    """

    def __init__(self, devices: Sequence[str], **options: Any) -> None:
        if list(devices) == ["cuda"]:
            devices = all_devices("cuda")
        if not devices:
            raise BadInput("no devices to encode on (torch sees no GPU)")
        self._devices = [str(pick_device(device)) for device in devices]
        self._options = options
        self._workers: list[ProcessPoolExecutor] = []
        super().__init__(Encoder.load(device=self._devices[0], **options))
        self.info = {**self.info, "device": ",".join(self._devices)}

    def encode(
        self, texts: Sequence[str], *, kind: str = "document", normalize: bool = True, progress: bool = False
    ) -> Encoded:
        """`Encoder.encode`, with different texts encoded by all devices at once."""
        unique = list(dict.fromkeys(texts))
        if len(unique) < FEW:
            return self.inner.encode(texts, kind=kind, normalize=normalize, progress=progress)
        hands = [unique[start : start + _DEAL] for start in range(0, len(unique), _DEAL)]
        if len(hands) < len(self._devices):
            hands = [unique[place :: len(self._devices)] for place in range(len(self._devices))]
            unique = list(itertools.chain.from_iterable(hands))
        workers = itertools.cycle(self._started())
        dealt = [next(workers).submit(_work, hand, kind, normalize) for hand in hands]
        parts = [part.result() for part in dealt]
        row_of = {text: row for row, text in enumerate(unique)}
        rows = np.fromiter((row_of[text] for text in texts), np.int64, len(texts))
        cut = np.concatenate([part.cut for part in parts])[rows]
        tokens = sum(part.tokens for part in parts)
        computed = sum(part.tokens / (1 - part.padding_waste) for part in parts)
        return Encoded(
            vectors=np.concatenate([part.vectors for part in parts])[rows],
            truncated=int(cut.sum()),
            cut=cut,
            unique=len(unique),
            tokens=tokens,
            padding_waste=1 - tokens / computed,
        )

    def close(self) -> None:
        """End the worker processes; the next large `encode` would start them again."""
        for worker in self._workers:
            worker.shutdown(cancel_futures=True)
        self._workers = []

    def __enter__(self) -> ParallelEncoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _started(self) -> list[ProcessPoolExecutor]:
        if not self._workers:
            spawn = multiprocessing.get_context("spawn")  # a forked process cannot use CUDA
            self._workers = [
                ProcessPoolExecutor(1, mp_context=spawn, initializer=_start, initargs=(device, self._options))
                for device in self._devices
            ]
        return self._workers


def _start(device: str, options: dict[str, Any]) -> None:
    global _encoder
    _encoder = Encoder.load(device=device, **options)


def _work(texts: list[str], kind: str, normalize: bool) -> Encoded:
    if _encoder is None:
        raise RuntimeError("the worker has no encoder")
    return _encoder.encode(texts, kind=kind, normalize=normalize)
