"""Nearest-neighbour search of items by inner product, with FAISS.

Small catalogues are searched exactly. Larger ones through a graph (HNSW, Malkov & Yashunin 2018) over 16- or 8-bit
codes or inverted lists over 8-bit codes (IVF, Jégou et al. 2011), whichever the count, the dimensions and the memory
budget allow; what they find is put in exact order with the full vectors. How much of the exact answer is found is
measured, and search effort is raised until it is enough; where no effort is, the search stays exact. Whoever needs more
asks for it (`ItemIndex.raise_effort`).

An index outlives a night: items that left are removed (IVF) or masked (HNSW), new ones added, until a tenth has
changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.data import bounds
from recsys.data.memmap import open_array
from recsys.errors import ArtifactError
from recsys.serving import index_kinds as kinds
from recsys.serving.index_kinds import IndexInfo, Kind, Selection, faiss
from recsys.settings import RetrievalSettings

#: Share of the exact ten nearest that must be found, and of items that may change before the index is built anew.
RECALL, CHURN = 0.95, 0.1
#: Found by code, per item asked for: the codes are coarse, so more are put in exact order than are returned.
DEPTH = 3
_GONE = -1


@contextmanager
def _readable(directory: Path) -> Iterator[None]:
    """Name the directory where a file of an index is missing or damaged."""
    try:
        yield
    except (RuntimeError, OSError, ValueError, TypeError) as error:
        why = str(error).splitlines()[0][:200]
        raise ArtifactError(f"{directory}: not a readable index ({why}); run `recsys embed`") from None


def labels(item_ids: Sequence[str] | NDArray[np.object_], keys: NDArray[np.bytes_]) -> NDArray[np.int64]:
    """Stable 63-bit labels of items with these vectors (by their reuse keys), shape ``(n,)``.

    An item whose text changed has another vector, hence another label: it is taken out and put in again.
    """
    joined = (f"{i}\x1f".encode() + k for i, k in zip(item_ids, keys.tolist(), strict=True))
    digests = b"".join(hashlib.blake2b(j, digest_size=8).digest() for j in joined)
    return (np.frombuffer(digests, "<u8") >> np.uint64(1)).astype(np.int64)


class ItemIndex:
    """An inner-product index over item vectors; what it returns are rows of the vectors.

    Parameters
    ----------
    index
        The FAISS index; its ids are slots, which stay the same from night to night.
    slot_labels, slot_rows
        Label and row of each slot, -1 where the item is gone; int64, shape ``(n_slots,)``.
    vectors
        The full vectors, shape ``(n, dim)``; may be a memory map.
    """

    def __init__(
        self,
        index: Any,
        slot_labels: NDArray[np.int64],
        slot_rows: NDArray[np.int64],
        vectors: NDArray[np.float32],
        info: IndexInfo,
    ) -> None:
        self._index = index
        self._slot_labels = slot_labels
        self._slot_rows = slot_rows
        self._vectors = vectors
        self.info = info
        gone = info.kind.startswith("hnsw") and bool((slot_rows == _GONE).any())
        self._living = self.select(np.ones(len(vectors), bool)) if gone else None

    # --- making one ---------------------------------------------------------------------------------------------------

    @classmethod
    def build(
        cls,
        vectors: NDArray[np.float32],
        item_labels: NDArray[np.int64] | None = None,
        *,
        queries: NDArray[np.float32] | None = None,
        settings: RetrievalSettings | None = None,
    ) -> ItemIndex:
        """Index the rows of ``vectors``, shape ``(n, dim)``, with as much effort as the measured recall asks for.

        Parameters
        ----------
        item_labels
            Labels (see `labels`) by which a later night recognises the rows; by default their numbers.
        queries
            What will be asked, shape ``(q, dim)``, to measure recall with; by default a sample of the vectors.
        """
        settings = settings or RetrievalSettings()
        queries = kinds.queries_of(vectors, queries)
        kind = kinds.choose(len(vectors), vectors.shape[1], settings)
        built = cls._build_kind(kind, vectors, item_labels)._tuned(queries)
        if built.info.recall < RECALL:
            note = f"{kind} found {built.info.recall:.3f} of the exact ten nearest at its greatest effort"
            built = cls._build_kind("exact", vectors, item_labels)
            built.info = replace(built.info, note=note)
        return built

    @classmethod
    def _build_kind(cls, kind: Kind, vectors: NDArray[np.float32], item_labels: NDArray[np.int64] | None) -> ItemIndex:
        n, dim = vectors.shape
        index = kinds.empty(kind, n, dim)
        if not index.is_trained:
            index.train(kinds.training_sample(vectors, index))
        for rows, block in kinds.blocks(vectors):
            kinds.add(index, block, rows)
        slots = np.arange(n)
        info = IndexInfo(kind, n, dim, built=n)
        return cls(index, slots if item_labels is None else item_labels, slots, vectors, info)

    @classmethod
    def update(
        cls,
        previous: Path | None,
        vectors: NDArray[np.float32],
        item_labels: NDArray[np.int64],
        *,
        queries: NDArray[np.float32] | None = None,
        settings: RetrievalSettings | None = None,
    ) -> ItemIndex:
        """The index at `previous` with the items that left taken out and the new ones put in.

        Built anew where that is not possible, after `CHURN` of the items have changed, and when recall has drifted
        below `RECALL`.
        """
        settings = settings or RetrievalSettings()
        queries = kinds.queries_of(vectors, queries)
        old = cls._reusable(previous, vectors, settings)
        updated = old._changed_to(vectors, item_labels) if old is not None else None
        if updated is not None:
            updated.info = replace(updated.info, recall=updated.measure(queries), queries=len(queries))
            if updated.info.recall >= RECALL:
                return updated
        return cls.build(vectors, item_labels, queries=queries, settings=settings)

    @classmethod
    def _reusable(
        cls, previous: Path | None, vectors: NDArray[np.float32], settings: RetrievalSettings
    ) -> ItemIndex | None:
        if previous is None or not (previous / "index.json").is_file():
            return None
        old = cls._read_info(previous)
        wanted = kinds.choose(len(vectors), vectors.shape[1], settings)
        if wanted == "exact" or (old.kind, old.dim) != (wanted, vectors.shape[1]):
            return None
        return cls.load(previous, vectors, writable=True)

    def _changed_to(self, vectors: NDArray[np.float32], item_labels: NDArray[np.int64]) -> ItemIndex | None:
        order = np.argsort(item_labels)
        at = np.minimum(np.searchsorted(item_labels, self._slot_labels, sorter=order), len(order) - 1)
        rows = np.where(item_labels[order[at]] == self._slot_labels, order[at], _GONE)
        left = np.flatnonzero((rows == _GONE) & (self._slot_rows != _GONE))
        known = np.zeros(len(item_labels), bool)
        known[rows[rows != _GONE]] = True
        new = np.flatnonzero(~known)
        changed = self.info.changed + len(left) + len(new)
        if changed > CHURN * self.info.built or np.unique(item_labels).size < len(item_labels):
            return None
        if self.info.kind == "ivf8":
            self._index.remove_ids(left)
        slots = len(rows) + np.arange(len(new))
        for start in range(0, len(new), kinds.BLOCK):
            part = slice(start, start + kinds.BLOCK)
            kinds.add(self._index, vectors[new[part]], slots[part])
        return ItemIndex(
            self._index,
            np.concatenate([np.where(rows == _GONE, _GONE, self._slot_labels), item_labels[new]]),
            np.concatenate([rows, new]),
            vectors,
            replace(self.info, items=len(vectors), changed=changed),
        )

    def _tuned(self, queries: NDArray[np.float32]) -> ItemIndex:
        """The same index with the least effort that reaches `RECALL`, or its greatest."""
        if self.info.kind == "exact":
            return self
        wanted = kinds.exact_scores(queries, self._vectors, 10)
        for effort in kinds.efforts(self._index):
            self.info = replace(self.info, effort=effort)
            self.info = replace(self.info, recall=self._recall(queries, wanted), queries=len(queries))
            if self.info.recall >= RECALL:
                break
        return self

    def raise_effort(self) -> bool:
        """Search with the next greater effort from now on; False where there is none."""
        more = [] if self.kind == "exact" else [e for e in kinds.efforts(self._index) if e > self.info.effort]
        if more:
            self.info = replace(self.info, effort=more[0])
        return bool(more)

    # --- asking -------------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self.info.items

    @property
    def kind(self) -> Kind:
        """Which kind of index this is."""
        return self.info.kind

    def select(self, allowed: NDArray[np.bool_]) -> Selection:
        """Rows that a search may return, ready to be used by many searches; `allowed` has shape ``(n,)``."""
        may = (self._slot_rows != _GONE) & allowed[self._slot_rows]
        return Selection(np.packbits(may, bitorder="little"), float(allowed.mean()) if len(allowed) else 1.0)

    def search(
        self, queries: NDArray[np.floating], k: int, selection: Selection | None = None, *, share: float = 1.0
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Best ``k`` rows of each query by inner product.

        Parameters
        ----------
        queries
            Shape ``(q, dim)`` or ``(dim,)``.
        selection
            From `select`: rows that may be returned.
        share
            Part of the measured effort to spend: queries that are item vectors themselves need less.

        Returns
        -------
        scores, rows
            Shape ``(q, min(k, n))``, exact scores, best first; row -1 and score ``-inf`` where fewer were found.
        """
        queries = np.ascontiguousarray(np.atleast_2d(queries), np.float32)
        k = min(k, len(self))
        depth = k if self.kind == "exact" else min(max(k + 20, DEPTH * k if k <= 100 else k), len(self))
        _, slots = self._index.search(queries, depth, params=self._parameters(depth, selection or self._living, share))
        rows = np.where(slots >= 0, self._slot_rows[slots], _GONE)
        scores = np.einsum("qd,qkd->qk", queries, self._vectors[rows])
        scores[rows == _GONE] = -np.inf
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, 1), np.take_along_axis(rows, best, 1)

    def _parameters(self, depth: int, selection: Selection | None, share: float) -> Any:
        selector = faiss.IDSelectorBitmap(selection.bits) if selection is not None else None
        # Where few rows are allowed, the ones wanted are further away.
        effort = max(int(self.info.effort * share / (max(selection.share, 0.1) if selection is not None else 1.0)), 1)
        if self.kind == "exact":
            return faiss.SearchParameters(sel=selector)
        if self.kind == "ivf8":
            lists = self._index.nlist
            # Lists that together hold several times what is asked for.
            filling = -(-4 * depth * lists // max(len(self), 1))
            return faiss.SearchParametersIVF(nprobe=min(max(effort, filling), lists), sel=selector)
        return faiss.SearchParametersHNSW(efSearch=max(effort, depth), sel=selector)

    def measure(self, queries: NDArray[np.float32]) -> float:
        """Recall@10 against exact search on these queries (an item as near as the tenth counts as one of the ten)."""
        return self._recall(queries, kinds.exact_scores(queries, self._vectors, 10))

    def _recall(self, queries: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
        scores, _ = self.search(queries, wanted.shape[1])
        enough = scores >= wanted[:, -1:] - 1e-5 * np.abs(wanted[:, :1])
        return float(enough.mean())

    # --- files --------------------------------------------------------------------------------------------------------

    def save(self, directory: Path) -> None:
        """Write the index, its slots and what is known of it into `directory`."""
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / "index.faiss").open("wb") as file:  # faiss's own files hide which error it was
            faiss.write_index(self._index, faiss.PyCallbackIOWriter(file.write))
        np.save(directory / "labels.npy", self._slot_labels)
        np.save(directory / "rows.npy", self._slot_rows)
        (directory / "index.json").write_text(json.dumps(asdict(self.info)), "utf-8")

    @classmethod
    def load(cls, directory: Path, vectors: NDArray[np.float32], *, writable: bool = False) -> ItemIndex:
        """Open an index written by `save` over the same vectors, memory-mapped unless it is to be changed.

        Raises
        ------
        ArtifactError
            A file is missing or damaged.
        """
        info = cls._read_info(directory)
        with _readable(directory):
            flags = 0 if writable else faiss.IO_FLAG_MMAP_IFC
            index = faiss.read_index(str(directory / "index.faiss"), flags)
            slot_labels, slot_rows = (open_array(directory / f"{n}.npy") for n in ("labels", "rows"))
        with bounds.checking(directory):
            bounds.rows(len(slot_rows), slot_labels)
            if not writable:  # else the rows are those of the catalogue before, and are about to be replaced
                bounds.codes(slot_rows + 1, len(vectors) + 1)  # -1 where an item is gone
            bounds.rows(info.dim, vectors.T, np.empty(index.d))
            bounds.codes(np.array([index.ntotal]), len(slot_rows) + 1)
        return cls(index, slot_labels, slot_rows, vectors, info)

    @staticmethod
    def _read_info(directory: Path) -> IndexInfo:
        with _readable(directory):
            return IndexInfo(**json.loads((directory / "index.json").read_text("utf-8")))

    def describe(self) -> dict[str, Any]:
        """`info` for a manifest."""
        about = asdict(self.info)
        return {"recall@10": about.pop("recall"), **about}
