"""Does an answer follow from its sources? Each claim of it has to belong to the same thing as in one of them.

Textual entailment clause by clause: a clause of the answer (`clauses`) is borne out by a clause of a source that says
the same of the same thing, with the same yes or no, and whose conditions the answer keeps. Several passages may each
bear out their part. Stricter than it need be: an answer refused here is replaced by the shop's own words, which costs
nothing but style.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from recsys.assistant.answerability import Answerability
from recsys.data.passages import Passage
from recsys.explain.grounding import limits
from recsys.llm.clauses import CLAIMING, ORDINALS, THINGS, VERBS, Clause, Term, clauses, lead, subject
from recsys.llm.language import sentences, tokens
from recsys.llm.quantities import Quantity

MAX_LENGTH = 900
FOLLOWS = 0.2
"""Probability that an answer follows, as a judge reads it, below which it does not, whatever its clauses say."""
SLACK = 0.5
"""Share of a clause's words that may be words of no source, where no fact hangs on them."""

_FINITE = re.compile(r"\b(?:we|you|can|is|are|will)\b|我们|请", re.IGNORECASE)
_PARENTHESIS = re.compile(r"[(（][^()（）]*[)）]")
_COMMAS = re.compile(r"[,，、]\s*(?:and\s+)?")
_NUMBERING = re.compile(r"(?:^|(?<=[\s。]))\d{1,2}(?:\.\s+|[、）)]\s*)(?=\S)")
_MAIL = re.compile(r"[\w.+-]+@[\w.-]+\w")
HARD = frozenset({"thing", "service", "state", "moment", "verb", "place", "name"})
_DENYING = frozenset({"reason_none", "no_interest", "unsent", "free"})
SOFT = frozenset({"act", "request", "word", "han"})
_OPPOSITE = {"reason_none": "reason", "no_interest": "interest", "unsent": "sent", "sealed": "unsealed"}
_WIDER = {
    "cost": ("pay",),
    "w:visa": ("card",),
    "accept": ("pay",),
    "eu": ("eu_country",),
    "abroad": ("eu_country", "eu", "elsewhere"),
    "deliver": ("delivered", "delivery"),
    "locker": ("delivery",),
    "express": ("delivery",),
    "standard": ("delivery",),
    "buy": ("orders",),
    "our_cost": ("free",),
    "deduct": ("refund",),
    "show": ("see",),
    "student_mail": ("student",),
    "write_to": ("email",),
    "delivery": ("cost",),
    "come_back": ("send_back",),
}


def check_answer(
    answer: str, sources: Sequence[Passage | str], question: str = "", judge: Answerability | None = None
) -> list[str]:
    """What in `answer` does not follow from `sources`; an empty list means all of it does.

    Parameters
    ----------
    judge
        Reads what the clauses let pass: a word that the lexicon does not know may say another thing than the source.
    """
    passages = [s if isinstance(s, Passage) else Passage("", "", "", s) for s in sources]
    own = {_plain(part) for p in passages for part in (p.text, *sentences(p.text))}
    if answer.strip() and (_plain(answer) in own or all(_plain(part) in own for part in sentences(answer))):
        return []  # the shop's own words
    answer = _NUMBERING.sub("", answer)
    outside = _MAIL.sub(lambda m: " " if m.group() in "\n".join(p.text for p in passages) else m.group(), answer)
    found = limits(answer, outside, MAX_LENGTH)
    found += ["asks instead of answering"] if re.search(r"[?？]", answer) else []
    known = [_read(p) for p in _grouped(passages)]
    asked = clauses(question)
    affirmed, rest = lead(answer)
    said = clauses(rest)
    bound = [_bearing(clause, said, known, asked) for clause in said]
    found += [f"not in the sources: {_shown(c)}" for c, b in zip(said, bound, strict=True) if not b]
    repeats = _keys(t for c in said for t in c.terms) <= _keys(t for c in asked for t in c.terms) | {"self"}
    if not any(_weight(clause) for clause in said):
        found.append("says nothing of its source")
    elif affirmed is None and repeats and {c.negative for c in said} <= {c.negative for c in asked}:
        found.append("only repeats the question")
    elif affirmed is not None and not found and not _agrees(affirmed, said[0], [s for b in bound for s in b], asked):
        found.append("its yes or no is not in the sources")
    if not found and judge is not None and max(judge.follows(answer, _read_whole(passages))) < FOLLOWS:
        found.append("does not follow as a whole")
    return found


def _read_whole(passages: Sequence[Passage]) -> list[str]:
    """Sources as a judge reads them: each alone, and all together where there are several."""
    texts = [f"{passage.title} {passage.text}".strip() for passage in passages]
    return [*texts, " ".join(texts)] if len(texts) > 1 else texts


def _grouped(passages: Sequence[Passage]) -> list[Passage]:
    """What several facts say of one order or product, together."""
    found: dict[str, Passage] = {}
    for at, passage in enumerate(passages):
        key = passage.id if passage.id.startswith(("order:", "item:")) else str(at)
        before = found.get(key)
        found[key] = replace(before, text=f"{before.text}\n{passage.text}") if before else passage
    return list(found.values())


@dataclass(frozen=True)
class _Source:
    """A passage as clauses: `lead` is the yes or no it begins with, `context` what its title speaks of."""

    clauses: tuple[Clause, ...]
    lead: bool | None
    context: frozenset[str]
    everything: frozenset[str]
    kind: str


def _read(passage: Passage) -> _Source:
    affirmed, rest = lead(passage.text)
    found = clauses(_PARENTHESIS.sub("", rest) if passage.kind == "order" else rest)
    title = clauses(passage.title)
    context = set(_keys(t for c in title for t in c.terms))
    if any(c.negative for c in title) and not _FINITE.search(_PARENTHESIS.sub("", rest)):
        found = clauses(_COMMAS.sub("\n", _PARENTHESIS.sub(lambda m: m.group().replace(",", ""), rest)))
        for clause in found:  # "What cannot be returned", and a list
            clause.negative, clause.sentence = True, 0
    if affirmed is not None and title:  # "Yes", "No": what the question asks, and the condition that follows
        asked = Clause([t for c in title for t in c.main], [t for c in title for t in c.condition])
        asked.negative = title[0].negative is affirmed
        if found and not any(t.kind in VERBS | {"self"} for t in found[0].main):
            asked.main += found[0].main
            asked.condition += found[0].condition
            asked.marks = found[0].marks
            asked.negative ^= "unless" in asked.marks
            found[0] = asked
        else:
            found.insert(0, asked)
            asked.sentence = -1
    everything = context | set(_keys(t for c in found for t in c.terms))
    if passage.kind == "product":
        context |= {"cost", "screen"}
    if passage.kind == "order":
        context = set(_keys(t for c in clauses(rest) for t in c.terms if t.kind not in VERBS and not t.quantity))
    return _Source(tuple(found), affirmed, _widened(context), _widened(everything), passage.kind)


def _bearing(
    clause: Clause, answer: Sequence[Clause], known: Sequence[_Source], asked: Sequence[Clause]
) -> list[_Source]:
    """The sources that bear a clause out."""
    if not _weight(clause):
        return list(known)
    products = sum(s.kind == "product" for s in known)
    said = [c for c in answer if abs(c.sentence - clause.sentence) <= 1]
    bearing = [
        s for s in known if not all(_conflict(clause, one, s, said, asked, products) for one in _units(s, clause))
    ]
    if "both" in clause.marks or Quantity("", products, products) in clause.quantities:
        return bearing if len(bearing) == products else []
    return bearing


def _units(source: _Source, clause: Clause) -> list[list[Clause]]:
    """What of a source a clause may rest on: one clause where a fact is to be bound, else a sentence."""
    if source.kind == "product":  # everything a product's text says is of that product
        return [list(source.clauses)] if source.clauses else []
    alone = [[c] for c in source.clauses]
    for a, b in pairwise(source.clauses):
        if ((b.inherited or a.sentence == b.sentence) and not any(t.kind in THINGS for t in b.main)) or (
            a.sentence == b.sentence and not b.quantities and not any(t.kind == "verb" for t in b.main)
        ):
            longer = [*alone[-1], b] if len(alone[-1]) > 1 and alone[-1][-1] is a else []
            alone += [[a, b]] if any(c.condition for c in longer) or not longer else [longer, [a, b]]
    if clause.quantities or any(t.kind == "place" or t.key in ORDINALS for t in clause.terms):
        return alone
    numbers = dict.fromkeys(c.sentence for c in source.clauses)
    return alone + [[c for c in source.clauses if c.sentence == number] for number in numbers]


def _conflict(
    clause: Clause,
    unit: Sequence[Clause],
    source: _Source,
    said: Sequence[Clause],
    asked: Sequence[Clause],
    products: int,
) -> str:
    """Why a clause does not follow from what a source says; "" where it does."""
    unit_terms = [t for c in unit for t in c.terms + c.inherited]
    own = _widened(_keys(unit_terms))
    allowed = own | source.context
    marks = set().union(*(c.marks for c in unit))
    if any(q.limits for c in unit for q in c.quantities):
        allowed |= {"orders", "buy"}  # "free from 40" is said of orders
    if "all" in marks:
        allowed |= {"others"}
    of, about = _keys(subject(clause)) & _keys(clause.main), _keys(t for c in unit for t in subject(c))
    if of - {"orders"} and about and not of & own:
        return "said of another thing"
    contrasted = _keys(t for c in source.clauses if c.quantities for t in c.terms + c.inherited)
    claims = [
        *clause.terms,
        *(t for t in clause.inherited if t.kind in THINGS and (t.key in contrasted or t.kind == "name")),
    ]
    if any(t.key not in (own if t.kind == "place" else allowed) for t in claims if t.kind in HARD):
        return "said of another thing"
    if not _widened(_keys(t for c in unit for t in c.terms)) & {t.key for t in claims if t.kind != "self"}:
        return "only its question is the source's"
    counted = Quantity("", products, products)
    if not all(q == counted or any(q.says(o) for c in unit for o in c.quantities) for q in clause.quantities):
        return "a number that is not there"
    if any(q.unit == "date" and _another_verbs(q, clause, source.clauses) for q in clause.quantities):
        return "the date of something else"
    soft = [t for t in clause.terms if t.kind in SOFT]
    missing = sum(_cost(t) for t in soft if t.key not in allowed)
    opens = next((t for t in clause.main if t.kind in CLAIMING - {"quantity", "han"}), None)
    strange = opens is not None and opens.kind == "word" and opens.key not in allowed  # "the sauna is open from 9"
    slack = SLACK * (2 / 3 if source.kind == "product" else 1)  # nearly every word of a product is a fact
    if missing > slack * sum(_cost(t) for t in clause.terms) or (
        strange and clause.quantities and source.kind != "product"
    ):
        return "words of no source"
    everywhere = "eu" in _keys(clause.terms)  # "every country of the European Union"
    if "all" in clause.marks and "all" not in marks and not everywhere:
        return "holds of some, not of all"
    if "only" in clause.marks and not _places(unit_terms) <= _places(clause.terms):
        return "holds of other places, too"
    alone = {"only", "one", "unless"} | ({"if"} & clause.marks)
    marks |= {"only"} if "only_if" in clause.marks and ("if" in marks or any(c.condition for c in unit)) else set()
    elsewhere = any(t.key in {"abroad", "elsewhere"} for c in source.clauses if c not in unit for t in c.main)
    if "only" in clause.marks and not (clause.quantities or marks & alone or elsewhere):
        return "holds of others, too"
    predicates = {t.key for t in clause.main if t.kind in {"verb", "act"}}
    nearest = max(unit, key=lambda c: (len(predicates & _keys(c.main)), _shared(c, clause)))
    if nearest.negative != clause.negative and not _exception(clause, nearest, said):
        return "another yes or no"
    if not clause.negative and any(
        c.negative and not c.quantities and _keys(c.main) and _keys(c.main) <= _keys(clause.terms) for c in unit
    ):
        return "an exception of the source"
    if source.kind == "order" and any(t.key == "delivered" and t not in unit_terms for t in clause.terms):
        return "not delivered yet"  # expected to be delivered is not delivered
    rules: list[Clause] = []
    if not any(t.kind == "request" for t in clause.main) and any(t.kind == "request" for c in unit for t in c.main):
        # "choose Cancel": whether it may
        rules = [c for c in source.clauses if c.condition and predicates & _keys(c.main)]
    return "leaves out a condition" if _dropped(clause, [*unit, *rules], said, asked) else ""


def _another_verbs(said: Quantity, clause: Clause, known: Sequence[Clause]) -> bool:
    """Whether a source says the clause's verb, and its date only of another ("of 1 May: expected on 4 May")."""
    verbs = _verbs([clause])
    holding = [c for c in known if any(said.says(q) for q in c.quantities)]
    return bool(verbs & _verbs(c for c in known if c not in holding)) and not verbs & _verbs(holding)


def _verbs(known: Iterable[Clause]) -> frozenset[str]:
    return _widened(_keys(t for c in known for t in c.main + c.inherited if t.kind in {"verb", "act"}))


def _dropped(clause: Clause, unit: Sequence[Clause], said: Sequence[Clause], asked: Sequence[Clause]) -> bool:
    """Whether a condition of the source is left out."""
    kept = _widened(_keys(t for c in (*said, *asked) for t in c.terms + c.inherited))
    given = [q for c in said for q in c.quantities]
    for one in unit:
        if len(unit) > 1 and not _shared(one, clause) and not clause.quantities:
            continue
        if any(q.limits and not any(g.says(q) or q.says(g) for g in given) for q in one.quantities):
            return True
        needed = [t for t in one.condition if t.kind in HARD and t not in clause.main]
        if needed and not any(_widened({t.key}) & kept for t in needed):
            return True
        places = {t.key for t in one.terms if t.kind == "place" or t.key == "abroad"}
        if places and not _widened(places) & kept:
            return True
    return False


def _exception(clause: Clause, source: Clause, said: Sequence[Clause]) -> bool:
    """Whether a clause says what holds in general, of a source that says when it does not ("not, unless ...")."""
    needed = _keys(source.condition)
    return bool(
        {"unless", "only"} & source.marks
        and clause.negative
        and needed
        and not needed & _keys(clause.terms)
        and needed & _keys(t for c in said if c is not clause for t in c.terms)
    )


def _agrees(affirmed: bool, first: Clause, bearing: Sequence[_Source], asked: Sequence[Clause]) -> bool:
    """Whether the yes or no that an answer begins with is what a source says to the question."""
    several = "combine" in _keys(t for c in asked for t in c.main) or any(
        q.low > 1 for c in asked for q in c.quantities
    )
    few = "only" in first.marks and several  # two? only one
    denies = first.negative or (not affirmed and (few or any(t.key in _DENYING for t in first.terms)))
    predicates = {t.key for t in first.main if t.kind == "verb"}
    denies ^= any(c.negative and predicates & _keys(c.main) for c in asked)  # "is it free of ...?"
    things = {t.key for c in asked for t in c.terms if t.kind in HARD and t.kind != "name"}
    for source in bearing:
        if things <= source.everything | {_OPPOSITE[k] for k in source.everything if k in _OPPOSITE} and (
            source.lead is affirmed if source.lead is not None else denies is not affirmed
        ):
            return True
    return False


def _shared(one: Clause, other: Clause) -> int:
    keys = _keys(one.terms)
    return sum(1 + (t.kind in HARD) for t in set(other.terms) if t.key in keys and t.kind not in {"han", "self"})


def _keys(terms: Iterable[Term]) -> set[str]:
    return {t.key for t in terms}


def _widened(keys: Iterable[str]) -> frozenset[str]:
    """Keys, and what they take in: the European Union its countries."""
    found = set(keys)
    return frozenset(found.union(*(_WIDER[k] for k in found if k in _WIDER)))


def _places(terms: Iterable[Term]) -> set[str]:
    return {t.key for t in terms if t.kind == "place"}


def _cost(term: Term) -> float:
    return {"han": 0.5, "act": 0.5, "request": 0.5, "self": 0.0}.get(term.kind, 1.0)


def _weight(clause: Clause) -> bool:
    """Whether a clause claims anything."""
    return any(t.kind in HARD or t.quantity for t in clause.terms) or sum(map(_cost, clause.terms)) > 1


def _shown(clause: Clause) -> str:
    return ", ".join(t.key.removeprefix("w:") for t in (*clause.inherited, *clause.terms))


def _plain(text: str) -> str:
    return " ".join(tokens(text))
