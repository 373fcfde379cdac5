from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from recsys.data.events import DAY, Events
from recsys.data.schema import TimeKind
from recsys.data.sparsity import strongest
from recsys.ranking import cooccurrence
from tests.shops import START


def make(rows: list[tuple[int, int, float]], n_items: int = 6) -> Events:
    """Events from ``(user, item, day)``."""
    rows = sorted(rows, key=lambda r: (r[0], r[2]))
    user, item, day = (np.array(c) for c in zip(*rows, strict=True))
    return Events(
        user.astype(np.int32),
        item.astype(np.int32),
        START + day * DAY,
        np.ones(len(rows), np.float32),
        int(user.max()) + 1,
        n_items,
        TimeKind.ABSOLUTE,
    )


events = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 9).map(float)), min_size=1, max_size=40
).map(make)


def test_recent_pairs_keeps_the_latest_event_of_each_pair_and_the_latest_items():
    got = cooccurrence.recent_pairs(make([(0, 1, 0), (0, 2, 1), (0, 1, 2), (1, 3, 0)]), limit=1)
    assert list(zip(got.user, got.item, (got.time - START) / DAY, strict=True)) == [(0, 1, 2), (1, 3, 0)]


@given(events)
def test_cooccurrence_is_symmetric_and_cosine_is_bounded(e: Events):
    counts = cooccurrence.cooccurrence_counts(e)
    assert abs(counts - counts.T).max() < 1e-6
    similar = cooccurrence.cosine(counts)
    assert similar.diagonal().max(initial=0) == 0
    assert similar.data.min(initial=0) >= 0
    assert similar.data.max(initial=0) < 1


def test_following_is_directional_between_visits_and_symmetric_inside_one():
    flow = cooccurrence.sequence_weights(make([(0, 0, 0), (0, 1, 1), (1, 2, 0), (1, 3, 0)]))
    assert flow[0, 1] > 0
    assert flow[1, 0] == 0
    assert flow[2, 3] == flow[3, 2] > 0


@given(events, st.integers(1, 4))
def test_strongest_keeps_the_largest_of_each_row(e: Events, k: int):
    matrix = cooccurrence.cosine(cooccurrence.cooccurrence_counts(e))
    kept = strongest(matrix, k)
    for row in range(matrix.shape[0]):
        full, top = np.sort(matrix[[row]].toarray()[0])[::-1], np.sort(kept[[row]].data)[::-1]
        assert len(top) <= k
        np.testing.assert_array_equal(top, full[full > 0][:k])


@settings(max_examples=25)
@given(events, st.floats(0.5, 50))
def test_regression_on_all_items_is_ease(e: Events, ridge: float):
    """With every other item as a neighbour, local regression gives exactly what EASE's dense inverse gives."""
    counts = cooccurrence.cooccurrence_counts(e)
    n = counts.shape[0]
    everyone = sparse.csr_array(np.ones((n, n), np.float32) - np.eye(n, dtype=np.float32))
    got = cooccurrence.local_ease(counts, everyone, ridge, batch=2).toarray()
    inverse = np.linalg.inv(counts.toarray().astype(np.float64) + ridge * np.eye(n))
    ease = -inverse / np.diag(inverse)
    np.fill_diagonal(ease, 0)
    np.testing.assert_allclose(got, ease, atol=1e-4)


def test_regression_without_neighbours_is_empty():
    nothing = sparse.csr_array((3, 3), dtype=np.float32)
    assert cooccurrence.local_ease(nothing, nothing, 1.0).nnz == 0


def test_taste_puts_items_of_the_same_buyers_together():
    rows = [(u, i, i) for u in range(20) for i in ((0, 1, 2) if u % 2 else (3, 4, 5)) if (u + i) % 3]
    factors = cooccurrence.item_factors(
        cooccurrence.cosine(cooccurrence.cooccurrence_counts(make([(u, i, float(d)) for u, i, d in rows]))), 2, 0
    )
    same, other = factors[0] @ factors[1], factors[0] @ factors[4]
    assert same > abs(other)


@given(events, st.integers(1, 12))
def test_clock_windows_add_up(e: Events, stretches: int):
    clock = cooccurrence.CumulativeCounts.build(e, stretches)
    n = len(clock.edges)
    np.testing.assert_array_equal(
        clock.window(0, n - 1)[:-1], np.bincount(e.item, e.weight, minlength=e.n_items).astype(np.float32)
    )
    assert all(clock.window(k, k).sum() >= 0 for k in range(n))
    assert clock.window(-5, n + 5).sum() == len(e)
    assert clock.window(0, n)[-1] == 0


def test_seen_is_nan_for_what_nobody_bought():
    first, last = cooccurrence.first_and_last(make([(0, 0, 1), (1, 0, 4)]), START + 10 * DAY)
    assert (first[0], last[0]) == (pytest.approx(9), pytest.approx(6))
    assert np.isnan(first[1:]).all()
    assert np.isnan(last[-1])


def test_of_equal_neighbours_the_first_by_column_are_kept():
    # Columns out of order, as products of sparse matrices have them: row 0 holds .5 in columns 4, 1 and 3, and .9 in 2.
    matrix = sparse.csr_array((np.array([0.5, 0.5, 0.9, 0.5], np.float32), [4, 1, 2, 3], [0, 4, 4, 4, 4, 4]), (5, 5))
    assert sorted(strongest(matrix, 2).indices.tolist()) == [1, 2]
    assert sorted(strongest(matrix, 3).indices.tolist()) == [1, 2, 3]


@pytest.mark.parametrize("density", [0.05, 0.6])  # looked up by key, and in a dense copy
def test_cells_of_a_matrix_are_looked_up(density: float):
    rng = np.random.default_rng(3)
    matrix = sparse.csr_array(sparse.random_array((20, 20), density=density, rng=rng, dtype=np.float32))
    row, col = rng.integers(0, 20, (2, 300))
    np.testing.assert_array_equal(cooccurrence._cells(matrix)(row, col), matrix.toarray()[row, col])
