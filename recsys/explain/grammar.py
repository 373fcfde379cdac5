"""Sentences to learn from: a grammar that says each kind of evidence in hundreds of ways, slots unfilled.

The writer is fine-tuned on sentences drawn from here and generalises over them. Everything the grammar can say is true
whenever the plan's evidence is, which the tests verify with the grounding check.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from recsys.explain.facts import Kind
from recsys.explain.slot_templates import TONES, Plan

_CHOICE = re.compile(r"\[([^\[\]]*)\]")

#: How a sentence says that the shopper has B.
_HAD = (
    "[you bought|you purchased|you ordered|you picked up|you chose|you have bought|you already own|you already have|"
    "your past orders include|your earlier purchases include|your order history includes] B"
)
_LOOKED = "[you looked at|you viewed|you were looking at|you had a look at] B"
_OTHERS = "[shoppers|customers|people|other shoppers|other customers|buyers]"
_BUY = "[bought|ordered|purchased|chose]"
_BOUGHT = "[bought|ordered|purchased|chosen]"

#: Clauses about {item} that follow a clause about B; IT is "it" or "them".
_LINK: dict[Kind, str] = {
    Kind.OFTEN: (
        f"[{{item}} is [often|frequently|regularly] {_BOUGHT} [together with|along with|alongside|with] IT|"
        f"our [shoppers|customers|buyers] often {_BUY} {{item}} [with IT|too|as well|together with IT]|"
        "{item} [frequently|often|regularly] ends up in the same [basket|order|cart]|"
        "{item} [often|frequently] goes [into the same basket|into the same order|home with IT]|"
        "{together} shoppers bought {item} [with IT|too|as well], so they often go together|"
        "the [usual|frequent|regular] companion in the basket is {item}]"
    ),
    Kind.TOGETHER: (
        f"[{_OTHERS} who {_BUY} IT also {_BUY} {{item}}|{_OTHERS} with the same purchase also [chose|bought|"
        f"picked|took] {{item}}|"
        "{item} was also [bought|chosen|ordered] by [shoppers|customers|people] who [have|own|bought] IT|"
        f"{{together}} {_OTHERS} {_BUY} both IT and {{item}}|"
        f"the same [shoppers|customers|people] also {_BUY} {{item}}|"
        f"{{item}} was {_BOUGHT} by the same [shoppers|customers|people]]"
    ),
    Kind.WORDS: (
        "[{item} also [says|mentions|carries] {shared}|{item} has {shared} in its name [too|as well]|"
        "{item} shares {shared} with IT|"
        "{shared} [is|shows up] in the name of {item} [too|as well]|what IT and {item} have in common is {shared}|"
        "the wording {shared} comes back in {item}|{item} picks up on {shared} [too|again|as well]]"
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
        "[we recommend {item} because of that|that points to {item}|{item} follows from that|"
        "that purchase speaks for {item}|{item} is a natural next step|{item} is next on our list for you|"
        "that led us to {item}|that is why you see {item}|that made us think of {item}|"
        "on that basis we suggest {item}]"
    ),
    Kind.VIEWED: (
        "[{item} may be worth a look too|we want to show you {item} as well|"
        "{item} could be of interest as well|you may want to see {item} too|{item} is worth viewing as well|"
        "that look led us to {item}|that is why you see {item}]"
    ),
}
#: What "which" says of {item} after "because you bought B, we suggest {item}".
_WHICH: dict[Kind, str] = {
    Kind.OFTEN: (
        f"[, which is [often|frequently|regularly] {_BOUGHT} [with|together with|along with|alongside] IT|"
        ", which [often|frequently] goes into the same [basket|order|cart]|"
        f", which our [shoppers|customers|buyers] often {_BUY} with IT]"
    ),
    Kind.TOGETHER: (
        f"[, which the same [shoppers|customers|people] also {_BUY}|"
        f", which [shoppers|customers|people] who {_BUY} IT also {_BUY}|"
        f", which was also {_BOUGHT} by [shoppers|customers|people] who [have|own] IT]"
    ),
    Kind.WORDS: (
        "[, which also [says|mentions|carries] {shared}|, which has {shared} in its name [too|as well]|"
        ", which shares {shared} with IT]"
    ),
    Kind.BRAND: (
        "[, which is also [by|from|made by] {brand}|, also by {brand}|, from the same brand, {brand}|"
        ", which comes from {brand} [too|as well]|, another {brand} product]"
    ),
    Kind.CATEGORY: (
        "[, which is also from {category}|, also from {category}|, from the same category, {category}|"
        ", another pick from {category}|, which belongs to {category} as well]"
    ),
    Kind.SIMILAR: (
        "[, which is [similar|much like IT|close to IT|a similar product|in the same vein]|, a close match|"
        ", a similar product|, which resembles IT|, which is along the same lines]"
    ),
    Kind.BOUGHT: "",
    Kind.VIEWED: "",
}
#: Clauses about "this" after "we recommend {item}: you bought B, and".
_THIS: dict[Kind, str] = {
    Kind.OFTEN: (
        f"[this is [often|frequently|regularly] {_BOUGHT} [together with|along with|alongside|with] IT|"
        "this [often|frequently] ends up in the same [basket|order|cart]|"
        "{together} shoppers bought this too, so they often go together]"
    ),
    Kind.TOGETHER: (
        f"[{_OTHERS} who {_BUY} IT also {_BUY} this|{{together}} {_OTHERS} {_BUY} both|"
        f"the same [shoppers|customers|people] also {_BUY} this|"
        f"this was {_BOUGHT} by the same [shoppers|customers|people]]"
    ),
    Kind.WORDS: (
        "[this also [says|mentions|carries] {shared}|this has {shared} in its name [too|as well]|"
        "this shares {shared} with IT|both [say|mention|carry] {shared}]"
    ),
    Kind.BRAND: (
        "[this is [also|likewise] [by|from|made by] {brand}|this is from the same brand, {brand}|"
        "this comes from {brand} [too|as well]|this is another {brand} product]"
    ),
    Kind.CATEGORY: (
        "[this is [also|likewise] from {category}|this belongs to {category} as well|"
        "this sits in the same category, {category}|this is another pick from {category}]"
    ),
    Kind.SIMILAR: (
        "[this is [similar|much like IT|close to IT|a similar choice|in the same vein|in a similar style]|"
        "this resembles IT|this is a close match|this is along the same lines|this reads much like IT]"
    ),
    Kind.BOUGHT: "[that led us here|this follows from that|that points to this|this is a natural next step]",
    Kind.VIEWED: "[that led us here|that is why you see this|this may be worth a look too]",
}
#: Whole clauses that name both.
_DIRECT: dict[Kind, str] = {
    Kind.OFTEN: (
        f"[{{item}} and B are [often|frequently|regularly] [bought together|ordered together|{_BOUGHT} in one go]|"
        f"{{item}} is [often|frequently] {_BOUGHT} [together with|along with|alongside] B, which you [bought|have|"
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
        "[{item} is by {brand}, [the brand of|like] your B|your B IS by {brand}, and so is {item}|"
        "{brand} made your B and also makes {item}|more from {brand}, the brand of your B: {item}]"
    ),
    Kind.CATEGORY: (
        "[{item} is from {category}, like your B|your B IS from {category}, and so is {item}|"
        "more from {category}, the category of your B: {item}|{category} is the category of your B, and of {item} too]"
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
#: Second facts, about the item; they open a clause of their own.
_EXTRA: dict[Kind, str] = {
    Kind.POPULAR: (
        "[SUBJECT is [popular too|popular with other shoppers|one of our most popular products|a bestseller|in demand]|"
        "{buyers} [shoppers|customers|people] [bought|chose|ordered] it WHEN|it was [bought|chosen|"
        "ordered] by {buyers} [shoppers|customers|people] WHEN]"
    ),
    Kind.NEW: "[SUBJECT is new in our shop|SUBJECT is a new arrival|it has just arrived|it only just joined our range]",
    Kind.PRICE: (
        "[SUBJECT costs about what you usually [pay|spend]|SUBJECT is in your usual price range|"
        "its price is close to what you usually [pay|spend]]"
    ),
    Kind.CHEAPER: (
        "[SUBJECT costs less than what you usually [pay|spend]|SUBJECT is cheaper than what you usually buy|"
        "SUBJECT is priced below what you usually pay]"
    ),
}
_FRIENDLY = "[||Here is an idea: |A tip for you: |Good to know: |A thought for you: |One for you: ]"
#: Openings by tone, before a clause that has no colon of its own.
_LEAD: dict[str, str] = {
    "friendly": _FRIENDLY,
    "neutral": "",
    "expert": "[||Based on your orders, |Judging by your order history, |In view of your purchases, ]",
}
#: The same where the reason does not rest on what the shopper bought.
_IMPERSONAL_LEAD = {"friendly": _FRIENDLY, "neutral": "", "expert": "[||In short: |Note: |In view of our range: ]"}
#: Beginnings that take no opening: they would say it twice.
_NO_LEAD = ("because ", "since ", "as ", "given ", "if ", "you ", "your ", "taken ", "we ", "with ")
_AFTER = {"friendly": "[.|.|!]", "neutral": ".", "expert": "."}


def sentence(plan: Plan, rng: random.Random) -> str:
    """Draw one sentence, slots unfilled, for a plan."""
    lead = _IMPERSONAL_LEAD[plan.tone]
    if plan.named:
        if plan.kind is not Kind.VIEWED:
            lead = _LEAD[plan.tone]
        body = rng.choice(_bodies(plan.kind))
    else:
        body = _ALONE[plan.kind]
    body = _expand(body, rng, plan)
    if ":" not in body and not body.startswith(_NO_LEAD):
        body = " ".join(f"{_expand(lead, rng, plan)} {body}".split())
    if plan.extra:
        extra = _EXTRA[plan.extra].replace("SUBJECT", "[it|it|our suggestion]")
        body += rng.choice([". ", ". ", "; ", ", and ", ". also, "]) + _expand(extra, rng, plan)
    text = body + _expand(_AFTER[plan.tone], rng, plan)
    return re.sub(r"(^|[.!?] )([a-z])", lambda match: match.group(1) + match.group(2).upper(), text)


def _bodies(kind: Kind) -> list[str]:
    """Shapes of a clause that names purchases; the plainest come up most."""
    had = _LOOKED if kind is Kind.VIEWED else _HAD
    return [
        f"[because|since|as|given that] {had}, [we suggest|we recommend|we picked|we thought of|you might like] "
        f"{{item}}{_WHICH[kind]}",
        f"{had}[, and| —|;] {_LINK[kind]}",
        f"{had}[, and| —|;] {_LINK[kind]}",
        f"[we recommend|we suggest|we picked|have a look at|take a look at|you might like] {{item}}[:| —] {had}, and "
        f"{_THIS[kind]}",
        _DIRECT[kind],
        _DIRECT[kind],
    ]


def _expand(text: str, rng: random.Random, plan: Plan) -> str:
    if "days" not in plan.slots:  # a shop without dates knows no present
        text = text.replace("popular right now:", "popular:")
    missing = {"{together}", "{buyers}"} - {f"{{{slot}}}" for slot in plan.slots}
    while match := _CHOICE.search(text):
        # A number the plan has no slot for: the ways of saying it that need one are left out.
        options = [o for o in match.group(1).split("|") if not any(slot in o for slot in missing)]
        text = text[: match.start()] + (rng.choice(options) if options else "") + text[match.end() :]
    both = plan.named == 2
    text = re.sub(r"\bIT\b", "them" if both else "it", text)
    text = re.sub(r"\bIS\b", "are" if both else "is", text)
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
                if {kind, extra} != {Kind.PRICE, Kind.CHEAPER} and (kind is not Kind.PICK or extra is None):
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
