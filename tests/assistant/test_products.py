"""What shoppers ask of products: measures, kinds, what goes with what, and what a product is free of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.assistant.counting import _holds
from recsys.assistant.patterns import owned, pattern, says
from recsys.serving.complements import Complements
from recsys.serving.search import ProductTable, content, matching, parse
from recsys.serving.search.kind_names import kind_names
from recsys.serving.search.measures import Measure, measures_in

ITEMS = pd.DataFrame(
    [
        ("K1", "Acme Chemistry Kit, Age 5+", "A kit with thirty experiments.", "Acme", "Kits", 35.0),
        ("K2", "Acme Pottery Kit, Age 12+", "A wheel and clay.", "Acme", "Kits", 40.0),
        ("S1", "Soapy Shampoo, Rosemary", "Shampoo for soft hair; no silicones.", "Soapy", "Hair Care", 13.0),
        ("S2", "Soapy Shampoo, Almond", "Shampoo for daily washing.", "Soapy", "Hair Care", 12.0),
        ("B1", "Play Board Game: Night Train", "A game for 2 to 5 players.", "Play", "Games", 25.0),
        ("M1", "Acme Stoneware Mug, Black", "A mug.", "Acme", "Mugs & Teapots", 11.0),
        ("M2", "Acme Enamel Teapot, Black", "A teapot.", "Acme", "Mugs & Teapots", 30.0),
    ],
    columns=["item_id", "title", "text", "brand", "category", "price"],
)


@pytest.fixture(scope="module")
def table() -> ProductTable:
    return ProductTable(ITEMS)


@pytest.mark.parametrize(
    ("asked", "said", "met"),
    [
        ("for 2 players", "2 to 5 players", True),
        ("for 6 players", "2 to 5 players", False),
        ("a 6 year old girl", "Age 5+", True),
        ("hes 9", "Age 12+", False),
        ("适合三岁的孩子", "适合2至6岁亲子共读", True),
        ('27" or so', "Monitor 27 inch Full HD", True),
        ("13.3 inch", "Sleeve 13-14 inch", True),
        ("at least 16 GB RAM", "8 GB RAM", False),
    ],
)
def test_a_measure_is_met_by_a_range_that_holds_it(asked: str, said: str, met: bool) -> None:
    (measure,) = measures_in(asked)
    assert measure.holds(said) is met


def test_years_of_age_are_no_centimetres_and_no_warranty() -> None:
    assert [m.unit for m in measures_in("something for her brother hes 9")] == ["age"]
    assert not measures_in("a 2 year warranty for 25 euros")


@given(st.floats(0, 99), st.floats(0, 99), st.floats(0, 99), st.floats(0, 99))
def test_meeting_is_mutual(a: float, b: float, c: float, d: float) -> None:
    one, other = Measure(min(a, b), max(a, b), "cm"), Measure(min(c, d), max(c, d), "cm")
    assert one.meets(other) == other.meets(one)


def found(sentence: str, table: ProductTable) -> list[str]:
    return [table.ids[row] for row in matching(table, parse(sentence, table))]


def test_an_age_shuts_out_what_is_for_older_children(table: ProductTable) -> None:
    assert found("a kit for a 6 year old", table) == ["K1"]


def test_what_is_refused_has_to_be_said_where_some_say_it(table: ProductTable) -> None:
    assert found("shampoo without silicones", table) == ["S1"]  # S2 does not say
    assert found("shampoo, no almond please", table) == ["S1"]  # none is said to be free of it


@pytest.mark.parametrize(
    ("sentence", "ids"),
    [
        ("a blue shirt", ["N"]),
        ("蓝色的shirt", ["N"]),
        ("a shirt, not blue", ["O", "W"]),
        ("a green shirt", ["O"]),  # olive wood is no colour of the shirt with such buttons
        ("a red shirt", []),
    ],
)
def test_a_colour_is_met_by_its_shades_and_by_no_other_colour(sentence: str, ids: list[str]) -> None:
    titles = {"N": "Acme Shirt, Navy", "O": "Acme Shirt, Olive", "W": "Acme Shirt with Olive Wood Buttons"}
    rows = [(item, title, "Cotton.", "Acme", "Shirts", 20.0) for item, title in titles.items()]
    shirts = ProductTable(pd.DataFrame(rows, columns=ITEMS.columns))
    assert found(sentence, shirts) == ids


def test_what_a_thing_is_tells_it_from_others_of_its_category(table: ProductTable) -> None:
    assert found("a black mug", table) == ["M1"]


def test_amounts_in_chinese_numerals_are_limits(table: ProductTable) -> None:
    limits = [parse(text, table).price_max for text in ("预算一百以内", "两百五以内", "一千零五以下")]
    assert limits == [100.0, 250.0, 1005.0]


def test_the_meaning_of_a_sentence_leaves_out_what_it_refuses(table: ProductTable) -> None:
    assert content("i need a shampoo without silicones under 20", table) == "shampoo"


def test_kinds_are_heads_of_titles_without_brand_measure_and_words_of_all() -> None:
    titles = [
        "Acme Pro Rechargeable Headlamp, Red",
        "Acme Pro Wok 32 cm",
        "Acme Pro Tent",
        "Acme Pro Mug",
        "Acme Pro Pot",
    ]
    kinds = kind_names(titles, ["Acme"] * 5, ["Camping", "Pans", "Tents", "Mugs", "Plants"])
    assert kinds == ["rechargeable headlamp", "wok", "tent", "mug", "pot"]


def test_categories_go_together_where_chance_is_exceeded_and_what_all_buy_does_not() -> None:
    rows = [(f"u{n}", item) for n in range(40) for item in (("tent", "stove") if n < 10 else ("dress",))]
    rows += [(f"u{n}", "tea") for n in range(40)]  # everybody does
    events = pd.DataFrame(rows, columns=["user_id", "item_id"]).assign(event="purchase")
    names = ["tent", "stove", "dress", "tea"]
    learnt = Complements.of(events, names, names)
    assert list(learnt.to({"tent"})) == ["stove"]
    assert not learnt.to({"tea"})
    assert not learnt.to({"unheard of"})
    assert np.allclose(learnt.strength, learnt.strength.T)


@pytest.mark.parametrize(
    ("text", "thing"),
    [
        ("just bought the monstera. what else do i need", "monstera"),
        ("i have just ordered an espresso machine, anything i need to go with it?", "espresso machine"),
        ("got a tent already, what am i missing", "tent"),
        ("买了跑鞋，还需要什么装备", "跑鞋"),
    ],
)
def test_what_a_shopper_has_is_read_with_the_wish_for_more(text: str, thing: str) -> None:
    assert says("completes", text)
    assert owned(text) == thing


@pytest.mark.parametrize(
    ("text", "holds"),
    [("more than 9 kinds", False), ("at least 9 different", True), ("fewer than 10 models", True), ("超过8款", True)],
)
def test_a_number_that_is_asked_about_is_compared_with_the_count(text: str, holds: bool) -> None:
    compared = pattern("compared_count").search(text)
    assert compared is not None
    assert _holds(compared, 9) is holds
