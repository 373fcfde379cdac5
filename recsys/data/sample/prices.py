"""The sample shop's prices: a year of them, with sales that drew buyers.

What was bought when is settled before; sales are drawn for the ten days in which a product sold well, so that the
tables tell what a shop's would: things sell more while they are cheaper. The last price of each
product is the catalogue's.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data.sample.products import YEAR, SampleProduct

START = dt.date(2025, 4, 1)
#: Days of a sale, sales of a product in the year at most, share of products that are cheaper now or became dearer.
_DAYS, _SALES, _NOW, _DEARER = 10, 3, 0.1, 0.25
_CUTS = (0.9, 0.85, 0.8, 0.75, 0.7)
_LATE = 12
"""Days before the end within which today's sales began."""


def make_prices(products: list[SampleProduct], events: pd.DataFrame, seed: int) -> pd.DataFrame:
    """A row for each price and the day from which it held: ``item_id, date, price``."""
    rng = np.random.default_rng([seed, 6])
    bought = events[events["event"] == "purchase"]
    day = (bought["timestamp"].to_numpy() // 86_400) - (START - dt.date(1970, 1, 1)).days
    place = {product.item_id: row for row, product in enumerate(products)}
    sold = np.zeros((len(products), YEAR))
    np.add.at(sold, (bought["item_id"].map(place).to_numpy(), np.minimum(day, YEAR - 1)), 1.0)
    lately = sold[:, YEAR - _LATE :].sum(axis=1) + 0.05
    now = set(rng.choice(len(products), round(_NOW * len(products)), replace=False, p=lately / lately.sum()).tolist())
    rows: list[tuple[str, str, str]] = []
    for number, product in enumerate(products):
        prices = _year(rng, product, sold[number], on_sale=number in now)
        changes = [0, *(np.flatnonzero(np.diff(prices)) + 1).tolist()]
        first = min(max(int(product.launched), 0), YEAR - 1)
        for begins in dict.fromkeys(max(change, first) for change in changes):
            rows.append((product.item_id, str(START + dt.timedelta(days=begins)), f"{prices[begins]:.2f}"))
    return pd.DataFrame(rows, columns=["item_id", "date", "price"])


def _year(
    rng: np.random.Generator, product: SampleProduct, sold: NDArray[Any], *, on_sale: bool
) -> NDArray[np.float64]:
    """Price of a product on each day of the year."""
    regular = product.price
    if on_sale:  # what the catalogue shows is the lower price
        regular = _shelf(product.price / rng.choice(_CUTS))
    prices = np.full(YEAR, regular)
    if rng.random() < _DEARER:
        prices[: int(rng.integers(60, 200))] = _shelf(regular * rng.uniform(0.88, 0.96))
    windows = sold[: YEAR // _DAYS * _DAYS].reshape(-1, _DAYS).sum(axis=1)[:-4]  # none in the last weeks
    chance = (windows + 0.1) ** 2
    for window in rng.choice(len(windows), rng.integers(0, _SALES + 1), replace=False, p=chance / chance.sum()):
        prices[window * _DAYS : (window + 1) * _DAYS] = _shelf(regular * rng.choice(_CUTS[:3]))
    if on_sale:
        prices[YEAR - int(rng.integers(3, _LATE + 1)) :] = product.price
    return prices


def _shelf(price: float) -> float:
    return max(round(float(price)) - 0.01, 0.49) if price < 100 else round(float(price)) - 1.0
