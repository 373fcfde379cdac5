"""Turns that follow others, and questions of products as shoppers describe them; what is right stands in the tables."""

from __future__ import annotations

import pandas as pd
import pytest

from recsys.assistant import Assistant
from tests.assistant.transcript import talk

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def assistant(sample_assistant: Assistant) -> Assistant:
    return sample_assistant


@pytest.mark.parametrize(
    ("turns", "says"),
    [
        (["biggest castle under 120?", "hm and the train one whats that cost"], "149"),
        (["推荐一款毛绒玩具", "兔子那个多少钱"], "15.49"),
        (["can i return in-ear headphones", "and over-ear ones?"], "within 30 days"),
        (["入耳式耳机能退吗", "那头戴式的呢"], "30天内退货"),
        (["礼品卡能退吗", "不想要了能退钱吗"], "礼品卡不能退"),
        (["what brands of coffee machine do u do", "cheapest espresso one?"], "309"),
        (["biggest castle under 120?", "which is the smallest"], "580 Pieces"),
    ],
)
def test_a_turn_that_follows_is_read_with_what_it_follows(assistant: Assistant, turns: list[str], says: str) -> None:
    *_, told = talk(assistant, *turns)
    assert says in told.text


@pytest.mark.parametrize(
    ("question", "items", "says"),
    [
        ("whats the biggest screen u sell", ["item:MON009"], "34 inch"),
        ("片数最多的拼图", ["item:PUZ001"], "1,000"),
        ("how many pieces in the biggest castle set u have", ["item:BLK002"], "1,100"),
        ("whats the heel drop on the tempo grip runners", ["item:RUN010"], "8 mm drop"),
        ("casa verde的茉莉花茶一包多少克", ["item:BEA006"], "500 g"),
        ("那只兔子毛绒玩具能机洗吗", ["item:PLU001"], "machine washable"),
        ("atelier nuit那款鸢尾麝香的香水多少钱 有现货不", ["item:PRF006"], "目前无货"),
    ],
)
def test_what_a_product_states_is_told_of_the_one_described(
    assistant: Assistant, question: str, items: list[str], says: str
) -> None:
    (told,) = talk(assistant, question)
    assert set(items) <= set(told.sources)
    assert says in told.text


@pytest.mark.parametrize(
    "question",
    [
        "is that novabook 32 inch monitor back in yet",  # it is not available
        "does the fellrunner two person dome tent have a porch light",
        "how heavy is the fellrunner two person dome tent",
        "is the northface ridge 4 person pop-up any good for dogs",
    ],
)
def test_the_size_that_says_which_product_is_meant_is_no_yes(assistant: Assistant, question: str) -> None:
    (told,) = talk(assistant, question)
    assert not told.text.startswith("Yes")


@pytest.mark.parametrize(
    ("question", "thing"),
    [
        ("有没有小一点的吹风机 旅行用的", "吹风机"),
        ("have you got an air fryer big enough for 2", "fryer"),
        ("u got lego?", "lego"),
    ],
)
def test_a_thing_that_is_not_sold_is_named(assistant: Assistant, question: str, thing: str) -> None:
    (told,) = talk(assistant, question)
    assert f"“{thing}”" in told.text
    assert not told.sources


@pytest.mark.parametrize(
    ("user", "question", "source", "says"),
    [
        ("10442", "还有之前退的那个绿茶 钱退了没", "order:A20155", "5个工作日"),
        ("10100", "我二月份退掉的狗粮是什么牌子来着 多少钱", "order:A20156", "11.99"),
        ("10673", "have u charged my card already", "order:A20767", "charged when the parcel leaves"),
        ("10329", "hv i got my money back for the cat litter yet", "order:A20623", "within 5 working days"),
    ],
)
def test_of_what_was_bought_the_order_is_told_with_its_rule(
    assistant: Assistant, user: str, question: str, source: str, says: str
) -> None:
    (told,) = talk(assistant, question, user=user)
    assert source in told.sources
    assert says in told.text


def test_something_that_came_broken_is_no_search(assistant: Assistant) -> None:
    (told,) = talk(assistant, "my kettlebell turned up with a big chip in it!! not happy")
    assert "photograph" in told.text


def test_a_person_is_passed_on_to_beside_what_else_is_asked(assistant: Assistant) -> None:
    for question, says in (
        ("are u open sundays? need to speak to an actual human", "Monday to Saturday"),
        ("你是真人还是机器人啊 我想找人工", "程序"),
    ):
        (told,) = talk(assistant, question)
        assert told.handover
        assert says in told.text


def test_of_a_table_the_line_on_what_is_named_is_told(assistant: Assistant) -> None:
    (told,) = talk(assistant, "how much to deliver the cat tree")
    assert "14.95" in told.text
    assert "3.95" not in told.text


def test_a_number_of_people_holds_of_what_is_listed(assistant: Assistant) -> None:
    (told,) = talk(assistant, "tent for 4, festival, dont want to faff about with poles")
    assert "item:TNT004" in told.sources
    assert not {"item:TNT001", "item:TNT007"} & set(told.sources)


def test_two_wishes_of_one_sentence_are_both_met(assistant: Assistant, sample_items: pd.DataFrame) -> None:
    (told,) = talk(assistant, "找个零下能用的睡袋 再来个头灯")
    titles = [sample_items.at[source.removeprefix("item:"), "title"] for source in told.sources]
    assert any("Sleeping Bag" in title for title in titles)
    assert any("Headlamp" in title for title in titles)


@pytest.mark.parametrize(
    ("user", "question", "says"),
    [
        ("10802", "is my order going to the locker or my house", "by Parcel locker, with Northpost, to Leinster"),
        ("10632", "我那个显示器订单怎么被取消了??", "订单中没有记录原因"),
    ],
)
def test_of_an_order_is_told_how_it_goes_and_what_is_not_noted(
    assistant: Assistant, user: str, question: str, says: str
) -> None:
    (told,) = talk(assistant, question, user=user)
    assert says in told.text


def test_of_a_fast_delivery_that_goes_to_some_places_only_that_is_said(assistant: Assistant) -> None:
    (told,) = talk(assistant, "到德国要多久啊")
    assert "特快配送仅限英国和爱尔兰" in told.text
