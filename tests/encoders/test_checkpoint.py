"""A directory read by safetensors and tokenizers gives what `transformers` makes of it, or is left to it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from recsys.encoders import checkpoint, fast_bert, pretrained
from recsys.encoders.checkpoint import FullModel
from recsys.encoders.encoder import Encoder
from recsys.encoders.tokens import Tokenizer

TEXTS = [
    "",
    "red kettle",
    "Crème BRÛLÉE  dish, 2-pack",
    "红色茶壶 kettle",
    "a kettle 🫖 for tea",
    "word " * 90,
    "[CLS] red [SEP] <s> </s> [MASK]",
    "\t tabs\nand lines \u00a0",
]
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
SIZES |= {"initializer_range": 0.5, "max_position_embeddings": 64}
DISTIL = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "initializer_range": 0.5}


def bert_tokenizer(folder: Path, **options: Any) -> Any:
    letters = [chr(c) for c in range(33, 127)] + list("茶壶红色éû")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "kettle", *letters, *(f"##{c}" for c in letters)]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), "utf-8")
    return transformers.BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=60, **options)


KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert": ("BertModel", "BertConfig", SIZES),
    "bert with a head": ("BertForMaskedLM", "BertConfig", SIZES),
    "distilbert": ("DistilBertModel", "DistilBertConfig", DISTIL),
}


def write(folder: Path, kind: str) -> Path:
    model, config, sizes = KINDS[kind]
    folder.mkdir()
    tokenizer = bert_tokenizer(folder)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    made = getattr(transformers, model)(getattr(transformers, config)(vocab_size=len(tokenizer), **sizes)).eval()
    for parameter in made.parameters():  # norms and biases start as ones and zeros, which hide mistakes
        if parameter.dim() == 1:
            parameter.data += 0.2 * torch.randn_like(parameter)
    made.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}
    root = tmp_path_factory.mktemp("checkpoints")

    def folder(kind: str) -> Path:
        if kind not in made:
            made[kind] = write(root / kind.replace(" ", "-"), kind)
        return made[kind]

    return folder


@torch.inference_mode()
def expected(folder: Path, pooling: str) -> NDArray[np.float32]:
    """Vectors of `TEXTS` by the model and the tokenizer of `transformers`, text by text."""
    model, backend = checkpoint.load(folder, folder.name)
    full = FullModel(model, pooling, pad=backend.pad_token_id)
    ids = backend(TEXTS, truncation=True, max_length=40)["input_ids"]
    return torch.cat([full([row]) for row in ids]).numpy()


def found(folder: Path, pooling: str, **options: Any) -> NDArray[np.float32]:
    encoder = Encoder.load(str(folder), device="cpu", pooling=pooling, max_length=40, **options)
    return encoder.encode(TEXTS, normalize=False).vectors


def edit(file: Path, **changes: Any) -> None:
    """Change a JSON file; None takes a key away."""
    content = {**json.loads(file.read_text("utf-8")), **changes}
    file.write_text(json.dumps({key: value for key, value in content.items() if value is not None}), "utf-8")


# --- what is read -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("kind", KINDS)
def test_vectors_are_those_of_transformers(kind: str, pooling: str, folders, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = expected(folders(kind), pooling)
    monkeypatch.delattr(checkpoint, "load")
    assert np.abs(found(folders(kind), pooling) - reference).max() < 1e-5


@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_the_whole_plain_model_too_with_padding(kind: str, folders) -> None:
    bert, tokenizer = checkpoint.load_bert(folders(kind))
    model, _ = checkpoint.load(folders(kind), kind)
    assert (bert.config.hidden_size, bert.config.num_attention_heads) == (32, 4)
    ids = [[7, 8, 9, 10, 11], [6, 7], [9]]
    for pooling in ("cls", "mean"):
        own, theirs = (FullModel(m, pooling, pad=tokenizer.pad_token_id)(ids) for m in (bert, model))
        assert (own - theirs).abs().max() < 1e-5


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
@pytest.mark.parametrize("limit", [4, 40])
def test_tokens_are_those_of_transformers(kind: str, limit: int, folders) -> None:
    theirs = transformers.AutoTokenizer.from_pretrained(folders(kind))
    _, plain = checkpoint.load_bert(folders(kind))
    for name in ("unk_token_id", "pad_token_id", "cls_token", "model_max_length"):
        assert getattr(plain, name) == getattr(theirs, name)
    tokenizer = Tokenizer(plain, limit)
    special = st.sampled_from(["[CLS]", "[cls]", "[MASK] ", "<s>", " <mask>", "kettle", "É", "茶", "🫖", " ", "\u0301"])
    texts = st.lists(st.one_of(st.text(max_size=12), special), max_size=8).map("".join)

    @settings(max_examples=60)
    @given(st.lists(texts, max_size=6))
    def check(texts: list[str]) -> None:
        for text, ids in zip(texts, tokenizer(texts)[0], strict=True):
            assert ids == theirs(text, truncation=True, max_length=limit)["input_ids"]

    check()


def test_cased_and_half_precision_and_settings_that_only_the_configuration_names(tmp_path: Path) -> None:
    folder = write(tmp_path / "cased", "bert")
    bert_tokenizer(folder, do_lower_case=False, strip_accents=False).save_pretrained(folder)
    transformers.AutoModel.from_pretrained(folder).half().save_pretrained(folder)
    edit(folder / "tokenizer_config.json", tokenizer_class=None, unk_token=None, model_max_length=None)
    assert checkpoint.load_bert(folder) is not None
    assert np.abs(found(folder, "cls") - expected(folder, "cls")).max() < 1e-5


def test_files_of_older_versions_are_read_too(folders, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(folders("distilbert"), tmp_path / "distilbert"))
    written = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    described = {str(token.pop("id")): token for token in json.loads(json.dumps(written["added_tokens"]))}
    del written["model"]["type"]
    (folder / "tokenizer.json").write_text(json.dumps(written), "utf-8")
    edit(folder / "tokenizer_config.json", tokenizer_class="DistilBertTokenizer", added_tokens_decoder=described)
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    _, plain = checkpoint.load_bert(folder)
    texts = [*TEXTS, "red <mask> kettle", "red [MASK] kettle"]
    assert Tokenizer(plain, 40)(texts) == Tokenizer(theirs, 40)(texts)


def test_what_the_tokenizer_file_says_of_truncation_and_padding_is_not_done(tmp_path: Path) -> None:
    folder = write(tmp_path / "bert", "bert")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder).backend_tokenizer
    tokenizer.enable_truncation(6)
    tokenizer.enable_padding(length=20)
    tokenizer.save(str(folder / "tokenizer.json"))
    _, plain = checkpoint.load_bert(folder)
    assert [len(row) for row in Tokenizer(plain, 30)(["abcdefgh", "a"])[0]] == [10, 3]


def test_where_torch_lacks_the_operators_the_plain_model_computes(folders, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = expected(folders("bert"), "cls")
    monkeypatch.setattr(fast_bert, "_packed", lambda weight: weight.to_sparse())
    monkeypatch.delattr(checkpoint, "load")
    assert np.abs(found(folders("bert"), "cls") - reference).max() < 1e-5


def test_vectors_stay_when_the_file_is_overwritten_in_place(tmp_path: Path) -> None:
    folder = write(tmp_path / "bert", "bert")
    encoder = Encoder.load(str(folder), device="cpu")
    before = encoder.encode(TEXTS).vectors
    (folder / "model.safetensors").write_bytes(b"")
    assert (encoder.encode(TEXTS).vectors == before).all()


@pytest.mark.weights
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_the_pinned_encoder_is_read_to_the_last_bit(pooling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pretrained.resolve("all-MiniLM-L6-v2")
    reference = expected(path, pooling)
    model, backend = checkpoint.load(path, path.name)
    fast = fast_bert.build(model, pooling)
    assert fast is not None
    ids, _ = Tokenizer(backend, 40)(TEXTS)
    with torch.inference_mode():
        exact = torch.cat([fast([row]) for row in ids]).numpy()
    monkeypatch.delattr(checkpoint, "load")
    encoder = Encoder.load(device="cpu", pooling=pooling, max_length=40)
    alone = np.concatenate([encoder.encode([text], normalize=False).vectors for text in TEXTS])
    assert (alone == exact).all()
    assert np.abs(encoder.encode(TEXTS, normalize=False).vectors - reference).max() < 1e-5
    assert encoder.info["weights_hash"] == pretrained.weights_hash(path)


@pytest.mark.weights
@settings(max_examples=60)
@given(st.lists(st.text(max_size=40), max_size=6))
def test_tokens_of_the_pinned_encoder_are_those_of_transformers(texts: list[str]) -> None:
    path = pretrained.resolve("all-MiniLM-L6-v2")
    _, plain = checkpoint.load_bert(path)
    theirs = Tokenizer(transformers.AutoTokenizer.from_pretrained(path), 16)
    assert Tokenizer(plain, 16)(TEXTS + texts) == theirs(TEXTS + texts)


# --- what is left to transformers -------------------------------------------------------------------------------


def in_config(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "config.json", **changes)


def in_tokenizer_config(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "tokenizer_config.json", **changes)


def in_tokenizer(part: str, **changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        written = json.loads((folder / "tokenizer.json").read_text("utf-8"))
        edit(folder / "tokenizer.json", **{part: {**written[part], **changes}})

    return change


def renamed(old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        copies = {name.replace(old, new): tensor.clone() for name, tensor in tensors.items()}
        save_file(copies, folder / "model.safetensors", metadata={"format": "pt"})

    return change


def sharded(folder: Path) -> None:
    model = transformers.AutoModel.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="20KB")


def with_more_tokens(folder: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["teapot"])
    tokenizer.save_pretrained(folder)


LEFT = {
    "a decoder": in_config(is_decoder=True),
    "relative positions": in_config(position_embedding_type="relative_key"),
    "another activation": in_config(hidden_act="relu"),
    "no epsilon": in_config(layer_norm_eps=None),
    "rounded weights": in_config(dtype="bfloat16"),
    "code of its own": in_config(auto_map={"AutoModel": "mine.Model"}),
    "shards": sharded,
    "old names": renamed("LayerNorm.weight", "LayerNorm.gamma"),
    "no tokenizer.json": lambda folder: (folder / "tokenizer.json").unlink(),
    "no tokenizer_config.json but another normalizer": lambda folder: (
        in_tokenizer("normalizer", lowercase=False)(folder),
        (folder / "tokenizer_config.json").unlink(),
    ),
    "the settings keep case": in_tokenizer_config(do_lower_case=False),
    "the file keeps case": in_tokenizer("normalizer", lowercase=False),
    "accents": in_tokenizer_config(strip_accents=False),
    "chinese": in_tokenizer_config(tokenize_chinese_chars=False),
    "another separator": in_tokenizer_config(sep_token="[MASK]"),
    "another class": in_tokenizer_config(tokenizer_class="PreTrainedTokenizerFast"),
}


@pytest.mark.parametrize(
    "change",
    [
        with_more_tokens,
        in_tokenizer("post_processor", single=[{"Sequence": {"id": "A", "type_id": 0}}]),
        in_tokenizer("model", max_input_chars_per_word=3),
    ],
    ids=["more tokens", "another template", "long words"],
)
def test_what_only_the_tokenizer_file_says_is_done(change: Callable[[Path], None], folders, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(folders("bert"), tmp_path / "model"))
    change(folder)
    loaded = checkpoint.load_bert(folder)
    assert loaded is not None
    written = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    texts = [text for text in TEXTS if text] + ["a teapot, kettles"]
    expected = [written(text, truncation=True, max_length=40)["input_ids"] for text in texts]
    assert Tokenizer(loaded[1], 40)(texts)[0] == expected


@pytest.mark.parametrize("change", LEFT)
def test_anything_unusual_is_left_to_transformers(change: str, folders, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(folders("bert"), tmp_path / "model"))
    LEFT[change](folder)
    assert checkpoint.load_bert(folder) is None
    assert np.abs(found(folder, "cls") - expected(folder, "cls")).max() < 1e-5


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("bert", in_config(model_type="roberta")),
        ("bert", in_config(model_type="electra")),
        ("bert", in_tokenizer_config(tokenizer_class="RobertaTokenizer")),
        ("distilbert", in_config(activation="relu")),
        ("distilbert", in_config(sinusoidal_pos_embds=True)),
        ("bert", renamed("embeddings.token_type_embeddings.weight", "elsewhere")),
        ("bert", in_config(intermediate_size=32)),
        ("bert", in_config(num_attention_heads=5)),
        ("bert", in_config(quantization_config={"bits": 4})),
        ("bert", lambda folder: (folder / "adapter_config.json").write_text("{}")),
        ("bert", lambda folder: (folder / "added_tokens.json").write_text("{}")),
        ("bert", lambda folder: (folder / "special_tokens_map.json").write_text('{"cls_token": "[SEP]"}')),
        ("bert", lambda folder: (folder / "model.safetensors").write_bytes(b"no tensors")),
        ("bert", lambda folder: (folder / "tokenizer.json").write_text("{}")),
        ("bert", lambda folder: (folder / "config.json").write_text("[]")),
    ],
)
def test_so_is_what_is_broken(kind: str, change: Callable[[Path], None], folders, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(folders(kind), tmp_path / "model"))
    change(folder)
    assert checkpoint.load_bert(folder) is None


# --- what it is for ---------------------------------------------------------------------------------------------

SLOW = {"transformers", "torch._dynamo", "torch.distributed.fsdp", "sympy", "huggingface_hub", "sklearn", "scipy.stats"}


def imported(code: str, environment: dict[str, str]) -> set[str]:
    """Which of the `SLOW` modules a fresh process has imported after some code."""
    ending = f"\nimport sys; print(sorted(set({sorted(SLOW)!r}) & set(sys.modules)))"
    command = [sys.executable, "-c", code + ending]
    run = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout.splitlines()[-1].replace("'", '"')))


@pytest.mark.weights
def test_the_default_encoder_imports_nothing_slow() -> None:
    assert (
        imported("from recsys.encoders.encoder import Encoder; Encoder.load(device='cpu').encode(['kettle'])", {})
        == set()
    )


def test_publishing_a_shop_imports_nothing_slow(
    tiny_tables: tuple[pd.DataFrame, pd.DataFrame], tiny_environment: dict[str, str], tmp_path: Path
) -> None:
    items, events = tiny_tables
    items.to_parquet(tmp_path / "items.parquet")
    events.to_csv(tmp_path / "events.csv", index=False)
    code = f"""
import recsys.pipeline.runs, jobs.embed
from typer.testing import CliRunner
result = CliRunner().invoke(jobs.embed.app, ["--items", {str(tmp_path / "items.parquet")!r},
    "--interactions", {str(tmp_path / "events.csv")!r}, "--artifacts", {str(tmp_path / "shop")!r}])
assert result.exit_code == 0, result.output
"""
    assert imported(code, tiny_environment) <= {"sklearn", "scipy.stats"}  # scikit-learn weighs the words
