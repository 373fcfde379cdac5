"""The sample shop is the same everywhere, passes the checks, and rewards knowing the shopper."""

from __future__ import annotations

import csv
import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from recsys.data import sample
from recsys.data.reviews import check_reviews
from recsys.data.sample import sample_dir, write_sample
from recsys.data.sample.products import make_products
from recsys.data.sample.reviews import _sides_of, _words
from recsys.data.schema import Checked, check_interactions, check_items, check_users
from recsys.data.sources import read_tables

DAY = 86_400


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "made" / "here"
    write_sample(folder)
    return folder


@pytest.fixture(scope="module")
def shop(written: Path) -> tuple[Checked, Checked]:
    tables = read_tables(written / "items.csv.gz", written / "interactions.csv.gz")
    items = check_items(tables.items)
    return items, check_interactions(tables.interactions, set(items.table["item_id"]))


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_same_seed_gives_the_same_bytes(written, tmp_path):
    write_sample(tmp_path)
    assert files(tmp_path) == files(written)
    write_sample(tmp_path, seed=8)
    assert files(tmp_path)["items.csv.gz"] != files(written)["items.csv.gz"]


def test_the_checkout_holds_what_the_generator_writes(written):
    """Compared unpacked: other builds of zlib pack the same text into other bytes."""
    kept = Path(__file__).parents[2] / "data" / "sample"

    def unpacked(folder: Path) -> dict[str, bytes]:
        return {n: gzip.decompress(b) if n.endswith(".gz") else b for n, b in files(folder).items()}

    assert unpacked(kept) == unpacked(written)
    assert sum(map(len, files(kept).values())) < 2_000_000


def test_no_row_is_quarantined(shop, written):
    items, log = shop
    assert items.quarantine.empty
    assert log.quarantine.empty
    assert log.notes["duplicates"] == 0
    users = check_users(pd.read_csv(written / "users.csv"))
    assert users.quarantine.empty
    assert set(log.table["user_id"]) <= set(users.table["user_id"])


def test_it_is_the_size_and_shape_of_a_shop(shop):
    items, log = shop[0].table, shop[1].table
    assert 550 <= len(items) <= 650
    assert items["department"].nunique() == 8
    assert (items["category"] == "Laptops").sum() >= 15
    assert items["title"].is_unique
    assert 0.07 < items["title"].str.contains("[\u4e00-\u9fff]").mean() < 0.13
    assert 5 <= (~items["available"]).sum() <= 30
    assert 5 <= len(set(items["item_id"]) - set(log["item_id"])) <= 30  # nobody has met these yet
    assert 750 <= log["user_id"].nunique() <= 850
    counts = log["event"].value_counts()
    assert len(log) > 25_000
    assert counts["view"] > counts["cart"] > counts["purchase"] > 5_000
    assert (log.loc[log["event"] == "search", "query"] != "").all()
    days = log["timestamp"].agg(["min", "max"]) / DAY
    assert 355 < days["max"] - days["min"] <= 366
    laptops = items[items["category"] == "Laptops"]
    assert laptops["price"].max() > 2 * laptops["price"].min()


def test_withdrawn_and_future_products_are_not_sold(shop):
    items, log = shop[0].table.set_index("item_id"), shop[1].table
    last = log.groupby("item_id")["timestamp"].max()
    gone = items.index[~items["available"]].intersection(last.index)
    assert (last[gone] < log["timestamp"].max() - 15 * DAY).all()


def test_knowing_the_shopper_beats_popularity(shop):
    """New purchases of the last 45 days: neighbours of what a shopper touched before rank them far above popularity."""
    log = shop[1].table[shop[1].table["item_id"] != ""]
    user, item = pd.factorize(log["user_id"])[0], pd.factorize(log["item_id"])[0]
    shape = (user.max() + 1, item.max() + 1)
    past = (log["timestamp"] < log["timestamp"].max() - 45 * DAY).to_numpy()
    bought = (log["event"] == "purchase").to_numpy()
    seen = np.minimum(sparse.coo_array((log["weight"][past], (user[past], item[past])), shape).toarray(), 2)
    owned, wanted = np.zeros(shape, bool), np.zeros(shape, bool)
    owned[user[past & bought], item[past & bought]] = True
    wanted[user[~past & bought], item[~past & bought]] = True
    together = seen.T @ seen
    strength = np.sqrt(np.outer(together.diagonal() + 5, together.diagonal() + 5))
    personal = seen @ (together / strength * ~np.eye(shape[1], dtype=bool))
    popular = np.broadcast_to(seen.sum(axis=0), shape)

    def auc(scores: np.ndarray) -> float:
        found = []
        for u in np.flatnonzero((wanted & ~owned).any(axis=1) & seen.any(axis=1)):
            open_to = ~owned[u]
            ranks = pd.Series(scores[u, open_to]).rank().to_numpy()
            hit = wanted[u, open_to]
            n = hit.sum()
            found.append((ranks[hit].sum() - n * (n + 1) / 2) / (n * (len(hit) - n)))
        return float(np.mean(found))

    assert auc(personal) > auc(popular) + 0.1


def test_texts_for_the_assistant(written):
    with (written / "faq.csv").open(encoding="utf-8", newline="") as stream:
        faq = list(csv.DictReader(stream))
    assert len(faq) >= 40
    assert all(row["question"] and row["answer"] for row in faq)
    policies = sorted((written / "policies").glob("*.md"))
    assert len(policies) == 4
    assert all("synthetic" in policy.read_text(encoding="utf-8").lower() for policy in policies)


def test_orders_add_up(written, shop):
    orders = pd.read_csv(written / "orders.csv", dtype=str, keep_default_na=False)
    prices = shop[0].table.set_index("item_id")["price"]
    total = orders["item_id"].map(prices).groupby(orders["order_id"]).sum().round(2)
    pd.testing.assert_series_equal(total, orders.groupby("order_id")["total"].first().astype(float), check_names=False)
    under_way = orders["status"].isin(["shipped", "processing"])
    assert set(orders["status"]) == {"delivered", "shipped", "processing", "returned", "cancelled"}
    assert ((orders["eta"] != "") == under_way).all()
    assert ((orders["delivered_at"] != "") == orders["status"].isin(["delivered", "returned"])).all()
    arrived = orders[orders["delivered_at"] != ""]
    assert (arrived["delivered_at"] > arrived["ordered_at"]).all()


def test_without_the_checkout_it_is_made_once_in_the_cache(written, tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "__file__", str(tmp_path / "site-packages" / "recsys" / "sample" / "__init__.py"))
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    made = sample_dir()
    assert made.parent == tmp_path / "cache" / "recsys"
    assert files(made) == files(written)
    monkeypatch.setattr(sample, "write_sample", None)  # a second call must not write
    assert sample_dir() == made
    assert [p.name for p in made.parent.iterdir()] == [made.name]


def test_the_command(tmp_path):
    command = [sys.executable, "-m", "recsys.data.sample"]
    helped = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert "example:" in helped.stdout
    done = subprocess.run([*command, str(tmp_path / "out")], capture_output=True, text=True, check=True)
    assert "sample shop written to" in done.stdout
    assert (tmp_path / "out" / "items.csv.gz").is_file()


def test_a_chinese_storefront_sells_the_same_products_to_the_same_shoppers(written: Path, tmp_path: Path) -> None:
    write_sample(tmp_path, language="zh")
    english, chinese = (pd.read_csv(folder / "items.csv.gz", dtype=str) for folder in (written, tmp_path))
    same = ["item_id", "brand", "price", "available"]
    pd.testing.assert_frame_equal(english[same], chinese[same])
    for column in ("title", "category", "department"):
        assert chinese[column].str.contains("[\u4e00-\u9fff]").all()
    assert (written / "interactions.csv.gz").read_bytes() == (tmp_path / "interactions.csv.gz").read_bytes()
    sold_in_chinese = english.title.str.contains("[\u4e00-\u9fff]")
    assert (english.title == chinese.title)[sold_in_chinese].all()


def test_reviews_are_of_purchases_good_and_bad(written: Path, shop: tuple[Checked, Checked]) -> None:
    items, events = shop
    raw = pd.read_csv(written / "reviews.csv.gz", dtype={"user_id": str})
    checked = check_reviews(raw, set(items.table["item_id"]))
    assert len(checked.table) == len(raw) > 1_500
    assert checked.report.bad == 0
    bought = events.table[events.table["event"] == "purchase"].groupby(["user_id", "item_id"])["timestamp"].min()
    when = checked.table.set_index(["user_id", "item_id"])["timestamp"]
    assert (when > bought.reindex(when.index)).all()  # each was bought before, by the one who writes
    assert 0.2 < (raw["rating"] <= 2).mean() < 0.5 < (raw["rating"] >= 3).mean() < 0.8
    assert raw["review"].str.contains("[\u4e00-\u9fff]").mean() > 0.05
    assert raw["review"].str.contains("@example.org").any()  # what no quote may show
    assert raw["review"].str.len().gt(80).any()
    assert raw["review"].value_counts().max() > 5


@pytest.mark.parametrize(
    ("title", "has", "has_not"),
    [
        ("Scented Candle", "wax", "cable"),
        ("阅读灯", "brightness", "smell"),
        ("Trekking Poles", "grip", "zip"),
        ("Vertical Mouse", "wheel", "keyboard"),
        ("Keyboard and Mouse Set", "keyboard", "wheel"),
        ("Burr Coffee Grinder", "grind", "tank"),
        ("Seed Mix", "germination", "handle"),
    ],
)
def test_reviews_speak_of_what_a_product_has(title: str, has: str, has_not: str) -> None:
    sides = [_sides_of(product) for product in make_products(7) if title in product.title]
    assert sides
    assert all(has in of and has_not not in of for of in sides)


def test_a_product_has_as_many_sides_as_its_kind() -> None:
    for product in make_products(7):
        named = {_words()["aspects"][side][0] for side in _sides_of(product)}
        assert len(named) == len(_words()["groups"][product.kind]), product.title
