"""Tools over the shop's rules: the passages that answer a question, and what they say of a way of paying."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from recsys.assistant import arrivals
from recsys.assistant.hearing import LIKELY, SAYS_JUST_THIS, Heard, facets, subject, whole
from recsys.assistant.knowledge import SHOP_RULES, Hit
from recsys.assistant.messages import message
from recsys.assistant.patterns import group, names_way, says, way_of_paying
from recsys.assistant.product_facts import applying
from recsys.assistant.tools import Context, Fact, Payment, Result, SearchPolicies
from recsys.data.passages import Passage
from recsys.llm.language import language_of, tokens
from recsys.llm.places import place_names, places
from recsys.serving.search import mentions, parse
from recsys.serving.search.said import SAID

_ROW = re.compile(r"[^:：.。]{2,80}[:：].*\d")
"""A line of a table: what it is about, and its figures."""
SHORT = 3
"""Letters of a place's name that are initials: usa."""
NEAR = 12
"""Passages near to a question among which one may be on its very kind of product."""
_ANSWERED = re.compile(r"(?:Yes[,.] |No\. |(?:可以|有|是的|不可以|不可以的)[，。])(.)", re.DOTALL)
ANSWERS = 0.7
"""Judged probability from which a rule's "Yes" or "No" is one to the question."""


def search_policies(context: Context, asked: SearchPolicies) -> Result:
    """The passages that answer a question, where it is sure enough, with what parcels took where that is asked."""
    assert context.listener is not None, "questions are read by a listener"
    heard = context.listener.hear(asked.query)
    told = context.unknown(confidence=heard.sure)
    if heard.hits and heard.sure >= context.bound:
        facts = [Fact(_headed(context, asked.query, hit), hit.passage.id, asked.query) for hit in heard.hits]
        if context.table is not None and len(named := mentions.named(asked.query, context.table)) == 1:
            facts[0] = replace(facts[0], text=applying(context.table, named[0], facts[0].text))
        facts = _of_its_kind(context, asked.query, heard) or _row(context, asked.query, heard) or facts
        facts += _limits(context, asked.query, facts)
        lead = _not_among(context, asked.query, facts)
        told = Result(tuple(facts), heard.hits[0].intent, lead, confidence=heard.sure, writer="retrieved")
    of_delivery = not told.found or any("delivery" in facets(fact.text) for fact in told.facts)
    if heard.theme == arrivals.THEME and heard.probabilities[arrivals.THEME] >= LIKELY and of_delivery:
        took = arrivals.delivery_time(context, arrivals.asked_in(context, asked.query))
        if took.found:  # beside what the shop says of it
            if told.found:
                return replace(told, facts=(*told.facts, *took.facts))
            rule = context.rule(rule_on("delivery", context.language))
            facts = [] if rule is None else [Fact(rule.passage.text, rule.passage.id, asked.query)]
            return replace(took, facts=(*facts, *took.facts))
    return told


def _of_its_kind(context: Context, question: str, heard: Heard) -> list[Fact]:
    """What the rules say of goods of the very kind asked about that came in a bad state; plants are no parcels."""
    table, bad = context.table, group("wishes")["damaged"]
    kinds = parse(question, table).categories if table is not None and bad.search(question) else frozenset()
    if table is None or not kinds:
        return []
    near = context.knowledge.rules(question, context.language, NEAR, read=heard.read)
    own = [p for p in (hit.passage for hit in near) if bad.search(p.text) and table.kinds_named(p.text) & kinds]
    return [Fact(passage.text, passage.id, question) for passage in own[:1]]


def _limits(context: Context, question: str, facts: Sequence[Fact]) -> list[Fact]:
    """The rule that a fast delivery which is told of goes to some places only, where a question names a place."""
    told = frozenset().union(*(facets(fact.text) for fact in facts))
    if "place" not in facets(question) or "fast" not in told or "place" in told:
        return []
    rules = (p for p in context.knowledge.passages if p.kind == "policy" and language_of(p.text) == context.language)
    limits = (p for p in rules if {"fast", "place"} <= facets(p.text) and says("limits", p.text))
    return [Fact(passage.text, passage.id, question) for passage in limits][:1]


def _not_among(context: Context, question: str, facts: Sequence[Fact]) -> str:
    """That no rule names the last place of a question among those that are delivered to; '' where one does."""
    named = place_names(question)
    told = any(says("delivers_to", fact.text) for fact in facts)
    if not (named and told and says("sends_to", question)):
        return ""
    rules = (p.text for p in context.knowledge.passages if p.kind in SHOP_RULES and says("delivers_to", p.text))
    among = frozenset[str]().union(*map(places, rules))
    *_, (name, region) = named
    within = {region, "eu"} if region == "eu_country" else {region}
    if not among or among & (within | {"elsewhere"}):
        return ""
    return context.say("not_among", place=name.upper() if len(name) <= SHORT else name.title())


def _row(context: Context, question: str, heard: Heard) -> list[Fact]:
    """The line of the shop's tables on what a question names, where what was found does not speak of that."""
    if not facets(question) & {"cost", "duration"}:
        return []
    canonical = context.table.canonical if context.table is not None else str
    said, first = set(tokens(question)) - SAID, set(tokens(heard.hits[0].passage.text))
    if context.table is not None and context.last and "delivery" in facets(heard.hits[0].passage.text):
        titles = (context.table.title_terms[row] for row in context.last)
        said |= frozenset.intersection(*map(frozenset, titles))  # "and how long does that take?" of floor lamps
    for passage in context.knowledge.passages:
        if passage.kind == "policy" and language_of(passage.text) == context.language:
            for line in passage.text.split("\n"):
                if not _ROW.match(line):
                    continue
                head, *goods = re.split(r"[,(（，、)）]", re.split("[:：]", line)[0])
                # Of "Large items (floor lamps, cat trees)", "large" names the line, and so does each of the goods.
                named = {word for word in set(tokens(head)) - SAID if not says("of_all", word)}
                forms = (set(tokens(form)) - SAID for part in goods for form in (part, canonical(part)))
                of_goods = any(words and words <= said for words in forms)
                if of_goods or (named and named <= said and not named <= first):
                    return [Fact(line, passage.id, question)]
    return []


def _answers(context: Context, question: str, hit: Hit) -> bool:
    """Whether the "Yes" or "No" that a rule opens with answers a question: of a kind it does not name, it may not."""
    passage = hit.passage
    if not (says("yes_no", question) or "吗" in question):
        return False
    if context.judge is None and hit.cosine < SAYS_JUST_THIS:
        return False
    if context.judge is not None and context.judge.answers(question, [whole(passage)])[0] < ANSWERS:
        return False
    if context.table is None:
        return True
    kinds = parse(question, context.table).categories
    return not kinds or bool(context.table.kinds_named(passage.text) & kinds)


def without_yes(text: str) -> str:
    """A rule without the "Yes." or "No." that answers another question than the one at hand."""
    answered = _ANSWERED.match(text)
    return text if answered is None else answered[1].upper() + text[answered.end() :]


def _headed(context: Context, question: str, hit: Hit) -> str:
    """A passage, a list or an exception with its heading: "What is not covered" is half of what the line below says."""
    heading, text = subject(hit.passage), hit.passage.text
    keeps = not _ANSWERED.match(text) or _answers(context, question, hit)
    text = text if keeps else without_yes(text)
    alone = hit.passage.kind == "faq" or not (text.startswith("- ") or says("denies", heading))
    return text if alone else f"{heading}:\n{text}"


def payment(context: Context, asked: Payment) -> Result:
    """What the shop's rules say of a way of paying; of one that they do not name, that, and what they do name."""
    way = way_of_paying(asked.query)
    hits = context.knowledge.rules(asked.query, context.language)
    named = next((hit for hit in hits if names_way(way, hit.passage.text)), None)
    hit = named or context.rule(rule_on("pay", context.language))
    if hit is None:
        return context.unknown()
    if named:
        return Result((Fact(hit.passage.text, hit.passage.id, asked.query),), writer="retrieved")
    return Result((Fact(hit.passage.text, hit.passage.id),), "out_of_scope", context.say("no_such_way", way=way))


def exception(rules: Sequence[Passage], text: str) -> str:
    """Heading of the list of what a rule does not hold for, where a line of it is all in the text; '' where none is."""
    said = set(tokens(text))
    for rule in rules:
        heading = subject(rule)
        if says("denies", heading) and any(
            set(words) <= said for line in rule.text.splitlines() if (words := tokens(line))
        ):
            return heading
    return ""


def rule_on(wish: str, language: str) -> str:
    """The question whose rule says how a wish about an order is met."""
    return message(f"rule_{wish}", language)
