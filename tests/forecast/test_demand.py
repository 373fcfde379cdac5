"""Demand forecasts: values written by hand or made by other libraries, and intervals that hold on later weeks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import PoissonRegressor

from recsys.errors import NothingToLearn
from recsys.forecast import models
from recsys.forecast.backtest import backtest, classes_of, forecast, mase, plan
from recsys.forecast.demand import WEEK, Demand
from recsys.forecast.elasticity import elasticity

MONDAY = 1_700_000_000.0


def table(rows: list[tuple[str, int, float]]) -> pd.DataFrame:
    """Purchases: item, weeks ago, pieces."""
    return pd.DataFrame(
        {
            "item_id": [item for item, _, _ in rows],
            "timestamp": [MONDAY - ago * WEEK for _, ago, _ in rows],
            "event": "purchase",
            "quantity": [pieces for _, _, pieces in rows],
        }
    )


def test_weeks_are_counted_back_from_the_last_purchase():
    rows = [("b", ago, 1.0) for ago in range(18)] + [("a", 0, 2.0), ("a", 0, 3.0), ("a", 5, 4.0)]
    demand = Demand.of(table(rows))
    assert demand.item_ids.tolist() == ["a", "b"]
    assert demand.sold.shape == (2, 17)  # the oldest of 18 is no whole week
    assert demand.sold[0, -1] == 5
    assert demand.sold[0, -6] == 4
    assert demand.sold[0].sum() == 9
    assert demand.until(6).sold[0].sum() == 0


def test_looks_and_carts_are_no_demand():
    rows = table([("a", ago, 1.0) for ago in range(20)])
    looked = rows.assign(event="view", item_id="c")
    assert Demand.of(pd.concat([rows, looked])).item_ids.tolist() == ["a"]


@pytest.mark.parametrize("rows", [[("a", 0, 1.0), ("a", 9, 1.0)], []])
def test_too_few_weeks_are_not_forecast(rows):
    with pytest.raises(NothingToLearn):
        Demand.of(table(rows))


def test_naive_forecasts_by_hand():
    sold = np.array([[1.0, 2, 3, 4, 5, 6]])
    assert models.naive(sold, 3).tolist() == [[6, 6, 6]]
    assert models.seasonal_naive(sold, 6).tolist() == [[3, 4, 5, 6, 3, 4]]  # four weeks where there is no year
    year = np.arange(60.0)[None, :]
    assert models.seasonal_naive(year, 3).tolist() == [[8, 9, 10]]


def test_exponential_smoothing_is_that_of_pandas():
    sold = np.random.default_rng(0).poisson(6, (5, 40)).astype(float)
    ours = models.smoothing(sold, 1)[:, 0]
    for row, series in enumerate(sold):
        ends = {}
        for rate in (0.05, 0.1, 0.2, 0.4):
            level = pd.Series(series).ewm(alpha=rate, adjust=False).mean()
            ends[(level.shift() - series).abs().sum()] = level.iloc[-1]
        assert ours[row] == pytest.approx(ends[min(ends)])


def test_intermittent_demand_by_hand():
    """Two pieces every other week: the chance of a sale swings around a half, the size stays two."""
    sold = np.tile([0.0, 2.0], (1, 20))
    often = 0.5
    for week in range(40):
        often += 0.1 * (week % 2 - often)
    assert models.tsb(sold, 2)[0] == pytest.approx([2 * often, 2 * often])


def test_scaled_errors_by_hand():
    known, truth, said = np.array([[1.0, 3, 2, 4]]), np.array([[4.0, 6]]), np.array([[5.0, 5]])
    assert mase(truth, said, known) == pytest.approx([1 / ((2 + 1 + 2) / 3)])
    assert np.isnan(mase(truth, said, np.ones((1, 4))))[0]


def shop(seed: int, weeks: int = 50, items: int = 120) -> Demand:
    """Items of all speeds whose mean stays as it is."""
    rng = np.random.default_rng(seed)
    rates = np.exp(rng.uniform(np.log(0.1), np.log(30), items))
    sold = rng.poisson(rates[:, None], (items, weeks)).astype(float)
    ids = np.array([f"i{n:03d}" for n in range(items)], dtype=object)
    return Demand(ids, sold, MONDAY, np.zeros(items, np.int64))


def test_intervals_hold_on_weeks_that_nothing_was_learnt_from():
    demand = shop(1)
    known, truth = demand.until(8), demand.sold[:, -8:]
    settled = plan(known)
    ahead = forecast(known, settled)
    for level, least, most in ((0.8, 0.75, 0.9), (0.95, 0.92, 1.0)):
        low, high = ahead.bands[level]
        assert least <= ((truth >= low) & (truth <= high)).mean() <= most
        assert (low <= high).all()
        assert (low >= 0).all()
    rivals = min(np.nanmean(mase(truth, rival(known.sold, 8), known.sold)) for rival in models.RIVALS.values())
    assert np.nanmean(mase(truth, ahead.median, known.sold)) < 0.95 * rivals
    assert ahead.mean.sum() == pytest.approx(truth.sum(), rel=0.1)  # what a buyer adds up is no median


def test_a_backtest_knows_nothing_of_what_came_later():
    demand = shop(2, weeks=40, items=20)
    for one in backtest(demand):
        assert one.known.shape[1] + 8 <= demand.sold.shape[1]
    changed = Demand(demand.item_ids, demand.sold.copy(), demand.end, demand.first)
    changed.sold[:, -8:] += 100
    before, after = backtest(demand)[-1], backtest(changed)[-1]
    for name in before.said:
        np.testing.assert_array_equal(before.said[name], after.said[name])


def test_items_are_parted_by_how_often_they_sell():
    sold = np.zeros((3, 26))
    sold[1, ::3] = 1
    sold[2] = 1
    assert classes_of(sold).tolist() == [0, 1, 3]


def test_trees_find_a_season_that_no_naive_forecast_does():
    lightgbm = pytest.importorskip("lightgbm")
    assert lightgbm
    rng = np.random.default_rng(3)
    weeks, items = 110, 80
    season = 1 + 0.9 * np.sin(2 * np.pi * np.arange(weeks) / 52)
    sold = rng.poisson(rng.uniform(5, 30, items)[:, None] * season, (items, weeks)).astype(float)
    known, truth = sold[:, :-8], sold[:, -8:]
    ours = np.mean(mase(truth, models.boosted_trees(known, 8), known))
    assert ours < np.mean(mase(truth, models.naive(known, 8), known))
    assert ours < np.mean(mase(truth, models.typical(known, 8), known))


def test_without_trees_the_others_compete(monkeypatch):
    monkeypatch.setattr(models, "find_spec", lambda name: None)
    assert "LightGBM" not in models.candidates()
    assert "TSB" in models.candidates()


def moved(elastic: float, weeks: int = 80, seed: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    prices = np.where(rng.random(weeks) < 0.25, 8.0, 10.0)
    return rng.poisson(20 * (prices / 10) ** elastic).astype(float), prices


def test_elasticity_is_that_of_scikit_learn_and_its_interval_holds_the_truth():
    sold, prices = moved(-2.0)
    found = elasticity(sold, prices)
    other = PoissonRegressor(alpha=0, tol=1e-10, max_iter=10_000).fit(np.log(prices)[:, None], sold)
    assert found.value == pytest.approx(other.coef_[0], abs=1e-4)
    assert found.low < -2.0 < found.high
    inside = [e.low < -2.0 < e.high for s in range(60) if (e := elasticity(*moved(-2.0, seed=s)))]
    assert np.mean(inside) >= 0.88  # 95%, of 60


@pytest.mark.parametrize(
    "prices",
    [np.full(80, 10.0), np.where(np.arange(80) < 2, 8.0, 10.0), np.full(80, np.nan), np.linspace(10, 10.2, 80)],
)
def test_where_prices_hardly_moved_there_is_no_elasticity(prices):
    assert elasticity(moved(-2.0)[0], prices) is None


def test_what_says_nothing_is_not_told():
    rng = np.random.default_rng(5)
    prices = np.where(rng.random(60) < 0.1, 9.4, 10.0)
    assert elasticity((rng.random(60) < 0.3).astype(float), prices) is None
