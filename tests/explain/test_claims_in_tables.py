"""The check against tables: for each kind of claim, true and false sentences whose truth pandas counts in the tables.

Nothing here knows the grammar or the evidence: sentences are written by hand, their truth is looked up in the two
tables by this file's own counting, and the check is asked with facts that come from the tables alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import permutations
from math import sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from recsys.data import schema
from recsys.data.schema import TimeKind
from recsys.data.snapshot import ShopTables
from recsys.encoders.encoder import Encoder
from recsys.encoders.snapshots import build_snapshot
from recsys.explain.grounding import check
from recsys.explain.measures import Kind
from recsys.explain.shared_phrases import Names
from recsys.explain.statistics import ShopStatistics
from recsys.settings import load_settings

DAY, NOW = 86_400, 1_760_000_000
BRANDS = ["Oakfield", "Brindle", "Marlowe", "Tansy"]
NOUNS = ["teapot", "lantern", "notebook", "garland", "doormat", "candle", "apron", "puzzle"]
STYLES = ["Enamel", "Bamboo", "Copper", "Linen", "Velvet", "Walnut", "Porcelain", "Felt"]
CATEGORIES = ["Kitchen", "Garden", "Paper"]
#: Subjects that three names each hold, of different brands, styles and nouns.
THEMES = ["Hungry Otter", "Paper Moon", "Silver Birch", "Sleepy Badger", "Lemon Grove", "Winter Owl", "Tall Ship"]
WANTED = 40


def theme(n: int) -> str:
    """The subject that item `n` has in its name, '' where it has none."""
    return THEMES[n % 9] if n < 27 and n % 9 < len(THEMES) else ""


def shop() -> tuple[pd.DataFrame, pd.DataFrame]:
    """64 items and 250 shoppers: neighbours are often ordered together, the next but one are bought later."""
    rng = np.random.default_rng(4)
    items = pd.DataFrame(
        [
            {
                "item_id": f"i{n:02d}",
                "title": " ".join(filter(None, [BRANDS[n % 4], theme(n), STYLES[n // 8], NOUNS[n % 8]])),
                "brand": BRANDS[n % 4],
                "category": CATEGORIES[n % 3],
                "price": float(4 + 3 * (n % 11)),
            }
            for n in range(64)
        ]
    )
    # Products that nobody met, so that a noun of the others is said of one name in twenty-five.
    letters = np.random.default_rng(5).choice(list("abcdefghijklmnopqrstuvwxyz"), (150, 3, 6))
    names = [" ".join("".join(word) for word in words) for words in letters]
    idle = [{"item_id": f"x{n:03d}", "title": name, "price": 1.0} for n, name in enumerate(names)]
    items = pd.concat([items, pd.DataFrame(idle)], ignore_index=True)
    rows = []

    def add(user: int, item: int, when: float, event: str, order: str | None) -> None:
        rating = float(5 if item % 5 == 0 else 3) if event == "purchase" else None
        rows.append((f"u{user:03d}", f"i{item % 64:02d}", when, event, order, rating))

    for user in range(250):
        start = NOW - float(rng.integers(5, 300)) * DAY + user
        for visit in range(int(rng.integers(2, 5))):
            base = int(rng.integers(0, 16)) * 4
            when, order = start + visit * DAY * 3, f"o{user}-{visit}"
            add(user, base, when, "purchase", order)
            if rng.random() < 0.7:
                add(user, base + 1, when, "purchase", order)  # the same order
            if rng.random() < 0.5:
                add(user, base + 2, when + 20 * DAY, "purchase", order + "b")  # a later one
            for look in rng.integers(0, 4, 2):
                add(user, base + int(look), when - 100, "view", None)
            if rng.random() < 0.6:
                add(user, base + 3, when - 50, "view", None)
    for n in range(40):  # products that others bought for the first time 1 to 40 days ago
        rows.append((f"v{n % 5:03d}", f"x{n:03d}", NOW - (n + 0.5) * DAY, "purchase", f"v{n}", None))
    columns = ["user_id", "item_id", "timestamp", "event", "order_id", "rating"]
    events = pd.DataFrame(rows, columns=columns).query(f"timestamp <= {NOW}")
    return items, events.drop_duplicates(["user_id", "item_id", "timestamp", "event"])


def judged() -> pd.DataFrame:
    """What reviews say of the lid of each item: praised by most, by too few, by half, and by all."""
    stances = [(9, 1), (4, 0), (3, 3), (7, 0)]
    rows = [
        {
            "item_id": f"i{n:02d}",
            "aspect": "lid",
            "praised": stances[n % 4][0],
            "criticised": stances[n % 4][1],
            "quote_1": f"the lid number {n} closes well",
            "praises_1": True,
            "quote_2": "the lid fell off",
            "praises_2": False,
        }
        for n in range(64)
    ]
    return pd.DataFrame(rows)


class Truth:
    """The tables, and this file's own counting in them."""

    def __init__(self, items: pd.DataFrame, events: pd.DataFrame, vectors: NDArray[np.float32]) -> None:
        self.items, self.events, self.vectors = items.set_index("item_id"), events, vectors
        bought, looked = events[events.event == "purchase"], events[events.event == "view"]
        self.bought, self.looked = bought, looked
        self.orders = bought.groupby("item_id").order_id.agg(set).to_dict()
        self.buyers = bought.groupby("item_id").user_id.agg(set).to_dict()
        self.viewers = looked.groupby("item_id").user_id.agg(set).to_dict()
        self.recent = bought[bought.timestamp >= events.timestamp.max() - 30 * DAY].groupby("item_id").user_id.nunique()
        self.first = bought.groupby(["item_id", "user_id"]).timestamp.min()
        self.totals = {"orders": bought.order_id.nunique(), "buyers": bought.user_id.nunique()}
        self.totals["viewers"] = looked.user_id.nunique()

    def share(self, held: str, a: str, b: str) -> tuple[int, int, float]:
        """Both, of the rarer one, and the lower bound where the two are linked (0 where they are not)."""
        sets = getattr(self, held)
        x, y = sets.get(a, set()), sets.get(b, set())
        both, rare, common = len(x & y), min(len(x), len(y)), max(len(x), len(y))
        low = lower(both, rare)
        return both, rare, low if both >= 5 and low > common / self.totals[held] else 0.0

    def after(self, a: str, b: str) -> float:
        """Lower bound of the share of the buyers of `a` who bought `b` later, 0 where that is no link."""
        users = self.buyers.get(a, set()) & self.buyers.get(b, set())
        later = sum(self.first[b, u] > self.first[a, u] for u in users)
        earlier = sum(self.first[b, u] < self.first[a, u] for u in users)
        low = lower(later, len(self.buyers.get(a, ())))
        chance = len(self.buyers.get(b, ())) / self.totals["buyers"]
        return low if later >= 5 and low > chance and lower(later, later + earlier) > 0.5 else 0.0


def lower(count: int, of: int) -> float:
    """Wilson's lower bound, one-sided 95%."""
    if not of:
        return 0.0
    p, z = count / of, 1.645
    return max(0.0, (p + z * z / (2 * of) - z * sqrt(p * (1 - p) / of + z * z / (4 * of * of))) / (1 + z * z / of))


@pytest.fixture(scope="module")
def truth(statistics: ShopStatistics) -> Truth:
    """The tables as they were given, and the text vectors in their order, which no claim but one needs."""
    items, events = shop()
    return Truth(items, events, np.asarray(statistics.snapshot.facts.vectors))


@pytest.fixture(scope="module")
def statistics(tiny_encoder: Path, tiny_environment: dict[str, str]) -> ShopStatistics:
    items, events = shop()
    kept = schema.check_items(items, "items").table
    checked = schema.check_interactions(events, set(kept.item_id), "interactions")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_environment.items():
            patch.setenv(name, value)
        tables = ShopTables(kept, checked.table, checked.time_kind or TimeKind.ABSOLUTE, aspects=judged())
        return ShopStatistics(
            build_snapshot(tables, Encoder.load(str(tiny_encoder), device="cpu"), load_settings()).snapshot
        )


def wrong(statistics: ShopStatistics, sentence: str, user: str, item: str, past: str) -> list[str]:
    """What the check finds; the facts are looked up in the tables for this shopper, this item and this purchase."""
    shop = statistics.snapshot
    code = int(shop.user_index.get_loc(user))
    profile = shop.profile(code)
    rows = np.flatnonzero(profile.items == int(shop.item_index.get_loc(past))).tolist()
    return check(sentence, statistics.facts(profile, int(shop.item_index.get_loc(item)), rows, code))


Said = tuple[str, str, str, str, bool]
"""Sentence, shopper, item, thing of the history, and whether it is true."""


def _pairs(truth: Truth, rng: random.Random, *, bought: bool = True) -> Iterator[tuple[str, str, str]]:
    """Shoppers, an item they have not met, and something they bought (or only looked at)."""
    met = truth.events.groupby("user_id").item_id.agg(set).to_dict()
    had = truth.bought.groupby("user_id").item_id.agg(set).to_dict()
    ids = [item for item in truth.items.index if item.startswith("i")]
    while True:
        user = rng.choice(list(met))
        own = sorted(had.get(user, set()) if bought else met[user] - had.get(user, set()))
        if own:
            past = rng.choice(own)
            near = int(past[1:])
            item = rng.choice([f"i{(near + d) % 64:02d}" for d in (1, 2, 3, -1, -2)] + [rng.choice(ids)])
            if item not in met[user] and truth.items.title[item] != truth.items.title[past]:
                yield user, item, past


def _same_order(truth: Truth, rng: random.Random) -> Iterator[Said]:
    for user, item, past in _pairs(truth, rng):
        i, b = (f"“{truth.items.title[x]}”" for x in (item, past))
        both, rare, low = truth.share("orders", past, item)
        yield f"You bought {b}; customers often buy {i} in the same order.", user, item, past, low >= 0.25
        yield f"{i} is regularly bought together with {b}, which you ordered.", user, item, past, low >= 0.10
        yield f"{i} sometimes goes into the same basket as your {b}.", user, item, past, low >= 0.05
        _, _, ever = truth.share("buyers", past, item)
        rarer = b if len(truth.orders.get(past, ())) <= len(truth.orders.get(item, ())) else i
        said = f"You bought {b}. {both} of the {rare} orders with {rarer} hold both it and {i}."
        yield said, user, item, past, low >= 0.05
        yield said.replace(f"{both} of", f"{both + 2} of"), user, item, past, False
        if ever >= 0.05 and low < 0.05:  # bought by the same people, never in one order
            yield f"{i} and {b} are bought in one order, and you bought {b}.", user, item, past, False


def _also_bought(truth: Truth, rng: random.Random) -> Iterator[Said]:
    for user, item, past in _pairs(truth, rng):
        i, b = (f"“{truth.items.title[x]}”" for x in (item, past))
        both, _, low = truth.share("buyers", past, item)
        given = lower(both, len(truth.buyers.get(past, ())))
        yield f"You bought {b}. Some people who have it also chose {i}.", user, item, past, low >= 0.05
        yield f"You bought {b}, and {both} other customers bought both it and {i}.", user, item, past, low >= 0.05
        yield f"You bought {b}, and {both + 3} customers bought both it and {i}.", user, item, past, False
        if low == 0.0 or given < 0.25:
            yield f"Customers who bought {b} often bought {i} as well.", user, item, past, False
        elif low >= 0.25 and given >= 0.25:
            yield f"Customers who bought {b} often bought {i} as well.", user, item, past, True


def _bought_after(truth: Truth, rng: random.Random) -> Iterator[Said]:
    for user, item, past in _pairs(truth, rng):
        i, b = (f"“{truth.items.title[x]}”" for x in (item, past))
        low = truth.after(past, item)
        yield f"You bought {b}; some customers later bought {i}.", user, item, past, low >= 0.05
        yield f"Some shoppers who ordered {b} came back for {i}.", user, item, past, low >= 0.05
        yield f"{i} is often bought after {b}, which you bought.", user, item, past, low >= 0.25


def _viewed_together(truth: Truth, rng: random.Random) -> Iterator[Said]:
    for user, item, past in _pairs(truth, rng):
        i, b = (f"“{truth.items.title[x]}”" for x in (item, past))
        both, _, low = truth.share("viewers", past, item)
        yield f"You bought {b}; some shoppers who viewed it also looked at {i}.", user, item, past, low >= 0.05
        yield f"Some people looked at both {i} and your {b}.", user, item, past, low >= 0.05
        yield f"{both + 2} customers looked at both {i} and your {b}.", user, item, past, False
        bought, _, ever = truth.share("buyers", past, item)
        if low >= 0.05 and ever < 0.05:  # looked at is not bought
            yield f"You bought {b}. {bought} customers bought both it and {i}.", user, item, past, False


def _reader(truth: Truth, rng: random.Random) -> Iterator[Said]:
    """What the reader did, beside a brand that is the same."""
    pairs = {bought: _pairs(truth, rng, bought=bought) for bought in (True, False)}
    for bought in (True, False) * 400:
        user, item, past = next(pairs[bought])
        if truth.items.brand[item] != truth.items.brand[past]:
            continue
        i, b = (f"“{truth.items.title[x]}”" for x in (item, past))
        for said in (
            f"You bought {b}, and {i} is from the same brand.",
            f"{i} is from the same brand as your order of {b}.",
        ):
            yield said, user, item, past, bought
        for said in (
            f"You looked at {b}; {i} is from the same brand.",
            f"You viewed {b}, and {i} is from the same brand.",
        ):
            yield said, user, item, past, not bought
        yield f"You bought {i}, which is from the same brand as {b}.", user, item, past, False


def _brand(truth: Truth, rng: random.Random) -> Iterator[Said]:
    for user, item, past in _pairs(truth, rng):
        i, b = (f"“{truth.items.title[x]}”" for x in (item, past))
        same = truth.items.brand[item] == truth.items.brand[past]
        yield f"You bought {b}, and {i} is by the same brand.", user, item, past, same
        yield f"{i} is from {truth.items.brand[item]}, the brand of your {b}.", user, item, past, same
        other = rng.choice([x for x in BRANDS if x != truth.items.brand[item]])
        yield f"{i} is also made by {other}, like your {b}.", user, item, past, False


def _category(truth: Truth, rng: random.Random) -> Iterator[Said]:
    for user, item, past in _pairs(truth, rng):
        i, b = (f"“{truth.items.title[x]}”" for x in (item, past))
        mine, its = truth.items.category[past], truth.items.category[item]
        yield f"You bought {b}, and {i} is in {its} too.", user, item, past, mine == its
        yield f"{i} is from the same category as your {b}, {its}.", user, item, past, mine == its
        other = rng.choice([x for x in CATEGORIES if x != its])
        yield f"You bought {b}; {i} is from {other} as well.", user, item, past, False


def _noun(truth: Truth, rng: random.Random) -> Iterator[Said]:
    for user, item, past in _pairs(truth, rng):
        i, b = (f"“{truth.items.title[x]}”" for x in (item, past))
        noun, other = truth.items.title[item].split()[-1], truth.items.title[past].split()[-1]
        yield f"{i} and your {b} are both {noun}s.", user, item, past, noun == other
        yield f"You bought {b}; here are more {noun}s: {i}.", user, item, past, noun == other
        yield f"{i} and your {b} share “thing”.", user, item, past, False


def _words(truth: Truth, rng: random.Random) -> Iterator[Said]:
    """A subject that three names of the shop hold."""
    pairs = _pairs(truth, rng)
    for n, (user, item, past) in enumerate(pairs):
        held, mine = theme(int(item[1:])), theme(int(past[1:]))
        if not held or (n % 9 and held != mine):
            continue
        i, b = (f"“{truth.items.title[x]}”" for x in (item, past))
        yield f"You bought {b}, and {i} has “{held}” in its name as well.", user, item, past, held == mine
        yield f"{i} shares “{held}” with your {b}.", user, item, past, held == mine
        other = rng.choice([x for x in THEMES if x != held])
        yield f"You bought {b}, and {i} has “{other}” in its name as well.", user, item, past, False
        noun = truth.items.title[item].split()[-1]
        if noun != truth.items.title[past].split()[-1]:
            yield f"{i} has “{noun}” in its name, like your {b}.", user, item, past, False


def _similar(truth: Truth, rng: random.Random) -> Iterator[Said]:
    """Two names with one noun at their end, whose text vectors are closer than 99% of all pairs."""
    vectors, code = truth.vectors, {item: n for n, item in enumerate(truth.items.index)}
    usual = float(np.quantile((vectors @ vectors.T)[np.triu_indices(len(vectors), 1)], 0.99))
    near = [
        (item, past)
        for item, past in permutations([item for item in truth.items.index if item.startswith("i")], 2)
        if vectors[code[item]] @ vectors[code[past]] > max(usual, 0.5) + 0.003  # the random pairs are a sample
    ]
    for user, item, past in _pairs(truth, rng):
        if rng.random() < 0.8:  # some of the close pairs are of one kind, others are not
            item, past = rng.choice(near)
            own = sorted(truth.buyers.get(past, set()) - truth.buyers.get(item, set()))
            if not own:
                continue
            user = rng.choice(own)
        elif vectors[code[item]] @ vectors[code[past]] > usual - 0.003:
            continue
        same = (item, past) in near and truth.items.title[item].split()[-1] == truth.items.title[past].split()[-1]
        i, b = (f"“{truth.items.title[x]}”" for x in (item, past))
        yield f"You bought {b}, and {i} is much like it.", user, item, past, same
        yield f"{i} resembles your {b}.", user, item, past, same
        yield f"Something comparable to your {b}: {i}.", user, item, past, same


def _taste(truth: Truth, rng: random.Random) -> Iterator[Said]:
    had = truth.bought.drop_duplicates(["user_id", "item_id"]).join(truth.items.category, on="item_id")
    for user, item, past in _pairs(truth, rng):
        i, category = f"“{truth.items.title[item]}”", truth.items.category[item]
        own = had[had.user_id == user].category
        count, of = int((own == category).sum()), len(own)
        likes = count >= 3
        yield f"You have bought {count} things from {category}, and {i} is from {category}.", user, item, past, likes
        yield f"{count} of your {of} purchases were from {category}, and so is {i}.", user, item, past, likes
        yield f"{count + 1} of your {of} purchases were from {category}, and so is {i}.", user, item, past, False
        if not likes:
            yield f"{i} is to your taste.", user, item, past, False


def _popular(truth: Truth, rng: random.Random) -> Iterator[Said]:
    for user, item, past in _pairs(truth, rng):
        i, lately = f"“{truth.items.title[item]}”", int(truth.recent.get(item, 0))
        before, ties = int((truth.recent > lately).sum()), int((truth.recent == lately).sum())
        if before < 10 < before + ties:  # ties are broken by their order, which is no business of a sentence
            continue
        sold = before < 10 and lately >= 5
        yield f"{i} is a bestseller of ours.", user, item, past, sold
        yield f"{i} is among our most popular products.", user, item, past, sold
        yield f"{i} is our top-selling product.", user, item, past, (before, ties) == (0, 1)
        yield f"Everybody buys {i}.", user, item, past, False


def _top_of_category(truth: Truth, rng: random.Random) -> Iterator[Said]:
    for user, item, past in _pairs(truth, rng):
        i, category = f"“{truth.items.title[item]}”", truth.items.category[item]
        peers = truth.recent.reindex(truth.items.index[truth.items.category == category], fill_value=0)
        lately = int(peers[item])
        top = (peers > lately).sum() < 5 and lately >= 5
        sold = (truth.recent > lately).sum() < 12 and lately >= 5  # of the whole shop: another claim
        if top or not sold:
            yield f"{i} is one of the most popular products in {category}.", user, item, past, top
            yield f"{i} sells best in {category} among a few.", user, item, past, False
            yield f"Among the bestsellers in {category}: {i}, with {lately} buyers lately.", user, item, past, top
        other = rng.choice([x for x in CATEGORIES if x != category])
        yield f"{i} is one of the most popular products in {other}.", user, item, past, False


def _new(truth: Truth, rng: random.Random) -> Iterator[Said]:
    """First sold in the last 30 days: the products of others that were sold 1 to 40 days ago."""
    first = truth.bought.groupby("item_id").timestamp.min()
    now = truth.events.timestamp.max()
    fresh = [item for item in first.index if item.startswith("x")]
    for user, item, past in _pairs(truth, rng):
        item = rng.choice([item, *fresh[:: len(fresh) // 8]])
        i, is_new = f"“{truth.items.title[item]}”", now - first.get(item, 0) <= 30 * DAY
        yield f"{i} has just arrived in our shop.", user, item, past, bool(is_new)
        yield f"Meet a newcomer: {i}.", user, item, past, bool(is_new)
        yield f"{i} is new here.", user, item, past, bool(is_new)


def _numbers(truth: Truth, rng: random.Random) -> Iterator[Said]:
    for user, item, past in _pairs(truth, rng):
        i = f"“{truth.items.title[item]}”"
        ever, lately = len(truth.buyers.get(item, ())), int(truth.recent.get(item, 0))
        yield f"{ever} shoppers bought {i} so far.", user, item, past, True
        yield f"{lately} customers bought {i} in the last 30 days.", user, item, past, True
        yield f"{ever + rng.randint(1, 9)} shoppers bought {i} in total.", user, item, past, False
        yield f"{lately + ever + 1} customers bought {i} in the last 30 days.", user, item, past, False


def _rating(truth: Truth, rng: random.Random) -> Iterator[Said]:
    for user, item, past in _pairs(truth, rng):
        i = f"“{truth.items.title[item]}”"
        own = truth.bought[truth.bought.item_id == item].rating
        good = len(own) >= 5 and own.mean() >= 4
        mean = f"{own.mean():g}" if len(own) else "4"
        yield f"{i} is rated {mean} of 5, from {len(own)} ratings.", user, item, past, good
        yield f"{i} is rated {mean} of 5, from {len(own) + 4} ratings.", user, item, past, False
        yield f"{i} has an average rating of 4.{rng.randint(1, 8)} of 5.", user, item, past, False


def _praised(truth: Truth, rng: random.Random) -> Iterator[Said]:
    said = judged().set_index("item_id")
    for user, item, past in _pairs(truth, rng):
        i, row = f"“{truth.items.title[item]}”", said.loc[item]
        count, of = int(row.praised), int(row.praised + row.criticised)
        told = of >= 5 and lower(count, of) >= 0.5
        claim = f"{i} is praised for its lid in {count} of the {of} reviews that speak of it"
        yield f"{claim}.", user, item, past, told
        yield f"{claim}: “{row.quote_1}”.", user, item, past, told
        yield f"{claim}: “the lid is wonderful”.", user, item, past, False
        yield claim.replace(f"{count} of", f"{count + 1} of") + ".", user, item, past, False
        yield claim.replace("lid", "handle") + ".", user, item, past, False
        yield f"Reviewers love {i}.", user, item, past, False


def _paid(truth: Truth, rng: random.Random) -> Iterator[tuple[str, str, str, str, float]]:
    """Shopper, item, something bought, the item's name, and its price by the median of what the shopper bought."""
    paid = truth.bought.drop_duplicates(["user_id", "item_id"]).join(truth.items.price, on="item_id")
    usual = paid.groupby("user_id").price.agg(["median", "size"])
    for user, item, past in _pairs(truth, rng):
        median, size = usual.loc[user]
        if size < 3:
            continue
        i, ratio = f"“{truth.items.title[item]}”", truth.items.price[item] / median
        if abs(np.log(ratio)) > abs(np.log(1.25)) - 0.02 and abs(np.log(ratio)) < abs(np.log(1.25)) + 0.02:
            continue
        yield user, item, past, i, float(ratio)


def _usual_price(truth: Truth, rng: random.Random) -> Iterator[Said]:
    for user, item, past, i, ratio in _paid(truth, rng):
        yield f"{i} costs about what you usually pay.", user, item, past, 0.8 <= ratio <= 1.25
        yield f"The price of {i} is in your usual range.", user, item, past, 0.8 <= ratio <= 1.25


def _cheaper(truth: Truth, rng: random.Random) -> Iterator[Said]:
    for user, item, past, i, ratio in _paid(truth, rng):
        yield f"{i} is cheaper than what you usually buy.", user, item, past, ratio < 0.8
        yield f"{i} is priced below your usual range.", user, item, past, ratio < 0.8
        yield f"{i} costs more than you usually pay.", user, item, past, ratio > 1.25


def _cause(truth: Truth, rng: random.Random) -> Iterator[Said]:
    """Empty causes are false of everything; a cause that says what links the two is true where the link is."""
    for user, item, past in _pairs(truth, rng):
        i, b = (f"“{truth.items.title[x]}”" for x in (item, past))
        for said in (
            f"{i} is here because of your {b}.",
            f"Your purchase of {b} points to {i}.",
            f"Your {b} led us to {i}.",
            f"You bought {b}, so we suggest {i}.",
        ):
            yield said, user, item, past, False
        same = truth.items.brand[item] == truth.items.brand[past]
        yield f"Because you bought {b}, we suggest {i} from the same brand.", user, item, past, same


KINDS: dict[str, Callable[[Truth, random.Random], Iterator[Said]]] = {
    "same order": _same_order,
    "also bought": _also_bought,
    "bought after": _bought_after,
    "viewed together": _viewed_together,
    "what the reader did": _reader,
    "same brand": _brand,
    "same category": _category,
    "same kind of product": _noun,
    "shared words": _words,
    "similar product": _similar,
    "category taste": _taste,
    "popular": _popular,
    "popular in its category": _top_of_category,
    "well rated": _rating,
    "praised for": _praised,
    "new in the shop": _new,
    "usual price": _usual_price,
    "below usual price": _cheaper,
    "bought lately": _numbers,
    "cause": _cause,
}


def test_every_kind_of_claim_has_its_sentences() -> None:
    assert {kind.value for kind in Kind} <= set(KINDS)


@pytest.mark.parametrize("kind", list(KINDS))
def test_forty_true_and_forty_false_sentences(kind: str, truth: Truth, statistics: ShopStatistics) -> None:
    true: list[Said] = []
    false: list[Said] = []
    for n, said in enumerate(KINDS[kind](truth, random.Random(9))):
        into = true if said[4] else false
        if len(into) < WANTED:
            into.append(said)
        if len(true) == len(false) == WANTED or n > 6_000:
            break
    assert (len(true), len(false)) == (WANTED, WANTED)
    passed = [said[:4] for said in false if not wrong(statistics, *said[:4])]
    assert passed == []
    refused = [(said[0], found) for said in true if (found := wrong(statistics, *said[:4]))]
    assert len(refused) <= 2, refused  # refusing a true sentence costs a plainer one


def test_wrong_variant_is_no_purchase(statistics: ShopStatistics) -> None:
    """A product in another size is neither named nor a link."""
    from recsys.explain.names import same_product

    assert same_product("Hollis Earl Grey Tea, 250 g", "Hollis Earl Grey Tea, 1 kg")
    assert same_product("The Orchard (Book 2) - Paperback", "The Orchard (Book 2) - Hardcover")
    assert not same_product("Oakfield Copper Teapot", "Oakfield Linen Teapot")
    assert not same_product("The Orchard (Book 1)", "The Orchard (Book 2)")


def test_a_brand_is_no_kind_of_product(statistics: ShopStatistics, monkeypatch: pytest.MonkeyPatch) -> None:
    """Brindle & Co. is no kind of lantern and apron, though both names have "Brindle" before their first break."""
    shop = statistics.snapshot
    profile = shop.profile(0)
    past = int(profile.items[0])
    item = next(code for code in range(64) if code not in profile.items)
    for head, noun in (("Felt Lantern", ""), ("Oak Aprons", "apron")):
        titles = [f"Brindle & Co. {head}", "Brindle & Co. Linen Apron"]
        monkeypatch.setattr(statistics, "titles", dict(zip((past, item), titles, strict=True)))
        monkeypatch.setattr(statistics, "_columns", {"brand": ["Brindle & Co"] * 300, "category": [None] * 300})
        monkeypatch.setattr(statistics, "_names", Names([*titles, *("Oak Puzzle" for _ in range(60))]))
        found = statistics.past(profile, 0, item, 0)
        assert found is not None
        assert found.noun == noun
