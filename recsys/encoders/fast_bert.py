"""BERT, RoBERTa and DistilBERT encoders without padding, and with one row of the last layer.

The same numbers as the Hugging Face model (within 1e-5 in fp32), from less work:

- The texts of a batch lie one after another in a matrix of tokens, so linear layers see no padding. Attention needs no
  masks either: on a GPU in half precision one kernel knows where each text ends (FlashAttention-2, Dao 2023); elsewhere
  it runs on stretches of equally long texts, which lie next to each other because batches are sorted by length.
- With `[CLS]` pooling only that row of the last layer is needed: its query, attention output and feed-forward.
- Query, key and value are one product; on a CPU every product is oneDNN's, with weights packed once and bias, GELU and
  the residual added while the result is in cache.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, groupby
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch.nn import functional

from recsys.encoders.bert import Bert, Layer, Unfamiliar
from recsys.encoders.tokens import TokenIds

log = logging.getLogger(__name__)

Integers = np.ndarray[Any, np.dtype[np.int64]]


class LinearLike(Protocol):
    """Linear layer, or several with the same input as one product, and the fused steps that may follow it."""

    def __call__(self, x: torch.Tensor) -> torch.Tensor: ...  # noqa: D102
    def gelu(self, x: torch.Tensor) -> torch.Tensor: ...  # noqa: D102
    def plus(self, x: torch.Tensor, other: torch.Tensor) -> torch.Tensor: ...  # noqa: D102


MakeLinear = Callable[..., LinearLike]


def build(model: Any, pooling: str) -> FastBert | None:
    """Make the fast equivalent of a model, or None when the model is of no kind known to be equal.

    Parameters
    ----------
    model
        A `transformers` model or a `Bert`, in evaluation mode, on its device and in its dtype.
    pooling
        `cls` or `mean`.
    """
    try:
        fast = FastBert(Bert.of(model), pooling)
        return fast if _agrees(model, fast, pooling) else None
    except (Unfamiliar, AttributeError, RuntimeError) as error:  # the latter: torch names its operators differently
        log.info("no fast path for %s: %s", type(model).__name__, error)
        return None


def _agrees(model: Any, fast: FastBert, pooling: str) -> bool:
    """Compare with the full model on two short inputs: a wrong guess about its parts shows in every number."""
    device, dtype = next(model.parameters()).device, next(model.parameters()).dtype
    ids = torch.arange(5, 12)
    with torch.inference_mode():
        hidden = model(input_ids=ids[None].to(device)).last_hidden_state[0].float()
        expected = hidden[0] if pooling == "cls" else hidden.mean(0)
        found = fast([ids.tolist(), ids[:3].tolist()])[0]
    tolerance = 1e-4 if dtype == torch.float32 else 0.1
    return bool((found - expected).abs().max() <= tolerance * expected.abs().max().clamp(min=1))


class FastBert:
    """Pooled embeddings of token ids without padding; the module's description says how."""

    def __init__(self, bert: Bert, pooling: str, linear: MakeLinear | None = None) -> None:
        linear = linear or Linear
        heads = bert.config.num_attention_heads
        self._word = bert.word
        self._position = bert.position_embeddings()
        self._norm = bert.norm
        parts = cast(list[Layer], list(bert.layers))
        self._layers = [_Layer(part, heads, linear) for part in (parts[:-1] if pooling == "cls" else parts)]
        self._first_rows = _FirstRows(parts[-1], heads, linear) if pooling == "cls" else None
        self._device = self._word.device
        self._one_kernel = _one_kernel(self._word, heads)

    def __call__(self, ids: Sequence[TokenIds]) -> torch.Tensor:
        """Pooled float32 vectors `(n, dim)` of token ids, on the model's device; fastest when sorted by length."""
        lengths = np.fromiter((len(row) for row in ids), dtype=np.int64, count=len(ids))
        first = np.cumsum(lengths) - lengths
        used = int(lengths.sum())
        token, place = np.zeros((2, self._rows(used)), dtype=np.int64)
        token[:used] = np.fromiter(chain.from_iterable(ids), dtype=np.int64, count=used)
        place[:used] = np.arange(used) - np.repeat(first, lengths)

        attention: Attention = (
            _OneKernel(lengths, self._to_device(np.r_[0, first + lengths])) if self._one_kernel else _Stretches(lengths)
        )
        hidden = functional.embedding(self._to_device(token), self._word)
        hidden = self._norm(hidden + functional.embedding(self._to_device(place), self._position))
        for layer in self._layers:
            hidden = layer(hidden, attention)
        if self._first_rows is not None:
            first = np.pad(first, (0, self._rows(len(ids)) - len(ids)))
            return self._first_rows(hidden, self._to_device(first), attention)[: len(ids)].float()
        hidden = hidden[:used].float()
        owner = self._to_device(np.repeat(np.arange(len(ids)), lengths))
        sums = torch.zeros(len(ids), hidden.shape[1], device=self._device).index_add_(0, owner, hidden)
        return sums / self._to_device(lengths)[:, None]

    def positions(self, lengths: Sequence[int]) -> int:
        """How many tokens a batch of texts of these lengths is computed as."""
        return self._rows(sum(lengths))

    def _rows(self, used: int) -> int:
        return used if self._one_kernel else _round_up(used)

    def _to_device(self, values: Integers) -> torch.Tensor:
        tensor = torch.from_numpy(values)
        return tensor.pin_memory().to(self._device, non_blocking=True) if self._device.type == "cuda" else tensor


def _round_up(rows: int) -> int:
    """A few more rows: oneDNN builds and keeps a kernel for each number of rows it meets, so let there be few."""
    multiple = 8 if rows <= 64 else 64
    return -(-rows // multiple) * multiple


class Linear:
    """`x Wᵀ + b`, then GELU or the sum with another matrix. `W` may be several layers' weights, stacked."""

    def __init__(self, *layers: torch.nn.Linear) -> None:
        weight = torch.cat([layer.weight for layer in layers]).detach()
        packed = _packed(weight)
        self._fused = packed is not None
        self._weight = weight if packed is None else packed
        self._bias = torch.cat([layer.bias for layer in layers]).detach()

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """`x Wᵀ + b`, `(rows, in)` to `(rows, out)`."""
        if not self._fused:
            return functional.linear(x, self._weight, self._bias)
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")
        return product

    def gelu(self, x: torch.Tensor) -> torch.Tensor:
        """`gelu(x Wᵀ + b)`."""
        if not self._fused:
            return functional.gelu(functional.linear(x, self._weight, self._bias))
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "gelu", [], "none")
        return product

    def plus(self, x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """`x Wᵀ + b + other`."""
        if not self._fused:
            return functional.linear(x, self._weight, self._bias).add_(other)
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise.binary(x, other, self._weight, self._bias, "add")
        return product


def _packed(weight: torch.Tensor) -> torch.Tensor | None:
    """Weights in oneDNN's own layout, or None where torch has no oneDNN for them (or not these operators)."""
    try:
        if weight.device.type != "cpu" or not torch._C._has_mkldnn:
            return None
        if weight.dtype == torch.float16 or (
            weight.dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported()
        ):
            return None
        packed: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(weight)
    except (AttributeError, RuntimeError):
        return None
    return packed


class _Layer:
    """Transformer layer on unpadded tokens: hidden states `(rows, dim)` to those of the next layer."""

    def __init__(self, parts: Layer, heads: int, linear: MakeLinear) -> None:
        self._mix = linear(parts.query, parts.key, parts.value)
        self._rest = _AfterAttention(parts, linear)
        self._heads = heads

    def __call__(self, hidden: torch.Tensor, attention: Attention) -> torch.Tensor:
        mixed = self._mix(hidden).view(len(hidden), 3, self._heads, -1)
        return self._rest(attention.of_all(mixed).flatten(1), hidden)


class _FirstRows:
    """Last transformer layer for [CLS] alone: hidden states `(rows, dim)` to `(len(first), dim)` at the rows `first`.

    What is computed for those rows alone costs so little that it always keeps the model's own precision.
    """

    def __init__(self, parts: Layer, heads: int, linear: MakeLinear) -> None:
        self._query = Linear(parts.query)
        self._mix = linear(parts.key, parts.value)
        self._rest = _AfterAttention(parts, Linear)
        self._heads = heads

    def __call__(self, hidden: torch.Tensor, first: torch.Tensor, attention: Attention) -> torch.Tensor:
        start = hidden[first]
        asked = self._query(start).view(len(start), self._heads, -1)
        mixed = self._mix(hidden).view(len(hidden), 2, self._heads, -1)
        return self._rest(attention.of_first(asked, mixed).flatten(1), start)


class _AfterAttention:
    """Rest of a transformer layer: attention output and feed-forward, each with residual and norm."""

    def __init__(self, parts: Layer, linear: MakeLinear) -> None:
        self._output, self._up, self._down = linear(parts.output), linear(parts.up), linear(parts.down)
        self._attention_norm, self._norm = parts.attention_norm, parts.norm

    def __call__(self, context: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        hidden = self._attention_norm(self._output.plus(context, hidden))
        out: torch.Tensor = self._norm(self._down.plus(self._up.gelu(hidden), hidden))
        return out


class Attention(Protocol):
    """Self-attention within each text of a batch."""

    def of_all(self, mixed: torch.Tensor) -> torch.Tensor:
        """Context `(rows, heads, size)` of every token; `mixed` has query, key and value: `(rows, 3, heads, size)`."""

    def of_first(self, query: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
        """Context of one query a text, `(texts, heads, size)`; `mixed` has key and value: `(rows, 2, heads, size)`."""


class _Stretches:
    """Attention on stretches of equally long texts, each a batch without padding: for every device and precision."""

    def __init__(self, lengths: Integers) -> None:
        self._runs = [(length, len(list(same))) for length, same in groupby(lengths.tolist())]

    def of_all(self, mixed: torch.Tensor) -> torch.Tensor:
        context = torch.zeros_like(mixed[:, 0])
        for rows, _, shape in self._spans():
            query, key, value = _heads(mixed[rows].view(*shape, *mixed.shape[1:]))
            out = functional.scaled_dot_product_attention(query, key, value)
            context[rows].view(*shape, *context.shape[1:]).copy_(out.transpose(1, 2))
        return context

    def of_first(self, query: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
        context = torch.zeros_like(query)
        for rows, texts, shape in self._spans():
            key, value = _heads(mixed[rows].view(*shape, *mixed.shape[1:]))
            context[texts] = functional.scaled_dot_product_attention(query[texts, :, None], key, value)[:, :, 0]
        return context

    def _spans(self) -> Iterator[tuple[slice, slice, tuple[int, int]]]:
        """Slices of each stretch: its rows among the tokens and among the texts, (count, length)."""
        row = text = 0
        for length, count in self._runs:
            yield slice(row, row + count * length), slice(text, text + count), (count, length)
            row, text = row + count * length, text + count


def _heads(mixed: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Split attention heads: `(count, length, parts, heads, size)` to one `(count, heads, length, size)` per part."""
    return mixed.permute(2, 0, 3, 1, 4).unbind(0)


class _OneKernel:
    """Attention on all texts at once, told where each begins: a launch a layer in place of one for each length."""

    def __init__(self, lengths: Integers, bounds: torch.Tensor) -> None:
        self._bounds, self._longest = bounds.int(), int(lengths.max())

    def of_all(self, mixed: torch.Tensor) -> torch.Tensor:
        query, key, value = mixed.unbind(1)
        return _varlen(query, key, value, self._bounds, self._bounds, self._longest, self._longest)

    def of_first(self, query: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
        key, value = mixed.unbind(1)
        each = torch.arange(len(query) + 1, dtype=torch.int32, device=query.device)
        return _varlen(query, key, value, each, self._bounds, 1, self._longest)


def _one_kernel(weights: torch.Tensor, heads: int) -> bool:
    """Whether torch has FlashAttention for texts of any length on this device, in this precision and head size."""
    if weights.device.type != "cuda" or weights.dtype not in (torch.bfloat16, torch.float16):
        return False
    try:
        mixed = weights[:3].view(1, 3, heads, -1)
        _OneKernel(np.array([1]), torch.tensor([0, 1], device=weights.device)).of_all(mixed)
    except (AttributeError, RuntimeError, TypeError) as error:  # an older card or torch, or a head of unusual size
        log.info("attention on stretches of equally long texts: %s", error)
        return False
    return True


def _varlen(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, asked: torch.Tensor, bounds: torch.Tensor, *most: int
) -> torch.Tensor:
    # what torch.nn.attention.varlen calls: that module is not in torch before 2.10, and loads torch's compiler
    flash = torch.ops.aten._flash_attention_forward
    out: torch.Tensor = flash(query, key, value, asked, bounds, *most, 0.0, False, False)[0]
    return out
