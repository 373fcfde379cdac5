"""The encoding benchmark measures what it says, and leaves out what is not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import BertConfig

from recsys.cli._benchmarks.encode import bench_encode, useful_flop
from recsys.errors import BadInput

TEXTS = [f"{colour} {thing}" for colour in ("red", "blue", "green") for thing in ("kettle", "pan", "very big bowl")]


def test_every_figure_is_there_and_json(tiny_encoder: Path) -> None:
    result = bench_encode(
        TEXTS, model=str(tiny_encoder), max_length=40, repeats=2, precisions=["fp32", "int8"], peers=["nobody"]
    )
    assert set(result["contenders"]) == {"recsys fp32", "recsys int8"}
    assert "nobody" in result["left_out"]
    assert result["texts"]["count"] == 9
    exact = result["contenders"]["recsys fp32"]
    assert exact["least_cosine_to_full_model"] == pytest.approx(1, abs=1e-5)
    assert exact["share_of_limit"]["median"] <= exact["share_of_limit_of_torch"]["median"] * 1.001
    assert exact["share_of_limit"]["least"] <= exact["share_of_limit"]["median"] <= exact["share_of_limit"]["most"]
    json.dumps(result)


def test_sentence_transformers_is_the_unit(tiny_encoder: Path) -> None:
    pytest.importorskip("sentence_transformers")
    result = bench_encode(
        TEXTS, model=str(tiny_encoder), repeats=1, precisions=["fp32"], peers=["sentence-transformers"], threads=1
    )
    theirs = result["contenders"]["sentence-transformers"]
    assert theirs["times_sentence_transformers"] == {"median": 1, "least": 1, "most": 1}
    assert theirs["least_cosine_to_full_model"] == pytest.approx(1, abs=1e-5)
    assert result["machine"]["threads"] == 1


def test_equal_texts_would_flatter(tiny_encoder: Path) -> None:
    for texts in (["one"], ["same", "same"]):
        with pytest.raises(BadInput, match="all different"):
            bench_encode(texts, model=str(tiny_encoder))


def test_useful_arithmetic_of_one_token() -> None:
    config = BertConfig(hidden_size=2, intermediate_size=3, num_hidden_layers=1, num_attention_heads=1)
    # query, key, value, output: 4 products of 2 × 2; feed-forward: 2 × 3 twice; attention: one score and one sum of 2
    assert useful_flop(config, [1]) == 2 * (4 * 4 + 2 * 6) + 4 * 2
