"""The fast path equals the Hugging Face model, on each architecture it claims, and claims no other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.encoders import fast_bert
from recsys.encoders.checkpoint import FullModel

SMALL = {"vocab_size": 300, "initializer_range": 0.3}
BERT = {**SMALL, "hidden_size": 48, "num_attention_heads": 4, "intermediate_size": 96, "num_hidden_layers": 3}
ROBERTA = {**BERT, "max_position_embeddings": 66, "pad_token_id": 1, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
MINILM = {**BERT, "hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536, "initializer_range": 0.05}
DISTIL = {**SMALL, "dim": 48, "n_heads": 4, "hidden_dim": 96, "n_layers": 3}
CLAIMED = {
    "bert": ("BertModel", transformers.BertConfig, BERT),
    "minilm": ("BertModel", transformers.BertConfig, MINILM),
    "one layer": ("BertModel", transformers.BertConfig, {**BERT, "num_hidden_layers": 1}),
    "roberta": ("RobertaModel", transformers.RobertaConfig, ROBERTA),
    "xlm-roberta": ("XLMRobertaModel", transformers.XLMRobertaConfig, ROBERTA),
    "camembert": ("CamembertModel", transformers.CamembertConfig, ROBERTA),
    "distilbert": ("DistilBertModel", transformers.DistilBertConfig, DISTIL),
}
NOT_CLAIMED = {
    "other activation": ("BertModel", transformers.BertConfig, {**BERT, "hidden_act": "gelu_new"}),
    "decoder": ("BertModel", transformers.BertConfig, {**BERT, "is_decoder": True}),
    "electra": ("ElectraModel", transformers.ElectraConfig, {**BERT, "embedding_size": 24}),
    "albert": ("AlbertModel", transformers.AlbertConfig, {**BERT, "embedding_size": 24}),
    "mpnet": ("MPNetModel", transformers.MPNetConfig, {**BERT, "pad_token_id": 1}),
}


def make(kind: tuple[str, Any, dict[str, Any]]) -> Any:
    name, config, sizes = kind
    torch.manual_seed(0)
    return getattr(transformers, name)(config(**sizes)).eval()


def texts(lengths: list[int], seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(5, 300, size).tolist() for size in lengths]


@torch.inference_mode()
def difference(model: Any, pooling: str, ids: list[list[int]]) -> float:
    fast = fast_bert.build(model, pooling)
    assert fast is not None
    return float((fast(ids) - FullModel(model, pooling, pad=model.config.pad_token_id or 0)(ids)).abs().max())


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("kind", CLAIMED)
def test_equals_the_full_model(kind: str, pooling: str) -> None:
    assert difference(make(CLAIMED[kind]), pooling, texts([60, 60, 31, 7, 7, 7, 2])) < 1e-5


@pytest.mark.parametrize("kind", NOT_CLAIMED)
def test_other_architectures_are_left_to_the_full_model(kind: str) -> None:
    assert fast_bert.build(make(NOT_CLAIMED[kind]), "cls") is None


def test_a_model_that_differs_in_its_parts_is_left_to_the_full_model() -> None:
    model = make(CLAIMED["bert"])
    model.encoder.layer[1].register_forward_hook(lambda *call: call[-1] * 1.5)
    assert fast_bert.build(model, "cls") is None


def test_a_torch_without_these_operators_is_left_to_the_full_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_bert, "_packed", lambda weight: weight.to_sparse())
    assert fast_bert.build(make(CLAIMED["bert"]), "cls") is None


@settings(max_examples=25)
@given(st.lists(st.integers(1, 64), min_size=1, max_size=20), st.sampled_from(["cls", "mean"]))
def test_any_mix_of_lengths_in_any_order(lengths: list[int], pooling: str) -> None:
    assert difference(make(CLAIMED["roberta"]), pooling, texts(lengths)) < 1e-5


@torch.inference_mode()
def test_a_text_has_the_same_vector_in_every_batch() -> None:
    fast = fast_bert.build(make(CLAIMED["minilm"]), "cls")
    assert fast is not None
    ids = texts([40, 12, 12, 3])
    together, alone = fast(ids), torch.cat([fast([row]) for row in ids])
    assert (together - alone).abs().max() < 1e-5


@torch.inference_mode()
@pytest.mark.parametrize(("dtype", "least"), [(torch.bfloat16, 0.999), (torch.float16, 0.9999)])
def test_half_precision_keeps_directions(dtype: torch.dtype, least: float) -> None:
    ids = texts([40, 12, 12, 3])
    exact = fast_bert.build(make(CLAIMED["minilm"]), "cls")
    half = fast_bert.build(make(CLAIMED["minilm"]).to(dtype), "cls")
    assert exact is not None
    assert half is not None
    assert torch.cosine_similarity(exact(ids), half(ids)).min() > least


@torch.inference_mode()
def test_without_onednn_the_numbers_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_bert, "_packed", lambda weight: None)
    assert difference(make(CLAIMED["bert"]), "cls", texts([9, 4])) < 1e-5


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_one_attention_for_texts_of_all_lengths_is_told_where_each_ends(
    pooling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the kernel of a GPU is asked, answered here text by text."""

    def varlen(query, key, value, asked, bounds, *most):
        rows = []
        for text in range(len(bounds) - 1):
            mine, own = slice(*asked[text : text + 2]), slice(*bounds[text : text + 2])
            assert len(query[mine]) <= most[0]
            assert len(key[own]) <= most[1]
            parts = (part.transpose(0, 1) for part in (query[mine], key[own], value[own]))
            rows.append(torch.nn.functional.scaled_dot_product_attention(*parts).transpose(0, 1))
        return torch.cat(rows)

    monkeypatch.setattr(fast_bert, "_one_kernel", lambda weights, heads: True)
    monkeypatch.setattr(fast_bert, "_varlen", varlen)
    assert difference(make(CLAIMED["minilm"]), pooling, texts([60, 60, 31, 7, 7, 7, 2])) < 1e-5


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("pooling", ["cls", "mean"])
@torch.inference_mode()
def test_on_cuda_one_kernel_attends_as_stretches_do(pooling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(CLAIMED["minilm"]).cuda().half()
    ids = texts([120, 64, 63, 40, 12, 12, 3, 2])
    one = fast_bert.build(model, pooling)
    monkeypatch.setattr(fast_bert, "_one_kernel", lambda weights, heads: False)
    stretches = fast_bert.build(model, pooling)
    assert one is not None
    assert stretches is not None
    assert one._one_kernel
    assert (one(ids) - stretches(ids)).abs().max() < 0.01 * stretches(ids).abs().max()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@torch.inference_mode()
def test_on_cuda() -> None:
    model = make(CLAIMED["minilm"])
    ids = texts([40, 12, 12, 3])
    expected = FullModel(model, "cls", pad=0)(ids)
    exact, half = fast_bert.build(model.cuda(), "cls"), fast_bert.build(model.cuda().bfloat16(), "cls")
    assert exact is not None
    assert half is not None
    assert (exact(ids).cpu() - expected).abs().max() < 1e-3
    assert torch.cosine_similarity(half(ids).cpu(), expected).min() > 0.999
