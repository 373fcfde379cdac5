"""Arithmetic precision: bfloat16 where the machine computes in it itself, fp32 where it would only emulate it."""

from __future__ import annotations

import torch

from recsys.errors import BadInput


def native_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 matrices in hardware.

    A CPU without such instructions converts every operand and is slower than in fp32; one that has them is about four
    times as fast. What torch cannot tell of (another architecture, an older version) counts as having none.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, check, bool)()) for check in checks)


def training_precision(asked: str, device: torch.device) -> str:
    """``fp32`` or ``bf16`` (products in bfloat16, weights and sums in fp32); ``auto`` takes bf16 where it is native."""
    if asked == "auto":
        return "bf16" if native_bf16(device) else "fp32"
    if asked not in ("fp32", "bf16"):
        raise BadInput(f"precision {asked!r}: expected auto, fp32 or bf16")
    return asked
