"""What shoppers ask of products: measures, kinds, what goes with what, and what a product is free of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.assistant.counting import _holds
from recsys.assistant.patterns import owned, pattern, says, units_asked
from recsys.encoders.encoder import Encoder
from recsys.llm.dictionary import senses
from recsys.llm.language import chinese_segmenter
from recsys.serving.complements import Complements
from recsys.serving.search import Nearest, ProductSearch, ProductTable, content, matching, parse
from recsys.serving.search.kind_names import kind_names
from recsys.serving.search.measures import Measure, measures_in
from recsys.serving.search.mentions import meant
from recsys.serving.search.superlatives import superlative_in

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


@pytest.mark.parametrize(
    ("sentence", "texts", "order"),
    [
        ("your biggest tent", ["Tent, 2 Person", "Tent, 4 Person", "Tent, 3 Person"], [1, 2, 0]),
        ("the smallest bottle", ["Bottle 1 l", "Bottle 750 ml", "Bottle"], [1, 0]),
        ("最重的狗粮", ["狗粮 500克", "狗粮 2公斤"], [1, 0]),
        ("laptop with the most storage", ["16 inch, 512 GB SSD", "13 inch, 1 TB SSD"], [1, 0]),
        ("which has more space for photos", ["16 GB RAM, 256 GB SSD", "16 GB RAM, 1 TB SSD"], [1, 0]),
        ("这俩哪个屏幕大", ["显示器 24英寸", "显示器 27英寸"], [1, 0]),
        ("哪个内存大", ["8GB内存 1TB固态硬盘", "16GB内存 256GB固态硬盘"], [1, 0]),
        ("which one is lighter", ["Bag 2 kg", "Bag 900 g"], [1, 0]),
        ("the lightest laptop", ["Laptop 13 inch", "Laptop 16 inch"], []),
        ("the largest game", ["Game for 2 to 5 players", "Game", "Game"], []),
    ],
)
def test_a_superlative_orders_by_what_texts_state_and_by_nothing_where_few_do(
    sentence: str, texts: list[str], order: list[int]
) -> None:
    found = superlative_in(sentence)
    assert found is not None
    assert found.order(texts) == order


def test_the_size_of_a_disk_is_no_size_of_a_screen() -> None:
    assert units_asked("便宜的那台硬盘多大") == {"gb"}
    assert "inch" in units_asked("这个多大")


def test_a_sentence_without_a_superlative_has_none(table: ProductTable) -> None:
    for sentence in (
        "a big tent 最大限度",
        "which one do you like",
        "哪里有大家都说好的",
        "is it lighter",
        "21块多的那个",
        "片数别太少",
    ):
        assert superlative_in(sentence) is None
    assert parse("the largest mug", table).sort == "measure"
    assert parse("the cheapest of the largest mugs", table).sort == "price"


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=20))
def test_the_heaviest_first_is_the_lightest_last(grams: list[int]) -> None:
    texts = [f"Bag {g} g" if g % 2 else f"Bag {g / 1000:g} kg" for g in grams]
    heaviest, lightest = superlative_in("the heaviest"), superlative_in("the lightest")
    assert heaviest is not None
    assert lightest is not None
    assert [grams[at] for at in heaviest.order(texts)] == sorted(grams, reverse=True)
    assert [grams[at] for at in lightest.order(texts)] == sorted(grams)


@pytest.mark.parametrize(
    ("question", "ids"),
    [
        ("is the rosemary shampoo vegan", ["S1"]),
        ("acme pottery: what does it come with", ["K2"]),
        ("is the shampoo vegan", ["S1", "S2"]),
        ("is it vegan", []),
    ],
)
def test_words_of_titles_beside_a_kind_describe_a_product(table: ProductTable, question: str, ids: list[str]) -> None:
    assert [table.ids[row] for row in meant(question, parse(question, table), table)] == ids


@pytest.mark.parametrize(
    ("chances", "found"),
    [
        ({"M1": 0.8, "S1": 0.99}, ["M1"]),
        ({"M1": 0.2, "S1": 0.99, "S2": 0.9, "B1": 0.5}, ["S2", "S1"]),  # the cheapest first
        ({"M1": 0.2, "S1": 0.6}, ["M1"]),
    ],
)
def test_what_is_judged_to_be_wished_for_takes_the_place_of_what_is_not(
    table: ProductTable, tiny_encoder: Path, chances: dict[str, float], found: list[str]
) -> None:
    encoder = Encoder.load(str(tiny_encoder), pooling="mean")
    nearest = Nearest.of(table, encoder, np.zeros((len(ITEMS), encoder.dim), np.float32))
    search = ProductSearch(
        table, lambda: nearest, fits=lambda wish, rows: np.array([chances.get(table.ids[row], 0.0) for row in rows])
    )
    said = "the cheapest mug"
    assert [table.ids[row] for row in search.find(parse(said, table), said, wish=said).rows] == found
    assert [table.ids[row] for row in search.find(parse(said, table), said).rows] == ["M1"]


def test_the_other_half_of_a_category_is_not_listed(table: ProductTable) -> None:
    search = ProductSearch(table, lambda: pytest.fail("words alone find it"))
    for sentence, ids in (("the cheapest mug", ["M1"]), ("teapot, the cheapest", ["M2"])):
        found = search.find(parse(sentence, table), sentence)
        assert [table.ids[row] for row in found.rows] == ids


def test_a_child_is_shown_what_is_said_to_be_for_its_age_where_there_is_any(table: ProductTable) -> None:
    search = ProductSearch(table, lambda: pytest.fail("the price orders"))
    for sentence, ids in (("cheapest for a 6 year old", ["K1"]), ("cheapest for a 2 year old", ["M1"])):
        assert [table.ids[row] for row in search.find(parse(sentence, table), sentence).rows][:1] == ids


@pytest.mark.skipif(chinese_segmenter() is None or not senses("吹风机"), reason="needs the extra zh")
@pytest.mark.parametrize(
    ("sentence", "thing"),
    [
        ("有没有小一点的吹风机 旅行用的", "吹风机"),
        ("有小孩骑的自行车吗 六岁", "自行车"),
        ("你们卖不卖冰箱", "冰箱"),
        ("有便宜点的吗", ""),
        ("有没有茶壶", ""),
    ],
)
def test_a_thing_that_only_the_dictionary_knows_is_what_the_shop_has_not(sentence: str, thing: str) -> None:
    words = {"茶壶": "teapot", "旅行": "travel", "小孩": "kids"}
    shop = ProductTable(ITEMS, synonyms=words)
    assert parse(sentence, shop).no_such == thing
