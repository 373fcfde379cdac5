"""The tokenizer in a model directory, without `transformers`, where that would make the same one of it.

`transformers` does not take `tokenizer.json` as it is: it builds the tokenizers of BERT and RoBERTa anew, from the
vocabulary in there and from `tokenizer_config.json`. So every part must be the one it would build, or none is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors

from recsys.bert import require


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
    name = settings.get("tokenizer_class") or config.get("tokenizer_class") or _USUAL.get(config["model_type"], "")
    require(name.removesuffix("Fast") in _KINDS, f"the tokenizer is a {name!r}")
    kind = _KINDS[name.removesuffix("Fast")]
    for says in (settings, _json(path / "special_tokens_map.json")):
        for token in _ANGLES:
            if token in says:
                require(_content(says[token]) == kind.special.get(token), f"{token} is {says[token]!r}")
        require(not any(says.get(more) for more in _MORE_TOKENS), "there are more special tokens")
    require(not (path / "added_tokens.json").exists(), "there is an added_tokens.json")

    written = _json(path / "tokenizer.json")
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    _check_added_tokens(tokenizer, written["added_tokens"], settings.get("added_tokens_decoder"), kind)
    ids = {token: tokenizer.model.token_to_id(content) for token, content in kind.special.items()}
    for key, value in kind.model.items():
        require(written["model"].get(key, value) == value, f"{key} is {written['model'].get(key)!r}")
    for part, built in kind.parts(tokenizer, settings, ids).items():
        require(_state(getattr(tokenizer, part)) == _state(built), f"the settings say another {part} than the file")
    return PlainTokenizer(
        backend_tokenizer=tokenizer,
        unk_token_id=ids["unk_token"],
        pad_token_id=ids["pad_token"],
        cls_token=kind.special["cls_token"],
        model_max_length=settings.get("model_max_length") or 10**30,
    )


def _check_added_tokens(tokenizer: Tokenizer, written: Any, decoder: Any, kind: _Kind) -> None:
    """All special tokens are there, each in the vocabulary, and both files describe the same ones."""
    require(
        set(kind.special.values()) <= {token["content"] for token in written if token["special"]}, "a token is missing"
    )
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


# --- what transformers builds -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Kind:
    """What a tokenizer class of `transformers` makes of the settings of a model."""

    special: Mapping[str, str]
    model: Mapping[str, Any]
    parts: Callable[[Tokenizer, Mapping[str, Any], Mapping[str, int]], dict[str, Any]]


def _bert(tokenizer: Tokenizer, settings: Mapping[str, Any], ids: Mapping[str, int]) -> dict[str, Any]:
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


def _roberta(tokenizer: Tokenizer, settings: Mapping[str, Any], ids: Mapping[str, int]) -> dict[str, Any]:
    space = settings.get("add_prefix_space", False)
    return {
        "normalizer": None,
        "pre_tokenizer": pre_tokenizers.ByteLevel(add_prefix_space=space),
        "post_processor": processors.RobertaProcessing(
            ("</s>", ids["sep_token"]), ("<s>", ids["cls_token"]), settings.get("trim_offsets", True), space
        ),
    }


def _xlm_roberta(tokenizer: Tokenizer, settings: Mapping[str, Any], ids: Mapping[str, int]) -> dict[str, Any]:
    written = tokenizer.normalizer
    scheme = "always" if settings.get("add_prefix_space", True) else "never"
    return {
        "normalizer": written if isinstance(written, normalizers.Precompiled) else None,  # it takes that from the file
        "pre_tokenizer": pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme=scheme)]
        ),
        "post_processor": processors.TemplateProcessing(
            single=["<s>", "$A", "</s>"],
            pair=["<s>", "$A", "</s>", "</s>", "$B", "</s>"],
            special_tokens=[("<s>", ids["cls_token"]), ("</s>", ids["sep_token"])],
        ),
    }


_BRACKETS = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
_ANGLES = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "cls_token": "<s>",
    "mask_token": "<mask>",
}
_WORDS = _Kind(
    _BRACKETS,
    {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
    },
    _bert,
)
_BYTES = _Kind(
    _ANGLES,
    {
        "type": "BPE",
        "unk_token": None,
        "dropout": None,
        "continuing_subword_prefix": "",
        "end_of_word_suffix": "",
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
    },
    _roberta,
)
_PIECES = _Kind(_ANGLES, {"type": "Unigram", "unk_id": 3, "byte_fallback": False}, _xlm_roberta)
_KINDS = {
    "BertTokenizer": _WORDS,
    "DistilBertTokenizer": _WORDS,
    "RobertaTokenizer": _BYTES,
    "XLMRobertaTokenizer": _PIECES,
}
_USUAL = {
    "bert": "BertTokenizer",
    "distilbert": "DistilBertTokenizer",
    "roberta": "RobertaTokenizer",
    "xlm-roberta": "XLMRobertaTokenizer",
}
"""The class where no file names one, by model type."""
_MORE_TOKENS = ("additional_special_tokens", "extra_special_tokens")
_IRRELEVANT = (
    "backend",
    "clean_up_tokenization_spaces",
    "do_basic_tokenize",
    "errors",
    "is_local",
    "local_files_only",
    "max_length",
    "name_or_path",
    "never_split",
    "pad_to_multiple_of",
    "pad_token_type_id",
    "padding_side",
    "sp_model_kwargs",
    "special_tokens_map_file",
    "stride",
    "tokenizer_file",
    "truncation_side",
    "truncation_strategy",
)
"""Settings that change no token: of decoding, of padding, of slow tokenizers, and of where files once were."""
_KNOWN = {
    *_ANGLES,
    *_MORE_TOKENS,
    *_IRRELEVANT,
    "tokenizer_class",
    "model_max_length",
    "added_tokens_decoder",
    "do_lower_case",
    "strip_accents",
    "tokenize_chinese_chars",
    "add_prefix_space",
    "trim_offsets",
}
