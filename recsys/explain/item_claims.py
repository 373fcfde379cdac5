"""Claims about the item alone: sales, ratings, newness, dates, taste and praise, looked up in the tables' facts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from recsys.explain.claims import CROWD, OF, OFTEN_WORDS, clauses, counted_kind, named_objects, words
from recsys.explain.facts import Facts, Past
from recsys.explain.lexicon import PRAISE, PRAISED
from recsys.explain.masking import CATEGORY
from recsys.explain.measures import Kind


def item_errors(text: str, tokens: Sequence[str], facts: Facts) -> Iterator[str]:
    """Claims of a masked sentence about the item that the facts do not bear out."""
    for check in (_popularity, _ratings, _new, _lately, _fits):
        yield from check(text, facts)
    yield from _praise(tokens)


_POPULAR = words(
    "popular|popularity|best-? ?sell\\w*|top-? ?sell\\w*|demand(ed)?|sought-after|crowd-pleaser|favou?rites?",
    "well-loved|loved|crowd|selling",
    rf"(many|lots of|plenty of) {OF}{CROWD}",
    "most (bought|ordered|chosen)",
)
_SUPERLATIVE = words(
    "most (popular|bought|ordered|loved)|best-? ?selling|top-? ?selling|best-? ?seller|top-? ?seller|favou?rite",
    "number one",
)
_ONE_OF = re.compile(
    r"\b(one of|among|some of|a|an)( (our|the|your))?( most| top| best)?"
    r"[ -](popular|bought|ordered|sell\w*|best|top|favou?rite)"
)
_IN_CATEGORY = re.compile(
    rf"(sell\w*|bought|ordered|popular|favou?rites?)( products| ones| items)? in (our |the )?{CATEGORY}"
    rf"|\bin (our |the )?{CATEGORY}.{{0,40}}(sell|most bought|popular)"
)


def _popularity(text: str, facts: Facts) -> Iterator[str]:
    many_of_both = any(counted_kind(clause) for clause in clauses(text) if OFTEN_WORDS.search(clause))
    if _POPULAR.search(re.sub(r"popular (combination|pair|pairing|match|duo|set)", "", text)):
        here = _IN_CATEGORY.search(text) and facts.holds(Kind.TOP_OF_CATEGORY)
        if not (facts.popular or here or many_of_both):
            yield "calls the product popular without evidence"
    if _SUPERLATIVE.search(text) and not _ONE_OF.search(text) and facts.item.rank != 1:
        yield "calls the product the most popular without evidence"


_RATING = words("rated|rating|ratings|stars?|review|reviews|reviewed|reviewers?|opinions?")


def _ratings(text: str, facts: Facts) -> Iterator[str]:
    if _RATING.search(text) and not facts.holds(Kind.RATED):
        yield "speaks of ratings without evidence"


_NEW_TO_YOU = words("(something|anything) new|new (to|for) you|try(ing)? (something )?new")
_NEW = words("new|newly|newcomer|brand-new|just (arrived|landed|joined|in)|arrivals?|fresh|joined|landed|arrived")


def _new(text: str, facts: Facts) -> Iterator[str]:
    if _NEW.search(_NEW_TO_YOU.sub("", text)) and not facts.new:
        yield "calls the product new without evidence"


_YOU_LATELY = re.compile(
    r"\byou(?:'ve| have)? (?:\w+ )?(?:recently|lately|just)\b"
    r"|\b(?:your|you) (?:\w+ ){0,2}(?:recent|latest|last|current|recently)\b"
    r"|⟦b\d~?⟧ (?:recently|lately|today|this week|this month)"
)
_NOW = words("currently|right now|lately|recently|today|these days|this (week|month)")


def _lately(text: str, facts: Facts) -> Iterator[str]:
    if _YOU_LATELY.search(text) and not any(past.lately for past in _named(text, facts)):
        yield "calls a purchase recent without evidence"
    if _NOW.search(_YOU_LATELY.sub("", text)) and facts.item.recent is None:
        yield "says something of the present in a shop without dates"


_SUITS = words("tastes?|style|preferences?|habits?|suits?|in line with|in keeping with|order history|fits? (what|your)")


def _fits(text: str, facts: Facts) -> Iterator[str]:
    if _SUITS.search(text) and not facts.holds(Kind.TASTE):
        yield "says the product fits the shopper without evidence"


def _named(text: str, facts: Facts) -> list[Past]:
    """The things of the history that a masked sentence names; the first where it names none."""
    return [facts.because[i] for i in named_objects(text)] or list(facts.because[:1])


def _praise(tokens: Sequence[str]) -> Iterator[str]:
    for at, token in enumerate(tokens):
        if token in PRAISE:
            after = [t for t in tokens[at + 1 : at + 4] if t not in {"and", ","} and t not in PRAISE]
            if not PRAISED & set(after[:2]):
                yield f"praises the product: {token}"
