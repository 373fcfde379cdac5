from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsys.ranking.topk import top_k


@given(
    st.lists(st.sampled_from([-np.inf, -2.0, 0.0, 0.5, 3.0, np.nan]) | st.floats(-5, 5), max_size=40),
    st.integers(1, 45),
)
def test_the_best_k_finite_scores_ties_by_position(values, k):
    scores = np.array(values, dtype=np.float64)
    expected = sorted((-s, i) for i, s in enumerate(values) if np.isfinite(s))[:k]
    assert top_k(scores, k).tolist() == [i for _, i in expected]


def test_many_equal_scores_are_cut_by_position():
    assert top_k(np.zeros(1_000, np.float32), 3).tolist() == [0, 1, 2]
    assert top_k(np.full(1_000, -np.inf), 3).tolist() == []
