"""Which ratings say dislike: by the shop, by the shopper, on every scale."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys.data.ratings import low_ratings

STARS = np.random.default_rng(0).choice([1, 2, 3, 4, 5], 3_000, p=[0.05, 0.06, 0.12, 0.25, 0.52]).astype(float)
PEOPLE = [f"o{n % 400}" for n in range(3_000)]


def says(habit: float, rating: float, times: int = 20, scale: float = 1.0) -> bool:
    """Whether one rating of somebody who gave `habit` so many times says dislike, in a shop of usual spread."""
    ratings = np.r_[STARS, [habit] * times, [rating]] * scale
    return bool(low_ratings(ratings, pd.Series([*PEOPLE, *["me"] * (times + 1)])).mask[-1])


@pytest.mark.parametrize(
    ("habit", "rating", "low"),
    [
        (5, 3, True),
        (5, 4, False),
        (5, 5, False),
        (3, 3, False),
        (3, 2, True),
        (2, 2, False),
        (2, 1, True),
        (4, 4, False),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 2.0, 20.0])
def test_a_shoppers_own_habit_says_what_is_low_on_every_scale(habit, rating, low, scale):
    assert says(habit, rating, scale=scale) is low


def test_somebody_new_is_judged_by_the_shop():
    assert [says(rating, rating, times=0) for rating in (1, 2, 3, 4, 5)] == [True, True, False, False, False]


def test_a_shop_that_gives_ten_of_ten_and_one_that_gives_six_differ_in_what_is_low():
    generous = low_ratings(np.r_[[10.0] * 900, [9.0] * 300, [6.0] * 3], pd.Series([f"u{n}" for n in range(1_203)]))
    harsh = low_ratings(
        np.r_[[10.0], [6.0] * 500, [5.0] * 400, [4.0] * 300], pd.Series([f"u{n}" for n in range(1_201)])
    )
    assert generous.mask[-1]
    assert not harsh.mask[1:501].any()


def test_one_star_is_never_a_liking_and_the_best_rating_never_a_dislike():
    assert says(1, 1, times=200)
    assert not says(5, 5, times=500)


def test_nothing_and_thumbs_are_read():
    assert not low_ratings(np.array([np.nan, np.nan]), pd.Series(["u", "v"])).mask.any()
    assert low_ratings(np.array([1.0, -1.0, 0.0]), pd.Series(["u"] * 3)).mask.tolist() == [False, True, False]
