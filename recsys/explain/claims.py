"""Claim extraction: what a masked sentence asserts, as (kind, object, quantifier), looked up in the tables' facts.

Fact checking of generated text splits a sentence into claims and verifies them one by one (FActScore, Min et al.
2023); here a claim is one of the kinds of `measures`. The patterns are wide on purpose: a claim that is missed is
delivered, one that is refused costs a plainer sentence. A purchase named without any claim that links it is refused:
"because of your laptop" says nothing that could be looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recsys.explain.facts import Facts
from recsys.explain.masking import BRAND, CATEGORY, PART, SHARED
from recsys.explain.measures import COUNTED, OFTEN, REGULARLY, SOMETIMES, Kind, Measure

CROWD = r"(?:shoppers|people|customers|buyers|others|orders|visitors|users|folks|baskets)"
OF = r"(?:other |of our |of the )*"
_ONE_NAME = rf"⟦(?:item|b\d){PART}"
_BUY = (
    "(?:bought|ordered|purchased|chose|chosen|picked|took|buy|order|choose|purchase|pick|get|got|own|have|take|taken"
    "|add|added|buys|owns)"
)
_LOOK = "(?:looked|look|viewed|view|browsed|browse|saw|see)"
_PAST = r"(?:⟦b\d~?⟧|it|them)"


def words(*alternatives: str) -> re.Pattern[str]:
    """Pattern of any of these as whole words."""
    return re.compile(rf"\b(?:{'|'.join(alternatives)})\b")


@dataclass(frozen=True)
class Claim:
    """One thing that a sentence says of the item.

    Attributes
    ----------
    kind
        The kind of evidence it needs.
    object
        Place in ``facts.because`` of the thing of the history it is about; None where it is about the item alone.
    quantifier
        The weakest band (`measures.BANDS`) that bears its words; '' where they need none.
    given
        Whose orders (shoppers) the quantifier is a share of: the item's (True), the other's (False) or the rarer's.
    """

    kind: Kind
    object: int | None = None
    quantifier: str = ""
    given: bool | None = None


def errors(text: str, facts: Facts) -> Iterator[str]:
    """Claims of a masked sentence that the facts do not bear out; `item_claims` and `numeric_claims` do the rest."""
    claims = list(parse(text, facts))
    for claim in claims:
        if wrong := refuted(claim, facts):
            yield wrong
    yield from _unlinked(text, claims)
    for check in (_counts_nothing, _makers, _shared_words):
        yield from check(text, facts)


def parse(text: str, facts: Facts) -> Iterator[Claim]:
    """The claims of a masked sentence about the item and things of the history."""
    everywhere = named_objects(text) or ((0,) if facts.because else ())
    before = ""
    for clause in clauses(text):
        objects = named_objects(clause) or everywhere
        kind = counted_kind(clause)
        if kind is not None:
            quantifier, given = _quantifier(clause, kind), _given(clause, before)
            yield from (Claim(kind, i, quantifier, given) for i in objects)
        for kind in _alike(clause, text):
            if objects and (kind is not Kind.CATEGORY or named_objects(text)):
                yield from (Claim(kind, i) for i in objects)
            else:
                yield Claim(Kind.TASTE if kind is Kind.CATEGORY else kind)
        before += clause


def refuted(claim: Claim, facts: Facts) -> str | None:
    """What is wrong with a claim, or None."""
    if claim.object is None:
        return None if facts.holds(claim.kind) else f"claims {claim.kind.value} without evidence"
    past = facts.because[claim.object]
    if claim.kind in COUNTED:
        measure = past.measures.get(claim.kind)
        if measure is None:
            return f"claims {claim.kind.value} without evidence"
        if claim.quantifier and not _bears(measure, claim):
            return f"says {claim.quantifier} of {measure.text}"
        return None
    if claim.kind in {Kind.NOUN, Kind.WORDS}:
        return None if past.noun or past.shared else "claims shared words without evidence"
    return None if facts.holds(claim.kind, past) else f"claims {claim.kind.value} without evidence"


def _bears(measure: Measure, claim: Claim) -> bool:
    if claim.given is not None and claim.kind in {Kind.ALSO_BOUGHT, Kind.VIEWED_TOGETHER}:
        measure = measure.given(item=claim.given)
    return measure.bears(claim.quantifier)


def clauses(text: str) -> list[str]:
    """A masked sentence between full stops, semicolons, colons and dashes, and before ", and" with a new subject."""
    rough = re.split(r"[.;!?:—–](?= |$)", text.replace(" , and so did", " and so did"))
    return [part for clause in rough for part in re.split(r" , (?:and|so|but) ", clause) if part.strip()]


def named_objects(text: str) -> tuple[int, ...]:
    """Places of the things of the history that a masked text names."""
    return tuple(dict.fromkeys(int(digit) for digit in re.findall(r"⟦b(\d)~?⟧", text)))


# --- what others did with both ----------------------------------------------------------------------------------------

_ORDER = words(
    r"(same|one|single|each) (order|basket|cart|trolley|invoice|checkout|purchase|go|visit)s?",
    r"(in|into) (the|a|their) (same )?(basket|cart|trolley|order)s?",
    r"orders? (with|that|which|of both|containing|holding|including|also)|of (all )?(the )?(\d+ )?orders",
    rf"(?<!look )(?<!looked )(?<!viewed ){_BUY} (\w+ ){{0,2}}(together|alongside|along with)",
    rf"{_BUY} ([\w⟦⟧~]+ ){{0,2}}(with|to) (it|them|your|the|⟦b\d~?⟧)",
    r"(go|goes|going|come|comes|belong|belongs|seen|found) (\w+ )?(together|with|alongside)",
    "pair|pairs|paired|pairing|combine|combines|combined|combination|companions?|complements?|complementary",
    r"complete|completes|duo|partner|accompan\w+",
)
_AFTERWARDS = words(
    r"(came|come|comes|coming|returned|return) back|later|afterwards|subsequently|went on|then (bought|ordered|chose)",
    rf"{_BUY} (\w+ )?(after|next)|next (purchase|order|buy)|after (that|it|them|⟦b\d~?⟧)",
)
_ALSO = words(
    rf"{CROWD} (\w+ ){{0,2}}who|who (\w+ ){{0,3}}{_BUY}|of (the )?\d+ who|also {_BUY}",
    rf"{_BUY} (up )?(both|it too|this too|too|as well)|(same|other|\d+|some|many) {OF}{CROWD} (\w+ ){{0,2}}{_BUY}",
    rf"by (\w+ ){{0,3}}{CROWD}",
)
_BOTH = re.compile(
    rf"\b(also|both|too|as well|same|who|with)\b|⟦b\d~?⟧|⟦item.*\b{_BUY} (it|them)\b|\b{_BUY} (it|them)\b.*⟦item"
)
_LOOKS = re.compile(rf"\b{_LOOK}\b")
_STEP = re.compile(r"\b(next|logical|natural|good|great|nice) (next )?(step|idea|pick|choice|stop|addition|match)\b")


_READER = re.compile(
    rf"(?: ,)? (?:which|that|as) you (?:\w+ )?(?:did|{_BUY}|{_LOOK})(?: at)?\b(?: ,)?"
    rf"|\byou(?: have| 've)? (?:also |already )?(?:{_BUY}|{_LOOK})(?: at)?\b"
)


def of_others(clause: str) -> str:
    """A clause without what it says the reader did."""
    return _READER.sub(" you ", clause)


def counted_kind(clause: str) -> Kind | None:
    """The counted kind that a clause speaks of, if any: what other shoppers did with two products.

    What the reader did ("you also bought") is no such claim; `purchase_roles` checks it.
    """
    clause = _STEP.sub("step", of_others(clause))
    about_looks = bool(_LOOKS.search(re.sub(r"\b(have|take|worth) a (closer )?look\b|\blook at this\b", "", clause)))
    if about_looks and (re.search(CROWD, clause) or re.search(r"\bwho\b|\btogether\b|\bboth\b", clause)):
        return Kind.VIEWED_TOGETHER
    if _ORDER.search(clause):
        return Kind.SAME_ORDER
    if _AFTERWARDS.search(clause):
        return Kind.AFTER
    if _ALSO.search(clause) and _BOTH.search(clause):
        return Kind.ALSO_BOUGHT
    if re.search(r"\btogether\b", clause):
        return Kind.SAME_ORDER
    return None


OFTEN_WORDS = words("often|frequently|frequent|commonly|usual|usually|typically|typical|normally|many|lots|plenty")
_REGULARLY = words("regularly|regular")
_SOME = words("sometimes|occasionally|some|several|a few|at times|now and then|once|has been|have been")
_FIGURES = re.compile(
    r"\b\d[\d,]* (of|out of|in) (the |all )?\d|\b\d[\d,]* (of our |other )*(shoppers|people|customers|buyers)"
)


def _quantifier(clause: str, kind: Kind) -> str:
    if OFTEN_WORDS.search(clause):
        return OFTEN
    if _REGULARLY.search(clause):
        return REGULARLY
    if _SOME.search(clause) or _FIGURES.search(clause):
        return SOMETIMES
    # "Ordered with it" without a number or "sometimes" says that it is nothing out of the ordinary.
    return REGULARLY if kind is Kind.SAME_ORDER else SOMETIMES


_WHO = re.compile(rf"\bwho (?:\w+ ){{0,2}}?(?:{_BUY}|{_LOOK})(?: at)? (?:your |the )?(⟦item~?⟧|⟦b\d~?⟧|it|them)(?= |$)")


def _given(clause: str, before: str) -> bool | None:
    """Whose shoppers a quantifier is a share of: "shoppers who bought X often ..." is said of those of X."""
    match = _WHO.search(clause)
    return None if match is None else is_item(match.group(1), clause, before)


def is_item(mark: str, clause: str, before: str) -> bool:
    """Whether a mark or a pronoun stands for the item.

    A pronoun is the one of the two that its clause does not name ("{item} was bought by shoppers who own it"), else the
    one named last before.
    """
    if mark in {"it", "them"}:
        named = {"⟦item" in clause, bool(named_objects(clause))}
        if len(named) == 2:
            return "⟦item" not in clause
        mark = next(iter(re.findall(r"⟦(?:item|b\d)~?⟧", before)[::-1]), "")
    return mark.startswith("⟦item")


_EVERYBODY = words(
    rf"(most|all|every|nearly all|almost all) {OF}(shoppers?|people|customers?|buyers|others|orders)",
    "everyone|everybody|always|mostly|mainly|majority",
)
_TIMES = words(r"(few|several|many|couple of|\w+) times", "twice", "once more", "again and again")
_USUAL_PRICE = words(r"(regular|usual|normal|typical)\w* (pay|spend|price|range|budget|buy|spending)")


def _counts_nothing(text: str, facts: Facts) -> Iterator[str]:
    """Quantifiers that no measure bears, and those that stand beside nothing that is counted."""
    if _EVERYBODY.search(text):
        yield "speaks for most or all shoppers"
    if _TIMES.search(text):
        yield "says how often something was bought"
    for clause in clauses(_USUAL_PRICE.sub("", text)):
        if (OFTEN_WORDS.search(clause) or _REGULARLY.search(clause)) and counted_kind(clause) is None:
            crowd = re.search(rf"\b(many|lots of|plenty of) {OF}{CROWD}", clause)
            if not (crowd and facts.popular) and "usual" not in clause and "normal" not in clause:
                yield "says often of nothing that is counted"
        others = of_others(clause)
        if re.search(rf"{CROWD}.*\b{_LOOK}\b.*\bbought\b|{CROWD}.*\bbought\b.*\b{_LOOK}\b", others):
            yield "mixes looks and purchases of other shoppers"


def _unlinked(text: str, claims: Sequence[Claim]) -> Iterator[str]:
    """Things of the history that are named without a claim that links them to the item."""
    linked = {claim.object for claim in claims}
    compared = re.search(r"\b(than|as (popular|expensive|cheap))\b", text)
    if any(i not in linked for i in named_objects(text)) and not compared:
        yield "names something of the history without saying what links it"
    if re.search(r"\b(because of|thanks to|due to|owing to) you\b", text):
        yield "gives the shopper as the cause"


# --- what the products are --------------------------------------------------------------------------------------------

_SAME = "(?:same|also|another|likewise|stay\\w*|more|too|as well|so is|like your|like the|both|keeps? you)"
_MAKERS, _SECTIONS = "brand|maker|manufacturer|label", "category|section|department|aisle"
_SAME_KIND = words("(same|shared) (kind|type|sort|family|line)")
_LIKENESS = re.compile(
    r"\b(similar|similarly|similarity|alike|resembl\w+|comparable|akin|reminiscent|echo(es)?|close match|much like"
    r"|a lot like|same (vein|style|spirit|theme|lines)|similar style|along the same lines)\b"
    r"|\bclose(ly)? (to (it|them|your|⟦b)|related)"
)
_SIMILAR_PRICE = re.compile(r"similar(ly)? pric\w+|comparable price")


def _alike(clause: str, text: str) -> Iterator[Kind]:
    """Kinds by which a clause calls the item and a thing of the history alike."""
    for mark, kind, nouns in ((BRAND, Kind.BRAND, _MAKERS), (CATEGORY, Kind.CATEGORY, _SECTIONS)):
        claimed = (
            rf"\b{_SAME}\b(?: [\w:,]+){{0,3}} {mark}|{mark}(?: [\w,]+){{0,3}} {_SAME}\b",
            rf"{mark} , (like|the (brand|maker))",
            rf"\b(same|shared?|another|common|also|one)\b (\w+ ){{0,2}}({nouns})\b|\b({nouns})\b (\w+ )?(of|you) ",
            rf"⟦b\d~?⟧ (is |comes )?(also )?(by|from|made by) {mark}",
            rf"\bmore (\w+ )?from (the|its|their|this) (\w+ )?({nouns})\b",
        )
        if any(re.search(pattern, clause) for pattern in claimed):
            yield kind
    if SHARED in clause:
        yield Kind.WORDS
    if _LIKENESS.search(_SIMILAR_PRICE.sub("", clause)) or (_SAME_KIND.search(clause) and SHARED not in text):
        yield Kind.SIMILAR


def _makers(text: str, facts: Facts) -> Iterator[str]:
    """Words that are taken for a brand or a category and are none."""
    for mark, nouns in ((BRAND, _MAKERS), (CATEGORY, _SECTIONS)):
        if mark not in text and re.search(rf"\b({nouns}) (is |of |, ?|called |named )?{_ONE_NAME}", text):
            yield "takes part of a name for a brand or a category"
    if re.search(rf"\bmade (by|from|of|in|for|with) (?!{BRAND})", text):
        yield "names a maker that is none"
    if re.search(rf"\b(by|made by|brand|maker|label|from the makers of) {_ONE_NAME}", text):
        yield "takes part of a name for a brand"


_SHARES = words(
    "shares?|shared|sharing|in common|both (say|mention|carry|are|have|feature)|common thread|comes? back|picks up on"
)


def _shared_words(text: str, facts: Facts) -> Iterator[str]:
    if re.search(rf"⟦both⟧|\b(shares?|in common|both are|are both|more) {_ONE_NAME}", text):
        yield "claims a word that is nothing the two have in common"
    elif (
        _SHARES.search(text)
        and not any(mark in text for mark in (SHARED, BRAND, CATEGORY))
        and not re.search(rf"\b(same|one) ({_MAKERS}|{_SECTIONS})\b|{CROWD}", text)
    ):
        yield "claims that products share something it does not name"
