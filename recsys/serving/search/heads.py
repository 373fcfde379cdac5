"""Head nouns of a search: the kind of thing that is looked for, among words that name others beside it."""

from __future__ import annotations

import re

from recsys.llm.language import tokens
from recsys.serving.search.product_table import ProductTable

FOR = re.compile(r"(?<![\w-])(?:for|with|to|under|in|from|that|which|who|as)(?![\w-])", re.IGNORECASE)
"""What comes before is looked for, what comes behind says what it is for."""


def headed(text: str, categories: frozenset[str], table: ProductTable) -> frozenset[str]:
    """Categories of what is looked for, where its name says another kind than its words one by one.

    A category called by the last thing named is meant ("a camping tent"), and that of a kind whose whole name of
    several words stands there, or the end of one ("hiking backpack", "sleeping bag").
    """
    named = [term for term in tokens(FOR.split(table.canonical(text).strip())[0]) if term in table.kind_rates]
    head = table.category_of(named[-1]) if named else ""
    if head and head not in categories:
        categories = frozenset({head})
    mended = table.mended(text)
    near = [(name, c) for name, c in table.long_names.items() if name in mended]
    spans = [(re.search(rf"\b{re.escape(name)}s?\b", mended), c) for name, c in near]
    # "black leather" may be the name of bags, but a black leather jacket is none
    whole = {c for span, c in spans if span and not {*tokens(mended[span.end() :])[:1]} & table.kind_rates.keys()}
    return categories if not whole or categories & whole else frozenset(whole)
