"""Template sentences: what a shopper reads where no writer is asked, a writer fails the check, or in Chinese.

The English ones are the plainest wordings of the grammar; the Chinese ones are written here, because the default writer
writes English only.
"""

from __future__ import annotations

from collections.abc import Mapping

from recsys.explain import grammar
from recsys.explain.measures import OFTEN, REGULARLY, SOMETIMES, Kind
from recsys.explain.slot_templates import Language, Plan, Tone

_HAD = {True: "您买过{because_1}", False: "您看过{because_1}"}
_MINE = {True: "您买过的{because_1}", False: "您看过的{because_1}"}
_BAND = {OFTEN: "经常", REGULARLY: "时常", SOMETIMES: "有时"}
_ZH: Mapping[Kind, str] = {
    Kind.SAME_ORDER: "HAD，{item}BAND与它在同一订单中购买FIGURES",
    Kind.AFTER: "HAD，顾客买过它之后BAND再来买{item}FIGURES",
    Kind.ALSO_BOUGHT: "HAD，买过RARE的顾客BAND也买了COMMONFIGURES",
    Kind.VIEWED_TOGETHER: "HAD，看过RARE的顾客BAND也看了COMMONFIGURES",
    Kind.BRAND: "{item}与MINE是同一品牌",
    Kind.NOUN: "{item}与MINE是同一类商品",
    Kind.WORDS: "HAD，{item}的名称里也有{shared}",
    Kind.CATEGORY: "HAD，{item}同样来自“{category}”",
    Kind.SIMILAR: "{item}与MINE相似",
    Kind.TASTE: "您已买过{taste}件“{category}”商品，{item}也属于这一类",
    Kind.POPULAR: "{item}很受欢迎，WHEN有{buyers}位顾客购买",
    Kind.TOP_OF_CATEGORY: "{item}在“{category}”中销量居前，WHEN有{buyers}位顾客购买",
    Kind.RATED: "{item}的平均评分为{rating}（满分{scale}，共{ratings}条评分）",
    Kind.PRAISED: "{item}的{aspect}受到好评：谈到它的{mentions}条评价中有{praised}条称赞，例如{quote}",
    Kind.NEW: "{item}是本店新品",
    Kind.PRICE: "{item}的价格与您平时的消费相近",
    Kind.CHEAPER: "{item}的价格低于您平时的消费",
    Kind.BUYERS: "WHEN有{buyers}位顾客购买了{item}",
}
_ZH_EXTRA: Mapping[Kind, str] = {
    Kind.POPULAR: "很受欢迎，WHEN有{buyers}位顾客购买",
    Kind.RATED: "平均评分{rating}（满分{scale}，共{ratings}条）",
    Kind.PRAISED: "{aspect}受到好评：谈到它的{mentions}条评价中有{praised}条称赞，例如{quote}",
    Kind.NEW: "这是本店新品",
    Kind.PRICE: "价格与您平时的消费相近",
    Kind.CHEAPER: "价格低于您平时的消费",
}
_ZH_LEAD: Mapping[Tone, str] = {"friendly": "为您推荐：", "neutral": "", "expert": ""}


def template(plan: Plan, language: Language = "en") -> str:
    """The plain sentence of a plan, slots filled."""
    return plan.sentence(_chinese(plan) if language == "zh" else grammar.wordings(plan)[0], language)


def _chinese(plan: Plan) -> str:
    form = _ZH_LEAD[plan.tone] + _ZH[plan.kind]
    if plan.extra:
        form += f"；{_ZH_EXTRA[plan.extra]}"
    rare, common = ("{item}", "它") if plan.of_item else ("它", "{item}")
    unit = "个订单" if plan.kind is Kind.SAME_ORDER else "位"
    figures = f"（{{of}}{unit}中有{{count}}{unit[0]}）" if "count" in plan.slots else ""
    for mark, words in (
        ("HAD", _HAD[plan.bought]),
        ("MINE", _MINE[plan.bought]),
        ("RARE", rare),
        ("COMMON", common),
        ("BAND", _BAND.get(plan.band, "")),
        ("FIGURES", figures),
        ("WHEN", "最近{days}天" if "days" in plan.slots else "迄今"),
    ):
        form = form.replace(mark, words)
    return f"{form}。"
