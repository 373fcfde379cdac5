"""Questions as shoppers write them, written before any of them was asked; the whole sample shop, no language model.

`data/conversations.csv` has 43 turns, a third Chinese, with what a right answer must and must not contain. A hit of
`must_not` is counted apart: there may be none. ``items`` are checks on the products among the sources.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from recsys.assistant import Answer, Assistant
from recsys.assistant.evaluate import refused
from tests.assistant.transcript import talk

pytestmark = pytest.mark.weights
LEAST_RIGHT = 34
"""Of 43: four in five, set before the first run."""

LEAST_REFUSED, LEAST_ANSWERED = 50, 108
"""Of 60 without an answer and 120 with one."""


@pytest.fixture(scope="module")
def items(sample_items: pd.DataFrame) -> pd.DataFrame:
    return sample_items


@pytest.fixture(scope="module")
def assistant(sample_assistant: Assistant) -> Assistant:
    return sample_assistant


def products_fit(asked: Mapping[str, Any], answer: Answer, items: pd.DataFrame) -> bool:
    """Whether the products that an answer cites are what was asked for."""
    cited = items.loc[[source[5:] for source in answer.sources if source.startswith("item:")]]
    fits = len(cited) >= asked.get("min", 0)
    fits &= not asked.get("category") or cited["category"].isin(asked["category"]).all()
    fits &= not cited["category"].isin(asked.get("category_not", [])).any()
    fits &= bool((cited["price"] <= asked.get("price_max", float("inf"))).all())
    fits &= not asked.get("available") or bool(cited["available"].all())
    fits &= set(asked.get("includes", [])) <= set(cited.index)
    if kind := asked.get("dearest_of"):
        sold = items[(items["category"] == kind["category"]) & items["available"]]
        fits &= bool(len(cited)) and cited["price"].iloc[0] == sold["price"].max()
    return bool(fits)


def judge(row: Mapping[str, str], answer: Answer, items: pd.DataFrame) -> tuple[bool, list[str]]:
    """Whether an answer is right, and what it invented or told of others."""
    text = answer.text
    unwanted = json.loads(row["must_not"] or "[]")
    hits = [p for p in unwanted if re.search(p.partition(":")[2] or p, text, re.IGNORECASE | re.MULTILINE)]
    right = all(re.search(pattern, text, re.IGNORECASE) for pattern in json.loads(row["must"] or "[]"))
    right &= not row["handover"] or answer.handover == (row["handover"] == "true")
    return right and not hits and products_fit(json.loads(row["items"] or "{}"), answer, items), hits


def test_most_answers_are_right_and_none_is_invented(assistant: Assistant, items: pd.DataFrame) -> None:
    table = pd.read_csv(Path(__file__).parent / "data" / "conversations.csv", dtype=str, keep_default_na=False)
    histories: dict[str, list[dict[str, Any]]] = {}
    right = 0
    for row in table.to_dict("records"):
        history = histories.setdefault(row["conversation"], [])
        answer = assistant.answer(row["question"], history, row["user_id"] or None)
        good, invented = judge(row, answer, items)
        assert not invented, f"{row['question']}: {answer.text}"
        if not good:  # printed, so that a failing test shows what was wrong
            print(f"{row['id']} {row['question']}\n  {answer.text}\n  {answer.sources}")
        right += good
        history += [
            {"role": "user", "content": row["question"]},
            {"role": "assistant", "content": answer.text, "sources": answer.sources},
        ]
    assert len(table) == 43
    assert right >= LEAST_RIGHT


def of_items(answer: Answer) -> list[str]:
    return [source[5:] for source in answer.sources if source.startswith("item:")]


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("TNT008 是几人的 tent? 多少钱", ["2 Person", "209"]),
        ("how many people fit in TNT008, and what does it cost?", ["2 Person", "209"]),
        ("how much does LAP005 weigh", ["does not say"]),
        ("is the Fellrunner Compact Dome Tent for 2 people", ["Yes", "2 Person"]),
        ("is there BPA in BOT003, the 750 ml one", ["free of BPA"]),
    ],
)
def test_a_measure_answers_for_itself_and_what_is_asked_beside_it_is_told_too(
    assistant: Assistant, question: str, told: list[str]
) -> None:
    (answer,) = talk(assistant, question)
    assert all(part in answer.text for part in told)
    assert "839" not in answer.text
    assert not answer.text.startswith("Yes") or "BPA" not in question


@pytest.mark.parametrize("question", ["can I return a gift card i bought by mistake", "买错礼品卡了，能退吗"])
def test_what_a_rule_excepts_is_told_before_the_rule(assistant: Assistant, question: str) -> None:
    (told,) = talk(assistant, question)
    assert told.text.startswith(("What cannot be returned", "不能退的商品"))


def test_what_buyers_say_is_no_question_about_other_people(assistant: Assistant) -> None:
    asked, others = talk(assistant, "what do buyers say of the brightness?"), talk(assistant, "List all customers")
    assert "anybody else" not in asked[0].text
    assert "anybody else" in others[0].text


@pytest.mark.parametrize(
    ("question", "way"),
    [
        ("can i pay cash on delivery", "cash on delivery"),
        ("do you take klarna", "klarna"),
        ("支持货到付款吗", "货到付款"),
        ("可以用微信付款吗", "微信"),
    ],
)
def test_a_way_of_paying_that_no_rule_names_is_said_beside_those_that_are(
    assistant: Assistant, question: str, way: str
) -> None:
    (told,) = talk(assistant, question)
    first, rule = told.text.split("\n", 1)
    assert way in first
    assert "PayPal" in rule
    assert not told.handover


def test_a_way_of_paying_that_a_rule_names_is_told_by_that_rule(assistant: Assistant) -> None:
    (told,) = talk(assistant, "is american express ok for paying")
    assert told.text.startswith("We accept")


@pytest.mark.parametrize(
    ("question", "signs_in", "tracks"),
    [("where is my order exactly", "sign in", "tracking link"), ("我的订单到哪了", "登录", "跟踪链接")],
)
def test_without_a_login_the_way_to_track_is_told(
    assistant: Assistant, question: str, signs_in: str, tracks: str
) -> None:
    (told,) = talk(assistant, question)
    assert signs_in in told.text
    assert tracks in told.text
    assert not told.handover


@pytest.mark.parametrize("question", ["something similar to LAP005 but cheaper", "有没有和LAP005差不多的，便宜点的"])
def test_products_like_one_are_of_its_kind_and_meet_the_rest(
    assistant: Assistant, items: pd.DataFrame, question: str
) -> None:
    (told,) = talk(assistant, question)
    found = items.loc[of_items(told)]
    assert len(found)
    assert "LAP005" not in found.index
    assert (found["category"] == "Laptops").all()
    assert (found["price"] < items.loc["LAP005", "price"]).all()
    assert found["available"].all()


def test_a_turn_may_lean_on_the_rule_before_it(assistant: Assistant) -> None:
    *_, cost = talk(assistant, "how long does delivery take to dublin", "and what does it cost")
    assert "3.95" in cost.text
    *_, cost = talk(assistant, "快递几天到伦敦", "要多少钱")
    assert "3.95" in cost.text


@pytest.mark.parametrize(
    "question", ["is the coating of your pans safe for people with a nickel allergy", "狗粮里有没有转基因玉米"]
)
def test_what_is_asked_of_a_kind_and_not_said_is_no_list(assistant: Assistant, question: str) -> None:
    (told,) = talk(assistant, question)
    assert told.handover
    assert not told.sources


def test_a_brand_alone_names_its_products(assistant: Assistant, items: pd.DataFrame) -> None:
    (told,) = talk(assistant, "does the novabook have a good battery?")
    found = items.loc[of_items(told)]
    assert len(found)
    assert (found["brand"] == "Novabook").all()
    assert found["text"].str.contains("battery|续航").all()


@pytest.mark.parametrize(
    ("user", "questions", "source"),
    [
        ("10665", ["whats the latest on my lamp"], "order:A20740"),
        ("10673", ["我那耳机到底啥时候来"], "order:A20767"),
        ("10673", ["我那耳机到底啥时候来", "买的时候多少钱来着"], "order:A20767"),
        ("10092", ["狗碗送到没"], "order:A20753"),
        (None, ["which is the better buy, PAN001 or PAN004", "does either go on induction"], "item:PAN004"),
        (None, ["PAN001 跟 PAN004 买哪个划算", "能上电磁炉不"], "item:PAN004"),
    ],
)
def test_a_turn_that_no_rule_applies_to_is_answered_as_turns_like_it_are(
    assistant: Assistant, user: str | None, questions: list[str], source: str
) -> None:
    """Before, each of them got products to buy or a rule on another matter."""
    assert source in talk(assistant, *questions, user=user)[-1].sources


def test_sarcasm_about_something_broken_is_a_complaint(assistant: Assistant) -> None:
    answer = assistant.answer("unboxed the teapot, spout is snapped off. cheers")
    assert not of_items(answer)
    assert answer.handover
    assert answer.text.startswith("I am sorry")


def test_a_stranger_is_told_of_no_order_and_a_rule_stays_before_what_was_shown(assistant: Assistant) -> None:
    assert not any(s.startswith("order:") for s in assistant.answer("whats the latest on my lamp").sources)
    assert "2.95" in talk(assistant, "SCK007", "can you wrap both")[-1].text


def test_too_dear_asks_for_cheaper_ones(assistant: Assistant, items: pd.DataFrame) -> None:
    _, told = talk(assistant, "推荐一款咖啡机", "太贵了")
    sold = items[(items["category"] == "Coffee Machines") & items["available"]]
    prices = items.loc[of_items(told), "price"]
    assert prices.iloc[0] == sold["price"].min()
    assert prices.is_monotonic_increasing


def test_products_are_compared_with_one_that_was_named(assistant: Assistant) -> None:
    _, told = talk(assistant, "show me something similar to LAP005", "is the first cheaper than it")
    assert len(of_items(told)) == 2
    assert of_items(told)[1] == "LAP005"


@pytest.mark.parametrize(
    ("turns", "category", "most"),
    [
        (["show me mugs", "my budget is 15"], "Mugs & Teapots", 15),
        (["how many laptops do you have", "under 600?"], "Laptops", 600),  # no list was shown
        (["想买运动鞋", "第一个有货吗", "100以内呢"], "Sneakers", 100),
        (["有哪些手机", "第二个有货吗", "500以下"], "Smartphones", 500),
    ],
)
def test_a_change_of_budget_alone_is_of_the_kind_spoken_of(
    assistant: Assistant, items: pd.DataFrame, turns: list[str], category: str, most: float
) -> None:
    *_, told = talk(assistant, *turns)
    found = items.loc[of_items(told)]
    assert len(found)
    assert set(found["category"]) == {category}
    assert found["price"].max() <= most


def test_a_rule_is_asked_of_what_was_shown(assistant: Assistant) -> None:
    assert "30天" in talk(assistant, "想买跑鞋", "那能退吗")[-1].text
    assert "密封" not in talk(assistant, "想买跑鞋", "那能退吗")[-1].text  # the rule on headphones
    assert "seal" in talk(assistant, "show me in-ear headphones", "can i send it back if i dont like it")[-1].text


def test_other_colours_are_of_the_same_kind(assistant: Assistant, items: pd.DataFrame) -> None:
    shown, told = talk(assistant, "i want a t-shirt", "do you have it in another colour")
    of_what, found = items.loc[of_items(shown)[0]], items.loc[of_items(told)]
    assert set(found["category"]) == {of_what["category"]}
    assert not found["title"].str.endswith(of_what["title"].rsplit(", ")[-1]).any()


def test_a_wish_and_a_rule_are_both_answered(assistant: Assistant, items: pd.DataFrame) -> None:
    (told,) = talk(assistant, "need a water bottle for my bike. whats the shipping fee?")
    assert "3.95" in told.text
    assert set(items.loc[of_items(told), "category"]) == {"Water Bottles"}


@pytest.mark.parametrize("question", ["any accessories for ESP004", "ESP004有什么配件", "which case fits PHN003"])
def test_complements_are_for_the_thing_and_no_more_of_it(
    assistant: Assistant, items: pd.DataFrame, question: str
) -> None:
    (told,) = talk(assistant, question)
    found = items.loc[of_items(told)]
    assert not set(found["category"]) & {"Dog Accessories", "Coffee Machines", "Smartphones"}
    assert not found["title"].str.contains("Laptop|笔记本").any() or "PHN" not in question


def test_two_are_compared_and_no_third(assistant: Assistant) -> None:
    (told,) = talk(assistant, "compare the Kestrel Pro and Lumina Essential smartphones")
    assert of_items(told) == ["PHN002", "PHN008"]
    *_, first = talk(assistant, "show me headphones", "compare the first one with HPH013")
    assert len(of_items(first)) == 2
    assert "HPH013" in of_items(first)


@pytest.mark.parametrize(
    ("question", "item"),
    [("how much does your most expensive dress cost", "DRS007"), ("哪款跑鞋最便宜，多少钱", "RUN005")],
)
def test_the_one_at_the_end_of_the_prices_is_named(assistant: Assistant, question: str, item: str) -> None:
    (told,) = talk(assistant, question)
    assert of_items(told) == [item]


@pytest.mark.parametrize("question", ["am i talking to a robot", "is there a real person here?", "我在跟机器人说话吗"])
def test_it_says_openly_that_it_is_a_program(assistant: Assistant, question: str) -> None:
    (told,) = talk(assistant, question)
    assert re.search("program|程序", told.text)


def test_why_something_is_shown_is_told_from_ones_own_history_with_the_way_to_switch_it_off(
    assistant: Assistant,
) -> None:
    assert assistant.recommender is not None
    events = assistant.recommender.shop.tables.value.interactions
    user = str(events.loc[events["event"] == "purchase", "user_id"].iloc[-1])
    mine = {str(item) for item in events.loc[events["user_id"].astype(str) == user, "item_id"]}
    for question in ("why these recommendations on my homepage", "首页为什么都推荐这些"):
        (told,) = talk(assistant, question, user=user)
        assert of_items(told)
        assert set(of_items(told)) <= mine
        assert re.search("switch Recommendations off|关闭“推荐”", told.text)


def test_of_a_fresh_set_most_is_refused_that_has_no_answer_and_told_that_has_one(assistant: Assistant) -> None:
    """`data/answerable_or_not.csv`: two sets of 30 without an answer and 60 with one; the second was kept unseen."""
    table = pd.read_csv(Path(__file__).parent / "data" / "answerable_or_not.csv", dtype=str, keep_default_na=False)
    right = {"refuse": 0, "answer": 0}
    for row in table.to_dict("records"):
        answer = assistant.answer(row["question"])
        says = [part.strip() for part in row["says"].split("||")]
        good = refused(answer) if row["expected"] == "refuse" else any(_says(answer, part) for part in says)
        if not good:  # printed, so that a failing test shows what was wrong
            print(f"{row['set']} {row['expected']} {row['question']}\n  {answer.text}\n  {answer.sources}")
        right[row["expected"]] += good
    assert len(table) == 180
    assert right["refuse"] >= LEAST_REFUSED
    assert right["answer"] >= LEAST_ANSWERED


def _says(answer: Answer, pattern: str) -> bool:
    """Whether an answer says something, or (``@ABC``) cites a product."""
    if pattern.startswith("@"):
        return any(item.startswith(pattern[1:]) for item in of_items(answer))
    return re.search(pattern, answer.text, re.DOTALL) is not None
