"""Pictures of a catalogue: each read and encoded once, and what could not be read said.

A picture that is where it was, unchanged, keeps its vector from the version before.
"""

from __future__ import annotations

import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data import schema
from recsys.data.columns import IMAGES
from recsys.data.vectors import KEY, VectorPool
from recsys.errors import BadInput
from recsys.pictures.encoder import PictureEncoder
from recsys.pictures.images import difference_hash, open_image, reader
from recsys.progress import strides

log = logging.getLogger(__name__)

IMAGE = IMAGES[0]
#: Pictures read at the same time; waiting for a web server takes longer than decoding.
_READERS = 8
_CHUNK = 256
#: Bits of 64 in which the hashes of two prints of one picture may differ, and the cosine that they have at least.
TWIN_BITS, TWIN_COSINE = 5, 0.97


@dataclass(frozen=True)
class Collected:
    """Vectors of the pictures of a catalogue.

    Attributes
    ----------
    pool
        Row = item; a vector of zeros where an item has no picture, or one that could not be read.
    table
        ``item_id, image, problem`` (why it could not be read, else null) and ``hash`` (see `difference_hash`).
    encoded
        Pictures that were read in this run; the others are unchanged.
    """

    pool: VectorPool
    table: pd.DataFrame
    encoded: int

    @property
    def notes(self) -> dict[str, int]:
        """Counts for the summary."""
        unread = int(self.table["problem"].notna().sum())
        there = int((self.pool.vectors != 0).any(axis=1).sum())
        return {"pictures": there, "pictures_encoded": self.encoded, "pictures_unreadable": unread}


def collect(
    items: pd.DataFrame,
    encoder: PictureEncoder,
    folder: Path,
    *,
    known: tuple[VectorPool, pd.DataFrame] | None = None,
    offline: bool = False,
    progress: bool = False,
) -> Collected | None:
    """Read and encode the pictures of a catalogue.

    Parameters
    ----------
    items
        The items table; its column ``image`` holds a path within `folder` or an address.
    known
        What the version before knew.

    Returns
    -------
    Collected or None
        None where no item names a picture.
    """
    column = next((name for name in IMAGES if name in items.columns), None)
    if column is None:
        return None
    sources = items[column].astype("string").str.strip().fillna("").to_numpy(object)
    if not any(sources):
        return None
    keys = np.array([_key(source, encoder.fingerprint, folder) for source in sources], KEY)
    vectors = np.zeros((len(items), encoder.dim), np.float32)
    hashes: list[str | None] = [None] * len(items)
    problems: list[str | None] = [None] * len(items)
    wanted = _kept(keys, known, vectors, hashes)
    read = reader(folder, offline=offline)

    def one(row: int) -> Any:
        try:
            return open_image(read(sources[row]))
        except BadInput as error:
            return str(error)

    encoded = 0
    with ThreadPoolExecutor(_READERS, thread_name_prefix="recsys-pictures") as readers:
        for rows in strides(wanted, _CHUNK, "pictures", shown=progress):
            images = list(readers.map(one, rows))
            whole = [(row, image) for row, image in zip(rows, images, strict=True) if not isinstance(image, str)]
            for row, image in zip(rows, images, strict=True):
                if isinstance(image, str):
                    problems[row] = image
                    keys[row] = b""  # tried again next time
                else:
                    hashes[row] = f"{difference_hash(image):016x}"
            if whole:
                vectors[[row for row, _ in whole]] = encoder.images([image for _, image in whole])
            encoded += len(whole)
    table = pd.DataFrame(
        {schema.ITEM: items[schema.ITEM].to_numpy(object), IMAGE: sources, "problem": problems, "hash": hashes}
    )
    unread = table[table["problem"].notna()]
    if len(unread):
        first = unread.iloc[0]
        log.warning(
            "%d of %d pictures could not be read, such as %s of item %s: %s",
            len(unread),
            int((sources != "").sum()),
            first[IMAGE],
            first[schema.ITEM],
            first["problem"],
        )
    return Collected(VectorPool(keys, vectors, np.zeros(len(items), bool)), table, encoded)


def _kept(
    keys: NDArray[np.bytes_],
    known: tuple[VectorPool, pd.DataFrame] | None,
    vectors: NDArray[np.float32],
    hashes: list[str | None],
) -> list[int]:
    """Fill in what is known; returns the rows whose picture has to be read."""
    rows = [int(row) for row in np.flatnonzero(keys != b"")]
    if known is None or known[0].vectors.shape[1] != vectors.shape[1]:
        return rows
    pool, table = known
    place = {key: at for at, key in enumerate(pool.keys.tolist()) if key}
    before = table["hash"].tolist()
    for row in rows:
        at = place.get(bytes(keys[row]))
        if at is not None:
            vectors[row], hashes[row] = pool.vectors[at], before[at]
    return [row for row in rows if bytes(keys[row]) not in place]


def _key(source: str, fingerprint: str, folder: Path) -> bytes:
    """What a vector is kept under: encoder, where the picture is, and of a file its size and time."""
    if not source:
        return b""
    said = f"{fingerprint}\n{source}"
    if urlsplit(source).scheme not in ("http", "https"):
        try:
            status = (folder / source).stat()
            said += f"\n{status.st_size}\n{status.st_mtime_ns}"
        except (OSError, ValueError):
            pass
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32].encode()


def twins(
    vectors: NDArray[np.float32], table: pd.DataFrame, products: NDArray[np.integer] | None = None
) -> pd.DataFrame:
    """Near-duplicate pictures of different products: nearly the same vector and nearly the same print.

    Parameters
    ----------
    products
        Product of each item; variants of one product may share a picture.

    Returns
    -------
    pandas.DataFrame
        ``item_id, twin, cosine``, each pair once, the likest first; of items with the very same picture, each is paired
        with the first alone: a thousand that show one placeholder are no half a million pairs.
    """
    hashes = np.array([int(text, 16) if isinstance(text, str) else 0 for text in table["hash"]], np.uint64)
    ids = table[schema.ITEM].to_numpy(object)
    product = np.arange(len(ids)) if products is None else products
    pairs: list[tuple[Any, Any, float]] = []
    first: dict[tuple[int, bytes], int] = {}
    for code in np.flatnonzero((vectors != 0).any(axis=1)).tolist():
        one = first.setdefault((int(hashes[code]), vectors[code].tobytes()), code)
        if product[one] != product[code]:
            pairs.append((ids[one], ids[code], 1.0))
    codes = np.array(list(first.values()), np.int64)
    for start in range(0, len(codes), 1_024):
        rows = codes[start : start + 1_024]
        near = vectors[rows] @ vectors[codes].T >= TWIN_COSINE
        for at, other in zip(*np.nonzero(near), strict=True):
            one, two = int(rows[at]), int(codes[other])
            bits = bin(int(hashes[one]) ^ int(hashes[two])).count("1")
            if one < two and bits <= TWIN_BITS and product[one] != product[two]:
                pairs.append((ids[one], ids[two], float(vectors[one] @ vectors[two])))
    found = pd.DataFrame(pairs, columns=[schema.ITEM, "twin", "cosine"])
    return found.sort_values(["cosine", schema.ITEM], ascending=[False, True], ignore_index=True)
