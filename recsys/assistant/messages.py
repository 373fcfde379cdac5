"""The assistant's own words, in English and Chinese (`messages.toml`), and what a model is told (`prompts.toml`)."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any


@cache
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def message(key: str, language: str = "en", **values: object) -> str:
    """The message `key` with its slots filled."""
    return str(_read("messages")[language][key]).format(**values)


def own_words() -> dict[str, dict[str, str]]:
    """Every message by language and key, slots and all."""
    return _read("messages")


def prompts(of: str) -> dict[str, Any]:
    """What a model is told for ``tools``, for ``words`` and as the ``planner``: ``system``, perhaps ``examples``."""
    found: dict[str, Any] = _read("prompts")[of]
    return found
