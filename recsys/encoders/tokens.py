"""Tokenization with counted truncation and token-budget batches; the work on a huge text is bounded.

A batch is a list of token-id lists whose padded size stays within a token budget. Texts are sorted by length first,
so that little of a batch is padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence

CHARACTERS_PER_TOKEN = 20
"""A text is first cut to `max_length` times this; only when that does not fill `max_length` is more of it read."""

TokenIds = list[int]


class Tokenizer:
    """A Hugging Face tokenizer that truncates to `max_length` tokens and says which texts it cut.

    Parameters
    ----------
    backend
        A tokenizer of `transformers`, fast or slow, or a `recsys.encoders.checkpoint.FileTokenizer`.
    max_length
        Tokens kept of a text, special tokens included.
    """

    def __init__(self, backend: Any, max_length: int) -> None:
        self._backend = backend
        self.max_length = max_length
        self._instead_of_nothing = [backend.unk_token_id or 0]  # a tokenizer without special tokens, given ""
        if backend.is_fast:
            backend.backend_tokenizer.no_padding()
            backend.backend_tokenizer.enable_truncation(max_length)

    def __call__(self, texts: Sequence[str]) -> tuple[list[TokenIds], list[bool]]:
        """Return the token ids of each text, and for each whether it was longer than `max_length`."""
        limit = self.max_length * CHARACTERS_PER_TOKEN
        ids, cut = self._tokenize([_head(text, limit) for text in texts])
        for row, text in enumerate(texts):
            # A long text whose head is mostly spaces, or one enormous word, needs more than its head.
            size = limit
            while not cut[row] and size < len(text):
                size *= 4
                (ids[row],), (cut[row],) = self._tokenize([_head(text, size)])
        return ids, cut

    def _tokenize(self, texts: list[str]) -> tuple[list[TokenIds], list[bool]]:
        if not texts:
            return [], []
        if self._backend.is_fast:
            found = self._backend.backend_tokenizer.encode_batch_fast(texts)
            ids, cut = [text.ids for text in found], [bool(text.overflowing) for text in found]
        else:
            whole = self._backend(texts, truncation=False, verbose=False)["input_ids"]
            ids = self._backend(texts, truncation=True, max_length=self.max_length)["input_ids"]
            cut = [len(full) > len(kept) for full, kept in zip(whole, ids, strict=True)]
        return [row or self._instead_of_nothing for row in ids], cut


def _head(text: str, size: int) -> str:
    """Return about the first `size` characters, ending between words where the text has spaces."""
    if len(text) <= size:
        return text
    head = text[:size]
    return head.rsplit(None, 1)[0] if head.strip() else head


def padded(ids: Sequence[TokenIds], pad: int = 0, side: str = "right") -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids of a batch, padded on a side, and the attention mask: int64, `(texts, longest text)` each."""
    rows = [torch.tensor(row) for row in ids]
    mask = [torch.ones_like(row) for row in rows]
    return pad_sequence(rows, True, pad, side), pad_sequence(mask, True, 0, side)


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Token-budget batches: texts, longest first, grouped so that rows × longest row stays within `budget` tokens.

    Parameters
    ----------
    lengths
        Tokens in each text.
    budget
        Padded tokens in a batch; a single text longer than that is a batch of its own.

    Yields
    ------
    list of int
        Positions in `lengths`; each appears in exactly one batch.

    Examples
    --------
    >>> list(batches([3, 9, 4, 8], budget=18))
    [[1, 3], [2, 0]]
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    start = 0
    while start < len(order):
        rows = max(1, budget // max(1, lengths[order[start]]))
        yield order[start : start + rows]
        start += rows
