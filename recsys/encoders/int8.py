"""8-bit quantization of linear layers on a CPU: faster than fp32, with directions nearly unchanged (cosine over 0.99).

Weights are symmetric per output channel, as in LLM.int8() (Dettmers et al., 2022); activations are affine per row (per
token), measured as they come. A row's scale depends on nothing but that row, so a text still has the same vector in
every batch, which per-tensor dynamic quantization does not give.

    x ≈ middle + scale · q,   q in -127..127   ⇒   W x + b ≈ scale · (Wq q) · w_scale + middle · (W 1) + b

Needs a CPU with 8-bit dot products to be worth it (VNNI: Intel since 2019, AMD since 2022).
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch.nn import functional

from recsys.encoders.bert import Bert
from recsys.encoders.fast_bert import FastBert
from recsys.encoders.tokens import Tokenizer

log = logging.getLogger(__name__)

LEAST_COSINE = 0.99
"""8 bits are used when every text of `SAMPLE` keeps at least this cosine to its fp32 vector."""

SAMPLE = (
    "",
    "Teapot",
    "红色珐琅茶壶，家用大容量",
    "Wireless mouse, 2.4 GHz, black",
    "Pack of 12 retrospot paper napkins",
    "USB-C cable 2 m (3-pack) 60 W fast charging, nylon braided, for phones, tablets and laptops",
    "Moisturising hand cream with shea butter and vitamin E, 75 ml, fragrance free. Absorbs quickly, leaves no film.",
    "Gaming laptop 15.6 inch, 16 GB RAM, 1 TB SSD, 144 Hz display. A backlit keyboard, two USB-C ports and a fan that "
    "stays quiet under load. What is in the box: the laptop, a 180 W charger and a quick start guide. Brand: Example",
)

_SHIFT = 128  # oneDNN's fast kernels take unsigned activations


def build(model: Any, pooling: str, exact: FastBert | None, tokenizer: Tokenizer) -> FastBert | None:
    """Make the 8-bit version of a model, or None, with a warning that says why, when it should not be used.

    Parameters
    ----------
    model
        A `transformers` model or a `Bert`, on a CPU in fp32.
    pooling
        `cls` or `mean`.
    exact
        The same model in fp32, as `recsys.encoders.fast_bert.build` made it.
    tokenizer
        What turns `SAMPLE` into the model's tokens.
    """
    if exact is None:
        log.warning("precision int8: not known for %s; staying in fp32", type(model).__name__)
        return None
    try:
        quick = FastBert(Bert.of(model), pooling, Int8Linear)
        ids, _ = tokenizer(SAMPLE)
        with torch.inference_mode():
            cosine = float(torch.cosine_similarity(exact(ids), quick(ids)).min())
    except (AttributeError, RuntimeError) as error:
        log.warning("precision int8: this build of torch does not have it (%s); staying in fp32", error)
        return None
    if not cosine >= LEAST_COSINE:
        log.warning("precision int8: cosine to fp32 is %.4f, under %.4f; staying in fp32", cosine, LEAST_COSINE)
        return None
    return quick


class Int8Linear:
    """Quantized linear layer: `recsys.encoders.fast_bert.Linear` in 8 bits, with the same three products."""

    def __init__(self, *layers: torch.nn.Linear) -> None:
        weight = torch.cat([layer.weight for layer in layers]).detach().float()
        self._scale = (weight.abs().amax(1) / 127).clamp(min=1e-12)
        quantized = (weight / self._scale[:, None]).round().to(torch.int8)
        self._row_sums = (quantized.float() * self._scale[:, None]).sum(1)
        self._weight = torch.ops.onednn.qlinear_prepack(quantized, None)
        self._zeros = torch.zeros(len(weight), dtype=torch.int64)
        self._bias = torch.cat([layer.bias for layer in layers]).detach().float()

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """`x Wᵀ + b`, `(rows, in)` to `(rows, out)` float32."""
        low, high = x.amin(1, keepdim=True), x.amax(1, keepdim=True)
        middle, scale = (low + high).mul_(0.5), (high - low).div_(254).clamp_(min=1e-12)
        signed = torch.sub(x, middle).mul_(scale.reciprocal()).round_().to(torch.int8)
        unsigned = signed.view(torch.uint8).bitwise_xor_(_SHIFT)
        product = torch.ops.onednn.qlinear_pointwise(
            unsigned, 1.0, _SHIFT, self._weight, self._scale, self._zeros, None, 1.0, 0, torch.float32, "none", [], ""
        )
        return torch.addcmul(self._bias, middle, self._row_sums).addcmul_(product, scale)

    def gelu(self, x: torch.Tensor) -> torch.Tensor:
        """`gelu(x Wᵀ + b)`."""
        return functional.gelu(self(x))

    def plus(self, x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """`x Wᵀ + b + other`."""
        return self(x).add_(other)
