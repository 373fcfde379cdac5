"""Normalisation of chat shorthand: "r u open n do u ship", 啥时候到 and 有货不 are read as they would be written out.

An encoder that learnt from books knows neither ``u`` nor ``ppl``, and each rule on words would have to list them again.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources

_OPEN = re.compile(r"(?<=[\u3400-\u9fff])不(?=\s*(?:[?？!！。,，;；]|$))")
"""A question that ends in "or not": 有货不."""
_LATIN = re.compile(r"(?<![\w'’./@-])(?<!\d )[A-Za-z][A-Za-z0-9]*(?:/o?(?= ))?(?![\w'’@/-])")


@cache
def _written_out() -> tuple[dict[str, str], dict[str, str]]:
    """English words and Chinese phrases, and what they stand for."""
    source = resources.files(__package__).joinpath("shorthand.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(source)
    return tables["en"], tables["zh"]


@cache
def _chinese() -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(_written_out()[1], key=len, reverse=True))))


def written_out(text: str) -> str:
    """A text with its chat shorthand written out; what is said otherwise stays as it is.

    One capital letter alone is a name (a book on R), and one behind a number is a unit (65 w).
    """
    english, chinese = _written_out()

    def word(match: re.Match[str]) -> str:
        said = match.group()
        return said if len(said) == 1 and said.isupper() else english.get(said.lower(), said)

    text = _chinese().sub(lambda match: chinese[match.group()], _OPEN.sub("吗", text))
    return _LATIN.sub(word, text)
