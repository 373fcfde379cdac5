"""The assistant's own words, in English and Chinese."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources


@cache
def _messages() -> dict[str, dict[str, str]]:
    return tomllib.loads(resources.files(__package__).joinpath("messages.toml").read_text(encoding="utf-8"))


def message(key: str, language: str = "en", **values: object) -> str:
    """The message `key` with its slots filled."""
    return _messages()[language][key].format(**values)


def all_keys() -> dict[str, set[str]]:
    """Keys per language."""
    return {language: set(texts) for language, texts in _messages().items()}


def own_words() -> list[str]:
    """Every message, slots and all."""
    return [text for texts in _messages().values() for text in texts.values()]
