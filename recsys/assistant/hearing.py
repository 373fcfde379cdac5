"""How a question is heard: split into the questions it holds, and read by the encoder for what each is about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from recsys.assistant.dialogue import without_references
from recsys.assistant.knowledge import Hit
from recsys.assistant.patterns import asks, pattern, says
from recsys.assistant.themes import Sentences, theme_intents, theme_names
from recsys.data.passages import Passage
from recsys.llm.language import concept_names, concepts, word_list
from recsys.llm.places import places

MAX_PARTS = 3
"""Questions in one turn that are answered."""
BARE = 10
"""Characters of a question, for price, stock or advice, that says nothing of what."""
CLEAR = 0.25
"""Probability of the likeliest theme below which a question is like none of them."""
LIKELY = 0.35
"""Probability from which an act is taken although another may be likelier."""
AMOUNT_PENALTY = 0.5
"""Factor on the confidence when an amount is asked for and the passage has no number."""
SAYS_JUST_THIS = 0.5
"""Cosine from which a rule says just what is asked, whatever else a sentence names."""
WORDS, THEME = 0.15, 0.03
"""What finding all words of a question in a passage, or its theme, adds to their cosine."""

NEAR = 0.55
"""Share of the best passage's score from which another may be told beside it."""
HALF, ALIKE = 0.5, 0.45
"""Confidence in passages that speak of all the things that are asked for, and agree so far on the theme."""
AS_NEAR = 0.7
"""Share of it from which a passage that speaks of all that is asked, and of nothing else, comes before the best."""
OF_ITS_OWN, OF_AN_ASPECT = 0.75, 0.9
"""What is left of a passage's score for each matter, or aspect, that its subject is about and the question is not."""
OTHER_THEME = 0.3
"""How much less a passage may agree on the theme than the nearest and still come before it."""
PLAIN = 0.8
"""Agreement on the theme from which a passage that speaks of the one matter asked for answers."""
_NO_FACETS = frozenset(
    {"greeting", "thanks", "goodbye", "machine", "anger", "advice", "others"}
    | {"order", "my_order", "parcel", "several", "part", "product_fact"}
)
"""Concepts that ask for nothing."""
ASPECTS = frozenset({"cost", "duration", "fast", "used", "place", "abroad", "policy", "delivery"})
"""Concepts that are asked of a matter and are none of their own."""
_OF_GOODS = frozenset({"cost", "duration", "fast", "used", "place"})
"""Aspects that goods have as well as the shop's service."""
_SLOPE, _MIDDLE = 11.0, 0.57
_COSINE_SLOPE, _COSINE_MIDDLE = 20.0, 0.68
NUMBER_WORD = rf"\b(?:{'|'.join(sorted(word_list('number_words')))})\b"
"""Pattern of an English number in letters."""
_AMOUNT = re.compile(rf"\d|[一二两三四五六七八九十]|{NUMBER_WORD}", re.IGNORECASE)
_CLOCK = re.compile(r"\b\d{1,2}:\d\d\b")


@dataclass(frozen=True)
class Heard:
    """One question of a turn as it was read.

    Attributes
    ----------
    probabilities
        Of the themes, with the catalogue's words taken out.
    sure, hits
        Confidence that the shop's rules answer it, and the passages that do; none where none may.
    vector
        Of the question as it is and without the catalogue's words, one after the other, of length 1; zeros where the
        encoder does not read its language.
    judged
        Probability that the first of `hits` answers by the judge alone; `sure` where there is none.
    """

    text: str
    read: Sentences
    probabilities: dict[str, float]
    sure: float
    hits: list[Hit]
    vector: NDArray[np.float32]
    judged: float

    @property
    def theme(self) -> str:
        """The likeliest theme."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @cached_property
    def intents(self) -> dict[str, float]:
        """Probability of each intent."""
        totals: dict[str, float] = {}
        for name, intent in zip(theme_names(), theme_intents(), strict=True):
            totals[intent] = totals.get(intent, 0.0) + self.probabilities[name]
        return totals

    def speaks_of(self, concept: str) -> bool:
        """Whether a shop concept is named."""
        return bool(self.read.concepts[0, concept_names().index(concept)])

    @property
    def speaks_of_shop(self) -> bool:
        """Whether any concept but a greeting is named."""
        return any(
            self.speaks_of(name) for name in concept_names() if name not in {"greeting", "thanks", "goodbye", "machine"}
        )

    @property
    def intent(self) -> str:
        """The likeliest intent."""
        return max(self.intents, key=self.intents.__getitem__)

    def likely(self, *themes: str) -> bool:
        """Whether one of these themes is the likeliest, or likely."""
        return self.theme in themes or sum(self.probabilities[t] for t in themes) >= LIKELY


def split(question: str) -> list[str]:
    """The questions of a turn: two in one sentence are two."""
    parts = [part.strip(" ,，") for part in pattern("split").split(question) if part and part.strip(" ,，")]
    out: list[str] = []
    for part in parts:
        asks_it = says("asks_something", part)
        before = bool(out) and says("asks_something", out[-1]) and not says("on_condition", out[-1])
        before |= bool(out) and says("for_things", out[-1]) and bool(facets(part) - _OF_GOODS)  # a wish, and a rule
        bare = facets(part) == {"cost"} and not (out and facets(out[-1]))  # "... the cheapest, how much is it"
        if len(part) <= BARE:  # 那款香水多少钱 有货不; ... 有什么推荐
            bare |= asks(part, ("price", "stock")) and facets(part) <= {"cost", "stock"}
            bare |= says("for_things", part) and facets(part) <= {"colour", "size"}
        # What leads up to a question belongs to it, and so does a part that only points at what was shown.
        if out and (bare or not (asks_it and before) or not without_references(out[-1]).strip()):
            out[-1] = f"{out[-1]}, {part}"
        else:
            out.append(part)
    return out[:MAX_PARTS] or [question]


@lru_cache(maxsize=4096)
def facets(text: str) -> frozenset[str]:
    """What a sentence or passage speaks of: shop concepts, and whether it names a place."""
    found = {name for name, speaks in zip(concept_names(), concepts([text])[0], strict=True) if speaks}
    found |= ({"place"} if places(text) else set()) | ({"duration"} if _CLOCK.search(text) else set())
    return frozenset(found - _NO_FACETS - ({"gift"} if "gift_card" in found else set()))


def covering(question: str, hits: Sequence[Hit]) -> list[Hit]:
    """The passages that answer a question together, at most two.

    The nearest comes first, or one about as near that speaks of all that is asked, or of less that is not; then one
    that speaks of what the first leaves open: where a parcel goes and what it costs are two entries.
    """
    asked, near = facets(question), [hit for hit in hits if hit.score >= NEAR * hits[0].score]
    spoken = [told_of(hit) for hit in near]
    apt = [at for at, hit in enumerate(near) if facets(subject(hit.passage)) <= asked | ASPECTS]  # of no other matter
    may = [at for at in apt if near[at].score >= AS_NEAR * near[0].score]
    may = [at for at in may if near[at].theme >= near[0].theme - OTHER_THEME]
    if asked - spoken[0]:
        may = [at for at in may if asked <= spoken[at]]
    first = max({0, *may}, key=lambda at: near[at].score * near[at].theme * _share_asked(near[at], asked, spoken[at]))
    open_ = asked - spoken[first]
    more = [at for at in apt if at != first and open_ & spoken[at] and asked & spoken[first] & spoken[at]]
    second = max(more, key=lambda at: (len(open_ & spoken[at]), near[at].score), default=None)
    return [near[at] for at in (first, second) if at is not None]


def _share_asked(hit: Hit, asked: frozenset[str], spoken: frozenset[str]) -> float:
    """How much of what a passage is about was asked for; nothing is left of one that leaves something open."""
    more = facets(subject(hit.passage)) - asked
    aspects = len(more & ASPECTS) + (hit.passage.kind != "faq")  # a heading says less than a question
    return float(OF_ITS_OWN ** len(more - ASPECTS) * OF_AN_ASPECT**aspects * (1 if asked <= spoken else AS_NEAR))


def told_of(hit: Hit) -> frozenset[str]:
    """What a FAQ's question and answer speak of, or a list and its heading; a paragraph's heading is that of others."""
    text = hit.passage.text
    alone = hit.passage.kind != "faq" and not text.startswith("- ")
    spans = {"duration"} if says("span", text) else set()
    return facets(text if alone else f"{subject(hit.passage)} {text}") | spans


def told_by(hits: Sequence[Hit]) -> frozenset[str]:
    """What passages speak of together."""
    return frozenset().union(*map(told_of, hits))


def subject(passage: Passage) -> str:
    """A FAQ's question, or the heading right above a paragraph."""
    return passage.title if passage.kind == "faq" else passage.title.rpartition(": ")[2]


def whole(passage: Passage) -> str:
    """A passage with what it is about, as the judge reads it."""
    return f"{passage.title} {passage.text}"


def confidence(heard: Sentences, theme_of: str, intent: str, question: str, hits: Sequence[Hit]) -> float:
    """How likely the best passage answers a question.

    Whether both are about the same theme tells answerable questions from others better than cosine, words or the lead
    over the second passage, and beside it these add nothing; hence a logistic curve of that alone. A question that is
    like no theme agrees with whatever else is like none, and one about the world, or about a product nobody has named,
    with whatever else sounds so: there, only near-equal sentences count.
    """
    if not hits:
        return 0.0
    telling = intent != "out_of_scope" and theme_of != "product_fact"
    near = 2 * max(0.0, hits[0].cosine - 0.3)
    clear = min(1.0, float(heard.themes[0].max()) / CLEAR + near) if telling else 0.0
    same_theme = expit(_SLOPE * (hits[0].theme * clear - _MIDDLE))
    near_equal = hits[0].cosine + WORDS * min(hits[0].words, 1.0) + THEME * hits[0].theme
    same_words = expit(_COSINE_SLOPE * (near_equal - _COSINE_MIDDLE))
    sure = float(max(same_theme, same_words))
    asked = facets(question)
    enough = ALIKE if len(asked) > 1 else PLAIN if asked - ASPECTS else 1.0
    if telling and hits[0].theme >= enough and asked <= told_by(hits):
        sure = max(sure, HALF)  # they speak of all that is asked
    if says("how_much", question) and not _AMOUNT.search(" ".join(hit.passage.text for hit in hits[:2])):
        sure *= AMOUNT_PENALTY
    return sure


def intent_of_theme(theme: str) -> str:
    """The intent a theme belongs to."""
    return theme_intents()[theme_names().index(theme)]
