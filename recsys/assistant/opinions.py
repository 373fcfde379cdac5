"""Tool over reviews: what buyers praise and blame of a product ("is the battery any good?"), with their own words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from recsys.assistant.tools import Context, Fact, ProductFacts, Result
from recsys.data.snapshot import ShopTables

if TYPE_CHECKING:
    from recsys.reviews.view import AspectOpinion, ItemOpinion

#: What asks how something is, and not what it is.
_HOW = re.compile(
    r"\b(?:any good|good|bad|nice|decent|worth it|quality|reviews?|reviewers?|opinions?|complain\w*|praise\w*|"
    r"comfortable|reliable|what do (?:people|buyers|customers) (?:say|think)|hold up|how(?:'s| is| are) the)\b"
    r"|怎么样|怎样|好不好|好吗|好用吗|评价|评论|口碑|耐用吗|舒服吗|好闻吗|质量|差评|好评|如何|行不行",
    re.IGNORECASE,
)
#: What of the catalogue a question asks for, whatever reviews say.
_FACTS = re.compile(r"\b(?:price|cost|how much|in stock|available|brand)\b|多少钱|价格|有货|品牌", re.IGNORECASE)
#: Aspects told of where none is named, and quotes of one.
MOST, QUOTES = 3, 2
_ALL = re.compile(
    r"\b(?:reviews?|reviewers?|opinions?|people|buyers|customers|any good|worth it)\b"
    r"|评价|评论|口碑|差评|好评|好不好|好用吗",
    re.IGNORECASE,
)


@cache
def _names(language: str) -> dict[str, str]:
    """Names of the commonest aspects in a language: a shop's reviews may be in the other one than the question."""
    declared = tomllib.loads((resources.files("recsys.reviews") / "generic.toml").read_text("utf-8"))
    chinese: dict[str, str] = declared["chinese"]
    return chinese if language == "zh" else {own: name for name, own in reversed(chinese.items())}


def aspects_in(question: str, known: Collection[str]) -> list[str]:
    """Which of the known aspects a question names, in either language."""
    low = question.casefold()
    said = set(re.findall(r"[a-z]+", low))
    pairs = _names("zh").items()
    named = {own for name, own in pairs if name in said} | {name for name, own in pairs if own in question}
    return [a for a in known if a in named or (re.search(rf"\b{re.escape(a)}", low) if a.isascii() else a in question)]


def asked(question: str, tables: ShopTables) -> bool:
    """Whether a question asks what buyers think, in a shop whose reviews say so."""
    if tables.aspects is None or _FACTS.search(question) or not _HOW.search(question):
        return False
    return bool(_ALL.search(question) or aspects_in(question, set(tables.aspects["aspect"])))


def opinion_on(context: Context, item: str) -> ItemOpinion | None:
    """What reviews say of a product; None where nobody wrote of it."""
    if context.recommender is None or context.recommender.shop.tables.value.reviews is None:
        return None
    from recsys.reviews.view import opinion_of  # only shops with reviews read it

    return opinion_of(context.recommender.shop.tables.value, item)


def opinions(context: Context, of: ProductFacts) -> Result | None:
    """What reviews say of the products asked for; None where something else is asked, or they are silent."""
    if context.recommender is None or context.table is None:
        return None
    tables = context.recommender.shop.tables.value
    if tables.aspects is None or not asked(of.question, tables):
        return None
    elsewhere = bool(aspects_in(of.question, set(tables.aspects["aspect"])))
    facts = []
    for item in of.items:
        if (said := opinion_on(context, item)) is not None:
            title = context.table.titles[context.table.row[item]] if item in context.table.row else item
            told = _told(context, title, said, of.question, elsewhere=elsewhere)
            facts += [Fact(text, f"item:{item}") for text in told]
    return Result(tuple(facts), "product") if facts else None


def _told(context: Context, title: str, said: ItemOpinion, question: str, *, elsewhere: bool) -> list[str]:
    named = aspects_in(question, [one.aspect for one in said.aspects])
    if chosen := [one for one in said.aspects if one.aspect in named]:
        return [_aspect(context, title, one) for one in chosen]
    # Of its battery nobody wrote: what they say of the rest is no answer.
    if elsewhere or not _ALL.search(question):
        return []
    whole = context.say("reviews", item=title, n=said.reviews, stars=f"{said.stars:.1f}", praise=said.praise)
    return [" ".join([whole, *(_aspect(context, "", one) for one in said.aspects[:MOST])])]


def _aspect(context: Context, title: str, one: AspectOpinion) -> str:
    name = _names(context.language).get(one.aspect, one.aspect)
    quotes = " ".join(f"“{quote.text}”" for quote in one.quotes[:QUOTES])
    counts = {"praised": one.praised, "criticised": one.criticised}
    key = "aspect" if title else "aspect_short"
    return context.say(key, item=title, aspect=name, quotes=quotes, **counts).rstrip()
