"""Routing without a model: which tools a turn asks for, from examples read by the encoder and the catalogue's words.

A sentence is read with the catalogue's words taken out ("how many products do you have"), so that examples of one shop
hold for any. A linear classifier over its vector (`themes`) says what it is about; what it names, refers to and limits
are arguments of the calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from recsys.assistant import dialogue
from recsys.assistant.asking import ASKS, last_asked
from recsys.assistant.dialogue import Turn
from recsys.assistant.hearing import ASPECTS, LIKELY, MAX_PARTS, Heard, facets, split, told_by, told_of
from recsys.assistant.knowledge import SHOP_RULES, Knowledge
from recsys.assistant.listener import Listener
from recsys.assistant.payment import way_of_paying
from recsys.assistant.precedents import Precedents
from recsys.assistant.product_router import MOST, SURELY, ProductRouter
from recsys.assistant.safety import gives_orders
from recsys.assistant.tools import Call, HandOver, OrderStatus, ProductFacts, SearchPolicies, SearchProducts, rule_on
from recsys.assistant.wishes import AND_ANOTHER, ARRIVES, FROM_ORDER, MINE, OF_OTHERS, REPLIES, wish_in
from recsys.data.orders import order_numbers
from recsys.llm.clauses import services
from recsys.llm.language import sentences
from recsys.serving.search import ProductTable, parse

ANGRY, FURIOUS = 0.07, 0.7
"""Probability of a complaint from which a sentence is one: with a word of anger, and without any."""
NO_SHOP = 0.7
"""Probability of a wish for advice from which a kind of product is merely named in it."""
ALONE = 0.3
"""Probability of a greeting or thanks from which a sentence that speaks of nothing else is one."""
OF_ORDERS = frozenset({"cancel_order", "change_address", "change_item", "my_order"})
"""Themes of a wish about an order that was placed."""
SHORT = 40
"""Characters of a sentence that may be about another thing than the one before, and nothing else."""
LEFT = frozenset({"search_policies", "search_products"})
"""Tools of turns that no rule applies to."""
CERTAIN = 0.99
"""Confidence in a rule from which no other turn is asked what is meant."""
RULED_TURNS = 3
"""Sentences back that one which leans on the shop's rules may lean on."""


class Router:
    """Plans tool calls for a turn.

    Parameters
    ----------
    knowledge
        What the shop says; its reader reads questions.
    table
        The catalogue, None where there is none.
    bound
        Confidence from which a passage answers a question.
    judged
        Whether a sentence asks what reviews say; None where there are none.
    priced
        Whether earlier prices are known.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        table: ProductTable | None,
        bound: float,
        judged: Callable[[str], bool] | None = None,
        *,
        priced: bool = False,
    ) -> None:
        self._products = None if table is None else ProductRouter(table, bound, judged, priced=priced)
        self.listener = Listener(knowledge, table)
        self._precedents = Precedents(self.listener)
        self._rules = [passage for passage in knowledge.passages if passage.kind in SHOP_RULES]
        self._table, self._bound = table, bound

    def plan(self, question: str, turns: Sequence[Turn], user: str | None) -> list[Call]:
        """The calls a turn asks for, in its order."""
        if gives_orders(question):
            return [Call("reply", reply="out_of_scope")]
        if OF_OTHERS.search(question) and not (order_numbers(question) and user):
            return [Call("reply", reply="privacy")]
        whole = self.listener.hear(question)
        if (upset := self._upset(whole, user)) is not None:
            return upset
        parts = split(question)
        calls: list[Call] = []
        for at, part in enumerate(parts):
            heard = whole if len(parts) == 1 else self.listener.hear(part)
            last = calls[-1] if calls else None
            unsure = at and not order_numbers(part) and heard.sure < self._bound
            if unsure and last is not None and last.tool == "order_status":
                continue  # what is asked of an order is told with it
            earlier = self._ruled(turns) if not at else _query(last)
            if earlier and (leant := self._leaning(heard, earlier)) is not None:
                calls.append(leant)
                continue
            routed = self._part(heard, question if at else "", turns, user)
            calls += self._as_before(heard, routed, turns, user) or routed
        return list({(c.tool, str(c.arguments), c.reply): c for c in calls}.values())

    def _leaning(self, heard: Heard, earlier: str) -> Call | None:
        """What a question asks of the matter of the one before ("and what does it cost?"), where a rule says that."""
        text, asked = heard.text, facets(heard.text)
        of_its_own = self._names_products(text) or way_of_paying(text) or order_numbers(text)
        if not asked or of_its_own or heard.intent == "handover":
            return None
        whole = f"{earlier} {text}"
        if heard.sure >= self._bound and not asked <= ASPECTS:
            return None
        joined = self.listener.hear(whole)
        told = told_by(joined.hits)
        of_it = asked <= told and bool(facets(earlier) & told)
        fits = joined.sure >= self._bound and (heard.sure < self._bound or of_it)
        return Call("search_policies", SearchPolicies(query=whole)) if fits else None

    def _ruled(self, turns: Sequence[Turn]) -> str:
        """The shopper's last sentences, back to one that names its matter; '' where no rule answered the last."""
        said: list[str] = []
        for asked, told in list(pairwise(turns))[::-2]:
            from_rules = any(p.id in told.sources or p.text in told.text for p in self._rules)
            if not from_rules or any(s.startswith(("item:", "order:")) for s in told.sources):
                break
            said.insert(0, asked.text)
            if len(said) == RULED_TURNS or facets(asked.text) - ASPECTS:
                break
        return " ".join(said)

    def _names_products(self, text: str) -> bool:
        table = self._table
        return table is not None and bool(parse(text, table).categories or dialogue.named(text, table))

    def _speaks_of_goods(self, text: str, turns: Sequence[Turn]) -> bool:
        """Whether a text names a product, a kind or a word of titles, or finds what was shown too dear."""
        if self._table is None:
            return False
        dear = dialogue.wants_cheaper(text) and bool(dialogue.focus(turns, self._table))
        limits = parse(text, self._table)
        said = set(limits.words)
        return (
            dear
            or bool(limits.sort)
            or self._names_products(text)
            or any(said & terms for terms in self._table.title_terms)
        )

    def _as_before(
        self, heard: Heard, calls: Sequence[Call], turns: Sequence[Turn], user: str | None
    ) -> list[Call] | None:
        """What turns like it ask for, where the calls are what is left when no rule applies."""
        changed = any(isinstance(call.arguments, SearchProducts) and call.arguments.refines for call in calls)
        if (
            changed
            or heard.sure >= CERTAIN
            or not all(call.tool in LEFT or call.reply == "out_of_scope" for call in calls)
        ):
            return None
        text, tool = heard.text, self._precedents.tool(heard, self._state(turns), signed_in=user is not None)
        shown = [] if self._table is None else dialogue.focus(turns, self._table)[:MOST]
        unmet = heard.sure < self._bound and heard.probabilities["complaint"] >= LIKELY
        if tool == "sorry" or unmet:
            return self._apology(heard, user)
        if tool == "order_status":
            wish = wish_in(text)
            return [Call(tool, OrderStatus(wish=wish, question=text))]
        ruled = heard.sure >= self._bound or self._names_products(text)
        if tool == "product_facts" and self._table is not None and shown and not ruled:
            return [Call(tool, ProductFacts(items=[self._table.ids[row] for row in shown], question=text))]
        return None

    def _state(self, turns: Sequence[Turn]) -> str:
        """What the last answer told of, by its sources or, where they were not kept, by its words."""
        if not turns:
            return "any"
        last = turns[-1]
        if _orders_told(turns) or (not last.sources and order_numbers(last.text)):
            return "after_order"
        shown = self._table is not None and dialogue.lists([last], self._table)
        return "after_products" if shown else "after_rule" if last.sources else "any"

    def _upset(self, heard: Heard, user: str | None) -> list[Call] | None:
        """An apology, where a sentence is a complaint."""
        angry = heard.speaks_of("anger")
        upset = heard.probabilities["complaint"] + heard.probabilities["abuse"]
        if upset < (ANGRY if angry else FURIOUS) or heard.likely("chores"):
            return None
        return self._apology(heard, user)

    def _apology(self, heard: Heard, user: str | None) -> list[Call]:
        """Anger gets an apology, the order looked up, the rule that helps, and a way out."""
        calls = [Call("reply", reply="sorry")]
        sure, hits = heard.sure, heard.hits
        about_goods = (
            heard.intents["delivery"] + heard.intents["returns"] + heard.intents["order_status"] > 0.1
            or sure >= self._bound
        )
        wish = wish_in(heard.text)
        if user is not None and (about_goods or wish or MINE.search(heard.text)):
            calls.append(Call("order_status", OrderStatus(question=heard.text)))
        if wish and user is None and sure < self._bound:
            calls.append(Call("search_policies", SearchPolicies(query=rule_on(wish, dialogue.spoken_in(heard.text)))))
        elif hits and sure >= self._bound / 2 and (about_goods or wish):
            goods = max(map(self.listener.hear, sentences(heard.text)[:MAX_PARTS]), key=lambda part: part.sure)
            if goods.hits and facets(goods.text) & told_of(goods.hits[0]):  # of what went wrong, not of another matter
                calls.append(Call("search_policies", SearchPolicies(query=goods.text)))
        reason = "complaint" if about_goods or wish or len(heard.text) > 24 else "unanswered"
        return (
            [*calls, Call("hand_over", HandOver(reason="complaint"))]
            if reason == "complaint"
            else [*calls, Call("reply", reply="what_went_wrong")]
        )

    def _part(self, heard: Heard, context: str, turns: Sequence[Turn], user: str | None) -> list[Call]:
        text, table = heard.text, self._table
        numbers = [n for n in order_numbers(text) if table is None or n not in table.row]
        wish = wish_in(text)
        if numbers and (
            user is not None
            or heard.intents["order_status"] > 0.1
            or wish
            or MINE.search(text)
            or "order" in text.lower()
        ):
            return [Call("order_status", OrderStatus(order=number, wish=wish, question=text)) for number in numbers]
        if user is not None and (again := self._order_again(heard, turns)) is not None:
            return [again]
        owns = MINE.search(text) is not None or self._names_products(text)
        if user is not None and ARRIVES.search(text) and owns and heard.theme != "notify_restock":
            return [
                Call("order_status", OrderStatus(wish=wish if wish in {"missing", "return"} else "", question=text))
            ]
        if heard.likely("agent"):
            return [Call("hand_over", HandOver(reason="asked"))]
        if way_of_paying(text) and heard.intents["service"] + heard.intents["delivery"] >= LIKELY:
            return [Call("payment", SearchPolicies(query=text))]
        if (
            heard.theme in REPLIES
            and not self._speaks_of_goods(text, turns)
            and heard.probabilities[heard.theme] >= (LIKELY if heard.speaks_of_shop else ALONE)
        ):
            return [Call("reply", reply=REPLIES[heard.theme])]
        strangers = (
            heard.theme == "other_people" and heard.probabilities["other_people"] >= LIKELY and not MINE.search(text)
        )
        if strangers and (table is None or not dialogue.named(text, table)):
            return [Call("reply", reply="privacy")]
        if heard.probabilities["advice"] >= NO_SHOP and (table is None or not dialogue.named(text, table)):
            return [Call("reply", reply="out_of_scope")]
        if self._products is not None and not services(text) and (calls := self._products.plan(heard, context, turns)):
            return calls
        return self._shop(heard, wish, turns, user)

    def _order_again(self, heard: Heard, turns: Sequence[Turn]) -> Call | None:
        """What is asked of the order told of last: "and the shoes?", "what did it come to?", "what else is in it?"."""
        told = _orders_told(turns) or (order_numbers(turns[-1].text) if turns else [])  # a history may be bare text
        text, names = heard.text, self._names_products(heard.text)
        if told and names and AND_ANOTHER.search(text) and len(text) <= SHORT:
            return Call("order_status", OrderStatus(wish=wish_in(last_asked(turns)), question=text))
        of_total = ASKS["price"].search(text) and not facets(text) - {"cost", "payment"}
        if told and not names and (of_total or heard.theme == "my_order"):
            return Call("order_status", OrderStatus(order=told[0], wish=wish_in(text), question=text))
        return None

    # --- the shop -----------------------------------------------------------------------------------------------------

    def _shop(self, heard: Heard, wish: Any, turns: Sequence[Turn], user: str | None) -> list[Call]:
        """What is asked of the shop: of the shopper's own orders where those are meant, else of its rules."""
        text, covered = heard.text, heard.sure >= self._bound
        asks_how = re.search(r"\bhow (?:do|can)\b|怎么", text) is not None
        tracks = heard.theme == "track_order" and not asks_how
        about_orders = heard.intent == "order_status" and heard.theme != "track_order"
        about_orders |= heard.speaks_of("my_order") and not wish
        after_order = bool(_orders_told(turns))
        mine = MINE.search(text) is not None
        if user is not None and (mine or after_order) and not asks_how:
            of_an_order = wish in {"cancel", "change"} and heard.theme in OF_ORDERS
            of_an_order |= wish == "return" and FROM_ORDER.search(text) is not None
            if of_an_order or about_orders or tracks or (after_order and wish):
                return [Call("order_status", OrderStatus(wish=wish, question=text))]
        asks_state = tracks or (heard.theme == "my_order" and not asks_how) or (about_orders and not covered)
        if user is None and mine and asks_state:
            return [Call("order_status", OrderStatus(question=text))]
        if wish and not covered and heard.intents["returns"] >= SURELY:
            return [Call("search_policies", SearchPolicies(query=rule_on(wish, dialogue.spoken_in(text))))]
        if not covered and heard.intent == "out_of_scope":
            return [Call("reply", reply="out_of_scope")]
        return [Call("search_policies", SearchPolicies(query=text))]


def _query(call: Call | None) -> str:
    """What a call looked up in the shop's rules; '' where it looked elsewhere."""
    return call.arguments.query if call is not None and isinstance(call.arguments, SearchPolicies) else ""


def _orders_told(turns: Sequence[Turn]) -> list[str]:
    """Numbers of the orders that the last answer cites."""
    return [s.removeprefix("order:") for s in turns[-1].sources if s.startswith("order:")] if turns else []
