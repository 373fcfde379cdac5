"""The shop's assistant: a question in, an answer with its sources out, or a hand-over to a person."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pandas as pd

from recsys.assistant import dialogue, opinions, tools
from recsys.assistant.agent import Agent
from recsys.assistant.answerability import Answerability
from recsys.assistant.dialogue import MAX_QUESTION, Turn
from recsys.assistant.knowledge import Knowledge
from recsys.assistant.listener import Listener
from recsys.assistant.messages import message
from recsys.assistant.reply import Answer, Done, Event, Sources, Token
from recsys.assistant.resolving import Resolver
from recsys.assistant.router import Router, is_left
from recsys.assistant.themes import common_words
from recsys.assistant.toolbox import look_up, offered
from recsys.assistant.tools import BOUND, Call, Context, Result
from recsys.assistant.turn_reader import TurnReader
from recsys.assistant.why import Why, why
from recsys.assistant.wishes import Wishes
from recsys.assistant.wording import Wording
from recsys.data import schema
from recsys.data.handovers import Handovers
from recsys.data.orders import Orders
from recsys.data.parsing import as_ids
from recsys.encoders.universal import for_products
from recsys.errors import ArtifactError, BadInput
from recsys.llm.chat import ChatModel
from recsys.llm.shorthand import written_out
from recsys.serving.recommender import Recommender
from recsys.serving.search import Nearest, ProductSearch, ProductTable

log = logging.getLogger(__name__)


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
    model
        Language model that, where it can call tools, is asked what to look up when a search of the products finds
        nothing. By default none.
    words
        Whether the model also words what the shop's rules say; else the shop's own words are given as they are.
    tuned
        The model was fine-tuned on `lessons` and is asked in their form.
    bound
        Confidence below which a person takes over.
    judge
        Tells whether a text answers a question; by default words and likeness alone do.
    reader
        Tells what a turn asks for beside those before it; by default `Knowledge.tools` does.
    wishes
        Tells whether a product is what a shopper wishes for; by default words and likeness alone do.

    Attributes
    ----------
    handovers
        Queue that what is handed over is written to; None (a batch, a measurement) where nobody waits.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        recommender: Recommender | None = None,
        orders: Orders | None = None,
        *,
        model: ChatModel | None = None,
        words: bool = True,
        tuned: bool = False,
        bound: float = BOUND,
        judge: Answerability | None = None,
        reader: TurnReader | None = None,
        wishes: Wishes | None = None,
    ) -> None:
        self.knowledge = knowledge
        self.recommender = recommender
        self.orders = orders
        self.model = model
        self.wording = Wording(model, tuned=tuned, judge=judge) if model is not None and words else None
        self.bound = bound
        self.search = None if recommender is None else _search(knowledge, recommender, wishes)
        self.shelves = None if self.search is None else self.search.table
        listener = Listener(knowledge, self.shelves, judge)
        self._shop = Context(knowledge, self.search, recommender, orders, bound=bound, listener=listener, judge=judge)
        self.router = Router(self._shop, listener, reader)
        self.resolver = Resolver(self._shop, self.router)
        self.handovers: Handovers | None = None
        chooses = model is not None and model.calls_tools
        self.agent = Agent(model, self.shelves, offered(self._shop)) if model is not None and chooses else None

    def warm(self) -> None:
        """Read the kinds of product and the fixed parts of the prompts, so that the first turn is as fast as others."""
        if self.search is not None:
            self.search.nearest.of_kind("")
        _ = self.knowledge.tools  # knowledge of before it was learnt has it learnt here
        for part in (self.wording, self.agent):
            if part is not None:
                part.warm()

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
        *_, last = self.stream(question, history, user)
        assert isinstance(last, Done)
        return last.answer

    def stream(
        self,
        question: str,
        history: Sequence[Turn | Mapping[str, Any] | str] | None = None,
        user: str | None = None,
    ) -> Iterator[Event]:
        """Answer one question in events: `Sources`, then `Token`s to append, then `Done` with the whole answer.

        Without a language model each line is a piece, at once; with one, sentences of what it words follow as they are
        decoded and checked. Parameters and errors are those of `answer`. The tokens joined are `Done.answer.text`.
        """
        if not isinstance(question, str):
            raise BadInput(f"question: a {type(question).__name__}, expected text")
        question = " ".join(question[:MAX_QUESTION].split())
        return self._events(question, dialogue.read_history(history), user)

    def _events(self, question: str, turns: Sequence[Turn], user: str | None) -> Iterator[Event]:
        if not question:
            told = Answer(message("greeting"), intent="small_talk")
            yield from (Sources(()), Token(told.text), Done(told))
            return
        asked, before = written_out(question), [_written_out(turn) for turn in turns]
        shown = frozenset() if self.shelves is None else frozenset(dialogue.shown(before, self.shelves))
        last = () if self.shelves is None else tuple(dialogue.focus(before, self.shelves))
        context = replace(self._shop, user=user, language=dialogue.spoken_in(question), shown=shown, last=last)
        result = tools.joined(self._looked_up(asked, before, context))
        if result.passes_on and not result.found and result.lead == context.say("no_answer"):
            result = replace(result, lead=context.say("handover"))
        yield Sources(result.sources)
        text, writer = "", result.writer
        for piece, by_model in self._pieces(result):
            text += piece
            writer = self.wording.model.name if by_model and self.wording else writer
            yield Token(piece)
        summary = ""
        if result.passes_on:
            summary = dialogue.summary(question, turns, self.shelves, context.language)
            self._hand_over(question, summary, user)
        found = result.sources, result.intent, result.confidence, result.passes_on
        yield Done(Answer(text, *found, writer, summary, result.reasons))

    def _looked_up(self, question: str, turns: Sequence[Turn], context: Context) -> Sequence[Result]:
        """What a turn's calls find.

        A small model is wrong more often than right beside a router that found something, and of two answers it drops
        one: it is asked where a search of the products finds nothing, for the tools that are likely. Where no rule of
        the shop answers it is not: it writes the question anew, and what answers that need not answer the shopper's.
        One that was trained to plan is also asked of a turn that follows others and that no rule of the router
        applies to.
        """
        calls = self.router.plan(question, turns, context.user)
        results = [look_up(context, call) for call in calls]
        if self.agent is None or self.router.guard(question, context.user) is not None:
            return results
        lost = all(isinstance(call, tools.SearchProducts) for call in calls)
        lost &= not any(result.found for result in results)
        follows = self.agent.trained and bool(turns) and all(is_left(call, question) for call in calls)
        if not (lost or follows):
            return results
        planned = self.agent.plan(question, turns, self.router.likely(question, turns))
        planned = [call for call in planned if _spoken(call) in {"", context.language}]
        asked = [call for call in self.resolver.calls(planned, question, turns) if type(call) in _REPLANNED]
        with ThreadPoolExecutor(max_workers=len(asked) or 1) as pool:
            second = list(pool.map(lambda call: look_up(context, call), asked))
        return second if second and second[0].found else results  # what it looks up besides is often of its own making

    def _pieces(self, result: Result) -> Iterator[tuple[str, bool]]:
        """The answer in pieces, and whether each is in the model's words: what the shop's rules say may be."""
        for at, line in enumerate(result.lines):
            start = "\n" if at else ""
            if self.wording is None or not line.asked:
                yield start + line.text, False
                continue
            title = next((p.title for p in self.knowledge.passages if p.id == line.source), "")
            for piece, by_model in self.wording.pieces(line.asked, line.text, title):
                yield start + piece, by_model
                start = ""

    def _hand_over(self, question: str, summary: str, user: str | None) -> None:
        if self.handovers is None:
            return
        try:
            self.handovers.add(question, summary, user)
        except (OSError, ArtifactError) as error:
            log.error("%s: a conversation that was handed over is not in the queue: %s", self.handovers.path, error)

    def why(self, item: str, user: str | None = None, language: str = "en") -> Why:
        """Why an item of the catalogue has its score for a shopper.

        Raises
        ------
        ArtifactError
            There is no catalogue, or nothing that scores it.
        """
        if self.shelves is None or self.recommender is None or self.recommender.ranker is None:
            raise ArtifactError("nothing is scored here, so there is no reason; run `recsys nightly`")
        return why(replace(self._shop, user=user, language=language), self.shelves.row[item])


def _search(knowledge: Knowledge, recommender: Recommender, wishes: Wishes | None) -> ProductSearch:
    """Search of the live catalogue, in its synonyms and with the vectors that the knowledge has of it."""
    table = ProductTable(recommender.shop.tables.value.items, knowledge.synonyms, common_words())

    def nearest() -> Nearest:
        encoder = for_products(knowledge.reader.encoder)
        vectors = knowledge.vectors([f"item:{item}" for item in table.ids])
        return Nearest.of(table, encoder, vectors, knowledge.reader.encoder)

    liked = opinions.stars(recommender)["order"].to_dict() or recommender.liked
    return ProductSearch(table, nearest, recommender.likeliest, liked, None if wishes is None else wishes.over(table))


def _written_out(turn: Turn) -> Turn:
    return replace(turn, text=written_out(turn.text)) if turn.role == "user" else turn


def _spoken(call: Call) -> str:
    """Language that a model wrote a search of the rules in; '' of other calls."""
    return dialogue.spoken_in(call.query) if isinstance(call, tools.SearchPolicies) else ""


_REPLANNED = frozenset({tools.SearchPolicies, tools.SearchProducts, tools.OrderStatus, tools.ProductFacts})
"""Calls that may take the place of a search in vain: each finds something only where it is there."""


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
