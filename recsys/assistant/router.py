"""Routing without a model: which tools a turn asks for, from examples read by the encoder and the catalogue's words.

A sentence is read with the catalogue's words taken out ("how many products do you have"), so that examples of one shop
hold for any. A linear classifier over its vector (`themes`) says what it is about; what it names, refers to and limits
are arguments of the calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from recsys.assistant import dialogue
from recsys.assistant.asking import ASKS
from recsys.assistant.dialogue import Turn
from recsys.assistant.hearing import LIKELY, Heard, intent_of_theme, split
from recsys.assistant.knowledge import Knowledge
from recsys.assistant.listener import Listener
from recsys.assistant.prices import ASKED, TOOL, PriceQuestion
from recsys.assistant.safety import gives_orders
from recsys.assistant.tools import (
    CatalogueFacts,
    Compare,
    GoesWith,
    HandOver,
    OrderStatus,
    ProductFacts,
    Recommend,
    SearchPolicies,
    SearchProducts,
    rule_on,
)  # fmt: skip
from recsys.assistant.wishes import FROM_ORDER, MINE, OF_OTHERS, OF_PRODUCTS, OWN, REPLIES, SERVICE, SOLD, WHAT, WISHES
from recsys.data.orders import order_numbers
from recsys.llm.clauses import services
from recsys.llm.language import word_list
from recsys.serving.search import Constraints, ProductTable, parse

SAYS_JUST_THIS = 0.5
"""Cosine from which a rule is told although a sentence names products."""
ANGRY, FURIOUS = 0.07, 0.7
"""Probability of a complaint from which a sentence is one: with a word of anger, and without any."""
RULED = 0.4
"""Probability of a theme of the shop's rules from which a sentence that names products is no search for them."""
SHORT = 8
"""Words of a turn that may be about the turn before it."""


@dataclass(frozen=True)
class Call:
    """A tool and its arguments; `reply` is one of the assistant's own messages and looks nothing up."""

    tool: str
    arguments: BaseModel | None = None
    reply: str = ""


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
        self._priced = priced
        self.listener = Listener(knowledge, table)
        self._table, self._bound, self._judged = table, bound, judged

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
            if unsure and last is not None and isinstance(last.arguments, SearchPolicies) and self._leans(part):
                calls.append(Call("search_policies", SearchPolicies(query=f"{last.arguments.query} {part}")))
                continue
            calls += self._part(heard, question if at else "", turns, user)
        return list({(c.tool, str(c.arguments), c.reply): c for c in calls}.values())

    def _leans(self, part: str) -> bool:
        """Whether a part names nothing of the shop's, so that it is about what the part before is about."""
        return self._table is None or not (parse(part, self._table).categories or dialogue.named(part, self._table))

    def _upset(self, heard: Heard, user: str | None) -> list[Call] | None:
        """Anger gets an apology, the order looked up, the rule that helps, and a way out."""
        angry = heard.speaks_of("anger")
        upset = heard.probabilities["complaint"] + heard.probabilities["abuse"]
        if upset < (ANGRY if angry else FURIOUS):
            return None
        calls = [Call("reply", reply="sorry")]
        sure, hits = heard.sure, heard.hits
        about_goods = (
            heard.intents["delivery"] + heard.intents["returns"] + heard.intents["order_status"] > 0.1
            or sure >= self._bound
        )
        wish = next((name for name, pattern in WISHES if pattern.search(heard.text)), "")
        if user is not None and (about_goods or wish or MINE.search(heard.text)):
            calls.append(Call("order_status", OrderStatus(question=heard.text)))
        if wish and user is None and sure < self._bound:
            calls.append(Call("search_policies", SearchPolicies(query=rule_on(wish, dialogue.spoken_in(heard.text)))))
        elif hits and sure >= self._bound / 2 and (about_goods or wish):
            calls.append(Call("search_policies", SearchPolicies(query=heard.text)))
        reason = "complaint" if about_goods or wish or len(heard.text) > 24 else "unanswered"
        return (
            [*calls, Call("hand_over", HandOver(reason="complaint"))]
            if reason == "complaint"
            else [*calls, Call("reply", reply="what_went_wrong")]
        )

    def _part(self, heard: Heard, context: str, turns: Sequence[Turn], user: str | None) -> list[Call]:
        text, table = heard.text, self._table
        numbers = [n for n in order_numbers(text) if table is None or n not in table.row]
        wish: Any = next((name for name, pattern in WISHES if pattern.search(text)), "")
        if numbers and (
            user is not None
            or heard.intents["order_status"] > 0.1
            or wish
            or MINE.search(text)
            or "order" in text.lower()
        ):
            return [Call("order_status", OrderStatus(order=number, wish=wish, question=text)) for number in numbers]
        if heard.likely("agent"):
            return [Call("hand_over", HandOver(reason="asked"))]
        if heard.theme in REPLIES and (heard.probabilities[heard.theme] >= LIKELY or not heard.speaks_of_shop):
            return [Call("reply", reply=REPLIES[heard.theme])]
        strangers = (
            heard.theme == "other_people" and heard.probabilities["other_people"] >= LIKELY and not MINE.search(text)
        )
        if strangers and (table is None or not dialogue.named(text, table)):
            return [Call("reply", reply="privacy")]
        if (
            table is not None
            and not services(text)
            and (calls := self._products(heard, context, turns, user, table)) is not None
        ):
            return calls
        return self._shop(heard, context, wish, turns, user)

    # --- products -----------------------------------------------------------------------------------------------------

    def _products(
        self, heard: Heard, context: str, turns: Sequence[Turn], user: str | None, table: ProductTable
    ) -> list[Call] | None:
        """Calls of the catalogue's tools; None where a question is about the shop."""
        text = heard.text
        named = dialogue.named(text, table)
        rows = named or dialogue.referred(text, turns, table) or (dialogue.named(context, table) if context else [])
        ids = [table.ids[row] for row in rows]
        asked = parse(text, table)
        before = dialogue.focus(turns, table)
        if self._priced and ASKED.search(text) and (ids or before):
            return [Call(TOOL, PriceQuestion(items=ids[:2] or [table.ids[before[0]]]))]
        if heard.likely("why_recommended") and not asked.categories and (ids or before):
            return [Call("recommend", Recommend(why=ids[:1] or [table.ids[before[0]]]))]
        if heard.likely("why_recommended"):
            return [Call("recommend", Recommend(text=text, why=["*"]))]
        if heard.likely("compare") and not asked.sort and len(before) >= 2 and len(ids) < 2 and not named:
            ids = [table.ids[row] for row in before[:2]]
        if len(ids) >= 2 and (
            heard.likely("compare")
            or (
                named
                and not any(ASKS[k].search(text) for k in ("stock",))
                and len(dialogue.products_in(text, table)) >= 2
            )
        ):
            return [Call("compare", Compare(items=ids[:4], question=text))]
        if self._judged is not None and (ids or before) and self._judged(text):
            return [Call("product_facts", ProductFacts(items=ids[:2] or [table.ids[before[0]]], question=text))]
        if heard.likely("goes_with") and (ids or before):
            return [Call("goes_with", GoesWith(items=ids[:1] or [table.ids[before[0]]]))]
        counts = heard.speaks_of("counting") and not OWN.search(text) and (asked.categories or asked.brands)
        sure, hits = heard.sure, heard.hits
        asks_range = heard.likely("count_products", "which_brands")
        if (counts or (asks_range and (sure < self._bound or hits[0].cosine < SAYS_JUST_THIS))) and not ids:
            return [Call("catalogue_facts", CatalogueFacts(query=text))]
        service = any(heard.speaks_of(name) for name in SERVICE) and asked.price_max is None
        if service and not named and (sure >= self._bound or OWN.search(text)) and not heard.speaks_of("gift"):
            return None
        rule = (
            sure >= self._bound and heard.intent not in {"product", "recommendation"} and heard.theme not in OF_PRODUCTS
        )
        if ids and dialogue.only_refers(text) and (last := _last_asked(turns)):
            return [Call("product_facts", ProductFacts(items=ids[:1], question=last))]
        if named:
            worth_a_rule = (
                sure >= self._bound
                and heard.theme not in OF_PRODUCTS
                and heard.intent in {"returns", "delivery", "service"}
            )
            worth_a_rule |= sure >= self._bound and bool(hits) and hits[0].cosine >= SAYS_JUST_THIS
            if worth_a_rule and not any(ASKS[k].search(text) for k in ("price", "stock")):
                return None
            return [Call("product_facts", ProductFacts(items=ids[:4], question=text))]
        if before and (refined := self._refined(heard, asked, turns, table, rule)) is not None:
            return refined
        if ids and not rule and not asked.categories:
            return [Call("product_facts", ProductFacts(items=ids[:2], question=text))]
        if before and not rule and heard.theme in OF_PRODUCTS and not asked.categories and asked.unknown:
            return [Call("product_facts", ProductFacts(items=[table.ids[before[0]]], question=text))]
        searches = heard.intents["recommendation"] + heard.intents["product"]
        wants = heard.intent in {"recommendation"} or heard.probabilities["recommend"] >= LIKELY
        kind = bool(asked.categories or asked.brands)
        if rule and not wants and not (kind and searches > heard.intents.get(intent_of_theme(heard.theme), 0)):
            return None
        elsewhere = heard.intents["out_of_scope"] >= LIKELY and heard.intents["out_of_scope"] > searches
        of_a_rule = heard.intent not in {"product", "recommendation"} and heard.probabilities[heard.theme] >= RULED
        named_kind = bool(table.kinds_named(text) or asked.brands or asked.price_max or asked.measures)
        if elsewhere or (of_a_rule and not wants):
            return None
        if wants or (kind and named_kind and not OWN.search(text)) or (kind and searches > 0.4):
            if sure >= self._bound and hits and hits[0].cosine >= SAYS_JUST_THIS and not asked.price_max:
                return None  # a rule says just this: which charger fits my laptop
            return [Call("search_products", SearchProducts(query=text))]
        if heard.theme in OF_PRODUCTS and not kind and sure < self._bound:
            if SOLD.search(text) and asked.unknown and not before:
                return [Call("search_products", SearchProducts(query=text))]
            return [Call("reply", reply="which_product")] if not before else None
        return None

    def _refined(
        self, heard: Heard, asked: Constraints, turns: Sequence[Turn], table: ProductTable, rule: bool
    ) -> list[Call] | None:
        """The last search, changed: "under 700", "no, blue", "cheaper", "more"; None where a turn is none of these."""
        earlier = _searched(turns, table)
        before = dialogue.focus(turns, table)
        if not earlier and not before:
            return None
        refines = earlier or [table.categories[before[0]]]
        short = len(heard.text.split()) <= SHORT and len(heard.text) <= 40
        others = dialogue.wants_cheaper(heard.text) and not ASKED.search(heard.text)  # not "will it get cheaper?"
        if others and short and (not rule or (not asked.words and not asked.unknown)):
            limit = min(float(table.prices[row]) for row in before)
            cheaper = [
                row
                for row in range(len(table.ids))
                if table.categories[row] == table.categories[before[0]] and table.prices[row] < limit
            ]
            most = limit - 0.01 if cheaper else None
            return [Call("search_products", SearchProducts(query="", refines=refines, price_max=most, sort="price"))]
        if heard.likely("more_products") and short and not asked.categories:
            return [Call("search_products", SearchProducts(query=heard.text, refines=refines, new_only=True))]
        limits = (
            asked.price_max is not None
            or asked.price_min is not None
            or asked.measures
            or asked.brands
            or asked.not_words
        )
        kinds = parse(" ".join(refines), table).categories
        same = asked.categories == kinds if asked.categories else self._fits(asked, kinds, table)
        if (
            short
            and same
            and not asked.unknown
            and (limits or (asked.words and not rule))
            and not any(p.search(heard.text) for p in (ASKS["stock"], WHAT))
        ):
            if heard.theme == "product_fact" and not limits and dialogue.referred(heard.text, turns, table):
                return None
            return [Call("search_products", SearchProducts(query=heard.text, refines=refines))]
        return None

    @staticmethod
    def _fits(asked: Constraints, kinds: frozenset[str], table: ProductTable) -> bool:
        """Whether words may narrow down these kinds: a colour may, and what one of their products speaks of."""
        spoken = (terms for terms, kind in zip(table.terms, table.categories, strict=True) if kind in kinds)
        return not kinds or not asked.words or set(asked.words) <= word_list("colours").union(*spoken)

    # --- the shop -----------------------------------------------------------------------------------------------------

    def _shop(self, heard: Heard, context: str, wish: Any, turns: Sequence[Turn], user: str | None) -> list[Call]:
        text = heard.text
        sure = heard.sure
        about_orders = (heard.intent == "order_status" and heard.theme != "track_order") or (
            heard.speaks_of("my_order") and not wish
        )
        after_order = bool(turns) and any(s.startswith("order:") for s in turns[-1].sources)
        mine = user is not None and (MINE.search(text) is not None or after_order)
        mine &= not re.search(r"\bhow (?:do|can)\b|怎么", text)
        if (
            mine
            and wish in {"cancel", "change"}
            and heard.theme in {"cancel_order", "change_address", "change_item", "my_order"}
        ) or (mine and wish == "return" and FROM_ORDER.search(text)):
            return [Call("order_status", OrderStatus(wish=wish, question=text))]
        if mine and (
            about_orders
            or (heard.theme == "track_order" and not re.search(r"\bhow (?:do|can)\b|怎么", text))
            or (after_order and wish)
        ):
            return [Call("order_status", OrderStatus(wish=wish, question=text))]
        if about_orders and user is None and MINE.search(text) and sure < self._bound:
            return [Call("order_status", OrderStatus(question=text))]
        if context and sure < self._bound <= self.listener.hear(context).sure:
            return [Call("search_policies", SearchPolicies(query=f"{context} {text}"))]  # it leans on the first
        if sure >= self._bound:
            return [Call("search_policies", SearchPolicies(query=text))]
        if heard.intent == "out_of_scope":
            return [Call("reply", reply="out_of_scope")]
        return [Call("search_policies", SearchPolicies(query=text))]


def _searched(turns: Sequence[Turn], table: ProductTable) -> list[str]:
    """The shopper's sentences that were answered with lists, oldest first."""
    return [
        turn.text
        for turn, told in pairwise(turns)
        if turn.role == "user" and told.role != "user" and re.search(r"^1\. ", told.text, re.MULTILINE)
    ]


def _last_asked(turns: Sequence[Turn]) -> str:
    """The shopper's last sentence."""
    return next((turn.text for turn in reversed(turns) if turn.role == "user"), "")
