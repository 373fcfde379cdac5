"""Co-occurrence statistics of items: bought together, bought after each other, popular when.

Everything here is a statistic of `Events` alone. Item-item statistics are sparse (the strongest neighbours of each
item), so they grow with the catalogue and not with its square.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsys.data.events import DAY, Events

#: Latest items of one shopper that count in pairs; a robot or a wholesaler costs no more than this many squared.
BASKET_LIMIT = 200


def recent_pairs(events: Events, limit: int = BASKET_LIMIT) -> Events:
    """One event per distinct (user, item), the latest, and at most the `limit` latest of each user."""
    pair = events.user.astype(np.int64) * max(events.n_items, 1) + events.item
    _, from_end = np.unique(pair[::-1], return_index=True)
    rows = np.sort(len(pair) - 1 - from_end)
    user = events.user[rows]
    ends = np.searchsorted(user, user, side="right")
    keep = np.zeros(len(events), bool)
    keep[rows[ends - np.arange(len(rows)) <= limit]] = True
    return events.where(keep)


def cooccurrence_counts(events: Events) -> sparse.csr_array:
    """Item-item co-occurrence counts ``G[i, j]``; a history of ``n`` items counts ``1 / log2(1 + n)``.

    The diagonal holds the items' own counts. Long histories say less about any one pair, hence the damping.
    """
    events = recent_pairs(events)
    length = np.bincount(events.user, minlength=events.n_users)[events.user]
    data = 1.0 / np.sqrt(np.log2(1.0 + length))
    x = sparse.csr_array(
        (data.astype(np.float32), (events.user, events.item)), shape=(events.n_users, events.n_items), dtype=np.float32
    )
    return sparse.csr_array(x.T @ x)


def cosine(counts: sparse.csr_array, shrink: float = 3.0) -> sparse.csr_array:
    """Shrunk item-item cosine of co-occurrence counts: pulled to zero where there is little evidence; no diagonal."""
    own = counts.diagonal().astype(np.float64)
    coo = counts.tocoo()
    off = coo.row != coo.col
    row, col, n = coo.row[off], coo.col[off], coo.data[off].astype(np.float64)
    value = n / (np.sqrt(own[row] * own[col]) + shrink)
    return sparse.csr_array((value.astype(np.float32), (row, col)), shape=counts.shape)


def sequence_weights(events: Events, half_life: float = 2.0, reach: int = 25) -> sparse.csr_array:
    """Sequential item-item weights ``F[i, j]``: how strongly item ``j`` follows item ``i``, over popularity.

    Every pair of events of one user that are at most `reach` events apart counts from the earlier to the later, halved
    for every `half_life` visits between them; within one visit it counts both ways, so that nothing depends on the
    order inside a basket. Normalised by the square roots of both items' counts.
    """
    events = recent_pairs(events)
    rows, cols, data = [], [], []
    for lag in range(1, min(reach, len(events) - 1) + 1):
        first, second = np.arange(len(events) - lag), np.arange(lag, len(events))
        same = events.user[first] == events.user[second]
        first, second = first[same], second[same]
        visits = events.steps[first] - events.steps[second]
        value = 0.5 ** (visits / half_life)
        rows.append(events.item[first])
        cols.append(events.item[second])
        data.append(value)
        inside = visits == 0
        rows.append(events.item[second[inside]])
        cols.append(events.item[first[inside]])
        data.append(value[inside])
    shape = (events.n_items, events.n_items)
    if not rows:
        return sparse.csr_array(shape, dtype=np.float32)
    flow = sparse.csr_array((np.concatenate(data), (np.concatenate(rows), np.concatenate(cols))), shape=shape).tocoo()
    count = np.bincount(events.item, minlength=events.n_items).astype(np.float64)
    value = flow.data / (np.sqrt(count[flow.row] * count[flow.col]) + 3.0)
    return sparse.csr_array((value.astype(np.float32), (flow.row, flow.col)), shape=shape)


def local_ease(
    counts: sparse.csr_array, neighbours: sparse.csr_array, ridge: float, batch: int = 512
) -> sparse.csr_array:
    """EASE (Steck 2019) on local neighbourhoods: ridge regression of each item on its neighbours.

    EASE inverts one dense matrix of all items; here item ``i`` is regressed on the items of row ``i`` of `neighbours`
    only (as fsSLIM does, Ning & Karypis 2011), which is linear in the catalogue. Returns ``B[j, i]``: what having
    ``j`` adds to ``i``.

    Parameters
    ----------
    counts
        Gram matrix of the user-item matrix, with its diagonal.
    neighbours
        Row ``i`` names the items that may explain item ``i``, padded to no common length.
    """
    n = counts.shape[0]
    lengths = np.diff(neighbours.indptr)
    width = int(lengths.max(initial=0))
    if width == 0:
        return sparse.csr_array((n, n), dtype=np.float32)
    cells = _cells(counts)
    rows, cols, data = [], [], []
    targets = np.flatnonzero(lengths)
    targets = targets[np.argsort(lengths[targets], kind="stable")]
    for start in range(0, len(targets), batch):
        group = targets[start : start + batch]
        width = int(lengths[group].max())
        place = np.arange(width)
        real = place < lengths[group][:, None]
        at = np.minimum(neighbours.indptr[group][:, None] + place, len(neighbours.indices) - 1)
        near = np.where(real, neighbours.indices[at], 0).astype(np.int64)
        gram = cells(near[:, :, None], near[:, None, :])
        gram *= real[:, :, None] & real[:, None, :]
        gram[:, place, place] += ridge
        target = cells(near, np.broadcast_to(group[:, None].astype(np.int64), near.shape)) * real
        weight = np.linalg.solve(gram, target[:, :, None])[:, :, 0]
        rows.append(near[real])
        cols.append(np.broadcast_to(group[:, None], near.shape)[real])
        data.append(weight[real])
    shape = (n, n)
    return sparse.csr_array(
        (np.concatenate(data).astype(np.float32), (np.concatenate(rows), np.concatenate(cols))), shape=shape
    )


def _cells(counts: sparse.csr_array) -> Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]:
    """Look-up of many cells of a sparse matrix at once: in a dense copy where that takes no more memory than keys."""
    n = counts.shape[0]
    if n * n <= 3 * counts.nnz:  # 4 bytes a cell; a key and a value are 12 a stored cell
        dense = counts.toarray()
        return lambda row, col: dense[row, col]
    # One key per stored cell: a whole batch of small Gram matrices is then gathered by binary search.
    ordered = counts.tocsr(copy=True)
    ordered.sort_indices()
    key = np.repeat(np.arange(n, dtype=np.int64), np.diff(ordered.indptr)) * n + ordered.indices

    def found(row: NDArray[np.int64], col: NDArray[np.int64]) -> NDArray[np.float32]:
        at = np.minimum(np.searchsorted(key, row * n + col), len(key) - 1)
        return np.where(key[at] == row * n + col, ordered.data[at], np.float32(0.0))

    return found


def item_factors(similarity: sparse.csr_array, size: int, seed: int) -> NDArray[np.float32]:
    """Item factors by truncated SVD of a symmetric item-item similarity, shape ``(n_items, size)``.

    Singular vectors are scaled by the root of their values. Items whose buyers also buy the same things lie close,
    even where nobody bought both.
    """
    from sklearn.utils.extmath import randomized_svd  # a second to import, and only training needs it

    n = similarity.shape[0]
    size = min(size, max(n - 1, 1))
    if similarity.nnz == 0:
        return np.zeros((n, size), np.float32)
    u, s, _ = randomized_svd(similarity, n_components=size, n_iter=4, random_state=seed)
    return np.asarray(u * np.sqrt(s), dtype=np.float32)


@dataclass(frozen=True)
class CumulativeCounts:
    """Cumulative event counts per item over time bins of equal numbers of events.

    Bins of equal numbers of events, not of days, make the same windows fit a shop with a thousand events a year and
    one with a million a day.

    Attributes
    ----------
    edges
        Start times of the bins, ascending, float64, shape ``(n_bins,)``.
    counts
        Summed weights of all events before each edge and, in the last row, of all events; float32,
        shape ``(n_bins + 1, n_items + 1)``. The last column belongs to unknown products and stays zero.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.float32]

    @classmethod
    def build(cls, events: Events, bins: int) -> CumulativeCounts:
        """Cut the events' time into at most `bins` parts."""
        if not len(events):
            return cls(np.zeros(1), np.zeros((2, events.n_items + 1), np.float32))
        edges = np.unique(np.quantile(events.time, np.arange(bins) / bins))
        part = np.searchsorted(edges, events.time, side="right") - 1
        counts = np.zeros((len(edges) + 1, events.n_items + 1), np.float32)
        np.add.at(counts, (part + 1, events.item), events.weight)
        return cls(edges, np.cumsum(counts, axis=0, dtype=np.float32))

    def bin_of(self, time: float) -> int:
        """Index of the bin that holds `time`."""
        return int(np.clip(np.searchsorted(self.edges, time, side="right") - 1, 0, len(self.edges) - 1))

    def window(self, first: int, last: int, codes: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Summed weights of each item in the bins ``first .. last``, as far as they exist.

        Of all items, shape ``(n_items + 1,)``, or of those of `codes` only, whatever the size of the catalogue.
        """
        n = len(self.edges)
        which: NDArray[np.int64] | slice = slice(None) if codes is None else codes
        return self.counts[min(max(last + 1, 0), n)][which] - self.counts[min(max(first, 0), n)][which]


def first_and_last(events: Events, now: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Days before `now` of each item's first and last event, NaN where there is none; two arrays ``(n_items + 1,)``."""
    first = np.full(events.n_items + 1, np.nan)
    last = np.full(events.n_items + 1, np.nan)
    order = np.argsort(events.time, kind="stable")
    last[events.item[order]] = events.time[order]
    first[events.item[order[::-1]]] = events.time[order[::-1]]
    return ((now - first) / DAY).astype(np.float32), ((now - last) / DAY).astype(np.float32)
