"""Shared shops and models: a tiny random encoder for mechanics, the pinned small one where meaning matters."""

from __future__ import annotations

import json
import os
from pathlib import Path

# Before numpy and torch are loaded: sums in one order, so that what was equal once is equal always.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pandas as pd
import pytest

from recsys.cli._trust import shop

os.environ.setdefault("RECSYS_ASSISTANT__WRITER", "retrieved")  # tests load no chat model unless they name one
os.environ.setdefault("RECSYS_CONFIG", os.devnull)  # a recsys.toml in the working directory must not steer tests

# The same examples in every run: what fails here fails everywhere, however busy the machine.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.load_profile("same")

_SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Evaluation data beside the checkout; absent on most machines."""
    if not _SHARED.is_dir():
        pytest.skip("the evaluation data is not beside this checkout")
    return _SHARED


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of a two-layer BERT with random weights that spells words letter by letter."""
    return shop.write_encoder(tmp_path_factory.mktemp("tiny-bert"))


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of a CLIP with random weights: pictures of 32 pixels, words spelt letter by letter, 24 dimensions."""
    import torch
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("tiny-clip")
    letters = sorted(ByteLevel.alphabet())
    vocabulary = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: code for code, word in enumerate(vocabulary)}), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    end = len(vocabulary) - 1
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = CLIPConfig(
        text_config={
            **sizes,
            "vocab_size": len(vocabulary),
            "bos_token_id": end - 1,
            "eos_token_id": end,
            "pad_token_id": end,
        },
        vision_config={**sizes, "image_size": 32, "patch_size": 8},
        projection_dim=24,
    )
    torch.manual_seed(0)
    CLIPModel(config).eval().save_pretrained(folder, safe_serialization=True)
    prepared = {"crop_size": 32, "size": {"shortest_edge": 32}, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.25] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(prepared), "utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Items and interactions of a shop with two tastes that never mix: gardeners and cooks."""
    return shop.tables()


@pytest.fixture(scope="session")
def tiny_environment(tiny_encoder: Path) -> dict[str, str]:
    """Environment variables that make any run quick: the tiny encoder, few negatives, little bootstrap."""
    return shop.environment(tiny_encoder)


@pytest.fixture(scope="module")
def environment(tiny_environment: dict[str, str]):
    """The tiny environment, for the tests of one file that share what they made in it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def tiny(tiny_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny environment, for this test's own process."""
    for name, value in tiny_environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def tiny_version(tiny_tables, tiny_environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts with one published version of the tiny shop; read it, never write to it."""
    from recsys import Recommender
    from recsys.settings import load_settings

    folder = tmp_path_factory.mktemp("tiny-artifacts")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        Recommender.build(*tiny_tables, artifacts=folder, settings=load_settings())
    return folder
