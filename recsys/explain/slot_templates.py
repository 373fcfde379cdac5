"""Slot templates: the plan a writer reads and how its slots are filled.

Names and numbers never pass through a model, so it can neither invent nor swap them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from recsys.explain.facts import Facts
from recsys.explain.measures import OFTEN, REGULARLY, WINDOW, Kind
from recsys.llm.language import language_of

Tone = Literal["friendly", "neutral", "expert"]
Length = Literal["short", "long"]
Language = Literal["en", "zh"]
TONES: tuple[Tone, ...] = get_args(Tone)

SLOT = re.compile(r"\{([a-z_]+\d?)\}")
#: Characters of a sentence before its slots are filled.
MAX_FORM = 240

_SALES = {Kind.POPULAR, Kind.TOP_OF_CATEGORY, Kind.BUYERS}


@dataclass(frozen=True)
class Plan:
    """What one sentence has to say: kinds of evidence and slots, no names.

    Attributes
    ----------
    kind
        The reason.
    named
        Whether a thing of the history is named (`because_1`).
    bought
        Whether that thing was bought; otherwise it was looked at.
    band
        The quantifier that the figures bear, '' for kinds that count nothing.
    of_item
        Whether the figures are of all orders (shoppers) of the item, not of the thing of the history.
    extra
        A second fact, about the item itself.
    tone
        How to say it.
    values
        Slot names and what the program fills in; not part of what a writer reads.
    clause
        What a block of the shop's own says of the item, told after the sentence.
    """

    kind: Kind
    named: bool = False
    bought: bool = True
    band: str = ""
    of_item: bool = False
    extra: Kind | None = None
    tone: Tone = "friendly"
    values: Mapping[str, str] = field(default_factory=dict, compare=False)
    clause: str = ""

    @classmethod
    def of(cls, facts: Facts, tone: Tone = "friendly", length: Length = "long") -> Plan | None:
        """The plan of the chosen reason; None where there is none to tell."""
        choice, past = facts.choice, facts.named
        if choice is None:
            return None
        measure = past.measures.get(choice.kind) if past else None
        extra = choice.extra if length == "long" else None
        return cls(
            choice.kind,
            past is not None,
            past is None or past.bought,
            measure.band if measure else "",
            bool(measure and measure.of_item),
            extra,
            tone,
            _values(facts, extra),
            facts.clause if length == "long" or past is None else "",
        )

    def sentence(self, form: str, language: Language = "en") -> str:
        """A form with its slots filled, then what a block says of the item, where that is in the same language."""
        text = fill(form, self.values)
        if not self.clause or (language == "zh" and language_of(self.clause) != "zh"):
            return text
        return f"{text} It {self.clause}." if language == "en" else f"{text}它{self.clause}。"

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the slots the sentence may use."""
        return tuple(self.values)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the slots it must use."""
        return ("item", "because_1") if self.named else ("item",)

    @property
    def line(self) -> str:
        """The plan as the fine-tuned writer reads it."""
        numbers = [f"{{{s}}}" for s in self.slots if s not in self.required]
        looked = "" if self.bought else " looked at"
        because = f"{looked} {{because_1}}" if self.named else ""
        rarer = " of {item}" if self.of_item else ""
        facts = [" ".join(f"{self.band} {self.kind.value}{rarer}{because}".split())]
        facts += [self.extra.value] if self.extra else []
        return f"Why {{item}}? {' + '.join(facts)}{f' ({chr(32).join(numbers)})' if numbers else ''}. {self.tone}:"


def _values(facts: Facts, extra: Kind | None) -> dict[str, str]:
    """Slot values of the chosen reason and its second fact."""
    assert facts.choice is not None
    item, past, kind = facts.item, facts.named, facts.choice.kind
    said = {kind, extra}
    values = {"item": quoted(item.name)}
    if past is not None:
        values["because_1"] = quoted(past.product.name)
        measure = past.measures.get(kind)
        if measure is not None and measure.band in {OFTEN, REGULARLY}:
            values |= {"count": f"{measure.count:,}", "of": f"{measure.of:,}"}
        if kind is Kind.WORDS:
            values["shared"] = quoted(past.shared)
        if kind is Kind.NOUN:
            values["shared"] = plural(past.noun)
    # A brand that the name already says is not said again.
    if kind is Kind.BRAND and item.brand and item.brand.casefold() not in item.name.casefold():
        values["brand"] = item.brand
    if said & {Kind.CATEGORY, Kind.TASTE, Kind.TOP_OF_CATEGORY} and item.category:
        values["category"] = item.category
    if kind is Kind.TASTE:
        values["taste"] = f"{facts.taste:,}"
        if facts.purchases > facts.taste:
            values["purchases"] = f"{facts.purchases:,}"
    if said & _SALES:
        ever = kind is Kind.BUYERS and not item.lately
        values["buyers"] = f"{item.buyers if ever else item.count:,}"
        if item.recent is not None and not ever:
            values["days"] = str(WINDOW)
    if Kind.RATED in said:
        values |= {"rating": f"{item.rating:g}", "scale": f"{item.scale:g}", "ratings": f"{item.ratings:,}"}
    if Kind.PRAISED in said:
        values |= _praise(facts)
    return values


def _praise(facts: Facts) -> dict[str, str]:
    praise = facts.item.praise
    assert praise is not None
    return {
        "aspect": praise.aspect,
        "praised": f"{praise.count:,}",
        "mentions": f"{praise.of:,}",
        "quote": quoted(praise.quote),
    }


def plural(noun: str) -> str:
    """An English noun in the plural, by its ending."""
    if noun.endswith("s") and not noun.endswith("ss"):
        return noun
    if re.search(r"(s|x|z|ch|sh)$", noun):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if re.search(r"[^aeiou]y$", noun) else f"{noun}s"


def quoted(name: str) -> str:
    """A product's name as it stands in a sentence."""
    return f"“{name}”"


def fill(form: str, values: Mapping[str, str]) -> str:
    """Put the values into the slots, in one pass: braces inside a value are never slots."""
    text = SLOT.sub(lambda match: values[match.group(1)], form)
    return text[:1].upper() + text[1:]


def tidy(text: str) -> str:
    """The first line of what a writer wrote, up to its last full sentence, without quotes around slots."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = re.sub(r"[\"'“”‘’](\{[a-z_]+\d?\})[\"'“”‘’]", r"\1", line)
    line = re.sub(r"^[\"“](.*)[\"”]$", r"\1", line).strip()
    end = max(line.rfind(mark) for mark in ".!?")
    return line[: end + 1] if end > 0 else line


def malformed(form: str, plan: Plan) -> str | None:
    """What is wrong with a sentence before its slots are filled, or None."""
    used = SLOT.findall(form)
    unknown = sorted(set(used) - set(plan.slots))
    missing = [slot for slot in plan.required if slot not in used]
    rest = SLOT.sub("", form)
    checks = {
        f"uses slots it was not given: {', '.join(unknown)}": bool(unknown),
        f"leaves out {', '.join(missing)}": bool(missing),
        "names one product more than twice": any(used.count(slot) > 2 for slot in plan.required),
        "has braces or digits outside slots": bool(re.search(r"[{}\[\]<>\d]", rest)),
        "does not end as a sentence": not form.endswith((".", "!", "?", "。", "！")),
        f"is longer than {MAX_FORM} characters": len(form) > MAX_FORM,
    }
    return next((reason for reason, bad in checks.items() if bad), None)


INSTRUCTION = (
    "You write one sentence for a web shop that tells a shopper why a product is recommended. The product is written "
    "{item}; what the shopper bought or looked at is written {because_1}. Copy these slots, braces included, exactly "
    "as they are. Use only the facts given: no other names, numbers, qualities or promises."
)


def chat(plan: Plan) -> list[dict[str, str]]:
    """The same request in plain words, for a model that was not trained on `Plan.line`."""
    rare, common = ("{item}", "{because_1}") if plan.of_item else ("{because_1}", "{item}")
    about = {
        Kind.SAME_ORDER: f"orders with {rare} {plan.band} also hold {common}",
        Kind.AFTER: f"shoppers who bought {{because_1}} {plan.band} came back later for {{item}}",
        Kind.ALSO_BOUGHT: f"shoppers who bought {rare} {plan.band} bought {common} too",
        Kind.VIEWED_TOGETHER: f"shoppers who looked at {rare} {plan.band} looked at {common} too",
        Kind.BRAND: "{item} is from the same brand as {because_1}",
        Kind.NOUN: "{item} and {because_1} are both {shared}",
        Kind.WORDS: "{item} and {because_1} share the theme {shared}",
        Kind.CATEGORY: "{item} is from the same category as {because_1}, {category}",
        Kind.SIMILAR: "{item} is similar to {because_1}",
        Kind.TASTE: "the shopper bought {taste} products from {category}, the category of {item}",
        Kind.POPULAR: "{item} is one of the bestsellers: {buyers} shoppers bought it WHEN",
        Kind.TOP_OF_CATEGORY: "{item} is among the most bought in {category}: {buyers} shoppers bought it WHEN",
        Kind.RATED: "{item} is rated {rating} of {scale} on average, from {ratings} ratings",
        Kind.PRAISED: "{item} is praised for its {aspect} in {praised} of the {mentions} reviews that speak of it: "
        "{quote}",
        Kind.NEW: "{item} is new in the shop",
        Kind.PRICE: "{item} costs about what the shopper usually pays",
        Kind.CHEAPER: "{item} costs less than what the shopper usually pays",
        Kind.BUYERS: "{buyers} shoppers bought {item} WHEN",
    }
    facts = [f"the shopper {'bought' if plan.bought else 'looked at'} {{because_1}}"] if plan.named else []
    facts += [about[kind] for kind in (plan.kind, plan.extra) if kind]
    when = "in the last {days} days" if "days" in plan.slots else "so far"
    wish = f"Facts: {'; '.join(facts)}.\nTone: {plan.tone}. Write the sentence.".replace("WHEN", when)
    return [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": wish}]
