"""Text cleaning and de-duplication before training: each step by itself, with a count of what it changed.

Steps, in this order: HTML becomes text, control characters and odd spaces go, personal data is masked, rows that are
empty, too short or too long, or in another language are left out, and so are repeats.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from recsys.data.personal import mask_personal
from recsys.errors import BadInput
from recsys.llm.language import language_of

REASON = "reason"

_BLOCKS = re.compile(r"<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_BREAKS = re.compile(r"<(?:br|/p|/div|/li|/tr|/h[1-6])\b[^>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\s*\n\s*")


class CleaningConfig(BaseModel):
    """Which rows cleaning keeps, and what it masks."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    languages: tuple[str, ...] | None = None
    """Languages kept, of `en`, `zh` and `other`; by default all."""
    min_characters: int = Field(1, ge=1)
    max_characters: int = Field(4_000, ge=1)
    """Longer texts are left out, not cut: half an answer teaches half answers."""
    mask_personal: bool = True
    """Replace e-mail addresses, links, telephone and card numbers by `[e-mail]`, `[link]`, `[phone]`, `[card]`."""


@dataclass(frozen=True)
class Cleaned:
    """What `clean` returns.

    Attributes
    ----------
    table
        The rows kept, with clean text, in their order and with their index.
    dropped
        The rows left out as they were, with a column `reason`.
    counts
        How often each step changed or dropped a row.
    """

    table: pd.DataFrame
    dropped: pd.DataFrame
    counts: Mapping[str, int]


def clean(table: pd.DataFrame, columns: Sequence[str], config: CleaningConfig | None = None) -> Cleaned:
    """Clean text columns of a table (``question`` and ``answer``, say).

    Raises
    ------
    BadInput
        A column is missing, or nothing is left.
    """
    config = config or CleaningConfig()
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise BadInput(f"no column {missing[0]!r} to clean; there are {', '.join(map(str, table.columns))}")
    counts = {"html": 0, "characters": 0, "personal": 0}
    out = table.copy()
    reason = pd.Series("", index=range(len(table)), dtype=object)
    for column in columns:
        texts = ["" if pd.isna(value) else str(value) for value in table[column]]
        plain = [strip_html(text) for text in texts]
        tidy = [normalise(text) for text in plain]
        safe = [mask_personal(text) for text in tidy] if config.mask_personal else tidy
        counts["html"] += sum(a != b for a, b in zip(texts, plain, strict=True))
        counts["characters"] += sum(a != b for a, b in zip(plain, tidy, strict=True))
        counts["personal"] += sum(a != b for a, b in zip(tidy, safe, strict=True))
        out[column] = pd.Series(safe, index=out.index, dtype=object)
        for row, text in enumerate(safe):
            reason[row] = reason[row] or _why_not(text, config)
    keys = [tuple(" ".join(text.lower().split()) for text in row) for row in out[list(columns)].itertuples(index=False)]
    seen: set[tuple[str, ...]] = set()
    for row, key in enumerate(keys):
        if not reason[row] and key in seen:
            reason[row] = "duplicate"
        if not reason[row]:
            seen.add(key)
    keep = (reason == "").to_numpy()
    if not keep.any():
        found = ", ".join(f"{why} ({n})" for why, n in reason.value_counts().items())
        raise BadInput(f"no usable text is left after cleaning: {found or 'the table is empty'}")
    dropped = table[~keep].assign(**{REASON: reason[~keep].to_numpy()})
    return Cleaned(out[keep], dropped, counts | {str(k): int(v) for k, v in reason[~keep].value_counts().items()})


def strip_html(text: str) -> str:
    """Text of HTML: scripts and tags go, block ends become line breaks, entities characters; other ``<`` stays."""
    if "<" in text:
        text = _TAG.sub(" ", _BREAKS.sub("\n", _BLOCKS.sub(" ", text)))
    return html.unescape(text) if "&" in text else text


def normalise(text: str) -> str:
    """NFC, no control or format characters, single spaces, no empty lines."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    kept = "".join(
        " " if unicodedata.category(c) in {"Zs", "Zl", "Zp"} or c == "\t" else c
        for c in text
        if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    )
    return _LINES.sub("\n", _SPACES.sub(" ", kept)).strip()


def language(text: str) -> str:
    """``zh`` (a quarter of the letters are Chinese characters), ``en`` (nearly all are Latin) or ``other``."""
    if language_of(text) == "zh":
        return "zh"
    letters = [c for c in text if c.isalpha()]  # none: numbers and signs are nobody's language
    return "en" if sum(c.isascii() for c in letters) >= 0.9 * len(letters) else "other"


def _why_not(text: str, config: CleaningConfig) -> str:
    if len(text) < config.min_characters:
        return "empty" if not text else "too short"
    if len(text) > config.max_characters:
        return "too long"
    if config.languages is not None and language(text) not in config.languages:
        return "other language"
    return ""
