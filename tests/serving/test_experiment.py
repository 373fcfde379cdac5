"""Shoppers keep their variant, shares are what they should be, and interleaving is fair."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from recsys.serving.experiment import assigned, interleaved

SHARES = {"control": 1.0, "new": 1.0, "rare": 0.5}


def test_assignment_is_stable_in_its_shares_and_new_for_another_experiment():
    users = [f"u{n}" for n in range(5_000)]
    first = [assigned("one", user, SHARES) for user in users]
    assert first == [assigned("one", user, SHARES) for user in users]
    counts = Counter(first)
    assert abs(counts["control"] / 5_000 - 0.4) < 0.03
    assert abs(counts["rare"] / 5_000 - 0.2) < 0.03
    other = [assigned("two", user, SHARES) for user in users]
    both = sum(a == b == "control" for a, b in zip(first, other, strict=True)) / 5_000
    assert abs(both - 0.16) < 0.02  # as if drawn independently


rankings = st.lists(st.integers(0, 30), unique=True, max_size=15)


@given(rankings, rankings, st.integers(1, 20), st.text(max_size=5))
def test_interleaved_lists_hold_each_item_once_in_each_rankings_order_with_teams_of_one_size(one, other, length, seed):
    items, teams = interleaved(one, other, length, seed)
    assert len(items) == len(set(items)) == len(teams) == min(length, len({*one, *other}))
    for team, ranking in enumerate((one, other)):
        own = [item for item, t in zip(items, teams, strict=True) if t == team]
        assert own == [item for item in ranking if item in own]
    half = min(len(one), len(other), len(items) // 2)
    assert abs(Counter(teams[:half])[0] - Counter(teams[:half])[1]) <= max(1, len(set(one) & set(other)))
    assert (items, teams) == interleaved(one, other, length, seed)


def test_each_ranking_picks_first_as_often_as_the_other():
    first = Counter(interleaved([1, 2], [3, 4], 2, str(seed))[1][0] for seed in range(2_000))
    assert abs(first[0] - 1_000) < 120
