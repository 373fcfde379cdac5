"""Texts to vectors: the same whatever the batch, nothing silently cut, every odd text defined."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.encoders import encoder as encoder_module
from recsys.encoders import tokens
from recsys.encoders.encoder import Encoder, pick_device
from recsys.errors import BadInput

TEXTS = ["red kettle", "blue kettle", "a", "", "红色茶壶", "red kettle", "word " * 30, "\ud800 half a character"]


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> Encoder:
    return Encoder.load(str(tiny_encoder), device="cpu", max_length=40)


def test_shape_type_norm_and_order(encoder: Encoder) -> None:
    result = encoder.encode(TEXTS)
    assert result.vectors.shape == (len(TEXTS), encoder.dim)
    assert result.vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(result.vectors, axis=1), 1, atol=1e-6)
    assert (result.vectors[0] == result.vectors[5]).all()
    assert result.unique == len(TEXTS) - 1
    assert not np.allclose(result.vectors[0], result.vectors[1], atol=1e-3)
    assert encoder.encode([]).vectors.shape == (0, encoder.dim)


@settings(max_examples=20)
@given(st.lists(st.text(max_size=80), min_size=1, max_size=12), st.integers(8, 200))
def test_a_text_has_the_same_vector_whatever_its_batch(encoder: Encoder, texts: list[str], budget: int) -> None:
    alone = np.vstack([encoder.encode([text], normalize=False).vectors for text in texts])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoder, "_token_budget", budget)
        patch.setattr(encoder_module, "WINDOW", 5)
        together = encoder.encode(texts, normalize=False).vectors
    assert np.isfinite(together).all()
    assert np.abs(together - alone).max() < 1e-5


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_equals_transformers(tiny_encoder: Path, pooling: str) -> None:
    from transformers import AutoModel, AutoTokenizer

    texts = ["red kettle", "", "a much longer text than the others"]
    batch = AutoTokenizer.from_pretrained(tiny_encoder)(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = AutoModel.from_pretrained(tiny_encoder)(**batch).last_hidden_state
    mask = batch["attention_mask"][:, :, None]
    expected = hidden[:, 0] if pooling == "cls" else (hidden * mask).sum(1) / mask.sum(1)
    found = Encoder.load(str(tiny_encoder), pooling=pooling, device="cpu").encode(texts, normalize=False).vectors
    assert np.abs(found - expected.numpy()).max() < 1e-5


def test_cut_texts_are_counted_each_time_they_occur(encoder: Encoder) -> None:
    fits, cut = "x" * 38, "x" * 39  # one letter is one token, and [CLS] and [SEP] need room
    result = encoder.encode([fits, cut, cut, "y"])
    assert result.truncated == 2
    assert result.tokens == 40 + 40 + 3
    assert 0 <= result.padding_waste < 0.5
    assert np.abs(result.vectors[0] - result.vectors[1]).max() < 1e-5


@pytest.mark.parametrize(
    "text",
    ["word " * 20_000, " " * 90_000 + "late words here " * 20, "x" * 100_000, "红色茶壶" * 25_000, "a," * 50_000],
    ids=["words", "spaces first", "one word", "chinese", "no spaces"],
)
def test_huge_texts_are_read_no_further_than_needed_and_give_the_same(
    encoder: Encoder, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounded = encoder.encode([text])
    monkeypatch.setattr(tokens, "CHARACTERS_PER_TOKEN", 10**6)
    whole = encoder.encode([text])
    assert (bounded.vectors == whole.vectors).all()
    assert bounded.truncated == whole.truncated


def test_missing_texts_are_an_error_that_says_where(encoder: Encoder) -> None:
    texts: list[Any] = ["fine", float("nan")]
    with pytest.raises(BadInput, match="text 1 is a float"):
        encoder.encode(texts)
    with pytest.raises(BadInput, match="document or query"):
        encoder.encode(["fine"], kind="title")


def test_what_decides_a_vector_decides_the_fingerprint(tiny_encoder: Path, tmp_path: Path) -> None:
    load = Encoder.load
    base = load(str(tiny_encoder), device="cpu")
    moved = Path(shutil.copytree(tiny_encoder, tmp_path / "moved"))
    assert load(str(moved), device="cpu").fingerprint == base.fingerprint
    others = [load(str(moved), pooling="mean"), load(str(moved), max_length=20), load(str(moved), precision="bf16")]
    config = json.loads((moved / "config.json").read_text())
    (moved / "config.json").write_text(json.dumps({**config, "layer_norm_eps": 1e-5}))
    fingerprints = {encoder.fingerprint for encoder in [base, *others, load(str(moved))]}
    assert len(fingerprints) == 5
    assert base.info["weights_hash"] not in {"", None}
    json.dumps(base.info)


def test_max_length_is_128_and_never_more_than_the_model_reads(tiny_encoder: Path) -> None:
    assert Encoder.load(str(tiny_encoder)).max_length == 64
    assert Encoder.load(str(tiny_encoder), max_length=5000).max_length == 64
    with pytest.raises(BadInput, match="at least 3"):
        Encoder.load(str(tiny_encoder), max_length=2)


@pytest.fixture
def sentence_encoder(tiny_encoder: Path, tmp_path: Path) -> Path:
    """The tiny encoder with what a sentence-transformers directory says of itself."""
    folder = Path(shutil.copytree(tiny_encoder, tmp_path / "sentence"))
    (folder / "1_Pooling").mkdir()
    says = {
        "modules.json": [
            {"type": f"sentence_transformers.models.{m}"} for m in ("Transformer", "Pooling", "Normalize")
        ],
        "1_Pooling/config.json": {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True},
        "sentence_bert_config.json": {"max_seq_length": 30},
        "config_sentence_transformers.json": {"prompts": {"query": "query: ", "passage": "passage: "}},
    }
    for name, content in says.items():
        (folder / name).write_text(json.dumps(content))
    return folder


def test_auto_pooling_takes_what_the_directory_says(sentence_encoder: Path) -> None:
    auto = Encoder.load(str(sentence_encoder), pooling="auto")
    assert (auto.pooling, auto.max_length) == ("mean", 30)
    plain = Encoder.load(str(sentence_encoder), pooling="mean", max_length=30)
    assert (auto.encode(["x"], kind="query").vectors == plain.encode(["query: x"]).vectors).all()
    assert (auto.encode(["x"]).vectors == plain.encode(["passage: x"]).vectors).all()
    assert Encoder.load(str(sentence_encoder), pooling="auto", max_length=20).max_length == 20


def test_auto_pooling_refuses_what_it_does_not_know(sentence_encoder: Path, tiny_encoder: Path) -> None:
    pooling = sentence_encoder / "1_Pooling" / "config.json"
    pooling.write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(BadInput, match="pooling_mode_max_tokens"):
        Encoder.load(str(sentence_encoder), pooling="auto")
    (sentence_encoder / "modules.json").write_text(json.dumps([{"type": "sentence_transformers.models.Dense"}]))
    with pytest.raises(BadInput, match="Dense"):
        Encoder.load(str(sentence_encoder), pooling="auto")
    with pytest.raises(BadInput, match="no pooling"):
        Encoder.load(str(tiny_encoder), pooling="auto")


@pytest.mark.parametrize(
    ("option", "message"),
    [({"pooling": "max"}, "cls, mean or auto"), ({"precision": "fp8"}, "expected auto"), ({"device": "tpu"}, "device")],
)
def test_unknown_options_name_the_known_ones(tiny_encoder: Path, option: dict[str, str], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Encoder.load(str(tiny_encoder), **option)  # type: ignore[arg-type]


def test_a_directory_that_is_no_encoder_is_refused(tmp_path: Path) -> None:
    for name, content in {"config.json": '{"model_type": "unheard-of"}', "tokenizer.json": "{}"}.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(BadInput, match="no encoder that transformers can load"):
        Encoder.load(str(tmp_path))


def test_code_in_a_model_directory_is_never_run(tiny_encoder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_encoder, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(BadInput):
        Encoder.load(str(folder))
    assert not (tmp_path / "ran").exists()


def test_other_architectures_work_too(tmp_path: Path, tiny_encoder: Path) -> None:
    from transformers import AlbertConfig, AlbertModel

    folder = Path(shutil.copytree(tiny_encoder, tmp_path / "albert"))
    size = len((folder / "vocab.txt").read_text("utf-8").splitlines()) if (folder / "vocab.txt").exists() else 300
    config = AlbertConfig(
        vocab_size=size, hidden_size=32, embedding_size=16, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64, initializer_range=0.5,
    )  # fmt: skip
    AlbertModel(config).save_pretrained(folder, safe_serialization=True)
    encoder = Encoder.load(str(folder))
    together = encoder.encode(TEXTS).vectors
    alone = np.vstack([encoder.encode([text]).vectors for text in TEXTS])
    assert np.abs(together - alone).max() < 1e-5


def test_bf16_keeps_directions(tiny_encoder: Path) -> None:
    exact = Encoder.load(str(tiny_encoder), device="cpu").encode(TEXTS).vectors
    half = Encoder.load(str(tiny_encoder), device="cpu", precision="bf16").encode(TEXTS).vectors
    assert (exact * half).sum(1).min() > 0.999


def test_the_device_is_argument_then_environment_then_best(
    monkeypatch: pytest.MonkeyPatch, tiny_encoder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("RECSYS_DEVICE", raising=False)
    assert pick_device("cpu") == pick_device("cpu,cpu") == torch.device("cpu")
    best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert pick_device().type == pick_device("auto").type == best
    monkeypatch.setenv("RECSYS_DEVICE", "quantum")
    with pytest.raises(BadInput, match="quantum"):
        pick_device()
    assert pick_device("cpu").type == "cpu"
    monkeypatch.setenv("RECSYS_DEVICE", "cpu")
    with caplog.at_level(logging.INFO, logger="recsys"):
        Encoder.load(str(tiny_encoder))
    assert "on cpu" in caplog.text
    if not torch.cuda.is_available():
        with pytest.raises(BadInput, match=r"not available.*cpu"):
            pick_device("cuda")


@pytest.mark.weights
def test_the_pinned_encoder_knows_a_kettle_from_a_laptop() -> None:
    vectors = Encoder.load().encode(["red enamel kettle", "blue enamel teapot", "gaming laptop 16 GB"]).vectors
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_directions_are_those_of_the_cpu(tiny_encoder: Path) -> None:
    exact = Encoder.load(str(tiny_encoder), device="cpu").encode(TEXTS).vectors
    for precision in ("auto", "fp16", "fp32"):
        found = Encoder.load(str(tiny_encoder), device="cuda", precision=precision).encode(TEXTS).vectors
        assert (exact * found).sum(1).min() > 0.999
