"""The soft prompt: vectors alone decide what a frozen model writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from recsys.errors import ArtifactError, BadInput
from recsys.explain import soft_prompt

TEXTS = ["a garden tool", "a kitchen bowl"]


def test_vectors_decide_the_text(tmp_path: Path) -> None:
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(TEXTS, 280, special_tokens=["<|endoftext|>"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer, eos_token="<|endoftext|>")
    tokenizer.save_pretrained(tmp_path / "base")
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=32,
        n_embd=32,
        n_layer=2,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
        initializer_range=0.2,
    )
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "base")
    users = np.eye(2, 8, dtype=np.float32)[np.arange(40) % 2]
    texts = [TEXTS[i % 2] for i in range(40)]
    losses = soft_prompt.train(
        users, users, texts, tmp_path / "head", base=str(tmp_path / "base"), epochs=30, learning_rate=1e-2
    )
    assert losses[-1] < 0.8 * losses[0]
    written = soft_prompt.write(users[:2], users[:2], tmp_path / "head", max_new_tokens=8)
    assert written[0] != written[1]
    assert written == soft_prompt.write(users[:2], users[:2], tmp_path / "head", max_new_tokens=8)


def test_wrong_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="for 1 texts"):
        soft_prompt.train(np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32), ["x"], tmp_path)
    with pytest.raises(ArtifactError, match="no soft prompt"):
        soft_prompt.write(np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32), tmp_path)
