"""Patterns of what a sentence wishes and of whom it speaks, in English and Chinese."""

from __future__ import annotations

import re

from recsys.assistant.tools import LATEST

OWN = re.compile(
    r"\bmy\b|\b(?:bought|ordered|worn|wore)\b|\bi (?:got|have)\b|我(?:的|买了|收到)|买[错大小了]", re.IGNORECASE
)
"""Speaks of what the shopper already has."""
MINE = re.compile(r"\b(?:my|i|we|our|me)\b|我", re.IGNORECASE)
OF_OTHERS = re.compile(
    r"\b(?:belongs? to (?!me)|whoever|who (?:ordered|bought)"
    r"|(?:neighbou?r|wife|husband|boss|friend|girlfriend|boyfriend|brother|sister|ex|colleague|customer|shopper|user)(?:'s|s')?"
    r"(?: \w+){0,2} (?:order|parcel|package|purchase|address|e-?mail)s?"
    r"|my (?:neighbou?r|wife|husband|boss|friend|girlfriend|boyfriend|brother|sister|ex|colleague)"
    r" (?:has |have |had )?(?:ordered|bought|spent?|paid)"
    r"|(?:order|parcel|purchase|address|e-?mail)s? of (?:my|another|other|user|customer|the (?:customer|user))"
    r"|(?:order|address|e-?mail|phone)s? (?:does|did|has|have|do) my"
    r" (?:ex|neighbou?r|wife|husband|boss|friend|colleague)"
    r"|(?:her|his|their) (?:last |latest )?(?:order|purchase|address|e-?mail|phone)s?"
    r"|(?:user|customer) (?:no\.? ?|number )?\d+|every customer|all customers|what (?:has|did) \w+ \d{3,}"
    r"|other (?:people|customers|shoppers|users)'s?(?= (?:order|address|data|e-?mail|purchase)))\b"
    r"|别人的|其他(?:顾客|用户|人)的|用户\s?\d{3,}|(?:他|她|朋友|老公|老婆|同事)的(?:订单|地址|邮箱|电话)",
    re.IGNORECASE,
)
WISHES = (
    ("cancel", re.compile(r"\bcancel|call (?:it )?off|取消|撤销", re.IGNORECASE)),
    ("return", re.compile(r"\breturn|(?:send|give|bring) (?:\w+ ){0,3}back|refund|退", re.IGNORECASE)),
    ("change", re.compile(r"\b(?:change|update|correct|wrong) .{0,24}(?:addres|adress)"
                          r"|(?:改|换|修改).{0,4}地址|地址.{0,6}(?:改|错)", re.IGNORECASE)),
    ("missing", re.compile(r"\bnever (?:came|arrived)|where (?:the hell )?is my"
                           r"|(?:not|n[o']?t|isn.?t|still) (?:\w+ )?(?:arrived|come|here|waiting)"
                           r"|\b(?:parcel|package|order|delivery) (?:is |was )?(?:\w+ )?late\b"
                           r"|没收到|没到|还没到|丢", re.IGNORECASE)),
)  # fmt: skip
_SEVERAL = re.compile(r"\borders\b|哪些|所有|几个订单|两个订单|[两三23]笔", re.IGNORECASE)
FROM_ORDER = re.compile(
    r"\b(?:my|the) (?:last |latest |recent )?(?:order|purchase)\b|\bi (?:\w+ )?(?:bought|ordered|got)\b"
    r"|我(?:上次|刚|之前|昨天)?(?:买|订)|(?:上次|刚|最近).{0,4}(?:买|订)",
    re.IGNORECASE,
)
NAME = re.compile(r"[a-z][a-z'-]+")
REPLIES = {"greeting": "greeting", "thanks": "thanks", "goodbye": "goodbye", "identity": "identity"}


SERVICE = (
    *("return", "refund", "exchange", "cancel", "warranty", "track", "lost", "damaged", "invoice", "repair"),
    *("wrong_item", "used"),
)
"""Concepts of what is done about goods: a sentence that names one asks for a rule, whatever product it names."""
SOLD = re.compile(r"\b(?:sell|carry|stock|have)\b|卖|有没有|有吗", re.IGNORECASE)
OF_PRODUCTS = frozenset({"product_fact", "allergy_ingredients", "colour", "size", "recommend", "review"})
WHAT = re.compile(r"\b(?:what|how|which|is it|does it|are they)\b|什么|怎么|多少", re.IGNORECASE)


def several_orders(question: str) -> int:
    """How many of the latest orders a question asks for, where it names none."""
    return LATEST if _SEVERAL.search(question) else 1
