"""The sample shop's reviews: what buyers write of what they bought, good and bad.

A product is good or bad at each of its sides; how much everybody likes it (`appeal`, which also moves what is bought)
shows in all of them. The sides are those of its kind, of some products others in their place (a candle has wax and no
cable), as many, so that the rest of what is drawn stays as it is. The reviews are drawn after the events and from
numbers of their own, so that they change nothing of the rest of the shop. Some are pasted by several shoppers, and a
few hold an address that nobody should see.
"""

from __future__ import annotations

import json
import math
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from recsys.data.sample.products import SampleProduct

_WRITE, _PASTE, _PERSONAL = 0.42, 0.012, 0.012
#: How far a side of a product may be from the product as a whole, and how clearly buyers see whether it is good.
_OWN, _CLEAR, _KIND = 0.6, 2.0, 0.35
_CHINESE_OF_CHINESE, _CHINESE_OF_OTHERS = 0.7, 0.03
_DAY = 86_400


@cache
def _words() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((resources.files(__package__) / "reviews.json").read_text(encoding="utf-8"))
    return loaded


def make_reviews(products: list[SampleProduct], events: pd.DataFrame, seed: int, language: str = "en") -> pd.DataFrame:
    """Reviews of the year: `review_id, user_id, item_id, timestamp, rating, review`, in order of time.

    Parameters
    ----------
    events
        The shop's interactions; each review is of a purchase among them, some days later.
    language
        ``zh`` writes all reviews in Chinese.
    """
    rng = np.random.default_rng([seed, 3])
    by_id = {product.item_id: product for product in products}
    sides = {
        product.item_id: {side: product.appeal / 0.7 + float(rng.normal(0.0, _OWN)) for side in _sides_of(product)}
        for product in products
    }
    bought = events[events["event"] == "purchase"].drop_duplicates(["user_id", "item_id"])
    end = int(events["timestamp"].max())
    rows = []
    for user, item, time in zip(bought["user_id"], bought["item_id"], bought["timestamp"], strict=True):
        draws = rng.random(4)
        when = int(time) + int(rng.integers(2 * _DAY, 21 * _DAY))
        rating, text = _written(
            rng, by_id[item], sides[item], user, chinese=_in_chinese(by_id[item], draws[1], language)
        )
        if draws[0] < _WRITE and when <= end:
            if draws[2] < _PASTE:
                rating, text = 5, _pick(rng, _words()["pasted"])
            rows.append((user, item, when, rating, text))
    table = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "rating", "review"])
    table = table.sort_values(["timestamp", "user_id", "item_id"], kind="stable", ignore_index=True)
    table.insert(0, "review_id", [f"R{number:05d}" for number in range(1, len(table) + 1)])
    return table


def _sides_of(product: SampleProduct) -> list[str]:
    """What reviews of a product speak of."""
    sides: list[str] = list(_words()["groups"][product.kind])
    for kind, titles, others in _words()["instead"]:
        if kind == product.kind and any(word in product.title for word in titles.split("|")):
            sides = [others.get(side, side) for side in sides]
    return sides


def _in_chinese(product: SampleProduct, draw: float, language: str) -> bool:
    return language == "zh" or draw < (_CHINESE_OF_CHINESE if product.chinese else _CHINESE_OF_OTHERS)


def _written(
    rng: np.random.Generator, product: SampleProduct, sides: dict[str, float], user: str, *, chinese: bool
) -> tuple[int, str]:
    """Stars and words of one review."""
    names = [str(name) for name in rng.permutation(list(sides))[: int(rng.integers(1, 4))]]
    likes = {name: bool(rng.random() < 1 / (1 + math.exp(-_CLEAR * sides[name] - _KIND))) for name in names}
    share = sum(likes.values()) / len(likes)
    rating = int(np.clip(round(1.4 + 3.4 * share + float(rng.normal(0.0, 0.5))), 1, 5))
    mood = "good" if share > 0.7 else "bad" if share < 0.3 else "mixed"
    opener = _pick(rng, _words()["openers_zh" if chinese else "openers"][mood])
    said = [_side(rng, name, good, chinese=chinese) for name, good in likes.items()]
    parts = [opener, *said] if rng.random() < 0.7 else [*said, opener]
    if rng.random() < _PERSONAL:
        parts.append(_pick(rng, _words()["personal"]).format(name=f"shopper{user}"))
    return rating, ("" if chinese else " ").join(part for part in parts if part)


def _side(rng: np.random.Generator, name: str, good: bool, *, chinese: bool) -> str:
    english, zh, praise, blame, praise_zh, blame_zh = _words()["aspects"][name]
    if chinese:
        return f"{zh}{_pick(rng, praise_zh if good else blame_zh)}。"
    return f"The {english} {_pick(rng, praise if good else blame)}."


def _pick(rng: np.random.Generator, options: list[str]) -> str:
    return options[int(rng.integers(len(options)))]
