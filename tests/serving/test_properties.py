"""The thesaurus of properties, and which part of a sentence says what is wished."""

from __future__ import annotations

import pandas as pd
import pytest

from recsys.serving.search import ProductTable, matching, parse, properties
from recsys.serving.search.amounts import in_digits, prices_in
from recsys.serving.search.heads import wished, without_story

ROWS = [
    ("B1", "Acme Backpack, Black", "Leather, with a laptop sleeve.", "Bags"),
    ("B2", "Acme Backpack, Olive", "Canvas, waterproof.", "Bags"),
    ("B3", "Acme Bottle 500 ml", "Steel; water resistant lid.", "Water Bottles"),
    ("T1", "Acme Dome Tent", "防水帐篷, light.", "Tents"),
    ("C1", "Acme Cat Food with Tuna", "Grain-free.", "Cat Supplies"),
    ("C2", "Acme Scratching Post", "Cats approve, sofas survive.", "Cat Supplies"),
    ("D1", "Acme Puppy Dog Food, Lamb", "For puppies.", "Dog Food"),
    ("P1", "Acme Frying Pan 28 cm", "Goes into the oven.", "Pans"),
    ("P2", "Acme Frying Pan 20 cm", "Goes into the oven.", "Pans"),
    ("M1", "Acme Coffee Machine", "Brews six cups.", "Coffee Machines"),
]


@pytest.fixture(scope="module")
def table() -> ProductTable:
    rows = [(item, title, text, "Acme", kind, 20.0) for item, title, text, kind in ROWS]
    return ProductTable(pd.DataFrame(rows, columns=["item_id", "title", "text", "brand", "category", "price"]))


def found(sentence: str, table: ProductTable) -> set[str]:
    return {table.ids[row] for row in matching(table, parse(sentence, table))}


def test_names_are_of_one_group_each_and_written_once() -> None:
    for names in properties.groups():
        assert names[0].isascii()
        assert len(set(names)) == len(names)
        assert all(name == name.strip().lower() for name in names)


def test_the_longest_name_is_named() -> None:
    said = [name for _, name in properties.named("a rucksack that keeps the rain out, 真皮的, no noise cancelling")]
    assert said == ["keeps the rain out", "真皮", "noise cancelling"]


@pytest.mark.parametrize(
    ("sentence", "items"),
    [
        ("a rainproof backpack", {"B2"}),
        ("a backpack in real leather", {"B1"}),
        ("rainproof tent", {"T1"}),
        ("food for my cat", {"C1"}),
        ("frying pan 28", {"P1"}),
        ("a frying pan, the 20", {"P2"}),
    ],
)
def test_a_wish_is_met_under_any_name(sentence: str, items: set[str], table: ProductTable) -> None:
    assert found(sentence, table) == items


def test_no_name_of_a_property_names_a_kind(table: ProductTable) -> None:
    assert parse("a waterproof backpack", table).categories == {"Bags"}  # water resistant, and no water bottles


@pytest.mark.parametrize(
    ("sentence", "wish"),
    [
        ("our cat has shredded my tent. do you sell a scratching post?", " do you sell a scratching post"),
        ("he broke his coffee machine, so a bottle please", " so a bottle please"),
        ("a backpack", "a backpack"),
        ("a backpack and a tent, my bottle leaks", "a backpack and a tent"),
    ],
)
def test_what_is_wished_is_told_from_what_is_told(sentence: str, wish: str, table: ProductTable) -> None:
    assert wished(sentence, table) == wish


def test_a_story_is_left_out_and_never_all() -> None:
    assert without_story("my dog ate it, any tent under 50") == " any tent under 50"
    assert without_story("no, I thought of blue") == "no, I thought of blue"
    assert without_story("my mum loves gardening, under 30") == "my mum loves gardening, under 30"


def test_a_thing_that_is_not_sold_is_not_missed_in_a_story(table: ProductTable) -> None:
    assert parse("the cat ruined my armchair. any scratching post?", table).no_such == ""
    assert parse("any armchair?", table).no_such == "armchair"
    assert parse("something that survives the washing machine", table).categories == frozenset()


@pytest.mark.parametrize(
    ("sentence", "limits"),
    [
        ("dont want to go over 830", (None, 830.0)),
        ("not gonna pay more than 30 for it", (None, 30.0)),
        ("under a hundred", (None, 100.0)),
        ("less than two hundred and fifty", (None, 250.0)),
        ("thirty quid or less", (None, 30.0)),
        ("more than fifty", (50.0, None)),
    ],
)
def test_amounts_are_read_in_words_and_refusals(sentence: str, limits: tuple[float | None, float | None]) -> None:
    assert prices_in(in_digits(sentence)) == limits


@pytest.mark.parametrize("sentence", ["去屑洗发水 50以内", "被子 1.5米 厚的", "门把手 黑色的", "你家有帐篷不 4人的"])
def test_a_character_of_a_name_tells_no_story(sentence: str) -> None:
    assert without_story(sentence) == sentence
