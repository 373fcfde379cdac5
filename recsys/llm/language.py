"""Language detection, search terms, sentence splitting and shop concepts, for English and Chinese."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from recsys.data.tfidf import HAN, words

_HAN = re.compile(f"[{HAN}]")
_HAN_RUN = re.compile(f"([{HAN}]+)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")
_BULLET = re.compile(r"^\s*(?:[-*]|\d+\.)\s+", re.MULTILINE)


def language_of(text: str) -> str:
    """Detect the language: ``zh`` where at least a quarter of the letters are Chinese characters, else ``en``."""
    letters = sum(character.isalpha() for character in text)
    return "zh" if letters and len(_HAN.findall(text)) * 4 >= letters else "en"


def tokens(text: str) -> list[str]:
    """Search terms: words without a plural ``s``; Chinese by jieba (extra ``zh``), else by overlapping pairs."""
    cut = _chinese_cutter()
    out: list[str] = []
    for part in _HAN_RUN.split(text.lower()):
        if cut is not None and _HAN.match(part):
            out += cut(part)
        else:
            out += [w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w for w in words(part)]
    return out


def sentences(text: str) -> list[str]:
    """Split a text into sentences; list items are sentences of their own."""
    parts = [part for line in _BULLET.sub("\n", text).split("\n") for part in _SENTENCE.split(line)]
    return [part.strip() for part in parts if part.strip()]


@cache
def _chinese_cutter() -> Callable[[str], Sequence[str]] | None:
    try:
        import jieba
    except ImportError:
        return None
    jieba.setLogLevel(30)
    return lambda text: list(jieba.cut_for_search(text))


@cache
def _concepts() -> dict[str, re.Pattern[str]]:
    source = resources.files(__package__).joinpath("concepts.toml").read_text(encoding="utf-8")
    return {name: _pattern(forms) for name, forms in tomllib.loads(source)["concepts"].items()}


def _pattern(forms: Sequence[str]) -> re.Pattern[str]:
    # English forms match whole words, "*" stands for any ending; Chinese is written without spaces.
    parts = [
        form if _HAN.search(form) else rf"(?<![a-z0-9])(?:{re.sub(r'(?<=[a-z])[*]', '[a-z]*', form)})(?![a-z0-9])"
        for form in forms
    ]
    return re.compile("|".join(parts))


def concept_names() -> list[str]:
    """Names of the shop concepts, in the order of the columns of `concepts`."""
    return list(_concepts())


def concepts(texts: Sequence[str]) -> NDArray[np.float32]:
    """Which shop concepts each text speaks of: 0 or 1, shape ``(len(texts), len(concept_names()))``."""
    patterns = list(_concepts().values())
    plain = [text.lower().replace("’", "'") for text in texts]
    found = [[pattern.search(text) is not None for pattern in patterns] for text in plain]
    return np.array(found, dtype=np.float32).reshape(len(texts), len(patterns))


def without_concepts(text: str) -> str:
    """A lower-case text without what speaks of a shop concept."""
    for pattern in _concepts().values():
        text = pattern.sub(" ", text)
    return text


@cache
def word_list(name: str) -> frozenset[str]:
    """One of the closed lists of `words.toml`."""
    source = resources.files(__package__).joinpath("words.toml").read_text(encoding="utf-8")
    return frozenset(tomllib.loads(source)[name])
