"""Head nouns of a search: the kind of thing that is looked for, among words that name others beside it."""

from __future__ import annotations

import re

from recsys.llm.language import tokens
from recsys.serving.search.product_table import ProductTable
from recsys.serving.search.said import SAID

_CLAUSE = re.compile(r"[,，;；]|(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")
_WISH = re.compile(
    r"\b(?:want|need|looking|get|got|have|any|some|an?|or|also|recommend|suggest)\b|[买找求]|推荐|有没有|来[个一点]|也要|想要|要[个一]|还有|或",
    re.IGNORECASE,
)
"""Wishes for something, or for something else."""
FOR = re.compile(r"(?<![\w-])(?:for|with|to|under|in|from|that|which|who|as)(?![\w-])", re.IGNORECASE)
"""What comes before is looked for, what comes behind says what it is for."""


_SENTENCE = re.compile(
    r"[,，;；!?！？。…\n]+|\.+(?!\d)|(?<=[\u3400-\u9fff])\s+|\b(?:but|cos|because|since)\b", re.IGNORECASE
)
_ASKS = re.compile(
    r"\b(?:needs?|want|meant?|prefer|(?:look|search|hunt)(?:ing)? for|find|show me|recommend|suggest|buy"
    r"|sell|stock|carry|got|any"
    r"|have (?:you|u)|(?:you|u|ya) (?:have|do)|please|plz|pls|get me|(?:is|are) there|like an?|what'?s the|which)\b"
    r"|[买找求挑]|推荐|你们?家?有|有[没木]有|有[吗么嘛哪啥]|有什么|想[要送入换]|给.{1,4}[换送带]|来[个一点]|需要|要(?=[个一款双条件那这张把])"
    r"|看看|多少钱|最便宜|哪[个款些]",
    re.IGNORECASE,
)
"""A clause that asks for something."""
_TELLS = re.compile(
    r"\b(?:i|we|he|she|my|our|his|her|their|i'?m|i'?ve|we'?re|he'?s|she'?s)\b"
    r"|[我他她咱]|[男女]票|不够|要?去(?![屑油污黑角皮渍味毛湿静除])|天天|了\W*$",
    re.IGNORECASE,
)
"""A clause that tells a story."""
LIKES = re.compile(
    r"\b(?:likes?|loves?|enjoys?|into|fan of|interested in)\b|喜欢|热爱|爱好|爱(?=[喝吃看玩做听读写画])", re.IGNORECASE
)
"""What is said to be liked."""


def without_story(sentence: str) -> str:
    """The clauses that ask for something or tell no story; all, where these say nothing."""
    clauses = _clauses(sentence)
    kept = [c for c in clauses if _ASKS.search(c) or LIKES.search(c) or not _TELLS.search(c)]
    empty = SAID.issuperset(word for clause in kept for word in tokens(clause))
    return sentence if empty or len(kept) == len(clauses) else ", ".join(kept)


def wished(sentence: str, table: ProductTable) -> str:
    """The clauses that say what is looked for, where others name things, too: a sofa is what the cat has clawed.

    Those that ask for a thing come first, else those that name one and tell no story.
    """

    def names_thing(clause: str) -> bool:
        kinds = table.kinds(tokens(table.canonical(clause)))
        return bool(headed(clause, kinds, table) or table.sold.missing(clause))

    naming = list(filter(names_thing, _clauses(sentence)))
    if len(naming) < 2:
        return sentence
    asks = [c for c in naming if _ASKS.search(c)]
    return ", ".join(asks) or without_story(", ".join(naming))


def _clauses(sentence: str) -> list[str]:
    return [clause for clause in _SENTENCE.split(sentence) if clause.strip()]


def headed(text: str, categories: frozenset[str], table: ProductTable) -> frozenset[str]:
    """Categories of what is looked for, where its name says another kind than its words one by one.

    A category called by the last thing named is meant ("a camping tent"), and that of a kind whose whole name of
    several words stands there, or the end of one ("hiking backpack", "sleeping bag").
    """
    first = FOR.split(table.canonical(text).strip())[0]
    named = [term for term in tokens(first) if term in table.kind_rates]
    head = table.category_of(named[-1]) if named else ""
    lasts = [term for clause in _clauses(first) for term in [t for t in tokens(clause) if t not in SAID][-1:]]
    last = next(filter(table.ending_in, lasts), "")
    ending = table.ending_in(last)
    if head and head not in categories:
        categories = frozenset({head})
    elif ending and categories.isdisjoint(ending) and last not in tokens(" ".join(categories)):
        categories = ending  # a backpack for a laptop is no laptop
    mended = table.mended(text)
    near = [(name, c) for name, c in table.long_names.items() if name in mended]
    spans = [(re.search(rf"\b{re.escape(name)}s?\b", mended), c) for name, c in near]
    # "black leather" may be the name of bags, but a black leather jacket is none
    whole = {c for span, c in spans if span and not {*tokens(mended[span.end() :])[:1]} & table.kind_rates.keys()}
    return categories if not whole or categories & whole else frozenset(whole)


def first_wished(sentence: str, table: ProductTable) -> frozenset[str]:
    """Categories that a clause names, where those behind say what it should be like: "a phone, 屏幕大一点" is a phone.

    None where a clause behind wishes for something else or names nothing but another kind: "a phone, headphones".
    """
    clauses = _CLAUSE.split(sentence)
    if len(clauses) == 1:
        return frozenset()
    clauses = [table.canonical(clause) for clause in clauses]
    kinds = [table.kinds(tokens(clause)) for clause in clauses]
    at = next((place for place, named in enumerate(kinds) if named), len(kinds))
    behind = [(clause, named) for clause, named in zip(clauses[at + 1 :], kinds[at + 1 :], strict=True) if named]
    bare = any(_WISH.search(c) or set(tokens(c)) <= table.kind_rates.keys() for c, _ in behind)
    return frozenset() if bare or not behind else kinds[at]
