"""The thesaurus of things: what else the catalogue's own are called, and what it has none of."""

from __future__ import annotations

import pandas as pd
import pytest

from recsys.serving.search import ProductTable, parse
from recsys.serving.search.lexicon import key
from recsys.serving.search.mentions import meant, named
from recsys.serving.search.things import groups

ROWS = [
    ("G1", "Acme Pruning Shears", "Garden", "Acme"),
    ("G2", "Acme Compost Bin", "Garden", "Acme"),
    ("B1", "Acme Laptop Backpack, Black", "Bags", "Acme"),
    ("B2", "Acme Weekend Bag, Tan", "Bags", "Acme"),
    ("H1", "Bolt Over-Ear Headphones, Wireless, White", "Headphones", "Bolt"),
    ("H2", "Bolt In-Ear Headphones, Wireless, Black", "Headphones", "Bolt"),
    ("C1", "Bolt 20,000 mAh Power Bank", "Chargers", "Bolt"),
    ("C2", "Bolt 10,000 mAh Power Bank", "Chargers", "Bolt"),
    ("C3", "Bolt USB-C Charger", "Chargers", "Bolt"),
    ("S1", "Acme Down Sleeping Bag, -5 C", "Camping", "Acme"),
    ("S2", "Acme Inflatable Sleeping Mat", "Camping", "Acme"),
    ("Y1", "Acme Yoga Block", "Yoga & Fitness", "Acme"),
    ("Y2", "Acme Kettlebell 12 kg", "Yoga & Fitness", "Acme"),
    ("T1", "Cold Harbour", "Thrillers", "Lantern"),
    ("T2", "Nine Minutes", "Thrillers", "Lantern"),
    ("K1", "Acme Coffee Beans, 500 g", "Coffee & Tea", "Acme"),
    ("K2", "Acme Espresso Machine", "Coffee & Tea", "Acme"),
]
SYNONYMS = {"瑜伽垫": "Yoga & Fitness", "推理小说": "Thrillers", "羽绒": "down", "睡袋": "sleeping bag"}


@pytest.fixture(scope="module")
def table() -> ProductTable:
    rows = [(item, title, "Made well.", brand, kind, 20.0) for item, title, kind, brand in ROWS]
    return ProductTable(
        pd.DataFrame(rows, columns=["item_id", "title", "text", "brand", "category", "price"]), SYNONYMS
    )


def test_a_name_is_of_one_thing() -> None:
    names = [key(name) for thing in groups() for name in thing.names]
    assert len(names) == len(set(names)) > 10_000
    assert all(name == name.strip() and name for thing in groups() for name in thing.names)


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("secateurs", "pruning shears"),
        ("portable charger", "power bank"),
        ("移动电源", "power bank"),
        ("whodunnit", "thrillers"),
        ("earbuds", "in-ear headphones"),
    ],
)
def test_another_name_is_the_catalogues(table: ProductTable, said: str, means: str) -> None:
    assert table.canonical(said).strip() == means


@pytest.mark.parametrize("said", ["coffee", "espresso machine", "headphones"])
def test_the_catalogues_own_words_stay(table: ProductTable, said: str) -> None:
    assert table.canonical(said) == said


def test_a_compound_keeps_what_the_shops_synonyms_tell_of_its_parts(table: ProductTable) -> None:
    assert table.canonical("羽绒睡袋").split() == ["down", "sleeping", "bag"]


@pytest.mark.parametrize(
    ("said", "thing"),
    [
        ("do you sell toasters", "toaster"),
        ("a suitcase for two weeks", "suitcase"),
        ("有没有洗衣液", "洗衣液"),
        ("electric toothbrush under 80", "electric toothbrush"),
        ("瑜伽垫", "瑜伽垫"),  # the synonym helps to search, and is no yoga mat
        ("wireless headphones", ""),  # "Headphones, Wireless"
        ("推理小说", ""),  # no title of a thriller says that it is one
        ("microwave coffee machine", ""),
        ("a laptop backpack, it has to survive the washing machine", ""),
        ("something for my toaster and a power bank", ""),
    ],
)
def test_a_thing_that_is_not_sold_is_missing(table: ProductTable, said: str, thing: str) -> None:
    assert parse(said, table).no_such == thing


@pytest.mark.parametrize(
    ("said", "items"),
    [
        ("is the 20000 power bank in stock", ["C1"]),
        ("how much is the wireless white pair", ["H1"]),
        ("does the down one keep warm, the sleeping bag", ["S1"]),
        ("is the purple toaster nice", []),
    ],
)
def test_the_rarest_words_and_numbers_tell_which_product_is_meant(
    table: ProductTable, said: str, items: list[str]
) -> None:
    assert [table.ids[row] for row in meant(said, parse(said, table), table)] == items


def test_a_brand_and_a_number_name_no_product_with_another_number(table: ProductTable) -> None:
    assert [table.ids[row] for row in named("the bolt 10,000 mah power bank", table)] == ["C2"]


def test_words_of_several_titles_do_not_tell_what_a_name_means() -> None:
    """Sun and cream stand in two titles: a sun cream is a sunscreen all the same; in one title, it would be named."""
    rows = [("S", "Acme Sunscreen"), ("A", "Acme After-Sun Gel"), ("C", "Acme Hand Cream")]
    named_apart, named = (
        ProductTable(
            pd.DataFrame(
                [(item, title, "Made well.", "Acme", "Care", 9.0) for item, title in found],
                columns=["item_id", "title", "text", "brand", "category", "price"],
            )
        )
        for found in (rows, [*rows, ("B", "Acme Sun Cream")])
    )
    assert named_apart.synonyms["sun cream"] == "sunscreen"
    assert "sun cream" not in named.synonyms
