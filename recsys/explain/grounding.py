"""Does a sentence follow from the evidence? Every name, number, attribute and comparison in it is looked up.

The vocabulary is closed (`lexicon`): a word that is neither neutral nor in the evidence is an invention. Claiming words
need their evidence (`claims`, `figures`), and what was bought may not change places with what is recommended (`roles`).
Refusing a true sentence costs a retry or a plainer sentence; delivering a false one costs trust. So what cannot be
decided is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from recsys.data.personal import personal_kinds
from recsys.explain import claims, item_claims, numeric_claims, purchase_roles
from recsys.explain.facts import Facts
from recsys.explain.lexicon import PROFANE
from recsys.explain.masking import mask
from recsys.llm.language import tokens

#: Characters of a delivered sentence.
MAX_LENGTH = 480

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w&'-]+", re.MULTILINE)


def check(sentence: str, facts: Facts, *, max_length: int = MAX_LENGTH) -> list[str]:
    """What in `sentence` does not follow from `facts`; an empty list means that all of it does."""
    outside = sentence
    quote = [facts.item.praise.quote] if facts.item.praise else []  # it was read before it was taken
    for name in (facts.item.name, *(past.product.name for past in facts.because), *quote):
        outside = outside.replace(name, " ")
    found = limits(sentence, outside, max_length)
    masked = mask(sentence, facts)
    found += [f"unsupported word: {word}" for word in masked.unknown]
    found += purchase_roles.errors(masked.tokens, facts)
    found += claims.errors(masked.text, facts)
    found += item_claims.item_errors(masked.text, masked.tokens, facts)
    found += numeric_claims.errors(masked.text, masked.tokens, facts)
    if not any(token.startswith("⟦") or token in {"it", "this", "these"} for token in masked.tokens):
        found.append("names no product")
    return list(dict.fromkeys(found))


def limits(sentence: str, outside: str | None = None, max_length: int = MAX_LENGTH) -> list[str]:
    """Length, profanity, personal data and unprintable characters; true of any text a shopper is to read.

    Parameters
    ----------
    outside
        The sentence without the shop's own names, which may hold long numbers and words a writer may not use.
    """
    found = []
    if len(sentence) > max_length:
        found.append(f"longer than {max_length} characters")
    if not sentence.strip():
        found.append("empty")
    rest = sentence if outside is None else outside
    found += [f"holds {what}" for what in personal_kinds(rest)]
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "So"} for c in sentence):
        found.append("holds characters that do not print, or symbols")
    if re.search(r"<[a-zA-Z/!][^>]*>|\]\(|```|[{}]", sentence):
        found.append("holds markup")
    if PROFANE & set(re.findall(r"[a-z]+", rest.lower())):
        found.append("is profane")
    return found


def unsourced(text: str, sources: Sequence[str]) -> list[str]:
    """Numbers, prices, dates and names in a text that are in none of the sources."""
    own = "\n".join(sources)
    found = [f"number without a source: {n}" for n in sorted(set(_NUMBER.findall(text)) - set(_NUMBER.findall(own)))]
    known = set(tokens(own))
    return found + [
        f"name without a source: {name}" for name in sorted(set(_NAME.findall(text))) if not set(tokens(name)) <= known
    ]
