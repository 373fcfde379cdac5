"""Reading a question: what it is about, and whether the shop's rules answer it."""

from __future__ import annotations

import re

from recsys.assistant import dialogue
from recsys.assistant.hearing import Heard, confidence, intent_of_theme
from recsys.assistant.knowledge import Hit, Knowledge
from recsys.assistant.themes import Reader, Sentences, theme_names
from recsys.assistant.wishes import NAME
from recsys.llm.clauses import services
from recsys.llm.language import tokens
from recsys.serving.search import ProductTable

OTHER_KIND = 0.35
"""What a rule on another kind of product than the question's loses of its score."""


class Listener:
    """Reads questions with the reader of the shop's knowledge, the catalogue's words taken out.

    Parameters
    ----------
    knowledge
        What the shop says; its reader reads questions.
    table
        The catalogue, None where there is none.
    """

    def __init__(self, knowledge: Knowledge, table: ProductTable | None) -> None:
        self._knowledge, self._table = knowledge, table

    @property
    def _reader(self) -> Reader:
        return self._knowledge.reader

    def hear(self, question: str) -> Heard:
        """Read one question: as it is for the shop's texts, and without the catalogue's words for what it asks."""
        plain = self._delexicalised(question)
        read = self._reader.read([question, plain])
        raw = Sentences(read.vectors[:1], read.concepts[:1], read.themes[:1])
        chances = read.themes[1] if read.themes[1].any() else read.themes[0]
        return Heard(question, raw, dict(zip(theme_names(), map(float, chances), strict=True)))

    def _delexicalised(self, question: str) -> str:
        table = self._table
        if table is None:
            return question
        text, named = question, dialogue.products_in(question, table)
        for row in named:
            for name in (table.titles[row], table.ids[row]):
                text = re.sub(re.escape(name), "the product", text, flags=re.IGNORECASE)
        text = table.canonical(text)
        if not named and (meant := dialogue.named(question, table)):
            of_title = table.title_terms[meant[0]]
            words = [word for word in re.findall(r"[a-z][\w'-]*", text) if of_title & set(tokens(word))]
            for at, word in enumerate(words):
                text = re.sub(rf"(?<![\w]){re.escape(word)}(?![\w])", "the product" if at == 0 else "", text, count=1)
        for brand in table.brand_names:
            text = text.replace(brand.lower(), "")
        return NAME.sub(lambda match: "products" if table.names_kind(match.group()) else match.group(), text)

    def sure_of(self, heard: Heard, query: str | None = None) -> tuple[float, list[Hit]]:
        """Confidence that the shop's rules answer a question, and the passages found."""
        read = heard.read if query is None else self._reader.read([query])
        hits = self._knowledge.rules(query or heard.text, dialogue.spoken_in(heard.text), read=read)
        hits = self._of_its_kind(query or heard.text, hits)
        if asked := services(query or heard.text):  # what no rule names, no rule answers
            hits = [hit for hit in hits if asked <= services(f"{hit.passage.title}. {hit.passage.text}")]
        theme = theme_names()[int(read.themes[0].argmax())]
        return confidence(read, theme, intent_of_theme(theme), query or heard.text, hits), hits

    def _of_its_kind(self, question: str, hits: list[Hit]) -> list[Hit]:
        """Hits with the rules on kinds of product that the question does not name put behind others about as near."""
        table = self._table
        if table is None:
            return hits
        kinds = table.kinds(tokens(table.canonical(question)))

        def score(hit: Hit) -> float:
            of = table.kinds_named(hit.passage.title)
            return hit.score - (OTHER_KIND if of and not of & kinds else 0.0)

        return sorted(hits, key=score, reverse=True)
