"""What a writer is asked for, and how its slots are filled: names and numbers never pass through a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from recsys.explain.facts import WINDOW, Facts, Kind

Tone = Literal["friendly", "neutral", "expert"]
Length = Literal["short", "long"]
Language = Literal["en", "zh"]
TONES: tuple[Tone, ...] = get_args(Tone)

SLOT = re.compile(r"\{([a-z_]+\d?)\}")
#: Characters of a sentence before its slots are filled.
MAX_FORM = 240

_PAIR = {Kind.OFTEN, Kind.TOGETHER, Kind.WORDS, Kind.BRAND, Kind.CATEGORY, Kind.SIMILAR, Kind.BOUGHT, Kind.VIEWED}


@dataclass(frozen=True)
class Plan:
    """What one sentence has to say: kinds of evidence and slots, no names.

    Attributes
    ----------
    kind
        The reason.
    named
        How many purchases are named (`because_1`, `because_2`).
    extra
        A second fact, about the item itself.
    tone
        How to say it.
    values
        Slot names and what the program fills in; not part of what a writer reads.
    clause
        What is said of the item after the writer's sentence, in the words of a shop's own block.
    """

    kind: Kind
    named: int = 0
    extra: Kind | None = None
    tone: Tone = "friendly"
    values: Mapping[str, str] = field(default_factory=dict, compare=False)
    clause: str = field(default="", compare=False)

    @classmethod
    def of(cls, facts: Facts, tone: Tone = "friendly", length: Length = "long") -> Plan:
        """The plan that the evidence calls for: the largest true reason first."""
        extras = [kind for kind in facts.extra if facts.holds(kind)]
        if facts.because:
            first = facts.because[0]
            kind = first.link
            both = len(facts.because) > 1 and facts.holds(kind, facts.because[1])
            if kind is Kind.WORDS:
                both = both and facts.because[1].shared == first.shared
            named = 2 if both else 1
        else:
            named = 0
            candidates = (*extras, Kind.TASTE, Kind.POPULAR, Kind.NEW, Kind.PICK)
            kind = next(k for k in candidates if facts.holds(k))
        extra = next((k for k in extras if k is not kind), None) if length == "long" else None
        clause = facts.clause if length == "long" or not named else ""
        return cls(kind, named, extra, tone, _values(facts, kind, named, extra), clause)

    def sentence(self, form: str, language: Language = "en") -> str:
        """A form with its slots filled, and the clause of the shop's own block after it."""
        text = fill(form, self.values)
        if not self.clause:
            return text
        return f"{text} It {self.clause}." if language == "en" else f"{text}它{self.clause}。"

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the slots the sentence may use."""
        return tuple(self.values)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the slots it must use."""
        return ("item", *(f"because_{i + 1}" for i in range(self.named)))

    @property
    def line(self) -> str:
        """The plan as the fine-tuned writer reads it."""
        numbers = [f"{{{s}}}" for s in self.slots if s not in self.required]
        because = " ".join(f"{{because_{i + 1}}}" for i in range(self.named))
        facts = [f"{self.kind.value}{f' {because}' if because else ''}", *([self.extra.value] if self.extra else [])]
        return f"Why {{item}}? {' + '.join(facts)}{f' ({chr(32).join(numbers)})' if numbers else ''}. {self.tone}:"


def _values(facts: Facts, kind: Kind, named: int, extra: Kind | None) -> dict[str, str]:
    values = {"item": quoted(facts.item.name)}
    for i in range(named):
        values[f"because_{i + 1}"] = quoted(facts.because[i].product.name)
    said = {kind, extra}
    if said & {Kind.OFTEN, Kind.TOGETHER} and named == 1:
        values["together"] = f"{facts.because[0].together:,}"
    if Kind.WORDS in said:
        values["shared"] = quoted(facts.because[0].shared)
    if Kind.BRAND in said and facts.item.brand:
        values["brand"] = facts.item.brand
    if Kind.CATEGORY in said and facts.item.category:
        values["category"] = facts.item.category
    if Kind.POPULAR in said:
        values["buyers"] = f"{facts.item.count:,}"
        if facts.item.recent is not None:
            values["days"] = str(WINDOW)
    return values


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
    "{item}; products the shopper bought are written {because_1} and {because_2}. Copy these slots, braces included, "
    "exactly as they are. Use only the facts given: no other names, numbers, qualities or promises."
)


def chat(plan: Plan) -> list[dict[str, str]]:
    """The same request in plain words, for a model that was not trained on `Plan.line`."""
    because = " and ".join(f"{{because_{i + 1}}}" for i in range(plan.named))
    about = {
        Kind.OFTEN: f"many shoppers who bought {because} also bought {{item}}; they are often bought together",
        Kind.TOGETHER: f"the shopper bought {because}; other shoppers bought both it and {{item}}",
        Kind.WORDS: f"the shopper bought {because}; its name shares the words {{shared}} with {{item}}",
        Kind.BRAND: f"the shopper bought {because}; {{item}} is from the same brand, {{brand}}",
        Kind.CATEGORY: f"the shopper bought {because}; {{item}} is from the same category, {{category}}",
        Kind.SIMILAR: f"the shopper bought {because}; {{item}} is similar",
        Kind.BOUGHT: f"the shopper bought {because}, which is why {{item}} is recommended",
        Kind.VIEWED: f"the shopper looked at {because}, which is why {{item}} is recommended",
        Kind.POPULAR: "{item} is popular: {buyers} shoppers bought it"
        + (" in the last {days} days" if "days" in plan.slots else ""),
        Kind.NEW: "{item} is new in the shop",
        Kind.PRICE: "{item} costs about what the shopper usually pays",
        Kind.CHEAPER: "{item} costs less than what the shopper usually pays",
        Kind.TASTE: "{item} fits what the shopper has bought so far",
        Kind.PICK: "{item} is a suggestion for the shopper",
    }
    facts = [about[plan.kind], *([about[plan.extra]] if plan.extra else [])]
    wish = f"Facts: {'; '.join(facts)}.\nTone: {plan.tone}. Write the sentence."
    return [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": wish}]
