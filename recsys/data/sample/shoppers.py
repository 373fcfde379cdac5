"""The sample shop's year: shoppers with drifting tastes who look, buy, come back for what goes with it, and buy again.

A shopper moves from one segment's taste to another's in the course of the year. In each visit they choose a product
type by taste and season, look at some products of it and sometimes buy; what goes with a purchase follows in the same
basket or in the next visit. A product's chance is `exp(utility)` of `_Shopper.utilities`.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.data.sample.parcels import shipping
from recsys.data.sample.products import YEAR, SampleProduct, words

SHOPPERS = 820
START = dt.datetime(2025, 4, 1, tzinfo=dt.UTC)
#: Orders of this many last days are in `orders.csv`.
ORDER_DAYS = 60
_VISITS = 8.0
_P_SEARCH, _P_BUY, _P_TOGETHER, _P_LATER, _P_AGAIN = 0.1, 0.5, 0.5, 0.6, 0.4
_DAY = 86_400


@dataclass(frozen=True)
class History:
    """Tables of the shop's year: `events` (interactions), `users`, `orders`."""

    events: pd.DataFrame
    users: pd.DataFrame
    orders: pd.DataFrame


@dataclass(frozen=True)
class _Basket:
    user_id: str
    time: int
    items: tuple[SampleProduct, ...]


class _Shelves:
    """The catalogue by type, as arrays, and the calendar."""

    def __init__(self, products: list[SampleProduct]) -> None:
        self.by_kind: dict[str, list[SampleProduct]] = {}
        for product in products:
            self.by_kind.setdefault(product.kind, []).append(product)
        self.themes = sorted({product.theme for product in products})
        self.brands = sorted({product.brand for product in products})
        self.kinds = list(self.by_kind)
        self.columns = {kind: self._columns(shelf) for kind, shelf in self.by_kind.items()}
        self.consumable = {kind for kind, spec in words()["types"].items() if spec.get("consumable")}
        self.season = np.array([[self._season(kind, month) for kind in self.kinds] for month in range(1, 13)])

    def _columns(self, shelf: list[SampleProduct]) -> dict[str, npt.NDArray[Any]]:
        return {
            "theme": np.array([self.themes.index(product.theme) for product in shelf]),
            "brand": np.array([self.brands.index(product.brand) for product in shelf]),
            "tier": np.array([product.tier for product in shelf]),
            "chinese": np.array([product.chinese for product in shelf]),
            "appeal": np.array([product.appeal for product in shelf]),
            "launched": np.array([product.launched for product in shelf]),
            "withdrawn": np.array([product.withdrawn for product in shelf]),
        }

    def _season(self, kind: str, month: int) -> float:
        season = words()["types"][kind].get("season")
        return 2.2 if season and month in words()["seasons"][season] else 1.0


@dataclass
class _Shopper:
    user_id: str
    segments: tuple[str, str]
    turns: float  # the day on which the second segment's taste weighs as much as the first's
    kinds: npt.NDArray[np.float64]  # (2, types)
    themes: npt.NDArray[np.float64]  # (2, themes)
    brands: npt.NDArray[np.float64]
    tier: float
    chinese: bool
    joined: float
    bought: set[str] = field(default_factory=set)
    staples: list[tuple[float, SampleProduct]] = field(default_factory=list)
    wanted: list[tuple[str, SampleProduct]] = field(default_factory=list)  # (type to look for, what it should go with)

    def later(self, day: float) -> float:
        """How far taste has moved from the first segment (0) to the second (1)."""
        return 1.0 / (1.0 + math.exp((self.turns - day) / 15.0))

    def utilities(
        self, shelves: _Shelves, kind: str, day: float, match: SampleProduct | None, basket: list[SampleProduct]
    ) -> npt.NDArray[np.float64]:
        """Utility of each product of a type on a day; -inf for what is not sold, already owned or in the basket."""
        c, moved = shelves.columns[kind], self.later(day)
        themes = (1 - moved) * self.themes[0] + moved * self.themes[1]
        value = c["appeal"] + 1.1 * themes[c["theme"]] + 0.9 * self.brands[c["brand"]]
        value -= 2.0 * np.abs(c["tier"] - self.tier)
        value += np.where(c["chinese"], 2.0 if self.chinese else -1.5, 0.0)
        age = np.maximum(day - c["launched"], 0.0)
        value += np.where(c["launched"] > 0, 1.2 * np.exp(-age / 40.0), 0.0)
        if match is not None:
            value += 1.2 * (c["theme"] == shelves.themes.index(match.theme))
            value += 1.0 * (c["brand"] == shelves.brands.index(match.brand))
        has = self.bought | {product.item_id for product in basket}
        owned = np.array([product.item_id in has for product in shelves.by_kind[kind]])
        sold = (c["launched"] <= day) & (day < c["withdrawn"]) & ~owned
        return np.where(sold, value, -np.inf)


def make_history(products: list[SampleProduct], seed: int) -> History:
    """A year of events, the shoppers, and the last orders with their state on the last day."""
    rng = np.random.default_rng([seed, 2])
    shelves = _Shelves(products)
    shoppers = [_shopper(rng, shelves, 10_001 + number) for number in range(SHOPPERS)]
    events: list[tuple[str, str, int, str, str]] = []
    baskets: list[_Basket] = []
    for shopper in shoppers:
        for start in _visits(rng, shopper):
            _visit(rng, shelves, shopper, start, events, baskets)
    table = pd.DataFrame(events, columns=["user_id", "item_id", "timestamp", "event", "query"])
    table = table.sort_values(["timestamp", "user_id"], kind="stable", ignore_index=True)
    users = pd.DataFrame(
        {
            "user_id": [shopper.user_id for shopper in shoppers],
            "segment": [shopper.segments[int(shopper.later(YEAR) > 0.5)] for shopper in shoppers],
            "joined": [_date(shopper.joined) for shopper in shoppers],
        }
    )
    return History(table, users, _with_shipping(_orders(rng, baskets), seed))


def _shopper(rng: np.random.Generator, shelves: _Shelves, number: int) -> _Shopper:
    names = list(words()["segments"])
    first, second = (names[i] for i in rng.permutation(len(names))[:2])
    pair = [words()["segments"][name] for name in (first, second)]
    kinds = np.array([[taste["types"].get(kind, 0.02) for kind in shelves.kinds] for taste in pair], dtype=float)
    kinds *= np.exp(rng.normal(0.0, 0.7, len(shelves.kinds)))  # nobody is quite their segment
    own = rng.normal(0.0, 0.6, len(shelves.themes))
    themes = np.array([[taste["themes"].get(theme, 0.0) for theme in shelves.themes] for taste in pair]) + own
    return _Shopper(
        user_id=str(number),
        segments=(first, second),
        turns=float(rng.uniform(-0.2, 1.3)) * YEAR,
        kinds=kinds / kinds.sum(axis=1, keepdims=True),
        themes=themes,
        brands=rng.normal(0.0, 1.0, len(shelves.brands)),
        tier=pair[0]["tier"] + float(rng.normal(0.0, 0.25)),
        chinese=bool(rng.random() < 0.12),
        joined=float(rng.uniform(-400, 0.9 * YEAR)),
    )


def _visits(rng: np.random.Generator, shopper: _Shopper) -> Iterator[int]:
    """Starts of visits, UTC seconds: more in the gift season, mostly in the evening."""
    share = (YEAR - max(shopper.joined, 0.0)) / YEAR
    number = min(max(round(_VISITS * share * math.exp(rng.normal(0.1, 0.65))), 1), 45)
    days = np.sort(max(shopper.joined, 0.0) + rng.random(3 * number) * share * YEAR)
    months = np.array([(START + dt.timedelta(days=float(day))).month for day in days])
    chance = np.where(np.isin(months, (11, 12)), 1.7, 1.0)
    chosen = np.sort(np.argsort(rng.random(len(days)) ** (1.0 / chance))[-number:])
    for day in days[chosen].astype(int).tolist():
        hour = min(max(float(rng.normal(19.0, 3.0)), 6.0), 23.0)
        yield int(START.timestamp()) + day * _DAY + int(hour * 3600)


def _visit(
    rng: np.random.Generator,
    shelves: _Shelves,
    shopper: _Shopper,
    start: int,
    events: list[tuple[str, str, int, str, str]],
    baskets: list[_Basket],
) -> None:
    day = (start - START.timestamp()) / _DAY
    basket: list[SampleProduct] = []
    now = start

    def log(event: str, item_id: str, query: str = "") -> None:
        nonlocal now
        now += int(rng.integers(8, 150))
        events.append((shopper.user_id, item_id, now, event, query))

    def browse(kind: str, match: SampleProduct | None, p_buy: float) -> SampleProduct | None:
        value = shopper.utilities(shelves, kind, day, match, basket)
        noisy = value + rng.gumbel(0.0, 1.0, len(value))
        seen = [i for i in np.argsort(-noisy)[: int(rng.integers(1, 4))] if np.isfinite(value[i])]
        if not seen:
            return None
        shelf = shelves.by_kind[kind]
        if rng.random() < _P_SEARCH:
            log("search", "", _query(shelf[seen[0]]))
        for i in rng.permutation(seen):
            log("view", shelf[i].item_id)
        best = shelf[seen[0]]
        if rng.random() < p_buy:
            log("cart", best.item_id)
            return best
        if rng.random() < 0.15:
            log("cart", best.item_id)
        return None

    due = [(day_bought, product) for day_bought, product in shopper.staples if day - day_bought > 18]
    if due and rng.random() < _P_AGAIN:
        product = due[int(rng.integers(len(due)))][1]
        if day < product.withdrawn:
            log("cart", product.item_id)
            basket.append(product)
    if shopper.wanted and rng.random() < _P_LATER:
        kind, match = shopper.wanted.pop()
    else:
        kind, match = _mission(rng, shelves, shopper, day), None
    found = browse(kind, match, _P_BUY)
    for _ in range(3):
        if found is None:
            break
        basket.append(found)
        follow = words()["goes_with"].get(found.kind, [])
        if not follow:
            break
        kind, match = follow[int(rng.integers(len(follow)))], found
        if rng.random() > _P_TOGETHER:
            shopper.wanted.append((kind, match))
            break
        found = browse(kind, match, 0.75)
    _check_out(shopper, shelves, basket, now + 60, day, events, baskets)


def _mission(rng: np.random.Generator, shelves: _Shelves, shopper: _Shopper, day: float) -> str:
    moved = shopper.later(day)
    chance = (1 - moved) * shopper.kinds[0] + moved * shopper.kinds[1]
    chance = chance * shelves.season[(START + dt.timedelta(days=day)).month - 1]
    return shelves.kinds[int(np.searchsorted(np.cumsum(chance), rng.random() * chance.sum()))]


def _check_out(
    shopper: _Shopper,
    shelves: _Shelves,
    basket: list[SampleProduct],
    now: int,
    day: float,
    events: list[tuple[str, str, int, str, str]],
    baskets: list[_Basket],
) -> None:
    for product in basket:
        events.append((shopper.user_id, product.item_id, now, "purchase", ""))
        shopper.brands[shelves.brands.index(product.brand)] += 0.2
        shopper.themes[:, shelves.themes.index(product.theme)] += 0.2
        if product.kind in shelves.consumable:
            shopper.staples = [entry for entry in shopper.staples if entry[1] is not product] + [(day, product)]
        else:
            shopper.bought.add(product.item_id)
    if basket:
        baskets.append(_Basket(shopper.user_id, now, tuple(basket)))


def _query(product: SampleProduct) -> str:
    if product.chinese:
        return product.title.removeprefix(product.brand).strip()[:8]
    theme = words()["themes"].get(product.theme)
    return f"{theme['words'][0]} {product.category}".lower() if theme else product.category.lower()


def _date(day: float) -> str:
    return (START + dt.timedelta(days=math.floor(day))).date().isoformat()


def _orders(rng: np.random.Generator, baskets: list[_Basket]) -> pd.DataFrame:
    """One row per line of each order of the last days, with its state at the end of the year."""
    rows = []
    recent = sorted((b for b in baskets if _age(b) <= ORDER_DAYS), key=lambda b: (b.time, b.user_id))
    for number, basket in enumerate(recent, start=1):
        day, age, luck = YEAR - _age(basket), _age(basket), rng.random()
        days_under_way = int(rng.integers(2, 6))
        if luck < 0.03:
            status = "cancelled"
        elif age < 1:
            status = "processing"
        elif age < days_under_way:
            status = "shipped"
        else:
            status = "returned" if luck > 0.95 and age > 12 else "delivered"
        arrives = _date(day + days_under_way)
        for product in basket.items:
            rows.append(
                {
                    "order_id": f"A{20_000 + number}",
                    "user_id": basket.user_id,
                    "item_id": product.item_id,
                    "status": status,
                    "ordered_at": _date(day),
                    "delivered_at": arrives if status in ("delivered", "returned") else "",
                    "eta": arrives if status in ("processing", "shipped") else "",
                    "total": f"{sum(p.price for p in basket.items):.2f}",
                }
            )
    return pd.DataFrame(rows)


def _with_shipping(orders: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The orders with where each shopper lives, who brings what they order, and when it left."""
    users = orders["user_id"].unique()
    how = {user: shipping(np.random.default_rng([seed, 5, int(user)])) for user in users}
    left = orders["status"].isin(["shipped", "delivered", "returned"])
    next_day = pd.to_datetime(orders["ordered_at"]) + pd.Timedelta(days=1)
    places = pd.DataFrame([how[user] for user in orders["user_id"]], index=orders.index)
    return orders.assign(shipped_at=next_day.dt.strftime("%Y-%m-%d").where(left, "")).join(places)


def _age(basket: _Basket) -> float:
    """Days from the order to the end of the year."""
    return YEAR - (basket.time - START.timestamp()) / _DAY
