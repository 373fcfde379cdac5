"""A GPT-2 of two small layers with random weights, for tests of mechanics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

END = "<|endoftext|>"


def write_gpt2(
    folder: Path, texts: Sequence[str], *, positions: int = 64, vocabulary: int = 300, spread: float = 0.02
) -> Path:
    """Write a model directory whose tokenizer has learnt from `texts`; `spread` is that of the weights."""
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(texts, vocabulary, special_tokens=[END])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer, eos_token=END, bos_token=END)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=positions,
        n_embd=32,
        n_layer=2,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
        initializer_range=spread,
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder
