"""Slot grammar: every wording of every kind of evidence, slots unfilled.

A guided writer chooses among these wordings token by token, so what it writes needs no parse; the fine-tuned one learns
from them. Each wording was read by a person beside the definition of its kind (`measures`), and the tests verify with
the check that each is true whenever its evidence is.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import product

from recsys.explain.measures import BANDS, COUNTED, ITEM_ONLY, OFTEN, PAIR, REGULARLY, SOMETIMES, Kind
from recsys.explain.slot_templates import TONES, Plan

# B is the thing of the history; HAD "you bought B" or "you looked at B"; MINE "your B" or "the B you looked at"; WHICH
# "which you bought" or "which you looked at". BAND is the quantifier, SOME "some shoppers" where that is the right one,
# WHEN the time that sales are counted over. [a|b] is a choice. RARE:B and RARE:I: where the figures are of all with B,
# or with the item; DID: where the shopper did what is counted.

#: Tones: f friendly, n neutral, e expert; a wording without a mark is fine for friendly and neutral.
_WORDINGS: dict[Kind, tuple[str, ...]] = {
    Kind.SAME_ORDER: (
        "n: {item} is BAND [ordered|bought] together with B, WHICH.",
        "HAD, and {item} is BAND [ordered|bought] together with it.",
        "n: {item} and MINE are BAND [bought|ordered] in the same order.",
        "f: [you might like|have a look at|take a look at] {item}: it is BAND ordered together with B, WHICH.",
        "f: HAD. {item} BAND goes into the same order.",
        "ne: HAD, and SHARE.",
        "ne: HAD: SHARE.",
    ),
    Kind.AFTER: (
        "n: {item} is BAND bought after B, WHICH.",
        "HAD, and {item} is BAND bought after it.",
        "DID SOME who bought B, as you did, BAND came back for {item}.",
        "f: HAD. SOME who bought it BAND came back for {item}.",
        "f: [you might like|have a look at|take a look at] {item}: it is BAND bought after B, WHICH.",
        "ne: HAD, and {count} of the {of} who bought it came back for {item}.",
        "DID ne: {count} of the {of} who bought B, as you did, came back for {item}.",
    ),
    Kind.ALSO_BOUGHT: (
        "RARE:B DID SOME who bought B, as you did, BAND bought {item} too.",
        "RARE:B HAD, and SOME who have it BAND bought {item} too.",
        "RARE:B n: {item} is BAND bought by SOME who have B, WHICH.",
        "RARE:B f: [you might like|have a look at] {item}: SOME who have B, WHICH, BAND bought it too.",
        "RARE:B DID ne: {count} of the {of} who bought B, as you did, bought {item} too.",
        "RARE:B ne: HAD, and {count} of the {of} who bought it also bought {item}.",
        "RARE:I HAD, and SOME who bought {item} BAND have it too.",
        "RARE:I n: SOME who [buy|choose] {item} BAND have B too, WHICH.",
        "RARE:I f: [you might like|have a look at] {item}: SOME who bought it BAND have B too, WHICH.",
        "RARE:I ne: HAD, and {count} of the {of} who bought {item} have it too.",
    ),
    Kind.VIEWED_TOGETHER: (
        "RARE:B DID SOME who looked at B, as you did, BAND looked at {item} too.",
        "RARE:B HAD, and SOME who look at it BAND look at {item} too.",
        "RARE:B DID f: have a look at {item} too: SOME who looked at B, as you did, BAND looked at it.",
        "RARE:B DID ne: {count} of the {of} who looked at B, as you did, looked at {item} too.",
        "RARE:B ne: HAD, and {count} of the {of} who looked at it looked at {item} too.",
        "RARE:I HAD, and SOME who look at {item} BAND look at it too.",
        "RARE:I n: SOME who looked at {item} BAND looked at B too, WHICH.",
        "RARE:I ne: HAD, and {count} of the {of} who looked at {item} looked at it too.",
    ),
    Kind.BRAND: (
        "HAD, and {item} is from the same brand.",
        "n: {item} is from the same brand as MINE.",
        "HAD, and {item} is by {brand} too.",
        "[{item} is by {brand}, like MINE|more from {brand}, the brand of MINE: {item}].",
        "f: [more from the brand of MINE: {item}|if you like MINE, here is more from the brand: {item}].",
        "e: {item} and MINE are from one brand.",
        "e: {item} and MINE are both by {brand}.",
    ),
    Kind.NOUN: (
        "{item} and MINE are both {shared}.",
        "HAD, and {item} is one more of our {shared}.",
        "f: more {shared}, like MINE: {item}.",
    ),
    Kind.WORDS: (
        "HAD, and {item} has {shared} in its name too.",
        "{item} has {shared} in common with MINE.",
        "e: {item} and MINE have {shared} in common.",
    ),
    Kind.CATEGORY: (
        "HAD, and {item} is from {category} too.",
        "{item} is from {category}, like MINE.",
        "f: more from {category}, like MINE: {item}.",
        "e: {item} and MINE are both from {category}.",
    ),
    Kind.SIMILAR: (
        "{item} is similar to MINE.",
        "HAD, and {item} is a similar product.",
        "f: if you like MINE, have a look at {item}, a similar product.",
        "e: {item} is a similar product to MINE.",
    ),
    Kind.TASTE: (
        "n: you have bought {taste} products from {category}, and {item} is from {category} too.",
        "{taste} of your {purchases} purchases are from {category}, like {item}.",
        "f: you have bought {taste} products from {category}, so here is one more: {item}.",
        "e: {taste} of your {purchases} purchases are from {category}, the category of {item}.",
        "e: {item} is from {category}, where you have bought {taste} products.",
    ),
    Kind.POPULAR: (
        "{item} is one of our bestsellers: {buyers} shoppers bought it WHEN.",
        "{item} is among our most bought products, with {buyers} buyers WHEN.",
        "f: one of our bestsellers, bought by {buyers} shoppers WHEN: {item}.",
        "e: {item} is one of our bestsellers, with {buyers} buyers WHEN.",
    ),
    Kind.TOP_OF_CATEGORY: (
        "{item} is among the most bought in {category}: {buyers} shoppers bought it WHEN.",
        "n: {item} is one of the bestsellers in {category}, with {buyers} buyers WHEN.",
        "f: a bestseller in {category}, bought by {buyers} shoppers WHEN: {item}.",
        "e: {item} is among the most bought in {category}, with {buyers} buyers WHEN.",
    ),
    Kind.RATED: (
        "{item} is rated {rating} of {scale} on average, from {ratings} ratings.",
        "f: rated {rating} of {scale} on average, from {ratings} ratings: {item}.",
        "e: {item} has an average rating of {rating} of {scale}, from {ratings} ratings.",
    ),
    Kind.PRAISED: (
        "{item} is praised for its {aspect} in {praised} of the {mentions} reviews that speak of it: {quote}.",
        "f: praised for its {aspect} in {praised} of the {mentions} reviews that speak of it, {quote}: {item}.",
        "e: {item} is praised for its {aspect} in {praised} of the {mentions} reviews that speak of it.",
    ),
    Kind.NEW: (
        "{item} is new in our shop.",
        "{item} is a new arrival in our shop.",
        "f: [new in our shop|just arrived]: {item}.",
        "e: {item} is one of our new arrivals.",
    ),
    Kind.PRICE: (
        "{item} costs about what you usually pay.",
        "{item} is in your usual price range.",
        "e: the price of {item} is about what you usually pay.",
    ),
    Kind.CHEAPER: (
        "{item} costs less than you usually pay.",
        "{item} is priced below what you usually pay.",
        "e: the price of {item} is below what you usually pay.",
    ),
    Kind.BUYERS: (
        "{buyers} shoppers bought {item} WHEN.",
        "{item} was bought by {buyers} shoppers WHEN.",
        "e: {item} had {buyers} buyers WHEN.",
    ),
}
#: Second facts; "it" is the item, which the first sentence names last.
_EXTRA: dict[Kind, tuple[str, ...]] = {
    Kind.POPULAR: ("It is one of our bestsellers, with {buyers} buyers WHEN.",),
    Kind.RATED: ("It is rated {rating} of {scale} on average, from {ratings} ratings.",),
    Kind.PRAISED: ("It is praised for its {aspect} in {praised} of the {mentions} reviews that speak of it: {quote}.",),
    Kind.NEW: ("It is new in our shop.", "It is a new arrival in our shop."),
    Kind.PRICE: ("It costs about what you usually pay.", "It is in your usual price range."),
    Kind.CHEAPER: ("It costs less than you usually pay.", "It is priced below what you usually pay."),
}
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_MARK = re.compile(r"^(?:RARE:(?P<rare>[BI]) )?(?:(?P<did>DID) )?(?:(?P<tones>[fne]+): )?")
_LETTER = {"friendly": "f", "neutral": "n", "expert": "e"}


def wordings(plan: Plan) -> list[str]:
    """Every sentence that says a plan, slots unfilled; the plainest first."""
    return list(_wordings(replace(plan, clause="it" if plan.clause else ""), frozenset(plan.slots)))


def sentence(plan: Plan, rng: random.Random) -> str:
    """Draw one sentence, slots unfilled, for a plan."""
    return rng.choice(wordings(plan))


@lru_cache(maxsize=4096)
def _wordings(plan: Plan, slots: frozenset[str]) -> tuple[str, ...]:
    # Where a tone has no wording of its own for these slots, the neutral one is right for every reader.
    letters = (_LETTER[plan.tone], "n", "f")
    found = next(filter(None, (_of_tone(plan, slots, letter, clear=True) for letter in letters)), None)
    if found is None and plan.extra:  # a second fact would be told of the wrong product
        return _wordings(replace(plan, extra=None), slots)
    return tuple(dict.fromkeys(found or next(filter(None, (_of_tone(plan, slots, x, clear=False) for x in letters)))))


def _of_tone(plan: Plan, slots: frozenset[str], tone: str, *, clear: bool) -> list[str]:
    """Wordings of a tone; `clear` ones name the item last, so that "it" in what follows is the item."""
    extras = _EXTRA[plan.extra] if plan.extra else ("",)
    out = []
    for raw in _WORDINGS[plan.kind]:
        mark = _MARK.match(raw)
        assert mark is not None
        rare, tones = mark.group("rare"), mark.group("tones") or "fn"
        did = plan.bought == (plan.kind is not Kind.VIEWED_TOGETHER)
        if (mark.group("did") and not did) or tone not in tones or (rare and (rare == "I") != plan.of_item):
            continue
        for body, extra in product(_expanded(raw[mark.end() :]), extras):
            text = _worded(f"{body} {extra}".strip(), plan, slots)
            used = set(re.findall(r"\{([a-z_]+\d?)\}", text))
            after = text[text.rfind("{item}") : len(text) - len(extra)]
            is_clear = not (extra or plan.clause) or not re.search(r"\{because_1\}|\bit\b", after)
            if used <= slots and (is_clear or not clear) and _says_brand(plan, slots, used):
                out.append(re.sub(r"(^|[.!?] )([a-z])", lambda m: m.group(1) + m.group(2).upper(), text))
    return out


def _says_brand(plan: Plan, slots: frozenset[str], used: set[str]) -> bool:
    """Whether a wording names the brand where the product's name does not."""
    return plan.kind is not Kind.BRAND or "brand" not in slots or "brand" in used


def _expanded(text: str) -> Iterator[str]:
    """Every text of one with choices."""
    match = _CHOICE.search(text)
    if match is None:
        yield text
        return
    for option in match.group(1).split("|"):
        yield from _expanded(text[: match.start()] + option + text[match.end() :])


def _worded(text: str, plan: Plan, slots: frozenset[str]) -> str:
    verb = "bought" if plan.bought else "looked at"
    share = (
        "it is in {count} of the {of} orders with {item}"
        if plan.of_item
        else "{count} of the {of} orders with it also hold {item}"
    )
    # "Some shoppers" is the quantifier of a share too small for an adverb.
    some, band = ("some shoppers", "") if plan.band == SOMETIMES and "SOME" in text else ("shoppers", plan.band)
    for mark, words in (
        ("SHARE", share),
        ("HAD", f"you {verb} B"),
        ("MINE", "your B" if plan.bought else "the B you looked at"),
        ("WHICH", f"which you {verb}"),
        ("SOME", some),
        ("BAND", band),
        ("WHEN", "in the last {days} days" if "days" in slots else "so far"),
    ):
        text = re.sub(rf"\b{mark}\b", words, text)
    text = re.sub(r"\bB\b", "{because_1}", text)
    return " ".join(text.split()).replace(" ,", ",").replace(" .", ".")


def plans() -> Iterator[Plan]:
    """Every plan there is, with and without what the slots depend on."""
    for tone, kind, extra in product(TONES, Kind, (None, *_EXTRA)):
        if extra is kind or {kind, extra} <= {Kind.PRICE, Kind.CHEAPER}:
            continue
        if {kind, extra} <= {Kind.RATED, Kind.PRAISED}:
            continue
        if extra is Kind.POPULAR and kind in {Kind.TOP_OF_CATEGORY, Kind.BUYERS}:
            continue
        for bought, (band, of_item) in product(
            (True, False) if kind in PAIR else (True,),
            product(BANDS, (False, True) if kind is not Kind.AFTER else (False,)) if kind in COUNTED else [("", False)],
        ):
            for slots in _slots(kind, band, extra):
                yield Plan(kind, kind not in ITEM_ONLY, bought, band, of_item, extra, tone, dict.fromkeys(slots, ""))


def _slots(kind: Kind, band: str, extra: Kind | None) -> Iterator[list[str]]:
    slots = ["item"] + (["because_1"] if kind in PAIR else [])
    slots += ["count", "of"] if band in {OFTEN, REGULARLY} else []
    slots += {
        Kind.WORDS: ["shared"],
        Kind.NOUN: ["shared"],
        Kind.CATEGORY: ["category"],
        Kind.TOP_OF_CATEGORY: ["category"],
        Kind.TASTE: ["category", "taste"],
    }.get(kind, [])
    slots += ["rating", "scale", "ratings"] if Kind.RATED in {kind, extra} else []
    slots += ["aspect", "praised", "mentions", "quote"] if Kind.PRAISED in {kind, extra} else []
    if {kind, extra} & {Kind.POPULAR, Kind.TOP_OF_CATEGORY, Kind.BUYERS}:
        yield [*slots, "buyers", "days"]
        yield [*slots, "buyers"]
    elif kind is Kind.BRAND:
        yield [*slots, "brand"]
        yield slots
    elif kind is Kind.TASTE:
        yield [*slots, "purchases"]
        yield slots
    else:
        yield slots
