"""The shop's assistant: a question in, an answer with its sources out, or a hand-over to a person."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd

from recsys.assistant import advice, dialogue, order_desk, products, why
from recsys.assistant.constraints import Constraints, ProductTable, parse
from recsys.assistant.dialogue import MAX_QUESTION, Turn
from recsys.assistant.knowledge import SHOP_RULES, Hit, Knowledge
from recsys.assistant.messages import message
from recsys.assistant.nearest import Near, Nearest
from recsys.assistant.orders import Orders, order_numbers
from recsys.assistant.question import PRODUCT_FACT, ParsedQuestion
from recsys.assistant.reply import Answer
from recsys.assistant.safety import gives_orders
from recsys.assistant.themes import Sentences
from recsys.assistant.wording import RETRIEVED, Wording
from recsys.data import schema
from recsys.data.parsing import as_ids
from recsys.errors import BadInput
from recsys.serving.recommender import Recommender

BOUND = 0.5
"""Confidence below which a person takes over."""
_FACT_THEMES = {PRODUCT_FACT, "allergy_ingredients", "colour", "size", "warranty"}


class Assistant:
    """Answers questions from a shop's knowledge, catalogue and orders.

    Parameters
    ----------
    knowledge
        FAQ, policies and catalogue texts.
    recommender
        For recommendations and product facts; without one those questions are handed over.
    orders
        For questions about orders; without it those are handed over.
    wording
        Words answers from their sources with a language model; by default the shop's own words are given as they are.
    bound
        Confidence below which a person takes over.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        recommender: Recommender | None = None,
        orders: Orders | None = None,
        *,
        wording: Wording | None = None,
        bound: float = BOUND,
    ) -> None:
        self.knowledge = knowledge
        self.recommender = recommender
        self.orders = orders
        self.wording = wording
        self.bound = bound
        self.shelves = ProductTable(recommender.shop.tables.value.items) if recommender is not None else None
        self._near: Nearest | None = None
        self._lock = threading.Lock()

    def answer(
        self,
        question: str,
        history: Sequence[Turn | Mapping[str, Any] | str] | None = None,
        user: str | None = None,
    ) -> Answer:
        """Answer one question.

        Parameters
        ----------
        history
            Earlier turns, oldest first: chat messages with ``role`` and ``content``, or strings.
        user
            Id of the signed-in shopper; orders are theirs, recommendations use what they had.

        Raises
        ------
        BadInput
            The question is no text, or a turn of the history has none.
        """
        if not isinstance(question, str):
            raise BadInput(f"question: a {type(question).__name__}, expected text")
        question = " ".join(question[:MAX_QUESTION].split())
        turns = dialogue.read_history(history)
        if not question:
            return Answer(message("greeting"), intent="small_talk")
        read = self.knowledge.reader.read([question])
        return self._routed(ParsedQuestion(question, turns, user, read))

    # --- which kind of question -------------------------------------------------------------------------------------

    def _routed(self, asked: ParsedQuestion) -> Answer:
        intent = asked.intent
        if asked.about_others or (intent == "privacy" and not order_numbers(asked.question)):
            return Answer(message("privacy", asked.language), intent="out_of_scope")
        if asked.theme == "injection" or gives_orders(asked.question):
            return Answer(message("out_of_scope", asked.language), intent="out_of_scope")
        if intent == "small_talk":
            return Answer(message(asked.theme, asked.language), intent="small_talk")
        if intent == "handover":
            return self._hand_over(asked, "service", 1.0, "agent")
        if intent == "order_status" or (order_numbers(asked.question) and asked.own):
            told = self._about_orders(asked)
            if told is not None:
                return told
        if (about := self._about_products(asked, intent)) is not None:
            return about
        hits = self.knowledge.search_read(asked.question, asked.read, kinds=SHOP_RULES)
        confidence = asked.confidence(hits)
        advice_wanted = self._wants_advice(asked, intent)
        if confidence >= self.bound and not advice_wanted:
            return self._from_passage(asked, hits[0], confidence, _service_intent(intent))
        if advice_wanted or (asked.wants_suggestion and self._names_products(asked)):
            return self._recommend(asked)
        if asked.theme == PRODUCT_FACT and self.shelves is not None:
            return Answer(message("which_product", asked.language), (), "product", 0.5)
        if intent == "out_of_scope":
            return Answer(message("out_of_scope", asked.language), intent="out_of_scope", confidence=1 - confidence)
        return self._hand_over(asked, _service_intent(intent), confidence)

    def _wants_advice(self, asked: ParsedQuestion, intent: str) -> bool:
        """Whether products are asked for: by the theme, or by asking for something the catalogue has a shelf of."""
        if intent == "recommendation":
            return True
        # Keywords alone ("laptop under 900") are like no theme; what happened to a laptop of one's own is no search.
        if self.shelves is None or not (asked.wants_suggestion or (asked.unclear and not asked.own)):
            return False
        named = parse(asked.question, self.shelves)
        return bool(named.categories or named.brands or named.price_max or named.price_min)

    def _names_products(self, asked: ParsedQuestion) -> bool:
        """Whether a sentence speaks of something the catalogue has: "do you have a lamp", but not "a head office"."""
        if self.shelves is None:
            return False
        named = parse(asked.question, self.shelves)
        return bool(named.categories or named.brands or named.words or self._nearest(asked.read).category)

    # --- one method per kind ----------------------------------------------------------------------------------------

    def _from_passage(self, asked: ParsedQuestion, hit: Hit, confidence: float, intent: str) -> Answer:
        text, writer = hit.passage.text, RETRIEVED
        if self.wording is not None:
            text, writer = self.wording.word(asked.question, hit.passage)
        return Answer(text, (hit.passage.id,), intent, confidence, writer=writer)

    def _hand_over(self, asked: ParsedQuestion, intent: str, confidence: float, key: str = "handover") -> Answer:
        return Answer(
            message(key, asked.language),
            (),
            intent,
            confidence,
            handover=True,
            summary=dialogue.summary(asked.question, asked.turns, self.shelves, asked.language),
        )

    def _about_orders(self, asked: ParsedQuestion) -> Answer | None:
        """Facts of the asker's orders; None where the question is about tracking as such."""
        if asked.user is not None and self.orders is not None:
            return order_desk.answer(asked.question, asked.user, self.orders, self.shelves, asked.language)
        if asked.theme == "track_order" and not order_numbers(asked.question):
            return None  # the shop's text says how orders are tracked
        if self.orders is None:
            return self._hand_over(asked, order_desk.INTENT, 0.0)
        return Answer(message("sign_in", asked.language), intent=order_desk.INTENT)

    def _about_products(self, asked: ParsedQuestion, intent: str) -> Answer | None:
        """A fact of a product that is named or referred to; None where the question is no such question."""
        if self.shelves is None or intent not in {"product", "recommendation", "service", "out_of_scope"}:
            return None
        if dialogue.wants_cheaper(asked.question) and dialogue.focus(asked.turns, self.shelves):
            return self._recommend(asked)
        rows = dialogue.referred(asked.question, asked.turns, self.shelves)
        facts = asked.theme in _FACT_THEMES or products.asks_fact(asked.question)
        if rows and (facts or asked.unclear or intent == "out_of_scope"):
            fact = products.answer(asked.question, rows[0], self.shelves, self.knowledge.reader)
            source = (f"item:{self.shelves.ids[rows[0]]}",)
            if fact.said:
                return Answer(fact.text, source, "product")
            return replace(self._hand_over(asked, "product", 0.0), text=fact.text, sources=source)
        return None

    def _recommend(self, asked: ParsedQuestion) -> Answer:
        if self.shelves is None or self.recommender is None:
            return self._hand_over(asked, "recommendation", 0.0)
        now = parse(asked.question, self.shelves)
        spoken = dialogue.focus(asked.turns, self.shelves)
        earlier = advice.earlier_constraints(
            asked.turns, [parse(t.text, self.shelves) if t.role == "user" else Constraints() for t in asked.turns]
        )
        wanted = now.over(earlier) if spoken or not now.categories else now
        if not (wanted.categories or wanted.words):
            wanted = replace(wanted, categories=self._nearest(asked.read).category)
        if dialogue.wants_cheaper(asked.question) and spoken:
            wanted = advice.cheaper_than(spoken[0], wanted, self.shelves)
        given = advice.advise(
            asked.question,
            wanted,
            self.shelves,
            self.recommender,
            history=self._history(asked.user),
            near=lambda: self._nearest(asked.read).rows,
            why=partial(why.sentences, self.recommender, language=asked.language),
        )
        sources = tuple(f"item:{item}" for item in given.item_ids)
        return Answer(given.text, sources, "recommendation", 1.0 if sources else 0.5, reasons=given.reasons)

    def _history(self, user: str | None) -> list[str]:
        """What the shopper had, oldest first."""
        if user is None or self.recommender is None:
            return []
        shop = self.recommender.shop
        code = int(shop.user_index.get_indexer([str(user)])[0])
        return [] if code < 0 else [str(shop.item_ids[i]) for i in dict.fromkeys(shop.seen(code).tolist())]

    def _nearest(self, read: Sentences) -> Near:
        """What of the catalogue is nearest to the sentence in meaning."""
        assert self.shelves is not None
        with self._lock:
            if self._near is None:
                self._near = Nearest.of(self.shelves, self.knowledge)
        return self._near.to(read.vectors[0])


def _service_intent(intent: str) -> str:
    return intent if intent in {"product", "order_status", "delivery", "returns", "service"} else "service"


def answer_table(assistant: Assistant, questions: pd.DataFrame) -> pd.DataFrame:
    """Answer each row of ``question`` [, ``user_id``, ``history``]: the table that `recsys answer` writes.

    Returns
    -------
    pandas.DataFrame
        ``question, answer, sources, intent, confidence, handover, writer``, one row per question; `sources` is a list.
    """
    if "question" not in questions.columns:
        raise BadInput(f"questions: no column 'question'; there are {', '.join(map(str, questions.columns))}")
    users = as_ids(questions[schema.USER]) if schema.USER in questions.columns else pd.Series(pd.NA, questions.index)
    rows = []
    for record, user in zip(questions.to_dict("records"), users, strict=True):
        history = record.get("history")
        question = record["question"] if isinstance(record["question"], str) else ""
        told = assistant.answer(question, dialogue.parse_history(history), None if pd.isna(user) else str(user))
        rows.append((question, told.text, list(told.sources), told.intent, told.confidence, told.handover, told.writer))
    names = ["question", "answer", "sources", "intent", "confidence", "handover", "writer"]
    return pd.DataFrame(rows, columns=names)
