"""The tokenizer in a BERT or DistilBERT directory, without `transformers`, where that would make the same one of it.

`transformers` does not take `tokenizer.json` as it is: it builds a WordPiece tokenizer anew, from the vocabulary in
there and from `tokenizer_config.json`. So every part must be the one it would build, or none is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors

from recsys.encoders.bert import require

_CLASSES = {"bert": "BertTokenizer", "distilbert": "DistilBertTokenizer"}
"""The usual class, by model type: what it is where no file names one."""
_SPECIAL = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
_NO_TOKENS = ("bos_token", "eos_token", "additional_special_tokens", "extra_special_tokens")
_IRRELEVANT = (
    "backend",
    "clean_up_tokenization_spaces",
    "do_basic_tokenize",
    "is_local",
    "local_files_only",
    "max_length",
    "name_or_path",
    "never_split",
    "pad_to_multiple_of",
    "pad_token_type_id",
    "padding_side",
    "special_tokens_map_file",
    "stride",
    "tokenizer_file",
    "truncation_side",
    "truncation_strategy",
)
"""Settings that change no token: of decoding, of padding, of slow tokenizers, and of where files once were."""
_KNOWN = {
    *_SPECIAL,
    *_NO_TOKENS,
    *_IRRELEVANT,
    "tokenizer_class",
    "model_max_length",
    "added_tokens_decoder",
    "do_lower_case",
    "strip_accents",
    "tokenize_chinese_chars",
}
_WORD_PIECE = {
    "type": "WordPiece",
    "unk_token": "[UNK]",
    "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100,
}
_NO_LIMIT = int(1e30)


@dataclass(frozen=True)
class PlainTokenizer:
    """A `tokenizers.Tokenizer` and what its model says of it, under the names that `transformers` has for these."""

    backend_tokenizer: Tokenizer
    unk_token_id: int
    pad_token_id: int
    cls_token: str
    model_max_length: int
    is_fast: ClassVar[bool] = True


def read(path: Path, config: Mapping[str, Any]) -> PlainTokenizer:
    """Read the tokenizer of a model directory.

    Parameters
    ----------
    path
        The directory.
    config
        What its `config.json` holds.

    Raises
    ------
    Unfamiliar
        `transformers` might make another tokenizer of these files, or one that is not known here.
    """
    settings = _json(path / "tokenizer_config.json")
    require(settings.keys() <= _KNOWN, f"the tokenizer has the settings {sorted(settings.keys() - _KNOWN)}")
    require(config["model_type"] in _CLASSES, f"a tokenizer for {config['model_type']!r}")
    name = settings.get("tokenizer_class") or config.get("tokenizer_class") or _CLASSES[config["model_type"]]
    require(name.removesuffix("Fast") in _CLASSES.values(), f"the tokenizer is a {name!r}")
    for says in (settings, _json(path / "special_tokens_map.json")):
        for token, content in _SPECIAL.items():
            require(_content(says.get(token, content)) == content, f"{token} is {says.get(token)!r}")
        require(not any(says.get(more) for more in _NO_TOKENS), "there are more special tokens")
    require(not (path / "added_tokens.json").exists(), "there is an added_tokens.json")

    written = _json(path / "tokenizer.json")
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    _check_added_tokens(tokenizer, written["added_tokens"], settings.get("added_tokens_decoder"))
    for key, value in _WORD_PIECE.items():
        require(written["model"].get(key, value) == value, f"{key} is {written['model'].get(key)!r}")
    ids = {token: tokenizer.model.token_to_id(content) for token, content in _SPECIAL.items()}
    for part, built in _parts(settings, ids).items():
        require(_state(getattr(tokenizer, part)) == _state(built), f"the settings say another {part} than the file")
    return PlainTokenizer(
        backend_tokenizer=tokenizer,
        unk_token_id=ids["unk_token"],
        pad_token_id=ids["pad_token"],
        cls_token=_SPECIAL["cls_token"],
        model_max_length=settings.get("model_max_length") or _NO_LIMIT,
    )


def _parts(settings: Mapping[str, Any], ids: Mapping[str, int]) -> dict[str, Any]:
    """What `transformers` builds."""
    return {
        "normalizer": normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=settings.get("tokenize_chinese_chars", True),
            strip_accents=settings.get("strip_accents"),
            lowercase=settings.get("do_lower_case", True),
        ),
        "pre_tokenizer": pre_tokenizers.BertPreTokenizer(),
        "post_processor": processors.TemplateProcessing(
            single="[CLS]:0 $A:0 [SEP]:0",
            pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
            special_tokens=[("[CLS]", ids["cls_token"]), ("[SEP]", ids["sep_token"])],
        ),
    }


def _check_added_tokens(tokenizer: Tokenizer, written: Any, decoder: Any) -> None:
    """All special tokens are there, each in the vocabulary, and both files describe the same ones."""
    require(set(_SPECIAL.values()) <= {t["content"] for t in written if t["special"]}, "a special token is missing")
    for token in written:
        known = tokenizer.model.token_to_id(token["content"]) == token["id"]
        require(known, f"{token['content']} is not in the vocabulary")
    if decoder is not None:
        described = {str(token["id"]): {key: token[key] for key in token if key != "id"} for token in written}
        require(decoder == described, "added_tokens_decoder describes other tokens")


def _json(path: Path) -> dict[str, Any]:
    """What a file holds; nothing where there is none."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def _content(token: Any) -> Any:
    return token["content"] if isinstance(token, dict) else token


def _state(part: Any) -> Any:
    return None if part is None else json.loads(part.__getstate__())
