"""Semantic role checks: who bought or looked at what in a masked sentence.

The recommended product may not be said to be the shopper's own, and what they bought may not be recommended. Small
models confuse the two more often than anything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from recsys.explain.facts import Facts
from recsys.explain.lexicon import vocabulary
from recsys.explain.masking import ITEM, PART

_BUY = vocabulary(
    """
    buy bought buying purchase purchased purchasing order ordered ordering own owned owning have had having chose
    chosen got picked took added include includes including contain contains has
    """
)
_LOOK = frozenset(["looked", "viewed", "viewing", "browsed", "looking"])
_YOU = frozenset(["you", "your", "yours", "you've"])
_OTHERS = vocabulary("shoppers customers people others buyers folks everyone visitors users crowd we")
#: One shopper is the reader, however they are called.
_READER = vocabulary("you your yours you've shopper customer buyer user visitor person")
#: Words that stand for whoever was spoken of.
_SOMEONE = frozenset(["who", "they", "them", "that", "their"])
#: What may stand between the beginning of a clause and a verb without a subject: "having bought", "since buying".
_BARE = vocabulary("having after by since when because already recently just both previously once with")
_MODAL = vocabulary(
    """
    might may could would will should can to if must you'll want let
    """
)
_STOP = frozenset([".", ";", "!", "?", "—"])
_SKIP = vocabulary(
    """
    the a an both that this our of up at also already in one more some either as products items product item your
    with
    """
)
_OWNED = vocabulary(
    """
    past earlier previous recent latest last own purchase purchases order orders of history includes include
    basket choice look at the existing buy buys including and
    """
)
_LINKS = frozenset(["and", "&", "or"])
_IT_AND = (("it", "and"), ("them", "and"))
_VERBISH = vocabulary(
    """
    is are was were has shares share comes come goes go fits costs sits belongs resembles carries says mentions
    picks follows may might could would can will also often frequently regularly keeps ends reads joined only just
    matches suits pairs appears complements completes looks stands makes shows had does do
    """
)
_RECOMMEND = vocabulary(
    """
    recommend recommends recommended recommending suggest suggests suggested suggesting consider considering try
    meet discover explore introducing propose proposed present presenting
    """
)


_TOOK = "(?:buy|bought|own|have|had|has|purchased|ordered|chose|picked up|picked|got)"
_HERS = "(?:past|earlier|previous|orders?|purchases?|history|basket|cart)"
_MORE = r"(?:⟦b\d~?⟧ (?:and|,) )*"
_ONE = "(?:the|this|a) (?:shopper|customer|buyer|user) 's"
_IS = "is|was|are|also|has|have|shares?|comes?|costs?|goes|sits|belongs|resembles|follows|often|both"
#: Wordings that are wrong of the recommended product wherever they stand.
_ITEM_WAS_BOUGHT = tuple(
    re.compile(pattern.replace("ITEM", "⟦item~?⟧"))
    for pattern in (
        rf"ITEM (,? ?(which|that) )?you('ve| have| already| once| previously| recently| earlier)* {_TOOK}\b",
        r"ITEM (,? ?(which|that) )?you('ve| have)? (looked at|viewed|browsed|saw)\b",
        r"ITEM (was|were|has been|is) (\w+ ){0,2}(bought|purchased|ordered|chosen|owned) by you\b",
        rf"ITEM (is |was )?(already )?(in|from|among|part of) your {_HERS}\b",
        rf"\b(like you|you and|you (,? ?like|along with|as well as)) ,? ?(\w+ ){{0,4}}{_TOOK} (both )?{_MORE}ITEM",
        rf"\b(your|{_ONE}) (\w+ ){{0,2}}{_HERS} (\w+ ){{0,2}}(both )?⟦b\d~?⟧ and ITEM(?! ({_IS}))",
        rf"\b(you|shopper|customer|buyer|user)( who| that)? (\w+ ){{0,2}}{_TOOK} (both )?⟦b\d~?⟧ (and ⟦b\d~?⟧ )?"
        rf"(also|and|and also) {_TOOK} (both )?((it|them) and )?ITEM",
        # one product taken for the other, or for a word or a part of it
        r"\b(names?|named|called|titled|words?) (is |was |are )?(named |called )?(ITEM|⟦b\d~?⟧)",
        r"\b(which|that|and) (is|was|are) (also )?(an? )?ITEM",
        r"\b(its|their|his|her|an?) ITEM",
        r"⟦b\d~?⟧ (the )?ITEM",
        rf"\bboth {_MORE}ITEM (were|are|have been)? ?(in|from|among|part of) your {_HERS}",
        r"ITEM (was|has been) (?!(\w+ ){0,3}(by|with|together|along|alongside)\b)(\w+ )?(bought|ordered|purchased)\b",
        r"ITEM (is|was) your (?!next)",
        r"(?<!back )\bin (the )?(ITEM|⟦b\d~?⟧)",
        r"\byou (\w+ ){0,2}(bought|ordered|purchased|own) ⟦(brand|category|shared)⟧",
        r"\b(because of|thanks to|owing to|due to|inspired by|based on|given) ITEM",
    )
)


def errors(tokens: Sequence[str], facts: Facts) -> Iterator[str]:
    """Role errors of a masked sentence: products that changed places, looks told as purchases."""
    if re.search(r"⟦item~?⟧ , as you (did|have)\b", " ".join(tokens)):
        yield "says the recommended product was bought or looked at"
    tokens = _without_aside(tokens)
    for at, token in enumerate(tokens):
        if token in _BUY or token in _LOOK:
            yield from _act(tokens, at, facts, looked=token in _LOOK)
        elif token in {"your", "yours"}:
            yield from _owned(tokens, at)
        elif token in _RECOMMEND:
            yield from _recommended(tokens, at)
        elif _is_bought(token):
            yield from _subject(tokens, at)
    text = " ".join(tokens)
    if any(pattern.search(text) for pattern in _ITEM_WAS_BOUGHT):
        yield "takes the recommended product for one that was bought"


def _without_aside(tokens: Sequence[str]) -> Sequence[str]:
    """The tokens without the aside ", as you did,"; what follows it has the subject that stands before it."""
    text = " ".join(tokens)
    return re.sub(r" , as you (did|have)( ,)?(?= |$)", "", text).split() if " as you " in text else tokens


def _is_item(token: str) -> bool:
    return token in {ITEM, ITEM.replace("⟧", PART)}


def _is_bought(token: str) -> bool:
    return token.startswith("⟦b") and token[2].isdigit()


def _act(tokens: Sequence[str], at: int, facts: Facts, *, looked: bool) -> Iterator[str]:
    """Check one verb of buying or looking: its subject stands before it, its objects after it."""
    if not _by_reader(tokens, at):
        return
    for mark in _objects(tokens, at + 1):
        if _is_item(mark):
            yield "says the recommended product was bought"
        elif _is_bought(mark) and facts.because[int(mark[2])].bought == looked:
            yield "says bought of what was looked at, or looked at of what was bought"


def _by_reader(tokens: Sequence[str], at: int) -> bool:
    """Whether the reader is the subject of the verb at `at`; a verb without a subject has the reader for one."""
    back = at - 1
    while back >= 0 and tokens[back] not in _STOP and tokens[back] != ":":
        word = tokens[back]
        if word in _MODAL or word.startswith("⟦") or word in _OTHERS:
            return False
        if word in _READER:
            return True
        if word == "who" and back and tokens[back - 1][0].isdigit():  # "20 of the 40 who bought it" are others
            return False
        if word in _SOMEONE and not (word == "that" and back + 1 < at):
            # Whoever was spoken of last; with nobody before it, it is the reader in the third person.
            spoken = [t for t in tokens[:back] if t in _OTHERS or t in _READER]
            return word != "that" and (not spoken or spoken[-1] in _READER)
        back -= 1
    return all(t in _BARE for t in tokens[back + 1 : at])


def _objects(tokens: Sequence[str], start: int) -> Iterator[str]:
    at = start
    while at < len(tokens) and (tokens[at] in _SKIP or tokens[at : at + 2] in _IT_AND):
        at += 2 if tokens[at] not in _SKIP else 1
    while at < len(tokens) and tokens[at].startswith("⟦"):
        yield tokens[at]
        # "you bought A and B is ..." names one purchase; "you bought A and B, ..." names two.
        if not (at + 2 < len(tokens) and tokens[at + 1] in _LINKS and tokens[at + 2].startswith("⟦")):
            return
        if at + 3 < len(tokens) and tokens[at + 3] in _VERBISH:
            return
        at += 2


def _owned(tokens: Sequence[str], at: int) -> Iterator[str]:
    end = at + 1
    while end < len(tokens) and tokens[end] in _OWNED:
        end += 1
    if end < len(tokens) and _is_item(tokens[end]):
        yield "says the recommended product is the shopper's own"


def _recommended(tokens: Sequence[str], at: int) -> Iterator[str]:
    end = at + 1
    while end < len(tokens) and tokens[end] in {"you", "the", "a", "to", ":", "that", "our", "is", "for"}:
        end += 1
    if end < len(tokens) and _is_bought(tokens[end]):
        yield "recommends what was bought"


def _subject(tokens: Sequence[str], at: int) -> Iterator[str]:
    """A purchase that is the subject of a recommendation: "B is a match", without "your" and without the item."""
    if at + 1 >= len(tokens) or tokens[at + 1] not in _VERBISH - {"had"}:
        return
    if "your" in tokens[at + 2 : at + 5]:  # "B is in your order history"
        return
    start = at
    while start > 0 and tokens[start - 1] not in _STOP | {",", ":"}:
        start -= 1
    before = tokens[start:at]
    if any(
        t.startswith("⟦") or t in _YOU or t in _BUY or t in _LOOK or t in {"with", "to", "like", "for", "of"}
        for t in before
    ):
        return
    yield "puts what was bought in the place of the recommended product"
