"""A question as the assistant has read it, and how sure it may be of an answer found for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import expit

from recsys.assistant.dialogue import Turn
from recsys.assistant.knowledge import Hit
from recsys.assistant.themes import Sentences, intent_of, theme_names
from recsys.llm.language import language_of

CLEAR = 0.25
"""Probability of the likeliest theme below which a question is like none of them."""
PRODUCT_FACT = "product_fact"
"""Theme of questions about one product."""
AMOUNT_PENALTY = 0.5
"""Factor on the confidence when an amount is asked for and the passage has no number."""

_SLOPE, _MIDDLE = 11.0, 0.57
_COSINE_SLOPE, _COSINE_MIDDLE = 20.0, 0.68
_HOW_MUCH = re.compile(
    r"\bhow (?:much|many)\b|\bexact(?:ly)?\b|\bwhat (?:does|do|is|are) .{0,40}\bcost\b|多少", re.IGNORECASE
)
_MINE = re.compile(r"\b(?:my|i|we|our|me)\b|我", re.IGNORECASE)
_OF_OTHERS = re.compile(
    r"\b(?:belongs? to (?!me)"
    r"|(?:neighbou?r|wife|husband|boss|friend|brother|sister|ex|colleague|customer|shopper|user)(?:'s|s')?"
    r"(?: \w+){0,2} (?:order|parcel|package|purchase|address|e-?mail)s?"
    r"|(?:order|parcel|purchase|address|e-?mail)s? of (?:my|another|other|user|customer|the (?:customer|user))"
    r"|(?:user|customer) (?:no\.? ?|number )?\d+|every customer|all customers"
    r"|other (?:people|customers|shoppers|users))\b"
    r"|别人的|其他(?:顾客|用户|人)",
    re.IGNORECASE,
)
_SUGGEST = re.compile(
    r"\b(?:recommend\w*|suggest\w*|looking for|look for|i(?:'d| would) like (?:a|an|some|to buy)"
    r"|i want (?:a|an|some|to buy|to get)|i need (?:a|an|some|new)|show me|find me|help me (?:choose|pick|find)"
    r"|what should i (?:buy|get)|any (?:good|nice|other)|do you have (?:a|an|any|some)|anything|something)\b"
    r"|推荐|想买|想要|有没有|看看|找一",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ParsedQuestion:
    """A question, the turns before it, who asks (None where nobody is signed in) and how it was read."""

    question: str
    turns: Sequence[Turn]
    user: str | None
    read: Sentences

    @property
    def language(self) -> str:
        """Language of the question."""
        return language_of(self.question)

    @property
    def intent(self) -> str:
        """The likeliest intent."""
        return intent_of(self.read.themes[0])[0]

    @property
    def theme(self) -> str:
        """The likeliest theme."""
        return theme_names()[int(self.read.themes[0].argmax())]

    @property
    def unclear(self) -> bool:
        """Whether the question is like none of the themes."""
        return bool(self.read.themes[0].max() < CLEAR)

    @property
    def own(self) -> bool:
        """Whether the asker speaks of themselves."""
        return bool(_MINE.search(self.question))

    @property
    def about_others(self) -> bool:
        """Whether it asks for what belongs to another shopper."""
        return bool(_OF_OTHERS.search(self.question))

    @property
    def wants_suggestion(self) -> bool:
        """Whether its words ask to be shown products."""
        return bool(_SUGGEST.search(self.question))

    def confidence(self, hits: Sequence[Hit]) -> float:
        """How likely the best passage answers the question.

        Whether both are about the same theme tells answerable questions from others better than cosine, words or the
        lead over the second passage, and beside it these add nothing; hence a logistic curve of that alone. A question
        that is like no theme agrees with whatever else is like none, and one about the world, or about a product nobody
        has named, with whatever else sounds so: there, only near-equal sentences count.
        """
        if not hits:
            return 0.0
        telling = self.intent != "out_of_scope" and self.theme != PRODUCT_FACT
        clear = min(1.0, float(self.read.themes[0].max()) / CLEAR) if telling else 0.0
        same_theme = expit(_SLOPE * (hits[0].theme * clear - _MIDDLE))
        same_words = expit(_COSINE_SLOPE * (hits[0].cosine - _COSINE_MIDDLE))
        confidence = float(max(same_theme, same_words))
        if _HOW_MUCH.search(self.question) and not re.search(r"\d", hits[0].passage.text):
            confidence *= AMOUNT_PENALTY
        return confidence
