"""Colours and their shades: who asks for something blue may be shown what a title calls navy; so with woods."""

from __future__ import annotations

from collections.abc import Collection

from recsys.llm.language import word_list

COLOURS = word_list("colours") - {"colour", "color"}
_SHADES = [tuple(pair.split("=")) for pair in sorted(word_list("shades"))]


def of_shades(title: str, terms: Collection[str]) -> frozenset[str]:
    """Colours of the shades among a title's terms, and what its woods and wools are; olive wood is no colour."""
    return frozenset(colour for shade, colour in _SHADES if shade in terms and f"{shade} wood" not in title)
