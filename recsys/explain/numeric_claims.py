"""Numeric claim verification: numbers, shares, prices and comparisons in a masked sentence.

A number is right only beside what it counts, so each is looked up by the clause it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from recsys.explain.claims import CROWD, counted_kind, is_item
from recsys.explain.facts import Facts, Product
from recsys.explain.lexicon import AT_LEAST, COMPARATIVE, NUMBER_WORDS, QUANTITIES, vocabulary
from recsys.explain.masking import ITEM
from recsys.explain.measures import WINDOW, Kind

USUAL = "usual"
_STOPS = frozenset(".;:!?—")


def errors(text: str, tokens: Sequence[str], facts: Facts) -> Iterator[str]:
    """Figures of a masked sentence that the evidence does not bear out."""
    yield from _price(text, facts)
    yield from _comparisons(text, facts)
    yield from _numbers(tokens, facts)


# --- comparisons ------------------------------------------------------------------------------------------------------

_DEARER = (
    "more expensive|pricier|dearer|costs? more|costing more|priced (above|higher)|above|higher price|higher"
    "|a bit more|more than"
)
_CHEAPER = (
    "less expensive|cheaper|costs? less|costing less|priced (below|lower)|below|lower price|lower|under|less than"
    "|a bit less"
)
_MORE_SOLD = (
    "more popular|more (shoppers|people|customers|buyers|often|frequently)|better known|bought more|outsells"
    "|sells (more|better)"
)
_LESS_SOLD = (
    "less popular|fewer (shoppers|people|customers|buyers)|less (often|frequently|known)|bought less|sells (less|worse)"
)
_ABOUT_PRICE = re.compile(
    r"\b(pric\w*|costs?|costing|pay|paid|paying|spend|spent|spending|cheap\w*|expensive|budget|dearer)\b"
)
_JUDGES_PRICE = re.compile(
    r"\b(cheap|expensive|budget|affordable|low|lowest|cheapest|best|great|good|nice) (price|priced)\b|\bcheapest\b"
    r"|\bgood value\b|(?<!less )(?<!more )\bexpensive\b|\bcheap\b"
)
_HARMLESS = re.compile(
    r"\b(rather|other) than\b|\bmore (of|from|like|about)\b|\bmore (⟦|:)"
    r"|\b(one|once|something|some|find|see|discover|any|learn) more\b"
    r"|\bmost (popular|bought|ordered|loved|recent|recently|likely)\b|\bbest-? ?sell\w*|\bat least\b"
)


def _compare(text: str, up: str, down: str) -> tuple[int, str, str] | None:
    """``(direction, left, right)`` of a comparison; a side is the mark of a product, or `USUAL`."""
    match, direction = re.search(rf"\b({down})\b", text), -1
    if match is None:
        match, direction = re.search(rf"\b({up})\b", text), 1
    if match is None:
        return None
    before, after = text[: match.start()], text[match.end() :]
    # "it costs less" speaks of the item unless a product stands right before the verb.
    near = re.search(r"(⟦(?:item|b\d))~?⟧ (?:\w+ ){0,2}$", before)
    marks = re.findall(r"⟦(?:item|b\d)", before)
    left = near.group(1) if near else marks[-1] if marks and ITEM[:-1] not in marks else ITEM[:-1]
    other = re.search(
        r"⟦(?:item|b\d)|\b(usual|usually|normal|normally|typical|typically|average|regular|range|budget)\b", after
    )
    right = USUAL if other is None or other.group(1) else f"{other.group(0)}⟧"
    return direction, f"{left}⟧", right


def _product(mark: str, facts: Facts) -> Product | None:
    if mark == ITEM:
        return facts.item
    return facts.because[int(mark[2])].product if mark != USUAL and int(mark[2]) < len(facts.because) else None


def _price(text: str, facts: Facts) -> Iterator[str]:
    if not _ABOUT_PRICE.search(text):
        return
    if _JUDGES_PRICE.search(text):
        yield "judges the price"
        return
    compared = _compare(text, _DEARER, _CHEAPER)
    if compared is None:
        if facts.price_step != 0:
            yield "calls the price usual without evidence"
        return
    direction, left, right = compared
    a, b = _price_of(left, facts), _price_of(right, facts)
    small = left == ITEM and right == USUAL and facts.price_step != direction
    if a is None or b is None or (a - b) * direction <= 0 or small:
        yield "compares prices against the evidence"


def _price_of(mark: str, facts: Facts) -> float | None:
    if mark == USUAL:
        return facts.usual_price
    product = _product(mark, facts)
    return product.price if product else None


def _comparisons(text: str, facts: Facts) -> Iterator[str]:
    """Comparatives: those on sales are looked up here, those on prices were, all others are refused."""
    compared = _compare(text, _MORE_SOLD, _LESS_SOLD)
    if compared is not None:
        direction, left, right = compared
        a, b = _product(left, facts), _product(right, facts)
        if a is None or b is None or (a.count - b.count) * direction <= 0:
            yield "compares popularity against the evidence"
        return
    rest = _HARMLESS.sub("", re.sub(rf"\b({_DEARER}|{_CHEAPER})\b", "", text)).split()
    if left_over := sorted(COMPARATIVE & set(rest)):
        yield f"compares without evidence: {', '.join(left_over)}"
    elif "than" in rest and not re.search(rf"\b({_DEARER}|{_CHEAPER})\b", text):
        yield "compares without evidence"


# --- numbers ----------------------------------------------------------------------------------------------------------

_RANK = re.compile(r"(#|number|no \.?|rank|ranked|place)$")
_AMOUNT = re.compile(
    r"[£$€¥]$|\b(price|priced|costs?|for|at|only|pays?|spends?)( (about|around|of|is|at|only|just|roughly))*( [£$€¥])?$"
)
_USUALLY = re.compile(r"\b(usual\w*|typical\w*|normal\w*|average)\b")
_COUNTED = re.compile(rf"(?:other |of our |different |fellow )*{CROWD}")
_STRICTLY_BOTH = re.compile(r"\b(both|together|same|who|with (it|them))\b")
_LATELY = re.compile(rf"\b((last|past) {WINDOW} days|lately|recently|this month|these days|right now|currently)\b")
_SHARE = re.compile(r"(?P<count>\d[\d.,]*) (?:of|out of|in) (?:the |your |all |our )*(?P<of>\d[\d,]*)(?P<after>.*)")
_GIVEN = re.compile(
    r"^ (?:orders?|shoppers|customers|people|buyers)? ?(?:with|of|who (?:\w+ ){0,2}\w+(?: at)?) "
    r"(⟦item|⟦b\d|it\b|them\b)"
)


def _numbers(tokens: Sequence[str], facts: Facts) -> Iterator[str]:
    largest = max(
        facts.item.buyers, facts.item.count, *(m.count for p in facts.because for m in p.measures.values()), 0
    )
    shares = _shares(tokens)
    for at, token in enumerate(tokens):
        if token in QUANTITIES or AT_LEAST.get(token, 0) > largest:
            yield f"unsupported quantity: {token}"
        elif token[0].isdigit():
            if at in shares:
                if not _true_share(shares[at], tokens, at, facts):
                    yield f"unsupported share: {shares[at].group(0)[:40]}"
            elif at - 1 in shares or at - 2 in shares or at - 3 in shares or at - 4 in shares:
                pass  # the second number of a share, which was checked with the first
            elif not _admitted(float(token.replace(",", "")), tokens, at, facts):
                yield f"unsupported number: {token}"
        elif token in NUMBER_WORDS and not _pronoun(tokens, at, facts):  # noqa: SIM102 - the twin of the branch above
            if not _admitted(float(NUMBER_WORDS[token]), tokens, at, facts):
                yield f"unsupported number: {token}"


def _shares(tokens: Sequence[str]) -> dict[int, re.Match[str]]:
    """Places of "9 of the 42 ..." and what stands there."""
    found = {}
    for at, token in enumerate(tokens):
        if token[0].isdigit() and (match := _SHARE.match(" ".join(tokens[at:]))):
            found[at] = match
    return found


def _true_share(share: re.Match[str], tokens: Sequence[str], at: int, facts: Facts) -> bool:
    """Whether "9 of the 42 ..." are the figures of what its clause counts."""
    count, of = (float(share.group(name).replace(",", "")) for name in ("count", "of"))
    clause = " ".join(_clause(tokens, at))
    after = share.group("after")
    if "rat" in clause:
        return facts.holds(Kind.RATED) and (count, of) == (facts.item.rating, facts.item.scale)
    if (
        re.match(r" (of your )?(purchases|products|things|items|orders) (are|is|come|were)\b", after)
        and "your" in clause
    ):
        return facts.holds(Kind.TASTE) and (count, of) == (facts.taste, facts.purchases)
    kind = counted_kind(clause)
    given = _GIVEN.match(after)
    for past in facts.because:
        measure = past.measures.get(kind) if kind else None
        if measure is None:
            continue
        if given is not None:
            measure = measure.given(item=is_item(given.group(1), clause, " ".join(tokens[:at])))
        if (count, of) == (measure.count, measure.of):
            return True
    return False


def _pronoun(tokens: Sequence[str], at: int, facts: Facts) -> bool:
    """Whether a number word counts nothing: "this one", "one of", "the two of them"."""
    following = tokens[at + 1] if at + 1 < len(tokens) else ""
    if tokens[at] == "one":
        return following not in {"shopper", "customer", "person", "day", "week", "month"}
    about_two = vocabulary(". , of go are pair purchases products items share fit match belong")
    return tokens[at] == "two" and following in about_two and bool(facts.because)


def _admitted(value: float, tokens: Sequence[str], at: int, facts: Facts) -> bool:
    """Whether the number at `at` is the evidence's number for what it stands beside."""
    item = facts.item
    before, after = " ".join(tokens[max(0, at - 4) : at]), " ".join(tokens[at + 1 : at + 5])
    if re.match(r"(days?|day period)\b", after):
        return value == WINDOW and item.recent is not None
    if re.match(r"(ratings?|reviews?|opinions?)\b", after):
        return value == item.ratings
    if re.search(r"\brat(ed|ing)( of)?$", before):
        return facts.holds(Kind.RATED) and value == item.rating
    if re.match(r"(products|things|items|pieces)\b", after) and re.search(r"\byou\b", before):
        return facts.holds(Kind.TASTE) and value == facts.taste
    if _RANK.search(before):
        return value == item.rank
    if re.search(r"\btop$", before):
        return item.rank <= value
    counted = _COUNTED.match(after)
    if _AMOUNT.search(before) and not counted:
        return value == (facts.usual_price if _USUALLY.search(before) else item.price)
    if not counted and not re.search(r"\b(by|with|from|of)$", before):
        return False
    clause = " ".join(_clause(tokens, at))
    if _LATELY.search(clause):
        return item.recent is not None and value == item.recent
    kind = counted_kind(clause)
    if kind is not None and any(kind in p.measures and p.measures[kind].count == value for p in facts.because):
        return True
    return value == item.buyers and not _STRICTLY_BOTH.search(clause)


def _clause(tokens: Sequence[str], at: int) -> Sequence[str]:
    """The tokens around `at` between full stops, semicolons, dashes, or commas after which something new is counted."""

    def ends(i: int) -> bool:
        if tokens[i] == "," and i + 2 < len(tokens) and tokens[i + 1] == "and":
            return tokens[i + 2] in {"it", "our"} or tokens[i + 2][0].isdigit()
        return tokens[i] in _STOPS

    start = next((i + 1 for i in range(at - 1, -1, -1) if ends(i)), 0)
    end = next((i for i in range(at, len(tokens)) if ends(i)), len(tokens))
    return tokens[start:end]
