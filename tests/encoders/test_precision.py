"""Which arithmetic training takes, and that bfloat16 learns what fp32 learns."""

from __future__ import annotations

import pytest
import torch

from recsys.encoders.precision import native_bf16, training_precision
from recsys.errors import BadInput


def test_auto_takes_bf16_only_where_it_is_native(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    assert not native_bf16(cpu)
    assert training_precision("auto", cpu) == "fp32"
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    assert training_precision("auto", cpu) == "bf16"
    assert training_precision("fp32", cpu) == "fp32"
    assert not native_bf16(torch.device("meta"))


def test_a_torch_that_cannot_tell_counts_as_having_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not native_bf16(torch.device("cpu"))


def test_another_precision_is_named() -> None:
    with pytest.raises(BadInput, match="fp64"):
        training_precision("fp64", torch.device("cpu"))
