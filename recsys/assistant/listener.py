"""Reading a question: what it is about, and whether the shop's rules answer it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from recsys.assistant import dialogue
from recsys.assistant.answerability import Answerability
from recsys.assistant.hearing import (
    Heard,
    confidence,
    covering,
    facets,
    intent_of_theme,
    subject,
    told_of,
    whole,
)
from recsys.assistant.knowledge import Hit, Knowledge
from recsys.assistant.patterns import pattern, says
from recsys.assistant.themes import Reader, Sentences, intent_of, theme_names
from recsys.llm.clauses import services
from recsys.llm.language import sentences, tokens
from recsys.llm.places import general_places
from recsys.serving.search import ProductTable, mentions
from recsys.serving.search.said import SAID

OTHER_KIND = 0.5
"""What a rule on another kind of product than the question's loses of its score."""
OF_ITS_GOODS = 0.2
"""What one that speaks of the very goods gains."""


FOUND = 12
"""Passages among which the answer is looked for."""
_NAME = re.compile(r"[a-z][a-z'-]+")
PAYMENT = frozenset({"cash", "cheque", "crypto"})
"""Ways of paying: the shop's rule lists those it takes."""
UNCERTAIN = 0.01
"""How near to 0 and 1 a probability is taken to be."""
READ = 8
"""Passages that the judge reads."""
BY_JUDGE, OF_SCORE, OF_THEME, ALIKE, OFFSET = 0.8, 1.7, 1.0, 1.35, -1.93
"""Log-odds that a passage answers: weights of the judge's log-odds, of the passage's score, of its agreement on the
theme and of its being what words and theme find, and what is added. By a logistic regression on 720 questions to
invented shops, the judge's and what is added by trying some on these, everyday ones and near misses (decisions 29 to
31); the theme, which these do not need, by questions of the sample shop that were used in development."""
OF_OTHERS = 2.0
"""What a rule on certain goods loses of the judge's log-odds beside a question that names none of them."""
UNLIKELY = 0.08
"""Probability below which what answers a question in general words is none for it as it is put."""
DENIED = -2.0
"""Log-odds of the judge below which it denies no more."""
SURER = 1.0
"""Log-odds by which another passage is the likelier answer for the judge, from which that is told: both do answer."""
RECENT = 32
"""Sentences whose reading is kept."""
UNSURE = 0.5
"""Confidence below which a question is read again in general words."""


class Listener:
    """Reads questions with the reader of the shop's knowledge, the catalogue's words taken out.

    Parameters
    ----------
    knowledge
        What the shop says; its reader reads questions.
    table
        The catalogue, None where there is none.
    judge
        Tells whether a passage answers a question; by default their likeness alone does.
    """

    def __init__(self, knowledge: Knowledge, table: ProductTable | None, judge: Answerability | None = None) -> None:
        self._knowledge, self._table, self._judge = knowledge, table, judge
        self.hear = lru_cache(maxsize=RECENT)(self._hear)  # guard, plan and look-up read the same sentence

    @property
    def _reader(self) -> Reader:
        return self._knowledge.reader

    def _hear(self, question: str) -> Heard:
        """Read one question: as it is for the shop's texts, and without the catalogue's words for what it asks.

        The rules are searched again in the general words ("products" for a kind, the country or union for a place)
        where they are unsure of the question as it is put: few are on trainers or on Berlin alone.
        """
        text = pattern("leads_in").sub("", question).strip() or question
        plain = self._delexicalised(text)
        read = self._reader.read([text, plain])
        raw, general = (
            Sentences(read.vectors[at : at + 1], read.concepts[at : at + 1], read.themes[at : at + 1]) for at in (0, 1)
        )
        chances = read.themes[1] if read.themes[1].any() else read.themes[0]
        sure, hits = self._rules(text, raw)
        judged = self._as_put(text, sure, hits)
        if sure < UNSURE and intent_of(read.themes[0])[0] != "out_of_scope":
            again, others = self._rules(plain, general)
            put = self._as_put(text, again, others)
            denied = self._judge is not None and bool(others) and put < UNLIKELY
            if again > sure and not denied:
                sure, hits, judged = again, others, put
        named = dict(zip(theme_names(), map(float, chances), strict=True))
        vector = _joined(read.vectors[:1], read.vectors[1:])[0]
        return Heard(question, raw, named, sure, hits, vector, judged)

    def _as_put(self, text: str, sure: float, hits: Sequence[Hit]) -> float:
        """Probability by the judge alone that the first of these answers a question as it is put; else `sure`."""
        if self._judge is None or not hits:
            return sure
        return float(self._judge.answers(text, [whole(hits[0].passage)])[0])

    def vectors(self, questions: Sequence[str]) -> NDArray[np.float32]:
        """`Heard.vector` of several questions, shape ``(n, 2 dim)``."""
        plain = [self._delexicalised(question) for question in questions]
        return _joined(self._reader.vectors(questions), self._reader.vectors(plain))

    def _delexicalised(self, question: str) -> str:
        table = self._table
        if table is None:
            return question
        text, named = question, mentions.products_in(question, table)
        for row in named:
            for name in (table.titles[row], table.ids[row]):
                text = re.sub(re.escape(name), "the product", text, flags=re.IGNORECASE)
        text = table.canonical(general_places(text, dialogue.spoken_in(question)))
        if not named and (meant := mentions.named(question, table)):
            of_title = table.title_terms[meant[0]]
            words = [word for word in re.findall(r"[a-z][\w'-]*", text) if of_title & set(tokens(word))]
            for at, word in enumerate(words):
                text = re.sub(rf"(?<![\w]){re.escape(word)}(?![\w])", "the product" if at == 0 else "", text, count=1)
        for brand in table.brand_names:
            text = text.replace(brand.lower(), "")
        return _NAME.sub(lambda match: "products" if table.names_kind(match.group()) else match.group(), text)

    def _rules(self, text: str, read: Sentences) -> tuple[float, list[Hit]]:
        hits = self._knowledge.rules(text, dialogue.spoken_in(text), FOUND, read=read)
        hits = self._of_its_kind(text, hits)
        if asked := services(text) - PAYMENT:  # what no rule names, no rule answers; but ways of paying are listed
            hits = [hit for hit in hits if asked <= services(f"{hit.passage.title}. {hit.passage.text}")]
        alike = covering(text, hits) if hits else []
        if alike and _letters(text) == _letters(subject(alike[0].passage)):
            return 1.0, alike  # the shop's own question
        if self._judge is not None and hits:
            return self._judged(text, hits, alike, self._judge)
        theme = theme_names()[int(read.themes[0].argmax())]
        return confidence(read, theme, intent_of_theme(theme), text, alike), alike

    def _judged(
        self, text: str, hits: Sequence[Hit], alike: list[Hit], judge: Answerability
    ) -> tuple[float, list[Hit]]:
        """Confidence in the passage that is likeliest to answer, and what is told.

        Where words and theme find it, too (`alike`), what they tell beside it is told; else a second one that the judge
        takes for an answer and that speaks of what the first leaves open.
        """
        near = hits[:READ]
        said = np.maximum(_log_odds(judge.answers(text, [whole(hit.passage) for hit in near])), DENIED)
        other = np.array([self._of_other_goods(text, hit) for hit in near])
        if (said[~other] > 0).any():  # one that holds of any goods answers, too
            near = [hit for hit, of_others in zip(near, other, strict=True) if not of_others]
            alike = [hit for hit in alike if hit in near] or near[:1]
            said, other = said[~other], other[~other]
        said = said - OF_OTHERS * other
        same = np.array([hit.passage == alike[0].passage for hit in near])
        seen = np.array([(hit.score, hit.theme) for hit in near]) @ (OF_SCORE, OF_THEME)
        odds = BY_JUDGE * said + seen + ALIKE * same + OFFSET
        order = np.argsort(-odds, kind="stable")
        best, *rest = (near[at] for at in order)
        sure = float(expit(odds[order[0]]))
        if same[order[0]]:
            surest = int(said.argmax())
            surer = said[order[0]] > 0 and said[surest] > said[order[0]] + SURER
            return sure, [near[surest]] if surer else alike
        open_ = facets(text) - told_of(best)
        more = [hit for hit, chance in zip(rest, said[order[1:]], strict=True) if chance > 0 and open_ & told_of(hit)]
        return sure, [best, *more[:1]]

    def _of_its_kind(self, question: str, hits: list[Hit]) -> list[Hit]:
        """Hits with the rules on the goods of the question put before others about as near, those on others behind."""
        table = self._table
        if table is None:
            return hits
        said = table.canonical(question)
        kinds, goods = table.kinds(tokens(said)), {w for w in tokens(said) if w in table.kind_rates}

        def of_its_kind(hit: Hit) -> Hit:
            of = table.kinds_named(hit.passage.title)
            told = set(tokens(table.canonical(f"{hit.passage.title} {hit.passage.text}")))
            more = OF_ITS_GOODS if goods and goods <= told else 0.0
            return replace(hit, score=hit.score + more - (OTHER_KIND if of and not of & kinds else 0.0))

        return sorted(map(of_its_kind, hits), key=lambda hit: -hit.score)

    def _of_other_goods(self, question: str, hit: Hit) -> bool:
        """Whether a rule holds of certain goods alone, or excepts them from another, and a question names none."""
        table, passage, heading = self._table, hit.passage, subject(hit.passage)
        if table is None or says("asks_exceptions", question):
            return False
        told = passage.title if passage.kind == "faq" else passage.text
        each = [table.kinds_named(part) for part in sentences(told)]
        if not (all(each) or (passage.kind != "faq" and says("denies", heading) and any(each))):
            return False
        kinds = table.kinds(tokens(table.canonical(question)))
        said = set(tokens(table.canonical(question))) - SAID - table.kind_terms(kinds) - set(tokens(heading))
        return not kinds & frozenset().union(*each) and said.isdisjoint(tokens(table.canonical(whole(passage))))


def _log_odds(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of probabilities, none of them certain."""
    odds: NDArray[np.float64] = logit(np.clip(chances, UNCERTAIN, 1 - UNCERTAIN))
    return odds


def _letters(text: str) -> str:
    return re.sub(r"\W", "", text).lower()


def _joined(raw: NDArray[np.float32], plain: NDArray[np.float32]) -> NDArray[np.float32]:
    both = np.hstack([raw, plain])
    return np.asarray(both / np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-9), np.float32)
