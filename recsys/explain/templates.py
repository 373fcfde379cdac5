"""Plain sentences, true by construction: what a shopper reads when no writer is asked or a writer fails the check."""

from __future__ import annotations

from collections.abc import Mapping

from recsys.explain.facts import Kind
from recsys.explain.slot_templates import Language, Plan, Tone

_REASON: Mapping[str, Mapping[Kind, str]] = {
    "en": {
        Kind.OFTEN: "{item} is often bought together with {because}",
        Kind.TOGETHER: "shoppers who bought {because} also bought {item}",
        Kind.WORDS: "you bought {because}, and {item} shares {shared} with it",
        Kind.BRAND: "you bought {because}, and {item} is also by {brand}",
        Kind.CATEGORY: "you bought {because}, and {item} is also from {category}",
        Kind.SIMILAR: "{item} is similar to {because}, which you bought",
        Kind.BOUGHT: "we recommend {item} because you bought {because}",
        Kind.VIEWED: "we recommend {item} because you looked at {because}",
        Kind.POPULAR: "{item} is popular: {buyers} shoppers bought it{window}",
        Kind.NEW: "{item} is new in our shop",
        Kind.PRICE: "{item} costs about what you usually pay",
        Kind.CHEAPER: "{item} costs less than what you usually pay",
        Kind.TASTE: "{item} fits what you have bought so far",
        Kind.PICK: "we suggest {item}",
    },
    "zh": {
        Kind.OFTEN: "{item}常与{because}一起购买",
        Kind.TOGETHER: "买过{because}的顾客也买了{item}",
        Kind.WORDS: "您买过{because}，{item}与它同样带有{shared}",
        Kind.BRAND: "您买过{because}，{item}也是{brand}的产品",
        Kind.CATEGORY: "您买过{because}，{item}也属于{category}",
        Kind.SIMILAR: "{item}与您买过的{because}相似",
        Kind.BOUGHT: "因为您买过{because}，为您推荐{item}",
        Kind.VIEWED: "因为您看过{because}，为您推荐{item}",
        Kind.POPULAR: "{item}很受欢迎：{window}有{buyers}位顾客购买",
        Kind.NEW: "{item}是本店新品",
        Kind.PRICE: "{item}的价格与您平时的消费相近",
        Kind.CHEAPER: "{item}的价格低于您平时的消费",
        Kind.TASTE: "{item}符合您以往的购买",
        Kind.PICK: "为您推荐{item}",
    },
}
_EXTRA: Mapping[str, Mapping[Kind, str]] = {
    "en": {
        Kind.POPULAR: "It is popular: {buyers} shoppers bought it{window}",
        Kind.NEW: "It is new in our shop",
        Kind.PRICE: "It costs about what you usually pay",
        Kind.CHEAPER: "It costs less than what you usually pay",
    },
    "zh": {
        Kind.POPULAR: "它很受欢迎：{window}有{buyers}位顾客购买",
        Kind.NEW: "它是本店新品",
        Kind.PRICE: "它的价格与您平时的消费相近",
        Kind.CHEAPER: "它的价格低于您平时的消费",
    },
}
_LEAD: Mapping[str, Mapping[Tone, str]] = {
    "en": {"friendly": "a thought for you: ", "neutral": "", "expert": "based on your orders: "},
    "zh": {"friendly": "给您的建议：", "neutral": "", "expert": "根据您的订单："},
}


def template(plan: Plan, language: Language = "en") -> str:
    """The plain sentence of a plan, slots filled."""
    words = {"en": (" and ", " in the last {days} days", "."), "zh": ("和", "最近{days}天", "。")}
    joint, window, stop = words[language]
    because = joint.join(f"{{because_{i + 1}}}" for i in range(plan.named))
    # Only what the shopper did is "based on their orders"; what is true of everyone needs no such lead.
    lead = _LEAD[language][plan.tone if plan.named or plan.tone == "friendly" else "neutral"]
    form = lead + _REASON[language][plan.kind] + stop
    if plan.extra:
        form += (" " if language == "en" else "") + _EXTRA[language][plan.extra] + stop
    form = form.replace("{because}", because).replace("{window}", window if "days" in plan.slots else "")
    if plan.named == 2:
        form = form.replace("with it.", "with them.").replace("与它同样", "与它们同样")
    return plan.sentence(form, language)
