"""Personal data in text: the one set of patterns for what is masked in lessons and refused in delivered sentences."""

from __future__ import annotations

import re

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")
LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"']+", re.IGNORECASE)
_CARD = re.compile(r"(?<![\w-])(?:\d[ -]?){12,18}\d(?![\w-])")
_PHONE = re.compile(
    r"(?<![\w.,$£€-])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,5}\)|\d{2,5})(?:[ .-]\d{2,5}){2,4}(?![\w-])"
    r"|(?<![\w.-])(?:\+\d{9,14}|1[3-9]\d{9}|0\d{9,10})(?!\w)"
)
_LONG_NUMBER = re.compile(r"(?<![\w.])\+?\d(?:[ ().-]?\d){8,}(?!\w)")
_MASKED = {"[e-mail]": _EMAIL, "[link]": LINK, "[card]": _CARD, "[phone]": _PHONE}
# A lesson may hold a part number; a sentence for a shopper has no use for any long number, so more of them are refused.
_REFUSED = {"an e-mail address": _EMAIL, "a link": LINK, "a telephone or account number": _LONG_NUMBER}


def mask_personal(text: str) -> str:
    """Replace e-mail addresses, links, card and telephone numbers by what they are."""
    for name, pattern in _MASKED.items():
        text = pattern.sub(name, text)
    return text


def personal_kinds(text: str) -> list[str]:
    """What a text may not show a shopper: ``an e-mail address``, ``a link``, ``a telephone or account number``."""
    return [what for what, pattern in _REFUSED.items() if pattern.search(text)]
