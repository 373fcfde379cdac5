"""Sentence segmentation: reviews in pieces that say one thing each, every piece word for word as it was written.

"The battery is great but the case is ugly" praises and blames in one sentence, so it is cut before the turn, too; so is
Chinese at its commas, which part whole statements.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from recsys.data import languages

#: Longest review that is read, in characters, and most pieces of one.
MAX_READ, MAX_PIECES = 4_000, 40
_END = re.compile(
    r"(?<=[.!?])[\"”’)]*\s+|[\r\n;；。！？!?…~～]+(?![\"”’)])|(?<=[\u3400-\u9fff])[，,]\s*|,?\s+(?=(?:but|however|although|though)\b)"
    r"|(?=但是|不过|可是|但(?!愿))",
    re.IGNORECASE,
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_LETTER = re.compile(r"[^\W\d_]")
#: Share of letters from which a text is in the script of its name.
_MOST = 0.3


def sentences(text: str) -> list[str]:
    """Pieces of a review in order; each is a part of the text, without the sign it ends with."""
    pieces = (piece.strip(" \t,，、.。\"“”'") for piece in _END.split(text[:MAX_READ]))
    return [piece for piece in pieces if _LETTER.search(piece)][:MAX_PIECES]


def scripts(texts: Sequence[str], declared: Sequence[str] | None = None) -> list[str]:
    """Language of each text: ``zh`` by its letters, what is declared, else the commonest of those in other letters.

    One short review does not tell English from Dutch; all of them together do.
    """
    chinese = np.array([_is_chinese(text) for text in texts], bool)
    others = [text for text, han in zip(texts, chinese, strict=True) if not han]
    common = next((name for name in languages.shares(others) if name != "zh"), "en") if others else "en"
    given = declared if declared is not None else [""] * len(texts)
    return ["zh" if han else (name or "")[:2].lower() or common for han, name in zip(chinese, given, strict=True)]


def _is_chinese(text: str) -> bool:
    letters = len(_LETTER.findall(text))
    return bool(letters) and len(_HAN.findall(text)) >= _MOST * letters
