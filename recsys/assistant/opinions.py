"""Tool over reviews: the stars that buyers gave, and what they praise and blame of a product, in their own words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import pandas as pd

from recsys.assistant.patterns import says
from recsys.assistant.tools import Context, Fact, ProductFacts, Result
from recsys.data import schema
from recsys.serving.recommender import Recommender

if TYPE_CHECKING:
    from recsys.reviews.view import AspectOpinion, ItemOpinion

#: Aspects told of where none is named, and quotes of one.
MOST, QUOTES = 3, 2


@cache
def _declared() -> dict[str, dict[str, str]]:
    return tomllib.loads((resources.files("recsys.reviews") / "generic.toml").read_text("utf-8"))


@cache
def _names(language: str) -> dict[str, str]:
    """Names of the commonest aspects in a language: a shop's reviews may be in the other one than the question."""
    chinese = _declared()["chinese"]
    return chinese if language == "zh" else {own: name for name, own in reversed(chinese.items())}


@cache
def _asked_by() -> dict[str, re.Pattern[str]]:
    """How a question is put about a side that it does not name."""
    return {aspect: re.compile(put) for aspect, put in _declared()["asked"].items()}


def of_sides(context: Context, item: str, question: str) -> str:
    """What buyers say of the sides of a product that a question is about; '' where they say nothing of them."""
    said = opinion_on(context, item)
    known = {} if said is None else {one.aspect: one for one in said.aspects}
    return " ".join(aspect(context, "", known[name]) for name in aspects_in(question, list(known)))


def aspects_in(question: str, known: Collection[str]) -> list[str]:
    """Which of the known aspects a question names, in either language."""
    low = question.casefold()
    said = set(re.findall(r"[a-z]+", low))
    pairs = _names("zh").items()
    named = {own for name, own in pairs if name in said} | {name for name, own in pairs if own in question}
    named |= {aspect for aspect, put in _asked_by().items() if put.search(low)}
    return [a for a in known if a in named or (re.search(rf"\b{re.escape(a)}", low) if a.isascii() else a in question)]


def asked(context: Context, question: str) -> bool:
    """Whether a question asks what buyers think, in a shop whose reviews say so."""
    tables = None if context.recommender is None else context.recommender.shop.tables.value
    if tables is None or tables.aspects is None or says("catalogue_only", question):
        return False
    of_one = says("how_it_is", question) and aspects_in(question, set(tables.aspects["aspect"]))
    return _of_buyers(question) or bool(of_one)


def _of_buyers(question: str) -> bool:
    return says("reviewed", question) or says("buyers_say", question)


_stars: WeakKeyDictionary[Recommender, pd.DataFrame] = WeakKeyDictionary()


def stars(recommender: Recommender) -> pd.DataFrame:
    """``mean``, ``size`` and ``order`` of the ratings by item id; empty where buyers gave none.

    `order` is what they are listed by: the mean, and among equals the one that more buyers rated.
    """
    if recommender not in _stars:
        given = recommender.shop.tables.value.reviews
        columns = [schema.ITEM, schema.RATING]
        rated = pd.DataFrame(columns=columns) if given is None or schema.RATING not in given else given[columns]
        rated = rated.dropna()
        ratings = rated[schema.RATING].astype(float)
        found = ratings.groupby(rated[schema.ITEM].astype(str).to_numpy()).agg(["mean", "size"])
        found["order"] = found["mean"].round(3) + found["size"] * 1e-6
        _stars[recommender] = found
    return _stars[recommender]


def rating(context: Context, item: str) -> tuple[float, int] | None:
    """Mean of the stars that buyers gave an item, and how many did; None where none did."""
    if context.recommender is None:
        return None
    given = stars(context.recommender)
    return (float(given["mean"][item]), int(given["size"][item])) if item in given.index else None


def opinion_on(context: Context, item: str) -> ItemOpinion | None:
    """What reviews say of a product; None where nobody wrote of it."""
    if context.recommender is None or context.recommender.shop.tables.value.reviews is None:
        return None
    from recsys.reviews.view import opinion_of  # only shops with reviews read it

    return opinion_of(context.recommender.shop.tables.value, item)


def opinions(context: Context, of: ProductFacts) -> Result | None:
    """What buyers say of the products asked for; None where something else is asked, or they are silent."""
    if context.recommender is None or not asked(context, of.question):
        return None
    table, aspects = context.catalogue, context.recommender.shop.tables.value.aspects
    everywhere = [] if aspects is None else aspects_in(of.question, set(aspects["aspect"]))
    facts, silent = [], []
    for item in of.items:
        said = opinion_on(context, item)
        title = table.titles[table.row[item]] if item in table.row else item
        named = [] if said is None else [a for a in said.aspects if a.aspect in aspects_in(of.question, [a.aspect])]
        if named:
            facts += [Fact(aspect(context, title, one), f"item:{item}") for one in named]
        elif not _of_buyers(of.question) or (everywhere and said is not None):
            continue  # of its battery nobody wrote: what they say of the rest is no answer
        elif whole := _whole(context, item, title, said, short=len(of.items) > 1):
            facts.append(Fact(whole, f"item:{item}"))
        else:
            silent.append(Fact(context.say("no_reviews_of", item=title), f"item:{item}"))
    if not facts and (not silent or not _of_buyers(of.question)):
        return None
    return Result((*facts, *silent), "product")


def _whole(context: Context, item: str, title: str, said: ItemOpinion | None, *, short: bool) -> str:
    """The stars given and the sides most spoken of; where no stars were given, what the words sound like."""
    given = rating(context, item)
    if given is not None:
        first = context.say("rated", item=title, n=given[1], stars=number_of_stars(given[0]))
    elif said is not None:
        first = context.say("reviews", item=title, n=said.reviews, stars=f"{said.stars:.1f}", praise=said.praise)
    else:
        return ""
    most = 1 if short else MOST
    return " ".join([first, *(aspect(context, "", one) for one in (said.aspects if said else ())[:most])])


def number_of_stars(mean: float) -> str:
    """A mean of stars, as exact as it is told: 3, 4.5, 4.67."""
    return f"{mean:.2f}".rstrip("0").rstrip(".") if mean != int(mean) else f"{mean:.1f}"


def aspect(context: Context, title: str, one: AspectOpinion) -> str:
    """What reviews say of one side of a product, with their own words."""
    name = _names(context.language).get(one.aspect, one.aspect)
    quotes = " ".join(f"“{quote.text}”" for quote in one.quotes[:QUOTES])
    counts = {"praised": one.praised, "criticised": one.criticised}
    key = "aspect" if title else "aspect_short"
    return context.say(key, item=title, aspect=name, quotes=quotes, **counts).rstrip()
