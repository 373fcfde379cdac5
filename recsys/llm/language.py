"""Language detection, search terms, sentence splitting and shop concepts, for English and Chinese."""

from __future__ import annotations

import logging
import re
import tomllib
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module, resources
from types import ModuleType

import numpy as np
import platformdirs
from numpy.typing import NDArray

from recsys.data.tfidf import HAN, words

_HAN = re.compile(f"[{HAN}]")
_HAN_RUN = re.compile(f"([{HAN}]+)")
_CONTRACTED = re.compile(r"(?<=n)['’](t)\b|(?<=[a-z])['’](?:s|re|ve|ll|d|m)\b")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")
_BULLET = re.compile(r"^\s*(?:[-*]|\d+\.)\s+", re.MULTILINE)


def language_of(text: str) -> str:
    """Detect the language: ``zh`` where at least a quarter of the letters are Chinese characters, else ``en``."""
    letters = sum(character.isalpha() for character in text)
    return "zh" if letters and len(_HAN.findall(text)) * 4 >= letters else "en"


def tokens(text: str) -> list[str]:
    """Search terms: words without a plural ``s``; Chinese by jieba (extra ``zh``), else by overlapping pairs.

    A contraction is one word ("doesnt"): its ``t`` is no T-shirt.
    """
    cut = _chinese_cutter()
    out: list[str] = []
    for part in _HAN_RUN.split(_CONTRACTED.sub(r"\1", text.lower())):
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
def chinese_segmenter() -> ModuleType | None:
    """Segmenter of Chinese words (jieba, extra ``zh``), None where it is not installed.

    Its dictionary is cached where only this account writes: what it believes of the usual ``/tmp/jieba.cache`` may have
    been put there by anybody, and another account's it can neither read nor replace.
    """
    try:
        jieba = import_module("jieba")
    except ImportError:
        return None
    kept = platformdirs.user_cache_path("recsys") / "jieba"
    with suppress(OSError):  # without a place for it, each process makes its own in half a second
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    jieba.setLogLevel(logging.CRITICAL)
    jieba.dt.tmp_dir = str(kept)
    return jieba


@cache
def _chinese_cutter() -> Callable[[str], Sequence[str]] | None:
    jieba = chinese_segmenter()
    return None if jieba is None else lambda text: list(jieba.cut_for_search(text))


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


@cache
def word_list(name: str) -> frozenset[str]:
    """One of the closed lists of `words.toml`."""
    source = resources.files(__package__).joinpath("words.toml").read_text(encoding="utf-8")
    return frozenset(tomllib.loads(source)[name])
