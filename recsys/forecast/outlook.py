"""The outlook of a catalogue: demand, price paths, stock cover and elasticity of each item, as tables for buyers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.data.columns import ITEM, TITLE
from recsys.data.snapshot import ShopTables
from recsys.forecast.backtest import HORIZON, LEVELS, Plan, forecast, plan
from recsys.forecast.demand import WEEK, Demand, Series
from recsys.forecast.elasticity import elasticity
from recsys.forecast.prices import DAY, LEAST_DROP, PriceHistory, percent

PAST = 26
"""Weeks of the past beside a forecast."""
STOCK = (
    "stock",
    "stock_quantity",
    "inventory_quantity",
    "variant_inventory_qty",
    "inventory",
    "qty",
    "lagerbestand",
    "库存",
)
"""Columns of the items table that may say how many there are."""


@dataclass(frozen=True)
class Outlook:
    """What a catalogue's next weeks look like.

    Attributes
    ----------
    items
        A row for each item with sales: ``item_id, title, model, expected, next_week, low_80, high_80, low_95, high_95,
        stock, cover_weeks, price, usual_price, below_usual, elasticity, elasticity_low, elasticity_high``.
    weeks
        A row for each item and week: ``item_id, week, starts, sold, median, mean, low_80, ...``; `week` is 0 for the
        last whole one and above it for what is to come.
    figures
        Mean absolute scaled errors of each model, and what part of the errors each interval held.
    """

    items: pd.DataFrame
    weeks: pd.DataFrame
    figures: dict[str, Any]


def outlook(tables: ShopTables, *, horizon: int = HORIZON) -> Outlook:
    """Forecast every item that was sold.

    Raises
    ------
    NothingToLearn
        There are too few weeks of purchases.
    """
    demand = Demand.of(tables.interactions)
    settled = plan(demand, horizon)
    ahead = forecast(demand, settled, horizon)
    catalogue = tables.items.set_index(ITEM).reindex(demand.item_ids)
    table = pd.DataFrame({ITEM: demand.item_ids})
    table[TITLE] = catalogue[TITLE].to_numpy() if TITLE in catalogue else ""
    table["model"] = ahead.models
    table["expected"] = ahead.mean.sum(axis=1).round(1)
    table["next_week"] = ahead.median[:, 0].round(1)
    for level, (low, high) in ahead.bands.items():
        table[f"low_{level * 100:.0f}"], table[f"high_{level * 100:.0f}"] = low[:, 0], high[:, 0]
    stock = next((name for name in STOCK if name in catalogue), None)
    if stock is not None:
        held = pd.to_numeric(catalogue[stock], errors="coerce").to_numpy(np.float64)
        weekly = ahead.mean.mean(axis=1)
        table["stock"] = held
        table["cover_weeks"] = np.where(weekly > 0, held / np.maximum(weekly, 1e-9), np.nan).round(1)
    if tables.prices is not None:
        _add_prices(table, tables, demand)
    figures = {"mase": dict(settled.mase), "weeks": demand.sold.shape[1], "horizon": horizon, "items": len(table)}
    return Outlook(table, _long(demand, ahead.median, ahead.mean, ahead.bands), figures | {"models": _won(settled)})


def _won(settled: Plan) -> list[str]:
    return sorted(set(settled.models.values()))


def _add_prices(table: pd.DataFrame, tables: ShopTables, demand: Demand) -> None:
    """Today's and the usual price of each item, and its elasticity where prices really moved."""
    assert tables.prices is not None
    history = PriceHistory.of(tables.prices, tables.items, demand.end)
    row = pd.Index(tables.items[ITEM], dtype=object).get_indexer(pd.Index(demand.item_ids, dtype=object))
    today = int(demand.end // DAY)
    known = row >= 0
    for name, values in (
        ("price", history.at(today)),
        ("usual_price", history.usual(today)),
        ("below_usual", history.below_usual(today)),
    ):
        table[name] = np.where(known, values[row], np.nan)
    weekly = weekly_prices(history, demand)
    found = [elasticity(demand.sold[n], weekly[r]) if r >= 0 else None for n, r in enumerate(row)]
    for name, attribute in (("elasticity", "value"), ("elasticity_low", "low"), ("elasticity_high", "high")):
        table[name] = [np.nan if one is None else round(getattr(one, attribute), 2) for one in found]


def weekly_prices(history: PriceHistory, demand: Demand) -> Series:
    """Price in the middle of each week, shape ``(items of the catalogue, weeks)``."""
    weeks = demand.sold.shape[1]
    middles = [int((demand.end - (weeks - week - 0.5) * WEEK) // DAY) for week in range(weeks)]
    return np.stack([history.at(day) for day in middles], axis=1)


def _long(demand: Demand, median: Series, mean: Series, bands: Mapping[float, tuple[Series, Series]]) -> pd.DataFrame:
    sold = demand.sold[:, -PAST:]
    past, horizon, n = sold.shape[1], median.shape[1], len(sold)
    weeks = np.arange(1 - past, horizon + 1)
    nothing = np.full((n, past), np.nan)
    values = {"sold": np.hstack([sold, np.full((n, horizon), np.nan)])}
    for name, series in (("median", median), ("mean", mean)):
        values[name] = np.hstack([nothing, series.round(2)])
    for level, (low, high) in bands.items():
        for name, series in ((f"low_{level * 100:.0f}", low), (f"high_{level * 100:.0f}", high)):
            values[name] = np.hstack([nothing, series])
    starts = [str(np.datetime64(int(demand.end + (week - 1) * WEEK), "s"))[:10] for week in weeks]
    table = {ITEM: np.repeat(demand.item_ids, len(weeks)), "week": np.tile(weeks, n), "starts": np.tile(starts, n)}
    return pd.DataFrame(table | {name: series.ravel() for name, series in values.items()})


def coverage(demand: Demand, horizon: int = HORIZON) -> dict[str, Any]:
    """Errors and intervals on the last `horizon` weeks, by what was known before: the figures that a report prints."""
    known = demand.until(horizon)
    there = known.sold.any(axis=1)
    known, truth = known.take(np.flatnonzero(there)), demand.sold[there, -horizon:]
    settled = plan(known, horizon)
    ahead = forecast(known, settled, horizon)
    held = {
        f"{level:.0%}": float(((truth >= low) & (truth <= high)).mean()) for level, (low, high) in ahead.bands.items()
    }
    return {"held": held, "mase": dict(settled.mase), "models": _won(settled)}


@dataclass(frozen=True)
class PricePath:
    """What prices were some weeks later, as parts of before: quantiles of 95% and 80%, shape ``(horizon, 4)``."""

    quantiles: npt.NDArray[np.float64]
    moves: int


def price_path(history: PriceHistory, today: int, *, reduced: bool, horizon: int = HORIZON) -> PricePath | None:
    """What prices did in earlier weeks, of items that were (or were not) below their usual price then.

    A shop sets its prices as it likes: this says what it did, not what it will do. None where it rests on fewer than
    100 earlier weeks of items.
    """
    ratios: list[list[npt.NDArray[np.float64]]] = [[] for _ in range(horizon)]
    moves = 0
    first = int(history.day.min()) if len(history.day) else today
    for then in range(today - 7 * horizon, max(first + 30, today - 365), -7):
        price, part = history.at(then), history.below_usual(then)
        mine = np.isfinite(price) & ((part >= LEAST_DROP) == reduced)
        moves += int(mine.sum())
        for ahead in range(horizon):
            ratios[ahead].append((history.at(then + 7 * (ahead + 1)) / price)[mine])
    if moves < 100:
        return None
    ends = [(1 - level) / 2 for level in reversed(LEVELS)]
    levels = [ends[0], ends[1], 1 - ends[1], 1 - ends[0]]
    return PricePath(np.array([np.nanquantile(np.concatenate(one), levels) for one in ratios]), moves)


def drops(history: PriceHistory, items: pd.DataFrame, today: int) -> pd.DataFrame:
    """Items below their usual price, the greatest part first: ``item_id, price, usual_price, percent``."""
    part = history.below_usual(today)
    rows = np.flatnonzero(part > 0)
    rows = rows[np.lexsort((rows, -part[rows]))]
    usual, price = history.usual(today), history.at(today)
    return pd.DataFrame(
        {
            ITEM: items[ITEM].to_numpy(object)[rows],
            "price": price[rows],
            "usual_price": usual[rows],
            "percent": [percent(part[row]) for row in rows],
        }
    )
