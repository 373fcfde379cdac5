"""Texts dealt out to processes come back as if one had encoded them all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from recsys.encoders import parallel
from recsys.encoders.encoder import Encoder
from recsys.encoders.loading import encoder_for
from recsys.encoders.parallel import ParallelEncoder, all_devices
from recsys.errors import BadInput
from recsys.settings import load_settings


def test_two_processes_give_what_one_gives(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"text {n % 23} {'long ' * (n % 9)}" for n in range(60)]
    one = Encoder.load(str(tiny_encoder), device="cpu", max_length=30)
    expected = one.encode(texts)
    with ParallelEncoder(["cpu", "cpu"], name=str(tiny_encoder), max_length=30) as many:
        monkeypatch.setattr(parallel, "FEW", 10)
        found = many.encode(texts)
        assert many.fingerprint == one.fingerprint
        assert (many.dim, many.info["device"]) == (one.dim, "cpu,cpu")
        assert np.abs(found.vectors - expected.vectors).max() < 1e-5
        assert (found.cut == expected.cut).all()
        assert (found.truncated, found.unique, found.tokens) == (expected.truncated, expected.unique, expected.tokens)
        monkeypatch.setattr(parallel, "_DEAL", 7)
        assert np.abs(many.encode(texts).vectors - expected.vectors).max() < 1e-5


def test_few_texts_start_no_process(tiny_encoder: Path) -> None:
    many = ParallelEncoder(["cpu"], name=str(tiny_encoder))
    assert many.encode(["one", "two"]).vectors.shape == (2, many.dim)
    assert many._workers == []


def test_devices_that_are_not_there(tiny_encoder: Path) -> None:
    with pytest.raises(BadInput, match="tpu"):
        ParallelEncoder(["cpu", "tpu"], name=str(tiny_encoder))
    if not torch.cuda.is_available():
        with pytest.raises(BadInput, match="no GPU"):
            ParallelEncoder(["cuda"], name=str(tiny_encoder))


def test_the_setting_names_one_device_several_or_every_gpu(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all_devices("cpu") == ["cpu"]
    assert all_devices("cuda:0, cuda:1") == ["cuda:0", "cuda:1"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert all_devices(None) == all_devices("cuda") == ["cuda:0", "cuda:1"]
    monkeypatch.setenv("RECSYS_DEVICE", "cpu")
    assert all_devices(None) == ["cpu"]  # a device that is forced is the only one
    monkeypatch.undo()
    for device, kind in (("cpu", Encoder), ("cpu,cpu", ParallelEncoder)):
        settings = load_settings(encoder={"name": str(tiny_encoder), "device": device})
        assert type(encoder_for(settings)) is kind
