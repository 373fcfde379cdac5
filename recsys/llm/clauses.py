"""Clauses of a text as sets of meanings and values: what is said, of what, how much, under which condition, yes or no.

Shallow parsing with a bilingual lexicon (`meanings.toml`): a passage and an answer in other words, or in the other
language, become sets that can be compared. Words that the lexicon does not know count as themselves.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from recsys.llm.quantities import QUANTITY, Quantity, quantity

_TOKEN = re.compile(
    rf"(?P<mail>[\w.+-]+@[\w.-]+\w|https?://\S+)|(?P<id>(?<![a-z0-9])[a-z]{{1,4}}-?\d{{3,}}(?![a-z0-9]))|(?P<quantity>{QUANTITY})"
    r"|(?P<word>\b(?:co|inc|ltd|st)\.|[a-z][a-z'’&-]*[a-z]|[a-z])|(?P<han>[\u3400-\u9fff])|(?P<stop>[.!?。！？;；\n]+)|(?P<comma>[,，:：]|\s[-–—]\s|[（）()])"
)
_LEAD = re.compile(
    r"^(?:\W|sorry|unfortunately|i am|i'm|afraid|很?抱歉|您好|你好)*(?:(?P<yes>yes|是的|可以的?|有的?|能的?|会的?"
    r"|需要的?|含的?|行)|(?P<no>no|not|不可以|不行|没有|不是的?|不能|不会|不需要|不用|不含|无))\s*(?:[,，.。:：;；!！—-]|$)",
    re.IGNORECASE,
)
_PARENTHESIS = re.compile(r"[(（]([^()（）]*)[)）]")
_CONDITIONAL = re.compile(r"\b(?:unless|if|except|when|not)\b|[,，]|除外|除非", re.IGNORECASE)
_SHORTENED = re.compile(r"'(?:ll|ve|re|d|m)$")
_IRREGULAR = {"wo": "will", "ca": "can", "goes": "go", "going": "go", "went": "go", "says": "say"}
_ARTICLES = frozenset(["the", "a", "an"])
_SKIPPED = _ARTICLES | frozenset(
    "our your my its their we you is are was were be been has have still 的 了 会 您 您的".split()  # noqa: SIM905
)
_JOINS = frozenset(["and", "or", "so"])
ORDINALS = frozenset({"first", "second", "third"})
MARKS = frozenset({"if", "only_if", "unless"})
VERBS = frozenset({"verb", "act", "request"})
THINGS = frozenset({"thing", "service", "state", "place", "name"})
CLAIMING = THINGS | VERBS | frozenset({"moment", "word", "han", "quantity"})


@dataclass(frozen=True)
class Term:
    """One meaning: its kind is a section of the lexicon, or ``quantity, name, word, han`` (one Chinese character)."""

    kind: str
    key: str
    quantity: Quantity | None = None


@dataclass
class Clause:
    """What one clause says.

    Attributes
    ----------
    main, condition
        Meanings of the clause and of its condition.
    inherited
        Subject and verb of the clause before, where this one leaves them out.
    negative, only, all, most, both, unless
        Its polarity, its quantifiers, and whether its condition excludes.
    """

    main: list[Term] = field(default_factory=list)
    condition: list[Term] = field(default_factory=list)
    inherited: list[Term] = field(default_factory=list)
    marks: set[str] = field(default_factory=set)
    negative: bool = False
    sentence: int = 0

    @property
    def terms(self) -> list[Term]:
        """Everything the clause says itself."""
        return self.main + self.condition

    @property
    def quantities(self) -> list[Quantity]:
        """Its numbers."""
        return [t.quantity for t in self.terms if t.quantity is not None]


def services(text: str) -> set[str]:
    """What of the things that shops offer or do not a text names."""
    return {t.key for t in _terms(text) if t.kind == "service"}


def lead(text: str) -> tuple[bool | None, str]:
    """The yes or no that a text begins with (None without one), and the rest."""
    found = _LEAD.match(text.strip())
    if not found:
        return None, text
    return found["yes"] is not None, text.strip()[found.end() :]


def clauses(text: str) -> list[Clause]:
    """The clauses of a text, in order."""
    found: list[Clause] = []
    for number, sentence in enumerate(_sentences(_terms(text))):
        for part in _split(sentence):
            clause = _clause(part, number)
            if clause.main or clause.condition or clause.negative:
                _inherit(clause, found)
                found.append(clause)
    return found


def _inherit(clause: Clause, before: list[Clause]) -> None:
    if not before:
        return
    last = before[-1]
    about = [t for t in clause.terms if t.kind in THINGS | {"moment", "word", "han"}]
    begins = next((t.kind for t in clause.main if t.kind in CLAIMING | {"self"}), "verb")
    if (not about and begins != "self") or (begins in VERBS and last.sentence == clause.sentence):
        clause.inherited += subject(last)
    if not any(t.kind in VERBS for t in clause.main) and last.sentence == clause.sentence:
        clause.inherited += [t for t in last.main + last.inherited if t.kind in VERBS]


def subject(clause: Clause) -> list[Term]:
    """What a clause is about: the things before its verb or value, or what a shopper is asked to choose."""
    things: list[Term] = []
    for term in clause.main:
        if term.kind in VERBS or (term.quantity and not term.quantity.measures):
            break
        if term.kind in THINGS and term.key not in ORDINALS:
            things.append(term)
    if any(t.kind == "request" for t in clause.main):
        things = [t for t in clause.main if t.kind in THINGS]
    return things or [t for t in clause.inherited if t.kind in THINGS]


def _clause(terms: list[Term], number: int) -> Clause:
    clause = Clause(sentence=number)
    to, opened = clause.main, False
    for at, term in enumerate(terms):
        if term.kind in MARKS:
            clause.marks.add(term.kind)
            to, opened = clause.condition, opened or at <= 1
        elif term.kind in {"comma", "then"} and opened:
            to, opened = clause.main, False
        elif term.kind == "not":
            clause.negative |= to is clause.main
            to.append(term)
        elif term.kind in {"only", "all", "most", "both", "one"}:
            if to is clause.main or term.kind != "all":
                clause.marks.add(term.kind)
        elif term.kind == "state":
            clause.condition.append(term)
        elif term.kind in CLAIMING | {"self"}:
            to.append(term)
    if "only_if" in clause.marks:
        clause.marks.add("only")
    clause.main = [t for t in clause.main if t.kind != "not"]
    if "unless" in clause.marks:  # "not, unless" and "only if" are one
        clause.negative ^= True
    return clause


def _sentences(terms: list[Term]) -> Iterator[list[Term]]:
    part: list[Term] = []
    for term in terms:
        if term.kind == "stop":
            yield part
            part = []
        else:
            part.append(term)
    yield part


def _split(terms: list[Term]) -> Iterator[list[Term]]:
    """Parts of a sentence that each have a verb or a value."""

    def telling(part: list[Term]) -> bool:
        return any(t.kind in VERBS | {"quantity", "not"} or t.key in {"sent", "unsent"} for t in part)

    parts: list[list[Term]] = [[]]
    for term in terms:
        if term.kind in {"comma", "join", "contrast"}:
            parts.append([term])
        else:
            parts[-1].append(term)
    whole = parts[0]
    for at, part in enumerate(parts[1:], 1):
        starts = next((t.kind for t in part if t.kind not in {"comma", "join", "contrast"}), "")
        conditional = next((t.kind in MARKS for t in whole if t.kind in CLAIMING | MARKS), False) and not any(
            t.kind in {"comma", "then"} for t in whole
        )
        leading = starts in MARKS and at + 1 < len(parts) and telling(parts[at + 1]) and telling(whole)
        sides = all(any(t.kind in THINGS for t in side) for side in (whole, part))
        if leading or (part[0].kind == "contrast" and sides):
            yield whole
            whole = part[1:]
            continue
        verbal = any(t.kind in VERBS | {"not", "state"} for t in whole) or any(
            t.kind in {"quantity", "not"} for t in part
        )
        if telling(whole) and telling(part) and verbal and starts not in MARKS and not conditional:
            yield whole
            whole = part[1:]
        else:
            whole = whole + part
    yield whole


def _terms(text: str) -> list[Term]:
    """The meanings of a text in order, weak ones left out."""
    raw = list(_tokens(_PARENTHESIS.sub(_opened, text)))
    out: list[Term] = []
    at = 0
    while at < len(raw):
        if raw[at][0] in {"word", "han", "join"}:
            found, length = _longest(raw, at)
            if found:
                out += found
                at += length
                continue
        out += _plain(raw[at])
        at += 1
    return [t for t in out if t.kind != "weak"]


def _opened(match: re.Match[str]) -> str:
    """A parenthesis with an amount is a clause of its own; otherwise its things belong to what stands before."""
    inside = match.group(1)
    return f", {inside}," if re.search(r"\d+\.\d\d", inside) else _CONDITIONAL.sub(" ", f" {inside} ")


def _plain(token: tuple[str, str, Any]) -> list[Term]:
    kind, key, extra = token
    if kind == "quantity":
        one = extra.unit == "" and extra.low == extra.high == 1
        return [Term("one", "one") if one else Term("quantity", str(extra), extra)]
    if kind == "word":
        return [Term("name" if extra else "word", f"w:{key}")]
    if kind in {"mail", "id"}:
        return [Term("name", f"w:{key}")]
    return [Term(kind, key)]


def _tokens(text: str) -> Iterator[tuple[str, str, Any]]:
    low = text.lower().replace("’", "'")
    low = low if len(low) == len(text) else text
    han = sum("\u3400" <= c <= "\u9fff" for c in text) > 2
    for match in _TOKEN.finditer(low):
        kind = match.lastgroup if match.lastgroup in {"mail", "id", "word", "han", "stop", "comma"} else "quantity"
        said = match.group()
        if kind == "quantity":
            yield "quantity", said, quantity(match)
        elif kind == "word":
            named = text[match.start()].isupper() or (han and not said.endswith("'s"))
            said = _SHORTENED.sub("", said)
            if said.endswith("n't"):
                yield "word", _IRREGULAR.get(said[:-3], stem(said[:-3])), False
                yield "word", "not", False
            elif said in _JOINS:
                yield "join", said, None
            else:
                yield "word", stem(said), named
        else:
            yield kind, said, None


def stem(word: str) -> str:
    """A word without its English endings."""
    word = word.removesuffix("'s").removesuffix("'")
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in {"delivered", "opened"}:  # states, unlike what is done
        return word
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    for ending in ("ing", "ed", "es", "s"):
        if len(word) > len(ending) + 2 and word.endswith(ending) and not word.endswith(("ss", "us", "is")):
            word = word[: -len(ending)]
            if ending in {"ing", "ed"} and len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sz":
                word = word[:-1]
            break
    return word[:-1] if len(word) > 3 and word.endswith("e") and word != "note" else word


def _longest(raw: list[tuple[str, str, Any]], start: int) -> tuple[list[Term], int]:
    """The longest form of the lexicon that begins at a token, and its length; articles inside are passed over."""
    node: dict[str, Any] = _lexicon()
    best: tuple[list[Term], int] = ([], 0)
    at = start
    while at < len(raw) and raw[at][0] in {"word", "han", "join"}:
        key = raw[at][1]
        if key in node:
            node = node[key]
            if "" in node:
                best = (node[""], at + 1 - start)
        elif not (at > start and key in _SKIPPED):
            break
        at += 1
    return best


@cache
def _lexicon() -> dict[str, Any]:
    """The lexicon as a trie of stems and Chinese characters."""
    source = resources.files(__package__).joinpath("meanings.toml").read_text(encoding="utf-8")
    root: dict[str, Any] = {}
    kinds = {
        "things": "thing",
        "states": "state",
        "verbs": "verb",
        "acts": "act",
        "requests": "request",
        "places": "place",
        "moments": "moment",
        "services": "service",
    }
    for section, entries in tomllib.loads(source).items():
        for key, forms in entries.items():
            kind = kinds.get(section, section)
            terms = [Term("verb", key), Term("not", "not")] if section == "negated" else [Term(kind, key)]
            for form in forms.split(","):
                node = root
                for _, token, _ in _tokens(form.strip()):
                    if token not in _ARTICLES or form.strip() == token:
                        node = node.setdefault(token, {})
                if node is not root:
                    node.setdefault("", terms)
    return root
