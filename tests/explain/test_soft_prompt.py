"""The soft prompt: vectors alone decide what a frozen model writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

from recsys.errors import ArtifactError, BadInput
from recsys.explain.research import soft_prompt
from tests.tiny_gpt import write_gpt2

TEXTS = ["a garden tool", "a kitchen bowl"]


def _base(folder: Path) -> Path:
    return write_gpt2(folder, TEXTS, positions=32, vocabulary=280, spread=0.2)


def test_vectors_decide_the_text(tmp_path: Path) -> None:
    _base(tmp_path / "base")
    users = np.eye(2, 8, dtype=np.float32)[np.arange(40) % 2]
    texts = [TEXTS[i % 2] for i in range(40)]
    how = {"encoder": "one", "base": str(tmp_path / "base"), "learning_rate": 1e-2}
    report = soft_prompt.train(users, users, texts, tmp_path / "head", epochs=30, held_out=8, **how)
    assert report.losses[-1] < 0.8 * report.losses[0]
    assert report.loss < 0.8 * report.loss_before
    assert (len(report.losses), report.steps, report.train_examples) == (30, 120, 32)
    written = soft_prompt.write(users[:2], users[:2], tmp_path / "head", encoder="one", max_new_tokens=8)
    assert written[0] != written[1]
    assert written == soft_prompt.write(users[:2], users[:2], tmp_path / "head", encoder="one", max_new_tokens=8)

    with pytest.raises(ArtifactError, match="another encoder"):
        soft_prompt.write(users[:2], users[:2], tmp_path / "head", encoder="two")
    short = soft_prompt.train(users, users, texts, tmp_path / "short", max_steps=7, **how)
    assert (len(short.losses), short.steps) == (2, 7)  # five updates make an epoch
    (tmp_path / "short" / "soft_prompt.safetensors").write_bytes(b"")
    with pytest.raises(ArtifactError, match="damaged"):
        soft_prompt.write(users[:2], users[:2], tmp_path / "short", encoder="one")
    (tmp_path / "short" / "soft_prompt.json").write_text('{"base": "x", "dim": 8}', "utf-8")
    with pytest.raises(ArtifactError, match="older version"):
        soft_prompt.write(users[:2], users[:2], tmp_path / "short", encoder="one")
    model = GPT2LMHeadModel.from_pretrained(tmp_path / "base")
    model.transformer.wte.weight.data += 1
    model.save_pretrained(tmp_path / "base")
    with pytest.raises(ArtifactError, match="other weights"):
        soft_prompt.write(users[:2], users[:2], tmp_path / "head", encoder="one")


def test_losses_are_nats_per_token(tmp_path: Path) -> None:
    """Against one plain forward pass per text, without batches or padding."""
    base = _base(tmp_path / "base")
    users = np.eye(2, 8, dtype=np.float32)[np.arange(12) % 2]
    texts = [TEXTS[i % 2] for i in range(12)]
    report = soft_prompt.train(
        users, users, texts, tmp_path / "head", encoder="one", base=str(base), held_out=3, epochs=1
    )
    model = GPT2LMHeadModel.from_pretrained(base).eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(base)
    head = soft_prompt.SoftPrompt(8, 32, report.tokens, 1.0)
    head.load_state_dict(load_file(tmp_path / "head" / "soft_prompt.safetensors"))
    total, count = 0.0, 0
    for row in range(9, 12):
        ids = torch.tensor([*tokenizer(f" {texts[row]}")["input_ids"], tokenizer.eos_token_id])
        with torch.inference_mode():
            prompt = head(torch.from_numpy(users[[row]]), torch.from_numpy(users[[row]]))
            embedded = torch.cat([prompt, model.get_input_embeddings()(ids)[None]], 1)
            scores = model(inputs_embeds=embedded).logits[0, prompt.shape[1] - 1 : -1].log_softmax(-1)
        total, count = total - float(scores.gather(1, ids[:, None]).sum()), count + len(ids)
    assert report.loss == pytest.approx(total / count, rel=1e-4)


def test_wrong_input_is_named(tmp_path: Path) -> None:
    two = np.zeros((2, 3), np.float32)
    with pytest.raises(BadInput, match="for 1 texts"):
        soft_prompt.train(two, two, ["x"], tmp_path, encoder="one")
    with pytest.raises(BadInput, match="2 held out"):
        soft_prompt.train(two, two, ["x", "y"], tmp_path, encoder="one", held_out=2)
    with pytest.raises(BadInput, match="0 updates"):
        soft_prompt.train(two, two, ["x", "y"], tmp_path, encoder="one", max_steps=0)
    with pytest.raises(ArtifactError, match="no soft prompt"):
        soft_prompt.write(two, two, tmp_path, encoder="one")
