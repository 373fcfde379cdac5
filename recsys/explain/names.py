"""Product names as a person would say them: safe to print, short, never cut in the middle of a phrase.

Titles are written for search engines. A sentence wants the brand, the noun and one attribute; the whole title stays in
the row beside it.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping, Sequence

from recsys.data.personal import LINK
from recsys.explain.lexicon import vocabulary

#: Characters of a product's name that cannot be said shorter, and of what a shop's own block says.
MAX_NAME = MAX_CLAUSE = 80
#: Characters up to which a name is said whole, and up to which an attribute is still added to a shortened one.
WHOLE, WITH_ATTRIBUTE = 36, 50

#: Words of titles that say nothing about the product: units, packaging, glue.
GLUE = vocabulary(
    """
    a an and are as at be by for from in is it its of off on or per s set the this to up w with without your you
    our new pack packs count ct pk pcs piece pieces inch inches in ft cm mm ml oz ounce ounces lb lbs fl fluid
    gram grams kg assorted black white size large small medium mini big x vol no number color colour colors
    colours ea each box pair plus one two three four five six 2in1
    """
)

_MARKUP = re.compile(r"<[^<>]{0,200}>|[`*_#|~^\\\[\]{}<>]+")
_EDGES = " .,;:!?-–—'"

_UNIT = (
    r"(?:ml|cl|l|oz|ounces?|fl|fluid|g|gr|grams?|kg|lbs?|cm|mm|m|inch(?:es)?|in|ft|count|ct|pk|pcs|pieces?|packs?|gb|tb|w"
    r"|litres?|liters?|capsules?|tablets?|sheets?|bags?)"
)
#: An amount or a size: what two packs of one product differ in.
_SIZE = re.compile(
    rf"\b\d[\d.,/x]*[\s-]*(?:{_UNIT}\b\.?[\s-]*)+|\((?:pack|set|box) of \d+\)|\b(?:pack|set|box) of \d+\b"
    r"|\b\d+[\s-]*(?:pack|pk)\b"
    r"|\b(?:size )?(?:xxs|xs|xl|xxl|small|medium|large|mini|travel size|full size|extra large)\b",
    re.IGNORECASE,
)
_EDITION = re.compile(r"\b(?:paperback|hardcover|hardback|kindle|e-?book|audio ?book)\b", re.IGNORECASE)
#: Ends of the part of a title that names the product; what follows says more of it.
_BREAK = re.compile(r"\s*[,;|]\s+|\s+[-–—]\s+|\s*:\s+|\s*\(")
#: Words before which a name that is still too long may end.
_TURN = re.compile(r"\s+(?:with|for|featuring|including|by|from)\s+", re.IGNORECASE)
#: A closing amount by volume or weight, which nobody says; and the marks of a trade mark.
_AMOUNT = re.compile(
    r"[\s,(–-]+\d[\d.,]*[\s-]*(?:ml|cl|l|oz|fl\.? ?oz|(?:fluid )?ounces?|g|gr|grams?|kg|lbs?)\.?\)?$", re.IGNORECASE
)
_TRADE = re.compile(r"\((?:tm|r|c)\)|[®™©]", re.IGNORECASE)
#: Where a title is taken apart to tell it from another: breaks go, sizes and bindings are parts, a turn begins one.
_PART = re.compile(rf"{_BREAK.pattern}|({_SIZE.pattern}|{_EDITION.pattern})|(?={_TURN.pattern})", re.IGNORECASE)
_SMALL = frozenset(["a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"])


def safe_name(title: str, limit: int = MAX_NAME) -> str:
    """A product title as it may stand inside a sentence.

    Markup, links, control and direction characters, quotes and slot braces go; a long title ends at a word, with an
    ellipsis. Whatever it says, it stays a name: the writer never reads it, and the check takes it as one unit.
    """
    text = unicodedata.normalize("NFKC", html.unescape(title[: 20 * limit]))
    text = LINK.sub(" ", _MARKUP.sub(" ", text))
    # Controls, direction marks and surrogates are invisible or harmful; symbols (emoji) are noise in a sentence.
    text = "".join(
        " " if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "So", "Zl", "Zp"} else c for c in text
    )
    text = re.sub(r"[\"“”«»„]", "", text)
    text = " ".join(text.split()).replace(" ,", ",").strip(_EDGES)
    if len(text) > limit:
        text = text[:limit].rsplit(" ", 1)[0].rstrip(_EDGES + "(") + "…"
    return text or "this product"


def safe_clause(clause: str) -> str:
    """What a shop's own block says of a product, as it may stand inside a sentence; '' where nothing printable is left.

    The block answers for its truth.
    """
    return safe_name(clause, MAX_CLAUSE) if re.search(r"\w", clause) else ""


def short_name(title: str, limit: int = MAX_NAME) -> str:
    """A title as a person would say it: what comes before the first break, and one attribute where there is room.

    A title in capitals is written in ordinary case. What has no break stays whole: half a phrase names nothing.
    """
    text = _AMOUNT.sub("", safe_name(_TRADE.sub(" ", title), 10 * limit)) or safe_name(title)
    if len(text) > WHOLE or "(" in text:
        parts = [part.strip(_EDGES + ")") for part in _BREAK.split(text)]
        parts = [part for part in parts if part]
        head = parts[0] if parts else text
        if len(head) > WITH_ATTRIBUTE and (turn := _TURN.search(head, WHOLE // 2)):
            head = head[: turn.start()]
        said = len(head.split()) > 1 or len(parts) == 1
        attribute = next((p for p in parts[1:] if not (_SIZE.search(p) or _EDITION.search(p))), "")
        joint = ", " if said else " "
        bracketed = attribute and re.search(rf"\(\s*{re.escape(attribute)}", text)
        if attribute and not (said and bracketed) and len(head) + len(attribute) + 2 <= WITH_ATTRIBUTE:
            head += joint + attribute
        text = head.strip(_EDGES) or text
    return safe_name(_ordinary_case(text), limit)


#: What tells a name from one may make it another's; seldom, and hardly ever twice.
_ROUNDS = 4


def distinct_names(titles: Sequence[str], limit: int = MAX_NAME) -> list[str]:
    """Short names of several products, those that would be called the same told apart by what differs in their titles.

    Two sizes of one tea in one list are "Earl Grey Tea, 250 g" and "Earl Grey Tea, 1 kg". Only titles that have the
    same parts, or no room for them, keep one name.
    """
    names = [short_name(title, limit) for title in titles]
    parts = {title: _parts(title) for title in dict.fromkeys(titles)}
    for _ in range(_ROUNDS):
        alike: dict[str, list[str]] = {}
        for title, name in dict.fromkeys(zip(titles, names, strict=True)):
            alike.setdefault(name.casefold(), []).append(title)
        if all(len(group) == 1 for group in alike.values()):
            break
        names = [
            _told_apart(t, name, alike[name.casefold()], parts, limit) for t, name in zip(titles, names, strict=True)
        ]
    return names


def _told_apart(title: str, name: str, alike: Sequence[str], parts: Mapping[str, Sequence[str]], limit: int) -> str:
    """A name with the parts of its title that the others of this name lack."""
    left = [other for other in alike if other != title]
    for part in parts[title]:
        without = [other for other in left if part.casefold() not in map(str.casefold, parts[other])]
        if not without:
            continue
        end = f"{' ' if _TURN.match(f' {part}') else ', '}{_ordinary_case(part)}"
        # Where there is no room for one more, it takes the place of what the names have in common.
        for start in (name, name.rpartition(", ")[0]):
            if start and len(start + end) <= limit:
                name, left = start + end, [other for other in left if other not in without]
                break
    return name


def _parts(title: str) -> list[str]:
    """What a title says one after the other: between breaks, around sizes and bindings, from a turn ("with") on."""
    text = safe_name(_TRADE.sub(" ", title), 20 * MAX_NAME)
    return [part for found in _PART.split(text) if found and (part := found.strip(f"{_EDGES}()"))]


def _ordinary_case(text: str) -> str:
    """A name in capitals as it is written elsewhere; others as they are."""
    letters = [c for c in text if c.isalpha()]
    if len(letters) < 8 or not all(c.isupper() or c.lower() == c.upper() for c in letters):
        return text
    words = text.lower().split()
    return " ".join(
        word if word in _SMALL and at else re.sub(r"(^|(?<=[-/,&+]))[a-z]", lambda m: m.group(0).upper(), word)
        for at, word in enumerate(words)
    )


def same_product(a: str, b: str) -> bool:
    """Whether two titles name one product in two sizes, packs or bindings (or not at all differently)."""
    return _without_size(a) == _without_size(b)


def _without_size(title: str) -> tuple[str, ...]:
    text = _EDITION.sub(" ", _SIZE.sub(" ", unicodedata.normalize("NFKC", title).lower()))
    found = tuple(sorted(word for word in re.findall(r"[^\W\d_]+|\d+", text) if word not in GLUE))
    return found or (title,)
