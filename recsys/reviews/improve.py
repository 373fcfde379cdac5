"""What to improve: the aspects that reviews blame, with the sales that stand behind them.

An item's sales of the last year times the share of its reviews that blame an aspect are what its buyers paid who would
say so, if they are as its reviewers: money that may not come back. It is an estimate to order by, with an interval, and
no measured loss; where prices are missing, buyers are counted instead.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from recsys.data.columns import EVENT, ITEM, PRICE, PURCHASE, QUANTITY, TIME, TITLE
from recsys.data.events import DAY
from recsys.data.intervals import wilson
from recsys.data.reviews import OPINION
from recsys.data.schema import TimeKind
from recsys.data.snapshot import ShopTables

#: Days of sales that are counted, and reviews that must blame an aspect.
YEAR, LEAST = 365, 2
COLUMNS = (
    *(ITEM, "title", "aspect", "criticised", "praised", "reviews", "sales"),
    *("at_stake", "at_stake_low", "at_stake_high", "quote"),
)


def improvements(tables: ShopTables) -> tuple[pd.DataFrame, bool]:
    """Blamed aspects of items (`COLUMNS`), what surely costs most first; whether `sales` are money, or else pieces."""
    if tables.reviews is None or tables.aspects is None:
        return pd.DataFrame(columns=list(COLUMNS)), False
    sales, money = _sales(tables)
    reviews = tables.reviews[tables.reviews[OPINION].notna()].groupby(ITEM, observed=True).size()
    titles = dict(zip(tables.items[ITEM], tables.items[TITLE], strict=True))
    rows = []
    for row in tables.aspects[tables.aspects["criticised"] >= LEAST].itertuples():
        item = str(getattr(row, ITEM))
        number, sold = int(reviews.get(item, 0)), sales.get(item, 0.0)
        if item not in titles or not number:
            continue
        low, high = wilson(int(row.criticised), number)
        quotes = ((row.quote_1, row.praises_1), (row.quote_2, row.praises_2))
        quote = next((str(text) for text, praises in quotes if text and not praises), "")
        share = row.criticised / number
        stake = (round(sold * part, 2) for part in (share, low, high))
        rows.append(
            (item, titles[item], row.aspect, row.criticised, row.praised, number, round(sold, 2), *stake, quote)
        )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values(["at_stake_low", ITEM, "aspect"], ascending=[False, True, True], ignore_index=True), money


def _sales(tables: ShopTables) -> tuple[Mapping[str, float], bool]:
    """What was paid for each item in the last year (pieces where no price is known), and whether it is money."""
    events = tables.interactions
    bought = events[events[EVENT] == PURCHASE] if EVENT in events.columns else events
    if tables.kind is TimeKind.ABSOLUTE and len(bought):
        bought = bought[bought[TIME] >= float(bought[TIME].max()) - YEAR * DAY]
    pieces = bought[QUANTITY].fillna(1).to_numpy(np.float64) if QUANTITY in bought.columns else np.ones(len(bought))
    item = bought[ITEM].astype(object)
    price = np.full(len(bought), np.nan)
    if PRICE in bought.columns:
        price = bought[PRICE].to_numpy(np.float64, na_value=np.nan)
    if PRICE in tables.items.columns:
        listed = item.map(dict(zip(tables.items[ITEM], tables.items[PRICE], strict=True))).to_numpy(
            np.float64, na_value=np.nan
        )
        price = np.where(np.isnan(price), listed, price)
    money = bool(np.isfinite(price).any())
    paid = pieces * np.nan_to_num(price) if money else pieces
    return pd.Series(paid).groupby(item.to_numpy(object)).sum().to_dict(), money
