"""Words that claim something, and the evidence each of them needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from recsys.explain.facts import OFTEN, WINDOW, Facts, Kind, Past, Product
from recsys.explain.lexicon import AT_LEAST, COMPARATIVE, NUMBER_WORDS, PRAISE, PRAISED
from recsys.explain.masking import BRAND, CATEGORY, ITEM, PART, SHARED, holds_any

_CROWD = r"(?:shoppers|people|customers|buyers|others|orders|visitors|users|folks|baskets)"
_MARK = r"⟦(?:item|b\d)~?⟧"


def errors(text: str, tokens: Sequence[str], facts: Facts) -> Iterator[str]:
    """Claims of a masked sentence that the evidence does not bear out."""
    checks = (_popularity, _together, _brand_and_category, _words, _similar, _new, _lately, _price, _fits)
    for check in checks:
        yield from check(text, facts)
    yield from _numbers(tokens, text, facts)
    yield from _comparisons(text, facts)
    yield from _praise(tokens)


def _popularity(text: str, facts: Facts) -> Iterator[str]:
    text = re.sub(r"popular (combination|pair|pairing|match|duo|set)", "often bought together", text)
    cue = (
        r"\b(popular|popularity|best-? ?sell\w*|top-? ?sell\w*|demand(ed)?|sought-after|crowd-pleaser|favou?rites?|well-loved|loved|"
        rf"(many|lots of|plenty of|most|all) (other |of our |of the )*{_CROWD}|everyone|crowd|selling)\b"
    )
    many_both = re.search(
        rf"\b(many|lots of|plenty of|most) (other |of our |of the )*{_CROWD}", text
    ) and _crowd_of_both(text)
    if re.search(cue, text) and not facts.popular and not (many_both and holds_any(facts, Kind.OFTEN)):
        yield "calls the product popular without evidence"
    superlative = re.search(
        r"\b(most (popular|bought|ordered|loved)|best-? ?selling|top-? ?selling|best-? ?seller|top-? ?seller|favou?rite|number one)\b",
        text,
    )
    among = re.search(
        r"\b(one of|among|some of|a|an)( (our|the|your))?( most| top| best)?[ -](popular|bought|ordered|sell\w*|best|top|favou?rite)",
        text,
    )
    if superlative and not among and facts.item.rank != 1:
        yield "calls the product the most popular without evidence"
    if re.search(
        r"\b(most|all|every) (other |of our |of the )*(shoppers|people|customers|buyers|others|shopper|customer)\b|\beveryone\b",
        text,
    ):
        yield "speaks for most or all shoppers"


def _crowd_of_both(text: str) -> bool:
    return bool(re.search(r"\b(also|too|as well|both|together|with)\b", text))


def _together(text: str, facts: Facts) -> Iterator[str]:
    text = re.sub(r"\byou (have )?also\b", "you", text)
    buy = r"(bought|ordered|purchased|chose|chosen|picked|took|buy|order|choose|purchase|pick|get|got|own|have|take|taken|add|added)"
    cue = (
        rf"\balso {buy}\b|\b{buy} (up )?(both|it too|this too|too|as well)\b|\b(bought|ordered|purchased|seen|picked up|chosen|go|goes|put) "
        r"(\w+ )?(together|alongside|along with)\b|\btogether\b|\bsame (shoppers|customers|people|buyers|basket|order|cart|purchase)\b|"
        r"\b(in one (go|basket|order|cart))\b|\b(pair|pairs|paired|pairing|combine|combines|combined|combination|companion|companions|complements?|"
        r"complementary|complete|completes|duo|partner|accompan\w+)\b|\bgo(es)? (\w+ )?with\b|"
        rf"\b{_CROWD} who (\w+ )?{buy}\b"
    )
    claimed = bool(re.search(cue, text))
    if claimed and not (holds_any(facts, Kind.TOGETHER) or holds_any(facts, Kind.OFTEN)):
        yield "says products are bought together without evidence"
    often = re.search(
        r"\b(often|frequently|frequent|regularly|regular|commonly|usual companion|normally|typically)\b", text
    )
    if often and not re.search(
        r"\b(regular|usual|normal|typical)\w* (pay|spend|price|range|budget|buy|spending)", text
    ):
        if not holds_any(facts, Kind.OFTEN):
            yield f"says often of fewer than {OFTEN} shoppers"


def _brand_and_category(text: str, facts: Facts) -> Iterator[str]:
    rivals = r"(?:same|also|another|likewise|stay\w*|more|too|as well|so is|like your|keeps? you)"
    for mark, kind, nouns in (
        (BRAND, Kind.BRAND, r"brand|maker|manufacturer|label"),
        (CATEGORY, Kind.CATEGORY, r"category|section|department|aisle"),
    ):
        mentioned = mark in text
        near = (
            re.search(rf"\b{rivals}\b(?: [\w:,]+){{0,3}} {mark}|{mark}(?: [\w,]+){{0,3}} {rivals}\b", text)
            if mentioned
            else None
        )
        compared = re.search(
            rf"\b(same|shared?|another|common|also)\b (\w+ ){{0,2}}({nouns})\b|\b({nouns})\b (\w+ )?(of|you) ", text
        )
        if (near or compared) and not holds_any(facts, kind):
            yield f"claims the same {kind.value.split()[-1]} without evidence"
        if (
            mentioned
            and re.search(rf"⟦b\d~?⟧ (is |comes )?(also )?(by|from|made by) {mark}", text)
            and not holds_any(facts, kind)
        ):
            yield f"gives a purchase the recommended product's {kind.value.split()[-1]}"
        if not mentioned and re.search(rf"\b({nouns}) (is |of |, ?|called |named )?⟦(item|b\d){PART}", text):
            yield f"takes part of a name for a {kind.value.split()[-1]}"
    if re.search(rf"\b(by|made by|brand|maker|label|from the makers of) ⟦(item|b\d){PART}", text):
        yield "takes part of a name for a brand"
    if re.search(r"\b(same|shared) (kind|type|sort|family|line)\b", text) and not any(
        holds_any(facts, kind) for kind in (Kind.CATEGORY, Kind.SIMILAR, Kind.WORDS)
    ):
        yield "claims the same kind of product without evidence"


def _words(text: str, facts: Facts) -> Iterator[str]:
    if not re.search(
        r"\b(shares?|shared|sharing|in common|both (say|mention|carry|are|have|feature)|common thread|come back|comes back|picks up on)\b",
        text,
    ):
        return
    if re.search(rf"⟦(item|b\d){PART}|⟦both⟧", text):
        yield "claims a word that only one of the names has"
    elif SHARED not in text and BRAND not in text and CATEGORY not in text:
        yield "claims that products share something it does not name"
    elif SHARED in text and not holds_any(facts, Kind.WORDS):
        yield "claims shared words without evidence"


def _similar(text: str, facts: Facts) -> Iterator[str]:
    cue = (
        r"\b(similar|similarly|similarity|alike|resembl\w+|comparable|akin|reminiscent|echo(es)?|close match|much like|a lot like|same (vein|style|spirit|theme|lines)|"
        r"similar style|along the same lines)\b|\bclose(ly)? (to (it|them|your|⟦b)|related)"
    )
    if re.search(cue, re.sub(r"similar(ly)? pric\w+|similar price|comparable price", "", text)) and not (
        holds_any(facts, Kind.SIMILAR) or (holds_any(facts, Kind.WORDS) and SHARED in text)
    ):
        yield "calls products similar without evidence"


def _new(text: str, facts: Facts) -> Iterator[str]:
    text = re.sub(r"\b(something|anything) new\b|\bnew (to|for) you\b|\btry(ing)? (something )?new\b", "", text)
    if (
        re.search(
            r"\b(new|newly|newcomer|brand-new|just (arrived|landed|joined|in)|arrivals?|fresh|joined|landed|arrived)\b",
            text,
        )
        and not facts.new
    ):
        yield "calls the product new without evidence"


def _lately(text: str, facts: Facts) -> Iterator[str]:
    you = r"\byou(?:'ve| have)? (?:\w+ )?(?:recently|lately|just)\b|\b(?:your|you) (?:\w+ ){0,2}(?:recent|latest|last|current|recently)\b|⟦b\d~?⟧ (?:recently|lately|today|this week|this month)"
    if re.search(you, text) and not any(past.lately for past in facts.because):
        yield "calls a purchase recent without evidence"
    if re.search(
        r"\b(currently|right now|lately|recently|today|these days|this (week|month))\b", re.sub(you, "", text)
    ) and (facts.item.recent is None and not facts.popular):
        yield "says something of the present in a shop without dates"


def _price(text: str, facts: Facts) -> Iterator[str]:
    if not re.search(
        r"\b(pric\w*|costs?|costing|pay|paid|paying|spend|spent|spending|cheap\w*|expensive|budget|affordab\w*|pric(y|ier))\b",
        text,
    ):
        return
    if re.search(
        r"\b(cheap|expensive|budget|affordable|low|lowest|cheapest|best|great|good|nice) (price|priced)\b|\bcheapest\b|\bgood value\b",
        text,
    ) or re.search(r"(?<!less )(?<!more )\bexpensive\b|\bcheap\b", text):
        yield "judges the price"
        return
    compared = _compare(text, _PRICE_UP, _PRICE_DOWN)
    if compared is not None:
        direction, left, right = compared
        a, b = _price_of(left, facts), _price_of(right, facts)
        if (
            a is None
            or b is None
            or (a - b) * direction <= 0
            or (right == "usual" and left == ITEM and facts.price_step != direction)
        ):
            yield "compares prices against the evidence"
    elif facts.price_step != 0:
        yield "calls the price usual without evidence"


_PRICE_UP = r"more expensive|pricier|dearer|costs? more|costing more|priced (above|higher)|above|higher price|higher|a bit more|more than"
_PRICE_DOWN = r"less expensive|cheaper|costs? less|costing less|priced (below|lower)|below|lower price|lower|under|less than|a bit less"


def _compare(text: str, up: str, down: str) -> tuple[int, str, str] | None:
    """``(direction, left, right)`` of a comparison; the right is a product or what is usual."""
    match = re.search(rf"\b({down})\b", text)
    direction = -1
    if match is None:
        match = re.search(rf"\b({up})\b", text)
        direction = 1
    if match is None:
        return None
    before = re.findall(r"⟦(?:item|b\d)", text[: match.start()])
    after = re.search(
        r"⟦(?:item|b\d)|\b(usual|usually|normal|normally|typical|typically|average|regular|range|budget)\b",
        text[match.end() :],
    )
    # "it costs less" speaks of the item unless a product stands right before the verb.
    near = re.search(r"(⟦(?:item|b\d))~?⟧ (?:\w+ ){0,2}$", text[: match.start()])
    left = f"{near.group(1)}⟧" if near else (ITEM if ITEM[:-1] in before or not before else f"{before[-1]}⟧")
    right = "usual" if after is None or after.group(1) else f"{after.group(0)}⟧"
    return direction, left, right


def _product(mark: str, facts: Facts) -> Product | None:
    if mark == ITEM:
        return facts.item
    at = int(mark[2])
    return facts.because[at].product if at < len(facts.because) else None


def _price_of(mark: str, facts: Facts) -> float | None:
    if mark == "usual":
        return facts.usual_price
    product = _product(mark, facts)
    return product.price if product else None


_CROWD_UP = r"more popular|more (shoppers|people|customers|buyers|often|frequently)|better known|bought more|outsells|sells (more|better)"
_CROWD_DOWN = r"less popular|fewer (shoppers|people|customers|buyers)|less (often|frequently|known)|bought less|sells (less|worse)"


def _comparisons(text: str, facts: Facts) -> Iterator[str]:
    """Comparatives: those on popularity are looked up, those on price were, all others are refused."""
    compared = _compare(text, _CROWD_UP, _CROWD_DOWN)
    if compared is not None:
        direction, left, right = compared
        a, b = (_product(mark, facts) if mark != "usual" else None for mark in (left, right))
        if a is None or b is None or (a.count - b.count) * direction <= 0:
            yield "compares popularity against the evidence"
        return
    rest = re.sub(rf"\b({_PRICE_UP}|{_PRICE_DOWN})\b", "", text)
    rest = re.sub(
        r"\b(rather|other) than\b|\bmore (of|from|like|about)\b|\b(one|once|something|some|find|see|discover|any) more\b|\bmore (⟦|:)",
        "",
        rest,
    )
    rest = re.sub(
        r"\bmost (popular|bought|ordered|loved|recent|recently|likely)\b|\bbest-? ?sell\w*|\bat least\b|\blearn more\b",
        "",
        rest,
    )
    if left_over := sorted(COMPARATIVE & set(rest.split())):
        yield f"compares without evidence: {', '.join(left_over)}"
    elif " than " in f" {rest} " and " than " in f" {text} " and not re.search(rf"({_PRICE_UP}|{_PRICE_DOWN})", text):
        yield "compares without evidence"


def _fits(text: str, facts: Facts) -> Iterator[str]:
    if re.search(r"\b(tastes?|style|preferences?|habits?|fits?|suits?|in line with|in keeping with)\b", text) and not (
        facts.fits or facts.because
    ):
        yield "says the product fits the shopper without evidence"


def _numbers(tokens: Sequence[str], text: str, facts: Facts) -> Iterator[str]:
    allowed = _Counts(facts)
    for at, token in enumerate(tokens):
        if token in {"%", "percent", "half", "twice", "double", "million", "millions", "thousand", "hundred", "dozen"}:
            yield f"unsupported quantity: {token}"
        elif token in AT_LEAST:
            if AT_LEAST[token] > max(allowed.counts, default=0):
                yield f"unsupported quantity: {token}"
        elif token[0].isdigit():
            value = float(token.replace(",", ""))
            if not allowed.admits(value, tokens, at):
                yield f"unsupported number: {token}"
        elif token in NUMBER_WORDS and not _pronoun(tokens, at, facts):
            if not allowed.admits(float(NUMBER_WORDS[token]), tokens, at):
                yield f"unsupported number: {token}"


def _pronoun(tokens: Sequence[str], at: int, facts: Facts) -> bool:
    """Whether a number word counts nothing: "this one", "one of", "the two of them"."""
    following = tokens[at + 1] if at + 1 < len(tokens) else ""
    if tokens[at] == "one":
        return following not in {"shopper", "customer", "person", "day", "week", "month"}
    if tokens[at] == "two":
        about_two = following in {
            ".",
            ",",
            "of",
            "go",
            "are",
            "pair",
            "purchases",
            "products",
            "items",
            "share",
            "fit",
            "match",
            "come",
            "belong",
        }
        return about_two and bool(facts.because)
    return False


class _Counts:
    """The numbers a sentence may give, by what they count."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._together = {past.together for past in facts.because}
        self.counts = {facts.item.buyers, facts.item.count, *self._together}

    def admits(self, value: float, tokens: Sequence[str], at: int) -> bool:
        """Whether the number at `at` is the evidence's number for what it stands beside."""
        item = self._facts.item
        before, after = " ".join(tokens[max(0, at - 4) : at]), " ".join(tokens[at + 1 : at + 5])
        if re.match(r"(days?|day period)\b", after):
            return value == WINDOW and item.recent is not None
        if re.search(r"(#|number|no \.?|rank|ranked|place)$", before):
            return value == item.rank
        if re.search(r"\btop$", before):
            return item.rank <= value
        if re.search(
            r"[£$€¥]$|\b(price|priced|costs?|for|at|only|pays?|spends?)( (about|around|of|is|at|only|just|roughly))*( [£$€¥])?$",
            before,
        ) and not re.match(rf"(other |of our )*{_CROWD}", after):
            usual = re.search(r"\b(usual\w*|typical\w*|normal\w*|average)\b", before)
            return value in {self._facts.usual_price} if usual else value == item.price
        if not re.match(rf"(?:other |of our |different |fellow )*{_CROWD}", after) and not re.search(
            r"\b(by|with|from|of)$", before
        ):
            return False
        clause = " ".join(_clause(tokens, at))
        windowed = re.search(rf"\b(last|past) {WINDOW} days\b", clause) is not None
        lately = re.search(r"\b(lately|recently|this month|these days|right now|currently)\b", clause) is not None
        both = (
            re.search(
                r"\b(also|both|too|together|as well|along|alongside|same|with (it|them|⟦)|who|⟦b\d~?⟧)\b|⟦b\d~?⟧",
                clause,
            )
            is not None
        )
        if windowed or lately:
            return item.recent is not None and value == item.recent
        if both and value in self._together:
            return True
        return value == item.buyers and not re.search(r"\b(both|together|same|with (it|them)|who)\b", clause)


def _clause(tokens: Sequence[str], at: int) -> Sequence[str]:
    """The tokens around `at` up to the next full stop, semicolon or dash."""
    start, end = at, at
    while start > 0 and tokens[start - 1] not in {".", ";", "!", "?", "—"}:
        start -= 1
    while end < len(tokens) and tokens[end] not in {".", ";", "!", "?", "—"}:
        end += 1
    return tokens[start:end]


def _praise(tokens: Sequence[str]) -> Iterator[str]:
    for at, token in enumerate(tokens):
        if token in PRAISE:
            rest = [t for t in tokens[at + 1 : at + 4] if t not in {"and", ","} and t not in PRAISE]
            if not (rest and (rest[0] in PRAISED or (len(rest) > 1 and rest[1] in PRAISED))):
                yield f"praises the product: {token}"


def past_of(facts: Facts, mark: str) -> Past:
    """The named purchase of a mark."""
    return facts.because[int(mark[2])]
