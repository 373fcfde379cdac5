"""Words that claim something, and the evidence each of them needs.

Every function reads a masked sentence (`masking`) and yields what the evidence does not bear out. The patterns are
lists of wordings; they are wide on purpose, because a claim that is missed is delivered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from recsys.explain.facts import OFTEN, Facts, Kind, Past
from recsys.explain.lexicon import PRAISE, PRAISED
from recsys.explain.masking import BRAND, CATEGORY, PART, SHARED, holds_any

CROWD = r"(?:shoppers|people|customers|buyers|others|orders|visitors|users|folks|baskets)"
_OF = r"(?:other |of our |of the )*"
_ONE_NAME = rf"⟦(?:item|b\d){PART}"


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(alternatives)})\b")


def errors(text: str, tokens: Sequence[str], facts: Facts) -> Iterator[str]:
    """Claims of a masked sentence that the evidence does not bear out; prices and numbers are `figures`' part."""
    for check in (_popularity, _together, _brand_and_category, _shared_words, _similar, _new, _lately, _fits):
        yield from check(text, facts)
    yield from _praise(tokens)


# --- how many others --------------------------------------------------------------------------------------------------

_POPULAR_PAIR = re.compile(r"popular (combination|pair|pairing|match|duo|set)")
_POPULAR = _words(
    "popular|popularity|best-? ?sell\\w*|top-? ?sell\\w*|demand(ed)?|sought-after|crowd-pleaser|favou?rites?",
    "well-loved|loved|everyone|crowd|selling",
    rf"(many|lots of|plenty of|most|all) {_OF}{CROWD}",
)
_MANY = _words(rf"(many|lots of|plenty of|most) {_OF}{CROWD}")
_OF_BOTH = _words("also|too|as well|both|together|with")
_SUPERLATIVE = _words(
    "most (popular|bought|ordered|loved)|best-? ?selling|top-? ?selling|best-? ?seller|top-? ?seller|favou?rite",
    "number one",
)
_ONE_OF = re.compile(
    r"\b(one of|among|some of|a|an)( (our|the|your))?( most| top| best)?"
    r"[ -](popular|bought|ordered|sell\w*|best|top|favou?rite)"
)
_EVERYBODY = _words(rf"(most|all|every) {_OF}(shoppers?|people|customers?|buyers|others)", "everyone")


def _popularity(text: str, facts: Facts) -> Iterator[str]:
    text = _POPULAR_PAIR.sub("often bought together", text)
    many_of_both = _MANY.search(text) and _OF_BOTH.search(text) and holds_any(facts, Kind.OFTEN)
    if _POPULAR.search(text) and not facts.popular and not many_of_both:
        yield "calls the product popular without evidence"
    if _SUPERLATIVE.search(text) and not _ONE_OF.search(text) and facts.item.rank != 1:
        yield "calls the product the most popular without evidence"
    if _EVERYBODY.search(text):
        yield "speaks for most or all shoppers"


_BUY = (
    "(bought|ordered|purchased|chose|chosen|picked|took|buy|order|choose|purchase|pick|get|got|own|have|take|taken"
    "|add|added)"
)
_TOGETHER = _words(
    rf"also {_BUY}|{_BUY} (up )?(both|it too|this too|too|as well)|{CROWD} who (\w+ )?{_BUY}",
    r"(bought|ordered|purchased|seen|picked up|chosen|go|goes|put) (\w+ )?(together|alongside|along with)|together",
    "same (shoppers|customers|people|buyers|basket|order|cart|purchase)|in one (go|basket|order|cart)",
    "pair|pairs|paired|pairing|combine|combines|combined|combination|companions?|complements?|complementary",
    r"complete|completes|duo|partner|accompan\w+|(go(es)?|come|comes|came) (\w+ )?with",
)
_OFTEN = _words("often|frequently|frequent|regularly|regular|commonly|usual companion|normally|typically")
_USUAL_PRICE = _words(r"(regular|usual|normal|typical)\w* (pay|spend|price|range|budget|buy|spending)")


_TIMES = _words(r"(few|several|many|couple of|\w+) times", "twice", "once more", "again and again")


def _together(text: str, facts: Facts) -> Iterator[str]:
    if _TIMES.search(text):
        yield "says how often something was bought"
    about_others = re.sub(r"\byou (have )?also\b", "you", text)
    if _TOGETHER.search(about_others) and not (holds_any(facts, Kind.TOGETHER) or holds_any(facts, Kind.OFTEN)):
        yield "says products are bought together without evidence"
    if _OFTEN.search(text) and not _USUAL_PRICE.search(text) and not holds_any(facts, Kind.OFTEN):
        yield f"says often of fewer than {OFTEN} shoppers"


# --- what the products are --------------------------------------------------------------------------------------------

_SAME = "(?:same|also|another|likewise|stay\\w*|more|too|as well|so is|like your|keeps? you)"
_MAKERS, _SECTIONS = "brand|maker|manufacturer|label", "category|section|department|aisle"
_SAME_KIND = _words("(same|shared) (kind|type|sort|family|line)")


def _brand_and_category(text: str, facts: Facts) -> Iterator[str]:
    for mark, kind, nouns in ((BRAND, Kind.BRAND, _MAKERS), (CATEGORY, Kind.CATEGORY, _SECTIONS)):
        what = kind.value.split()[-1]
        claimed = (
            rf"\b{_SAME}\b(?: [\w:,]+){{0,3}} {mark}|{mark}(?: [\w,]+){{0,3}} {_SAME}\b",
            rf"\b(same|shared?|another|common|also)\b (\w+ ){{0,2}}({nouns})\b|\b({nouns})\b (\w+ )?(of|you) ",
            rf"⟦b\d~?⟧ (is |comes )?(also )?(by|from|made by) {mark}",
        )
        if any(re.search(pattern, text) for pattern in claimed) and not holds_any(facts, kind):
            yield f"claims the same {what} without evidence"
        if mark not in text and re.search(rf"\b({nouns}) (is |of |, ?|called |named )?{_ONE_NAME}", text):
            yield f"takes part of a name for a {what}"
    if re.search(rf"\bmade (by|from|of|in|for|with) (?!{BRAND})", text):
        yield "names a maker that is none"
    if re.search(rf"\b(by|made by|brand|maker|label|from the makers of) {_ONE_NAME}", text):
        yield "takes part of a name for a brand"
    alike = (Kind.CATEGORY, Kind.SIMILAR, Kind.WORDS)
    if _SAME_KIND.search(text) and not any(holds_any(facts, kind) for kind in alike):
        yield "claims the same kind of product without evidence"


_SHARES = _words(
    "shares?|shared|sharing|in common|both (say|mention|carry|are|have|feature)|common thread|comes? back|picks up on"
)


def _shared_words(text: str, facts: Facts) -> Iterator[str]:
    if not _SHARES.search(text):
        return
    if re.search(rf"{_ONE_NAME}|⟦both⟧", text):
        yield "claims a word that only one of the names has"
    elif SHARED in text and not all(facts.holds(Kind.WORDS, past) for past in _named(text, facts)):
        yield "claims shared words without evidence"
    elif not any(mark in text for mark in (SHARED, BRAND, CATEGORY)):
        yield "claims that products share something it does not name"


_LIKENESS = re.compile(
    r"\b(similar|similarly|similarity|alike|resembl\w+|comparable|akin|reminiscent|echo(es)?|close match|much like"
    r"|a lot like|same (vein|style|spirit|theme|lines)|similar style|along the same lines)\b"
    r"|\bclose(ly)? (to (it|them|your|⟦b)|related)"
)
_SIMILAR_PRICE = re.compile(r"similar(ly)? pric\w+|comparable price")


def _similar(text: str, facts: Facts) -> Iterator[str]:
    alike = all(facts.holds(Kind.SIMILAR, past) for past in _named(text, facts))
    if _LIKENESS.search(_SIMILAR_PRICE.sub("", text)) and not (facts.because and alike):
        yield "calls products similar without evidence"


def _named(text: str, facts: Facts) -> list[Past]:
    """The purchases that a masked sentence names; the first where it names none."""
    named = [past for i, past in enumerate(facts.because) if f"⟦b{i}" in text]
    return named or list(facts.because[:1])


# --- when, and whether it suits ---------------------------------------------------------------------------------------

_NEW_TO_YOU = _words("(something|anything) new|new (to|for) you|try(ing)? (something )?new")
_NEW = _words("new|newly|newcomer|brand-new|just (arrived|landed|joined|in)|arrivals?|fresh|joined|landed|arrived")


def _new(text: str, facts: Facts) -> Iterator[str]:
    if _NEW.search(_NEW_TO_YOU.sub("", text)) and not facts.new:
        yield "calls the product new without evidence"


_YOU_LATELY = re.compile(
    r"\byou(?:'ve| have)? (?:\w+ )?(?:recently|lately|just)\b"
    r"|\b(?:your|you) (?:\w+ ){0,2}(?:recent|latest|last|current|recently)\b"
    r"|⟦b\d~?⟧ (?:recently|lately|today|this week|this month)"
)
_NOW = _words("currently|right now|lately|recently|today|these days|this (week|month)")


def _lately(text: str, facts: Facts) -> Iterator[str]:
    if _YOU_LATELY.search(text) and not any(past.lately for past in facts.because):
        yield "calls a purchase recent without evidence"
    if _NOW.search(_YOU_LATELY.sub("", text)) and facts.item.recent is None and not facts.popular:
        yield "says something of the present in a shop without dates"


_SUITS = _words("tastes?|style|preferences?|habits?|fits?|suits?|in line with|in keeping with")


def _fits(text: str, facts: Facts) -> Iterator[str]:
    if _SUITS.search(text) and not (facts.fits or facts.because):
        yield "says the product fits the shopper without evidence"


def _praise(tokens: Sequence[str]) -> Iterator[str]:
    for at, token in enumerate(tokens):
        if token in PRAISE:
            after = [t for t in tokens[at + 1 : at + 4] if t not in {"and", ","} and t not in PRAISE]
            if not PRAISED & set(after[:2]):
                yield f"praises the product: {token}"
