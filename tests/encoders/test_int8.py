"""8-bit layers: close to the exact ones, row by row, and refused when they are not."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.encoders import int8
from recsys.encoders.encoder import Encoder

TEXTS = ["red kettle", "blue kettle with a long description of its handle", "", "红色茶壶", "x"]


def layer(out: int, inside: int, seed: int = 0) -> torch.nn.Linear:
    torch.manual_seed(seed)
    return torch.nn.Linear(inside, out)


@torch.inference_mode()
@settings(max_examples=30)
@given(
    rows=st.integers(1, 70),
    out=st.integers(1, 90),
    inside=st.integers(1, 130),
    scale=st.floats(1e-3, 1e3),
    shift=st.floats(-10, 10),
)
def test_close_to_the_exact_product_for_any_shape_scale_and_offset(
    rows: int, out: int, inside: int, scale: float, shift: float
) -> None:
    exact, quick = layer(out, inside), int8.Int8Linear(layer(out, inside))
    x = (torch.randn(rows, inside) + shift) * scale
    spread = x.amax(1, keepdim=True) - x.amin(1, keepdim=True)
    # Each activation is off by at most half a step of its row, each weight by half a step of its channel.
    weight = exact.weight.abs()
    bound = spread / 254 * (weight.sum(1) + weight.amax(1)) + x.abs().sum(1, keepdim=True) * weight.amax(1) / 254
    assert ((quick(x) - exact(x)).abs() <= bound + 1e-4 * scale).all()


@torch.inference_mode()
def test_a_row_has_the_same_result_whatever_the_other_rows() -> None:
    quick = int8.Int8Linear(layer(20, 30), layer(10, 30, seed=1))
    x = torch.randn(9, 30) * torch.logspace(-3, 3, 9)[:, None]
    assert torch.allclose(quick(x), torch.cat([quick(row[None]) for row in x]), rtol=1e-5, atol=0)
    assert torch.isfinite(quick(torch.zeros(2, 30))).all()


@torch.inference_mode()
def test_what_follows_the_product() -> None:
    quick, x, other = int8.Int8Linear(layer(20, 30)), torch.randn(5, 30), torch.randn(5, 20)
    assert torch.allclose(quick.gelu(x), torch.nn.functional.gelu(quick(x)))
    assert torch.allclose(quick.plus(x, other), quick(x) + other)


def test_an_encoder_in_int8_keeps_directions_and_says_what_it_is(tiny_encoder: Path) -> None:
    exact = Encoder.load(str(tiny_encoder), device="cpu")
    quick = Encoder.load(str(tiny_encoder), device="cpu", precision="int8")
    assert quick.info["precision"] == "int8"
    assert quick.fingerprint != exact.fingerprint
    together = quick.encode(TEXTS).vectors
    assert (exact.encode(TEXTS).vectors * together).sum(1).min() > 0.99
    assert np.abs(together - np.vstack([quick.encode([text]).vectors for text in TEXTS])).max() < 1e-5


def test_int8_is_refused_when_it_turns_vectors_too_far(
    tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    exact = Encoder.load(str(tiny_encoder), device="cpu")
    monkeypatch.setattr(int8, "LEAST_COSINE", 1.1)
    with caplog.at_level(logging.WARNING):
        refused = Encoder.load(str(tiny_encoder), device="cpu", precision="int8")
    assert "staying in fp32" in caplog.text
    assert refused.fingerprint == exact.fingerprint
    assert (refused.encode(TEXTS).vectors == exact.encode(TEXTS).vectors).all()


def test_int8_is_refused_for_unknown_architectures(
    tiny_encoder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Path(shutil.copytree(tiny_encoder, tmp_path / "decoder"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "is_decoder": True}))
    with caplog.at_level(logging.WARNING):
        assert Encoder.load(str(folder), device="cpu", precision="int8").info["precision"] == "fp32"
    assert "not known for BertModel" in caplog.text


@pytest.mark.weights
def test_the_pinned_encoder_is_accepted() -> None:
    quick = Encoder.load(device="cpu", precision="int8")
    assert quick.info["precision"] == "int8"
    exact = Encoder.load(device="cpu").encode(int8.SAMPLE).vectors
    assert (quick.encode(int8.SAMPLE).vectors * exact).sum(1).min() > int8.LEAST_COSINE
