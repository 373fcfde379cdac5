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


def headed(text: str, categories: frozenset[str], table: ProductTable) -> frozenset[str]:
    """Categories of what is looked for, where its name says another kind than its words one by one.

    A category called by the last thing named is meant ("a camping tent"), and that of a kind whose whole name of
    several words stands there, or the end of one ("hiking backpack", "sleeping bag").
    """
    first = tokens(FOR.split(table.canonical(text).strip())[0])
    named = [term for term in first if term in table.kind_rates]
    head = table.category_of(named[-1]) if named else ""
    ending = table.ending_in(first[-1]) if first and first[-1] not in SAID else frozenset()
    if head and head not in categories:
        categories = frozenset({head})
    elif ending and categories.isdisjoint(ending) and first[-1] not in tokens(" ".join(categories)):
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
