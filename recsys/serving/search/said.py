"""Words that anybody says in any question: they tell nothing of what is looked for."""

from __future__ import annotations

from recsys.llm.language import tokens, word_list

_LISTS = ("said_when_looking", "said_when_asking", "function_words", "common", "number_words")
SAID = frozenset(form for name in _LISTS for word in word_list(name) for form in (word, *tokens(word)))
