"""Small GPT-2 and Qwen 2 models with random weights, for tests of mechanics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

END = "<|endoftext|>"


def write_gpt2(
    folder: Path, texts: Sequence[str], *, positions: int = 64, vocabulary: int = 300, spread: float = 0.02
) -> Path:
    """Write a model directory whose tokenizer has learnt from `texts`; `spread` is that of the weights."""
    tokens = _write_tokenizer(folder, texts, vocabulary)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=tokens,
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


def write_qwen2(folder: Path, texts: Sequence[str], *, layers: int = 2) -> Path:
    """Write a Qwen 2 directory of the width 32 likewise; no chat template."""
    tokens = _write_tokenizer(folder, texts, 300)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=tokens,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder


def _write_tokenizer(folder: Path, texts: Sequence[str], vocabulary: int) -> int:
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(texts, vocabulary, special_tokens=[END])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer, eos_token=END, bos_token=END)
    tokenizer.save_pretrained(folder)
    return len(tokenizer)
