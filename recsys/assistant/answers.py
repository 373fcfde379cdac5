"""The shop's assistant: a question in, an answer with its sources out, or a hand-over to a person."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from recsys import schema
from recsys.assistant import advice, dialogue, products
from recsys.assistant.constraints import Constraints, Shelves, parse
from recsys.assistant.dialogue import MAX_QUESTION, Turn
from recsys.assistant.knowledge import SHOP_RULES, Hit, Knowledge
from recsys.assistant.language import language_of
from recsys.assistant.messages import say
from recsys.assistant.nearest import Near, Nearest
from recsys.assistant.orders import Order, Orders, order_numbers
from recsys.assistant.safety import gives_orders
from recsys.assistant.themes import Sentences, intent_of, theme_names
from recsys.assistant.wording import RETRIEVED, Wording
from recsys.coerce import as_ids
from recsys.errors import BadInput
from recsys.recommender import Recommender

TEMPLATE = "template"
"""Writer of what the assistant says in its own fixed sentences."""
BOUND = 0.5
"""Confidence below which a person takes over."""
AMOUNT_PENALTY = 0.5
"""Factor on the confidence when an amount is asked for and the passage has no number."""

_SLOPE, _MIDDLE = 11.0, 0.57
_COSINE_SLOPE, _COSINE_MIDDLE = 20.0, 0.68
_CLEAR = 0.25
"""Probability of the likeliest theme below which a question is like none of them."""
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
class Answer:
    """What the assistant says.

    Attributes
    ----------
    text
        For the shopper.
    sources
        Ids of what was used: passages (``faq:12``), products (``item:85123A``), orders (``order:A20001``).
    intent
        ``product``, ``recommendation``, ``order_status``, ``delivery``, ``returns``, ``service`` (account, payment,
        gifts, contact), ``small_talk`` or ``out_of_scope``.
    confidence
        0 to 1.
    handover
        A person should take over; the text says so and `summary` tells them what was asked.
    writer
        Who worded it: a model's name, ``retrieved`` (the shop's own words) or ``template``.
    """

    text: str
    sources: tuple[str, ...] = ()
    intent: str = "service"
    confidence: float = 1.0
    handover: bool = False
    writer: str = TEMPLATE
    summary: str = field(default="", repr=False)


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
        self.shelves = Shelves(recommender.shop.tables.value.items) if recommender is not None else None
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
            return Answer(say("greeting"), intent="small_talk")
        read = self.knowledge.reader.read([question])
        return self._routed(_Asked(question, turns, user, read))

    # --- which kind of question -------------------------------------------------------------------------------------

    def _routed(self, asked: _Asked) -> Answer:
        intent, _ = intent_of(asked.read.themes[0])
        theme = theme_names()[int(asked.read.themes[0].argmax())]
        if _OF_OTHERS.search(asked.question) or (intent == "privacy" and not order_numbers(asked.question)):
            return Answer(say("privacy", asked.language), intent="out_of_scope")
        if theme == "injection" or gives_orders(asked.question):
            return Answer(say("out_of_scope", asked.language), intent="out_of_scope")
        if intent == "small_talk":
            return Answer(say(theme, asked.language), intent="small_talk")
        if intent == "handover":
            return self._hand_over(asked, "service", 1.0, "agent")
        if intent == "order_status" or (order_numbers(asked.question) and _MINE.search(asked.question)):
            told = self._about_orders(asked, theme)
            if told is not None:
                return told
        if (about := self._about_products(asked, intent)) is not None:
            return about
        hits = self.knowledge.search_read(asked.question, asked.read, kinds=SHOP_RULES)
        confidence = _confidence(asked, hits)
        if confidence >= self.bound and not self._wants_advice(asked, intent):
            return self._from_passage(asked, hits[0], confidence, _service_intent(intent))
        if self._wants_advice(asked, intent) or (self.shelves and _SUGGEST.search(asked.question)):
            return self._recommend(asked)
        if intent == "out_of_scope":
            return Answer(say("out_of_scope", asked.language), intent="out_of_scope", confidence=1 - confidence)
        return self._hand_over(asked, _service_intent(intent), confidence)

    def _wants_advice(self, asked: _Asked, intent: str) -> bool:
        """Whether products are asked for: by the theme, or by asking for something the catalogue has a shelf of."""
        if intent == "recommendation":
            return True
        unlike_any = asked.read.themes[0].max() < _CLEAR
        if self.shelves is None or not (unlike_any or _SUGGEST.search(asked.question)):
            return False
        named = parse(asked.question, self.shelves)
        return bool(named.categories or named.brands or named.price_max or named.price_min)

    # --- one method per kind ----------------------------------------------------------------------------------------

    def _from_passage(self, asked: _Asked, hit: Hit, confidence: float, intent: str) -> Answer:
        text, writer = hit.passage.text, RETRIEVED
        if self.wording is not None:
            text, writer = self.wording.word(asked.question, hit.passage)
        return Answer(text, (hit.passage.id,), intent, confidence, writer=writer)

    def _hand_over(self, asked: _Asked, intent: str, confidence: float, message: str = "handover") -> Answer:
        summary = dialogue.summary(asked.question, asked.turns)
        return Answer(
            say(message, asked.language),
            (),
            intent,
            confidence,
            handover=True,
            summary=say("summary", asked.language, summary=summary),
        )

    def _about_orders(self, asked: _Asked, theme: str) -> Answer | None:
        """Facts of the asker's orders; None where the question is about tracking as such."""
        numbers = order_numbers(asked.question)
        if asked.user is None or self.orders is None:
            if theme == "track_order" and not numbers:
                return None  # the shop's text says how orders are tracked
            if self.orders is None:
                return self._hand_over(asked, "order_status", 0.0)
            return Answer(say("sign_in", asked.language), intent="order_status")
        if numbers:
            found = [(n, self.orders.find(asked.user, n)) for n in numbers]
            lines = [
                self._told(order, asked.language) if order else say("no_such_order", asked.language, order=n)
                for n, order in found
            ]
            sources = tuple(f"order:{order.order_id}" for _, order in found if order)
            return Answer("\n".join(lines), sources, "order_status")
        orders = self._named(self.orders.latest(asked.user, 1_000), asked.question)
        if not orders:
            return Answer(say("no_orders", asked.language), intent="order_status")
        lines = [self._told(order, asked.language) for order in orders[: dialogue_length(asked.question)]]
        return Answer("\n".join(lines), tuple(f"order:{o.order_id}" for o in orders[: len(lines)]), "order_status")

    def _named(self, orders: Sequence[Order], question: str) -> Sequence[Order]:
        """The orders that hold a product of the kind the question names; all of them where it names none."""
        if self.shelves is None:
            return orders
        wanted = parse(question, self.shelves)
        if not wanted.categories and not wanted.brands:
            return orders
        rows = set(self.shelves.matching(Constraints(categories=wanted.categories, brands=wanted.brands)).tolist())
        held = [o for o in orders if any(self.shelves.row.get(i, -1) in rows for i in o.item_ids)]
        return held or orders

    def _told(self, order: Order, language: str) -> str:
        status = say(f"status_{order.status}", language) if f"status_{order.status}" in _STATUSES else order.status
        if order.status == "delivered" and order.delivered_at:
            status = say("delivered", language, date=order.delivered_at)
        elif order.eta and order.status in {"processing", "shipped"}:
            status = say("expected", language, status=status, date=order.eta)
        names = [self._title(item) for item in order.item_ids]
        return say(
            "order", language, order=order.order_id, ordered=order.ordered_at, items=", ".join(names), status=status
        )

    def _title(self, item: str) -> str:
        if self.shelves is not None and item in self.shelves.row:
            return self.shelves.titles[self.shelves.row[item]]
        return item

    def _about_products(self, asked: _Asked, intent: str) -> Answer | None:
        """A fact of a product that is named or referred to; None where the question is no such question."""
        if self.shelves is None or intent not in {"product", "recommendation", "service", "out_of_scope"}:
            return None
        if dialogue.wants_cheaper(asked.question):
            return self._recommend(asked)
        rows = dialogue.referred(asked.question, asked.turns, self.shelves)
        theme = theme_names()[int(asked.read.themes[0].argmax())]
        facts = theme in _FACT_THEMES or products.asks_fact(asked.question)
        unclear = asked.read.themes[0].max() < _CLEAR
        if rows and (facts or unclear or intent == "out_of_scope"):
            fact = products.tell(asked.question, rows[0], self.shelves, self.knowledge.reader)
            summary = "" if fact.said else dialogue.summary(asked.question, asked.turns)
            return Answer(
                fact.text,
                (f"item:{self.shelves.ids[rows[0]]}",),
                "product",
                1.0 if fact.said else 0.0,
                handover=not fact.said,
                summary=summary,
            )
        if theme == "product_fact" and not rows and not _SUGGEST.search(asked.question):
            return Answer(say("which_product", asked.language), (), "product", 0.5)
        return None

    def _recommend(self, asked: _Asked) -> Answer:
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
            wanted = _cheaper_than(spoken[0], wanted, self.shelves)
        given = advice.advise(
            asked.question,
            wanted,
            self.shelves,
            self.recommender,
            history=self._history(asked.user),
            near=lambda: self._nearest(asked.read).rows,
        )
        sources = tuple(f"item:{item}" for item in given.item_ids)
        return Answer(given.text, sources, "recommendation", 1.0 if sources else 0.5)

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
                self._near = Nearest.of(self.shelves, self.knowledge.reader)
        return self._near.to(read.vectors[0])


@dataclass(frozen=True)
class _Asked:
    question: str
    turns: Sequence[Turn]
    user: str | None
    read: Sentences

    @property
    def language(self) -> str:
        return language_of(self.question)


_STATUSES = {f"status_{s}" for s in ("processing", "shipped", "delivered", "returned", "cancelled")}
_FACT_THEMES = {"product_fact", "allergy_ingredients", "colour", "size", "warranty"}


def dialogue_length(question: str) -> int:
    """How many orders a question asks about: the last one, or a few."""
    return 3 if re.search(r"\borders\b|哪些|所有", question, re.IGNORECASE) else 1


def _service_intent(intent: str) -> str:
    return intent if intent in {"product", "order_status", "delivery", "returns", "service"} else "service"


def _confidence(asked: _Asked, hits: Sequence[Hit]) -> float:
    """How likely the best passage answers the question.

    Whether both are about the same theme tells answerable questions from others better than cosine, words or the lead
    over the second passage, and beside it these add nothing; hence a logistic curve of that alone. A question that is
    like no theme agrees with whatever else is like none: there, only near-equal sentences count.
    """
    if not hits:
        return 0.0
    clear = min(1.0, float(asked.read.themes[0].max()) / _CLEAR)
    same_theme = expit(_SLOPE * (hits[0].theme * clear - _MIDDLE))
    same_words = expit(_COSINE_SLOPE * (hits[0].cosine - _COSINE_MIDDLE))
    confidence = float(max(same_theme, same_words))
    if _HOW_MUCH.search(asked.question) and not re.search(r"\d", hits[0].passage.text):
        confidence *= AMOUNT_PENALTY
    return confidence


def _cheaper_than(row: int, asked: Constraints, shelves: Shelves) -> Constraints:
    """The same kind of product for less."""
    price = shelves.prices[row]
    kind = asked.categories or (frozenset({shelves.categories[row]}) if shelves.categories[row] else frozenset())
    limit = float(np.nextafter(price, 0)) if np.isfinite(price) else asked.price_max
    return Constraints(limit, asked.price_min, kind, asked.brands, asked.not_brands, asked.measures)


def answer_table(assistant: Assistant, questions: pd.DataFrame) -> pd.DataFrame:
    """Answer each row of ``question`` [, ``user_id``, ``history``]: the table that `jobs.answer` writes.

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
