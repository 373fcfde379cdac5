"""Reading a question: what it is about, and whether the shop's rules answer it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from recsys.assistant import dialogue
from recsys.assistant.answerability import Answerability
from recsys.assistant.hearing import (
    ASPECTS,
    Heard,
    confidence,
    covering,
    facets,
    intent_of_theme,
    subject,
    told_by,
    told_of,
    whole,
)
from recsys.assistant.knowledge import PRODUCT, Hit, Knowledge
from recsys.assistant.patterns import pattern
from recsys.assistant.themes import Reader, Sentences, intent_of, phrases, theme_names
from recsys.llm.clauses import services
from recsys.llm.language import tokens, without_concepts
from recsys.llm.places import general_places
from recsys.serving.search import ProductTable, mentions
from recsys.serving.search.query import SAID

OTHER_KIND = 0.5
"""What a rule on another kind of product than the question's loses of its score."""
OF_ITS_GOODS = 0.2
"""What one that speaks of the very goods gains."""


SEVERAL, UNHEARD_OF = 2, 0.6
"""Words of a question that no shop speaks of from which it is less sure of an answer, and what is left of that."""
WELL, FAINT = 0.85, 0.2
"""Agreement on the theme below which one such word is enough; likeness below which the theme alone is too little."""
ABOUT = 0.2
"""Probability of a theme from which a sentence that names its matter is about it."""
FOUND = 12
"""Passages among which the answer is looked for."""
_NAME = re.compile(r"[a-z][a-z'-]+")
PAYMENT = frozenset({"cash", "cheque", "crypto"})
"""Ways of paying: the shop's rule lists those it takes."""
UNCERTAIN = 0.01
"""How near to 0 and 1 a probability is taken to be."""
READ = 8
"""Passages that the judge reads."""
BY_SCORE = 4.0
"""What a passage's score counts beside the judge's log-odds in the order of passages: chosen on held-out shops."""
BY_JUDGE, BY_LIKENESS, OFFSET = 0.7, 0.6, 0.7
"""Weights of the judge's log-odds and of those of likeness in the log-odds that a passage answers, and what is added:
chosen on questions of the sample shop that were used in development, and on those held-out shops."""
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
        if sure < UNSURE and intent_of(read.themes[0])[0] != "out_of_scope":
            again, others = self._rules(plain, general)
            sure, hits = (again, others) if again > sure else (sure, hits)
        named = dict(zip(theme_names(), map(float, chances), strict=True))
        vector = _joined(read.vectors[:1], read.vectors[1:])[0]
        judged = (
            sure if self._judge is None or not hits else float(self._judge.answers(text, [whole(hits[0].passage)])[0])
        )
        return Heard(question, raw, named, sure, hits, vector, judged)

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
        sure, told = self._by_likeness(text, read, hits)
        return (sure, told) if self._judge is None or not hits or sure >= 1 else self._judged(text, hits, sure, told)

    def _by_likeness(self, text: str, read: Sentences, near: Sequence[Hit]) -> tuple[float, list[Hit]]:
        """Confidence in the passages that share the question's theme, words and matters, and these."""
        hits = covering(text, near) if near else []
        theme = theme_names()[int(read.themes[0].argmax())]
        if hits and _letters(text) == _letters(subject(hits[0].passage)):
            return 1.0, hits  # the shop's own question
        sure = confidence(read, theme, intent_of_theme(theme), text, hits)
        about = {name for name, chance in zip(theme_names(), read.themes[0], strict=True) if chance >= ABOUT}
        if about & (facets(text) - told_by(hits)):  # what it is about stands nowhere in what was found
            sure *= UNHEARD_OF
        return (sure * UNHEARD_OF if self._beside_the_matter(text, hits) else sure), hits

    def _judged(self, text: str, hits: Sequence[Hit], sure: float, alike: list[Hit]) -> tuple[float, list[Hit]]:
        """Confidence in the passage that is likeliest to answer by the judge and its score, and what is told.

        Likeness (`sure` of the first of `alike`) counts beside the judge where both are of one passage, as far as it
        doubts where they are not. Of one passage, what likeness tells beside it is told, too; else a second one that
        answers and speaks of what the first leaves open.
        """
        assert self._judge is not None, "asked where there is a judge"
        near = hits[:READ]
        said = _log_odds(self._judge.answers(text, [whole(hit.passage) for hit in near]))
        worth = said + BY_SCORE * np.array([hit.score for hit in near])
        if sure >= UNSURE:  # what likeness is sure of stays where the judge agrees: it knows which goods a rule is on
            worth[[at for at, hit in enumerate(near) if hit.passage == alike[0].passage and said[at] > 0]] = np.inf
        order = np.argsort(-worth, kind="stable")
        best, *rest = (near[at] for at in order)
        same, likeness = best.passage == alike[0].passage, _log_odds(np.array([sure]))[0]
        odds = BY_JUDGE * said[order[0]] + BY_LIKENESS * (likeness if same else min(likeness, 0.0)) + OFFSET
        if same:
            return float(expit(odds)), alike
        open_ = facets(text) - told_of(best)
        more = [hit for hit, chance in zip(rest, said[order[1:]], strict=True) if chance > 0 and open_ & told_of(hit)]
        return float(expit(odds)), [best, *more[:1]]

    def _beside_the_matter(self, text: str, hits: Sequence[Hit]) -> bool:
        """Whether the very matter asked for may stand nowhere in what was found: theme and aspects are of many matters.

        A question on a theme of the shop's may be about a thing that no shop speaks of, or share the theme and no
        meaning with the passage ("which gate does the van use" and "vans leave at noon").
        """
        unheard = len(self.unheard_of(text))
        if unheard >= SEVERAL or not hits or hits[0].theme >= WELL:
            return unheard >= SEVERAL
        return unheard > 0 or (hits[0].cosine < FAINT and not facets(text) - ASPECTS)

    def unheard_of(self, text: str) -> set[str]:
        """What a sentence speaks of and neither the shop nor anybody who asks a shop does: a landlord, a fridge."""
        rest = without_concepts(general_places(text, dialogue.spoken_in(text)).lower())
        words = (word for word in tokens(rest) if len(word) > (3 if word.isascii() else 1) and word.isalpha())
        found = sorted({word for word in words if not self._heard_of & {word, *_uninflected(word)}}, key=len)
        return {word for n, word in enumerate(found) if not any(word in longer for longer in found[n + 1 :])}

    @cached_property
    def _heard_of(self) -> frozenset[str]:
        """Words of the shop's rules and catalogue, and of how people ask."""
        rules = (f"{p.title} {p.text}" for p in self._knowledge.passages if p.kind != PRODUCT)
        known = {word for text in (*rules, *phrases()) for word in tokens(text)} | SAID
        return frozenset(known if self._table is None else known | set(self._table.words))

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


def _uninflected(word: str) -> list[str]:
    """What an English word may be a form of: "stored" of "store"."""
    return [word.removesuffix(ending) for ending in ("d", "ed", "ing") if word.isascii() and word.endswith(ending)]


def _log_odds(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of probabilities, none of them certain."""
    odds: NDArray[np.float64] = logit(np.clip(chances, UNCERTAIN, 1 - UNCERTAIN))
    return odds


def _letters(text: str) -> str:
    return re.sub(r"\W", "", text).lower()


def _joined(raw: NDArray[np.float32], plain: NDArray[np.float32]) -> NDArray[np.float32]:
    both = np.hstack([raw, plain])
    return np.asarray(both / np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-9), np.float32)
