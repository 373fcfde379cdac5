"""Sentences to learn from: a grammar that says each kind of evidence in hundreds of ways, slots unfilled.

The writer is fine-tuned on sentences drawn from here and generalises over them. Everything the grammar can say is true
whenever the plan's evidence is, which the tests verify with the grounding check.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from recsys.explain.facts import Kind
from recsys.explain.forms import TONES, Plan

_CHOICE = re.compile(r"\[([^\[\]]*)\]")

#: How a sentence says that the shopper has B.
_HAD = (
    "[you bought|you purchased|you ordered|you picked up|you chose|you have bought|you already own|you already have|"
    "your past orders include|your earlier purchases include|your order history includes] B"
)
_LOOKED = "[you looked at|you viewed|you were looking at|you had a look at] B"
_OTHERS = "[shoppers|customers|people|other shoppers|other customers|buyers]"
_BUY = "[bought|ordered|purchased|picked up]"

#: Clauses about {item} that follow a clause about B; IT is "it" or "them".
_LINK: dict[Kind, str] = {
    Kind.OFTEN: (
        f"[{{item}} is [often|frequently|regularly] {_BUY} [together with|along with|alongside|with] IT|"
        f"our [shoppers|customers|buyers] often {_BUY} {{item}} [with IT|too|as well|together with IT]|"
        "{item} [frequently|often|regularly] ends up in the same [basket|order|cart]|"
        "{item} [often|frequently] goes [into the same basket|into the same order|home with IT]|"
        "{together} shoppers bought {item} [with IT|too|as well], so they often go together|"
        "the [usual|frequent|regular] companion in the basket is {item}]"
    ),
    Kind.TOGETHER: (
        f"[{_OTHERS} who {_BUY} IT also {_BUY} {{item}}|{_OTHERS} with the same purchase also [chose|bought|"
        f"picked|took] {{item}}|"
        "{item} was also [bought|chosen|ordered] by [shoppers|customers|people] who [have|own] IT|"
        f"{{together}} {_OTHERS} [bought|ordered|purchased|chose] both IT and {{item}}|"
        "the same [shoppers|customers|people] also [bought|"
        f"chose|ordered] {{item}}|"
        "{item} was [bought|ordered|chosen] by the same [shoppers|customers|people]]"
    ),
    Kind.WORDS: (
        "[{item} also [says|mentions|carries] {shared}|{item} has {shared} in its name [too|as well]|"
        "{item} shares {shared} with IT|"
        "{shared} [is|shows up] in the name of {item} [too|as well]|what IT and {item} have in common is {shared}|"
        "the [words|wording] {shared} [come|comes] back in {item}|{item} picks up on {shared} [too|again|as well]|"
        "both [say|mention] {shared}, so here is {item}]"
    ),
    Kind.BRAND: (
        "[{item} is [also|likewise] [by|from|made by] {brand}|{item} is from the same brand, {brand}|"
        "{item} comes from {brand} [too|as well]|{brand} also makes {item}|{item} is another {brand} product|"
        "the same brand, {brand}, [makes|offers|has] {item}|{item} keeps you with {brand}|"
        "staying with {brand} leads to {item}]"
    ),
    Kind.CATEGORY: (
        "[{item} is [also|likewise] from [our|the] {category} [section|range|department|category]|"
        "{item} is in {category} [too|as well]|"
        "{item} belongs to {category} as well|{item} sits in the same category, {category}|{category} also has {item}|"
        "the same category, {category}, [has|holds|offers] {item}|{item} is another pick from {category}]"
    ),
    Kind.SIMILAR: (
        "[{item} is [similar|much like IT|close to IT|a similar product|a similar choice|in the same vein|"
        "in a similar style]|"
        "{item} resembles IT|{item} is a close match|{item} comes close to IT|there is a resemblance with {item}|"
        "{item} is along the same lines|{item} reads [much like|a lot like] IT|something similar is {item}]"
    ),
    Kind.BOUGHT: (
        "[we recommend {item}|we suggest {item}|{item} is our suggestion|{item} follows from that|"
        "that points to {item}|"
        "that purchase speaks for {item}|{item} is a natural next step|{item} is next on our list for you|"
        "that led us to {item}|"
        "that is why you see {item}|we thought of {item}|our recommendation is {item}]"
    ),
    Kind.VIEWED: (
        "[we recommend {item}|{item} may be worth a look too|we want to show you {item}|"
        "{item} could be of interest as well|"
        "you may want to see {item}|have a look at {item} too|{item} is worth viewing as well|"
        "that look led us to {item}]"
    ),
}
#: Whole clauses that name both.
_DIRECT: dict[Kind, str] = {
    Kind.OFTEN: (
        f"[{{item}} and B are [often|frequently|regularly] [bought together|ordered together|{_BUY} in one go]|"
        f"{{item}} is [often|frequently] {_BUY} [together with|along with|alongside] B, which you [bought|have|"
        f"ordered]|"
        "B and {item} are [often|frequently|regularly] seen in one [basket|order]|"
        "{together} shoppers bought B together with {item}, often in one go]"
    ),
    Kind.TOGETHER: (
        f"[{_OTHERS} who {_BUY} B also [bought|chose|ordered|took] {{item}}|"
        f"{{together}} {_OTHERS} {_BUY} both B and {{item}}|"
        "{item} was also [bought|chosen|ordered] by [shoppers|customers|people] who [bought|have|own] B|"
        "like you, {together} [shoppers|customers|people] bought B, and they chose {item} too]"
    ),
    Kind.WORDS: (
        "[{item} and your B share {shared}|{shared} links {item} to your B|"
        "{item} has {shared} in common with B, which you [bought|own]|"
        "your B and {item} both [say|mention] {shared}|{shared} is the common thread between your B and {item}]"
    ),
    Kind.BRAND: (
        "[{item} is by {brand}, [the brand of|like] your B|your B is by {brand}, and so is {item}|"
        "{brand} made your B and also makes {item}|more from {brand}, the brand of your B: {item}]"
    ),
    Kind.CATEGORY: (
        "[{item} is from {category}, like your B|your B is from {category}, and so is {item}|"
        "more from {category}, the category of your B: {item}|{category} is where your B comes from, and {item} too]"
    ),
    Kind.SIMILAR: (
        "[{item} is [similar to|much like|close to|a close match for] [your B|B, which you bought|"
        "the B you bought]|{item} resembles your B|"
        "your B and {item} are [similar|alike|much alike|close]|if you want something similar to your B, try {item}]"
    ),
    Kind.BOUGHT: (
        "[your purchase of B [led us to|points to|speaks for|is why we suggest|is the reason we suggest] {item}|"
        "{item} is here because of your B|with B in your order history, {item} is a natural next step|"
        "we picked {item} for you because of B, which you bought]"
    ),
    Kind.VIEWED: (
        "[your look at B [led us to|points to|is why we suggest] {item}|{item} is here because you viewed B|"
        "we picked {item} because you looked at B]"
    ),
}
#: Reasons that need no purchase.
_ALONE: dict[Kind, str] = {
    Kind.POPULAR: (
        "[{item} is [popular with other shoppers|one of our most popular products|a bestseller|"
        "among our bestsellers|in demand|"
        "one of our best sellers]: {buyers} [shoppers|customers|people] [bought|chose|ordered] it WHEN|"
        "{buyers} [shoppers|customers|people] [bought|chose|ordered|picked] {item} WHEN[, which makes it popular|"
        ", so it is in demand|]|"
        "popular right now: {item}, [bought|chosen|ordered] by {buyers} [shoppers|customers|people] WHEN]"
    ),
    Kind.NEW: (
        "[{item} is new in [our|the] shop|{item} is a new arrival|{item} has just arrived|"
        "new in the shop: {item}|just arrived: {item}|"
        "{item} is one of our new arrivals|{item} only just joined our range|a new arrival in our shop is {item}]"
    ),
    Kind.PRICE: (
        "[{item} costs about what you usually [pay|spend]|{item} is in your usual price range|"
        "the price of {item} is close to what you usually [pay|spend]|{item} is priced like the things you usually buy]"
    ),
    Kind.CHEAPER: (
        "[{item} costs less than what you usually [pay|spend]|{item} is cheaper than what you usually buy|"
        "{item} is priced below what you usually [pay|spend]|the price of {item} is below your usual range]"
    ),
    Kind.TASTE: (
        "[{item} fits [what you have bought so far|your past orders|your purchases as a whole|the rest of your orders]|"
        "your order history as a whole [points to|speaks for] {item}|taken together, your purchases [point to|"
        "speak for|suggest] {item}|"
        "{item} is in line with [your past purchases|what you have bought so far|your order history]]"
    ),
    Kind.PICK: (
        "[we suggest {item}|{item} is our suggestion for you|here is something for you to discover: {item}|"
        "have a look at {item}|"
        "you might like {item}|our pick for you: {item}|how about {item}]"
    ),
}
#: Second facts, about "it".
_EXTRA: dict[Kind, str] = {
    Kind.POPULAR: (
        "[it is [popular too|popular with other shoppers|one of our most popular products|a bestseller|in demand]|"
        "{buyers} [shoppers|customers|people] [bought|chose|ordered] it WHEN|it was [bought|chosen|"
        "ordered] by {buyers} [shoppers|customers|people] WHEN]"
    ),
    Kind.NEW: "[it is new in our shop|it is a new arrival|it has just arrived|it only just joined our range]",
    Kind.PRICE: (
        "[it costs about what you usually [pay|spend]|it is in your usual price range|"
        "its price is close to what you usually [pay|spend]]"
    ),
    Kind.CHEAPER: (
        "[it costs less than what you usually [pay|spend]|it is cheaper than what you usually buy|"
        "it is priced below what you usually pay]"
    ),
}
_LEAD = {
    "friendly": "[||Here is an idea: |A tip for you: |Good to know: |A thought for you: |One for you: ]",
    "neutral": "",
    "expert": "[||Based on your orders: |Judging by your order history: |In view of your purchases: |"
    "From our sales data: ]",
}
_AFTER = {
    "friendly": "[.|.|!]",
    "neutral": ".",
    "expert": ".",
}
_IMPERSONAL_LEAD = {
    "friendly": "[||Here is an idea: |A tip for you: |Good to know: |A thought for you: |One for you: ]",
    "neutral": "",
    "expert": "[||From our sales data: |In short: ]",
}


def sentence(plan: Plan, rng: random.Random) -> str:
    """Draw one sentence, slots unfilled, for a plan."""
    if plan.named:
        had = _LOOKED if plan.kind is Kind.VIEWED else _HAD
        link, direct = _LINK[plan.kind], _DIRECT[plan.kind]
        body = rng.choice(
            [
                f"[because|since|as|given that] {had}, {link}",
                f"{had}[, and|, and so| —|;] {link}",
                f"[we recommend|we suggest|we picked|have a look at|take a look at|you might like] {{item}}[:|"
                f" —] {had}, and {link.replace('{item}', 'this')}",
                direct,
                direct,
            ]
        )
        lead = _LEAD[plan.tone]
    else:
        body, lead = _ALONE[plan.kind], _IMPERSONAL_LEAD[plan.tone]
    if plan.extra:
        extra = _EXTRA[plan.extra]
        body += rng.choice([f", and {extra}", f". {extra}", f"; {extra}", f". also, {extra}"])
    text = _expand(lead + body + _AFTER[plan.tone], rng, plan)
    return re.sub(
        r"(^|[.!?:] )([a-z])", lambda m: m.group(1) + m.group(2).upper() if m.group(1) != ": " else m.group(0), text
    )


def _expand(text: str, rng: random.Random, plan: Plan) -> str:
    missing = {"{together}", "{buyers}"} - {f"{{{slot}}}" for slot in plan.slots}
    while match := _CHOICE.search(text):
        # A number the plan has no slot for: the ways of saying it that need one are left out.
        options = [o for o in match.group(1).split("|") if not any(slot in o for slot in missing)]
        text = text[: match.start()] + (rng.choice(options) if options else "") + text[match.end() :]
    both = plan.named == 2
    text = re.sub(r"\bIT\b", "them" if both else "it", text)
    text = re.sub(r"\bB\b", "{because_1} and {because_2}" if both else "{because_1}", text)
    text = re.sub(r"\bWHEN\b", "in the last {days} days" if "days" in plan.slots else "in total", text)
    return " ".join(text.split()).replace(" ,", ",").replace(" .", ".")


def plans() -> Iterator[Plan]:
    """Every plan there is, with and without what the slots depend on."""
    for tone in TONES:
        for kind in _LINK:
            for named in (1, 2):
                for extra in (None, *_EXTRA):
                    yield from _with_slots(kind, named, extra, tone)
        for kind in _ALONE:
            for extra in (None, *(k for k in _EXTRA if k is not kind)):
                if kind is not Kind.PICK or extra is None:
                    yield from _with_slots(kind, 0, extra, tone)


def _with_slots(kind: Kind, named: int, extra: Kind | None, tone: str) -> Iterator[Plan]:
    slots = ["item", *(f"because_{i + 1}" for i in range(named))]
    if kind in {Kind.OFTEN, Kind.TOGETHER} and named == 1:
        slots.append("together")
    slots += (
        [{Kind.WORDS: "shared", Kind.BRAND: "brand", Kind.CATEGORY: "category"}[kind]]
        if kind in {Kind.WORDS, Kind.BRAND, Kind.CATEGORY}
        else []
    )
    popular = Kind.POPULAR in {kind, extra}
    for windowed in (True, False) if popular else (False,):
        numbers = ["buyers", *(["days"] if windowed else [])] if popular else []
        yield Plan(kind, named, extra, tone, dict.fromkeys([*slots, *numbers], ""))  # type: ignore[arg-type]
