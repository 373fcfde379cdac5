"""Near-duplicate reviews, by MinHash over character shingles: what was pasted many times is one opinion.

Broder, "On the resemblance and containment of documents" (1997). Two people may both write "Great!", so only texts that
are too long to be alike by chance are compared; one person has one opinion of one item, the latest.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data.columns import ITEM, REVIEW, TIME, USER

#: Letters and digits (a Chinese sign counts for two) from which equal words are no chance.
ENOUGH = 60
#: Characters of a shingle, and the share of shingles that two texts have in common when one repeats the other.
SHINGLE, ALIKE = 5, 0.8
#: Hash functions, and how many of them must agree for two texts to be compared.
_HASHES, _BAND = 16, 2
#: Texts of one bucket that are compared with its first ones.
_BUCKET = 50
_PRIME = (1 << 61) - 1
_NOISE = re.compile(r"[\W_]+")


def counted(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Which reviews count: of near-duplicates the first, of one shopper's on one item the latest; shape ``(n,)``."""
    time = table[TIME].to_numpy(np.float64, na_value=np.nan)
    keep = np.ones(len(table), bool)
    if USER in table.columns:
        order = table.assign(**{TIME: time}).sort_values(TIME, kind="stable", na_position="first")
        signed = order[order[USER].notna() & (order[USER].astype(object) != "")]
        keep[signed.index[signed.duplicated([USER, ITEM], keep="last")]] = False
    order_of_time = np.lexsort((np.arange(len(table)), np.nan_to_num(time, nan=-np.inf)))
    rows = order_of_time[keep[order_of_time]]
    texts = table[REVIEW].astype(str).to_numpy(object)[rows]
    keep[rows[repeats(list(texts))]] = False
    return keep


def repeats(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Which texts repeat an earlier one, word for word or nearly; shape ``(n,)``."""
    plain = [_NOISE.sub("", text.casefold()) for text in texts]
    out = np.zeros(len(plain), bool)
    rng = np.random.default_rng(0)
    times = rng.integers(1, _PRIME, _HASHES, dtype=np.uint64) | np.uint64(1)
    plus = rng.integers(0, _PRIME, _HASHES, dtype=np.uint64)
    first: dict[str, int] = {}
    shingles: dict[int, frozenset[int]] = {}
    buckets: dict[tuple[int, int, int], list[int]] = {}
    for row, text in enumerate(plain):
        if len(text) + sum(sign >= "\u3400" for sign in text) < ENOUGH:
            continue
        if text in first:
            out[row] = True
            continue
        first[text] = row
        own = frozenset(zlib.crc32(text[at : at + SHINGLE].encode()) for at in range(max(len(text) - SHINGLE + 1, 1)))
        hashes = np.fromiter(own, np.uint64, len(own))[:, None] * times + plus  # overflow wraps: that is the hash
        lowest = hashes.min(axis=0)
        keys = [(band, int(lowest[band]), int(lowest[band + 1])) for band in range(0, _HASHES, _BAND)]
        near = {other for key in keys for other in buckets.get(key, ())}
        if any(_alike(own, shingles[other]) for other in near):
            out[row] = True
            continue
        shingles[row] = own
        for key in keys:
            bucket = buckets.setdefault(key, [])
            if len(bucket) < _BUCKET:
                bucket.append(row)
    return out


def _alike(a: frozenset[int], b: frozenset[int]) -> bool:
    both = len(a & b)
    return both >= ALIKE * (len(a) + len(b) - both)
