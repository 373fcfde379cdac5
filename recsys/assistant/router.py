"""Routing without a model: which tools a turn asks for, from examples read by the encoder and the catalogue's words.

A sentence is read with the catalogue's words taken out ("how many products do you have"), so that examples of one shop
hold for any. A linear classifier over its vector (`themes`) says what it is about; what it names, refers to and limits
are arguments of the calls.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from recsys.assistant import dialogue, tools
from recsys.assistant.asking import last_asked
from recsys.assistant.dialogue import Turn
from recsys.assistant.hearing import ASPECTS, LIKELY, MAX_PARTS, Heard, facets, split, told_by, told_of, whole
from recsys.assistant.knowledge import SHOP_RULES
from recsys.assistant.listener import Listener
from recsys.assistant.messages import message
from recsys.assistant.patterns import (
    SERVICE,
    SMALL_TALK,
    asks,
    asks_of_products,
    gives_orders,
    pattern,
    says,
    says_more,
    way_of_paying,
    wish_in,
)
from recsys.assistant.plans import ORDER, RULE
from recsys.assistant.policies import exception, rule_on, without_yes
from recsys.assistant.product_router import SURELY, ProductRouter
from recsys.assistant.tool_choice import COMPLAINT, Situation
from recsys.assistant.toolbox import tool_name
from recsys.assistant.tools import Call, Context, OrderStatus, Reply, SearchPolicies
from recsys.assistant.turn_reader import MEANT, Read, TurnReader
from recsys.data.orders import order_numbers
from recsys.llm.clauses import services
from recsys.llm.language import sentences, tokens
from recsys.llm.quantities import dates_in
from recsys.serving.search import Constraints, mentions, parse
from recsys.serving.search.colours import COLOURS
from recsys.serving.search.query import SIZE_WORDS
from recsys.serving.search.said import SAID

ANGRY, FURIOUS = 0.07, 0.7
"""Probability of a complaint from which a sentence is one: with a word of anger, and without any."""
CURSE = 24
"""Characters of a sentence that tells of nothing that went wrong."""
NO_SHOP = 0.7
"""Probability of a wish for advice from which a kind of product is merely named in it."""
ALONE = 0.3
"""Probability of a greeting or thanks from which a sentence that speaks of nothing else is one."""
CLEARLY = 0.8
"""Probability of small talk from which a word that stands in a title, too, makes no goods of it ("a real person")."""
OF_ORDERS = frozenset({"cancel_order", "change_address", "change_item", "my_order"})
"""Themes of a wish about an order that was placed."""
_WISHES = {"cancel_order": "cancel", "change_address": "change", "change_item": "change"}
"""What is wished of the shopper's own order where a sentence is about that in other words ("stop my order")."""
WARRANTIES = frozenset({"warranty", "warranty_claim", "warranty_cover", "after_warranty"})
"""Themes of faults that come later: what is covered depends on no stock."""
SHORT = 40
"""Characters of a sentence that may be about another thing than the one before, and nothing else."""
CERTAIN = 0.97
"""Confidence in a rule from which no other turn is asked what is meant."""
LIKELIEST, OWN = 0.6, 0.25
"""Probability of a tool from which it is taken where no rule applies; of an order, where a shopper speaks of theirs."""
LOOKS = 0.85
"""Probability of a search of the products from which a turn that nothing precedes is one, whatever rule is near."""
FOLLOWS = 0.75
"""Probability of a tool from which it is taken for a turn that follows another, whatever a rule of the router says."""
GOES_ON, WISHES = 0.5, 0.3
"""Probability of a search, or of products like one, from which a turn that follows a search changes it; of one that
says what only a change of a list says."""
UNMET = 0.3
"""Probability of a complaint from which one is heard where neither a rule of the router nor of the shop applies."""
MAYBE = 0.1
"""Probability of a tool from which a turn may ask for it."""
SURE = 0.8
"""Probability of a tool from which a turn's reader decides, whatever a rule of the router says."""
SURE_PART = 0.7
"""Confidence in a rule from which it answers a part of a turn that no rule answers whole."""
LEFT = frozenset({COMPLAINT, "hand_over", "reply", "recommend"})
"""Tools that only a rule of the router calls: a turn that is wrongly read as one of them would be told nothing."""
_CLAUSE = re.compile(r"[,.?!，。？！]")
_CLAUSES = re.compile(r"[,.?!，。？！]\s*|(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")
_HYPHENED = re.compile(r"[a-z]+(?:-[a-z]+)+")
ORDERED_TURNS = 6
"""Turns back in which an order was told of that goods of a later one may be of."""
RULED_TURNS = 3
"""Sentences back that one which leans on the shop's rules may lean on."""


class Router:
    """Plans tool calls for a turn.

    Parameters
    ----------
    shop
        What tools look things up in.
    listener
        Reads questions.
    reader
        Reads a turn beside those before it; by default `Knowledge.tools` says which tool a turn asks for.
    """

    def __init__(self, shop: Context, listener: Listener, reader: TurnReader | None = None) -> None:
        self._reader = reader
        self._products = None if shop.table is None else ProductRouter(shop)
        self._listener = listener
        self._knowledge = shop.knowledge
        self._rules = [passage for passage in shop.knowledge.passages if passage.kind in SHOP_RULES]
        self._table, self._bound = shop.table, shop.bound

    def guard(self, question: str, user: str | None) -> list[Call] | None:
        """What nobody else decides: injected orders, the privacy of others, complaints; None for any other turn."""
        if gives_orders(question):
            return [Reply(kind="out_of_scope")]
        if says("of_others", question) and not (order_numbers(question) and user):
            return [Reply(kind="privacy")]
        return self._upset(self._listener.hear(question), user)

    def rules(self, question: str) -> list[Call]:
        """The calls for a question about the shop that is complete in itself."""
        heard, wish = self._listener.hear(question), wish_in(question)
        return self._of_paying(heard) or self._of_damage(heard, wish) or self._shop(heard, wish, [], None)

    def plan(self, question: str, turns: Sequence[Turn], user: str | None) -> list[Call]:
        """The calls a turn asks for, in its order."""
        if (guarded := self.guard(question, user)) is not None:
            return guarded
        turn = self._listener.hear(question)
        parts = split(question)
        calls: list[Call] = []
        for at, part in enumerate(parts):
            if wishes := self._wishes(part):
                calls += wishes
                continue
            heard = turn if len(parts) == 1 else self._listener.hear(part)
            last = calls[-1] if calls else None
            unsure = at and not order_numbers(part) and heard.sure < self._bound
            if unsure and isinstance(last, OrderStatus) and not self.names_products(part):
                calls[-1] = last.model_copy(update={"question": f"{last.question}, {part}"})
                continue  # what is asked of an order is told with it
            most = says("most_of", part) and not self.names_products(part)  # of the kind that is counted
            if most and isinstance(last, tools.CatalogueFacts):
                calls[-1] = last.model_copy(update={"query": f"{last.query}, {part}"})
                continue
            of_found = unsure and asks_of_products(part) and not asks(part) and not self.names_products(part)
            if of_found and isinstance(last, tools.SearchProducts) and not last.asks:
                calls[-1] = last.model_copy(update={"then": part})
                continue  # and what is asked of the products that are looked for, of those found
            if says("switch_off", part) and not at and says("why_shown", last_asked(turns)):
                calls.append(SearchPolicies(query=message("rule_switch_off", dialogue.spoken_in(part))))
                continue
            earlier = self._ruled(turns) if not at else _query(last)
            if earlier and (leant := self._leaning(heard, earlier)) is not None:
                calls.append(leant)
                continue
            routed = self._part(heard, question if at else "", turns, user)
            calls += self._learnt(heard, routed, turns, user)
        orders = dialogue.orders_told(turns)
        again = [
            call.model_copy(update={"told": True}) if isinstance(call, OrderStatus) and call.order in orders else call
            for call in calls
        ]
        return list({repr(call): call for call in again}.values())

    def _wishes(self, text: str) -> list[Call]:
        """A search for each wish of a sentence for things of several kinds; none of a sentence for one."""
        wishes = [wish for part in pattern("another_wish").split(text) if (wish := part.strip())][:MAX_PARTS]
        if self._products is None or len(wishes) == 1 or says("differs", text) or any(map(asks_of_products, wishes)):
            return []
        wishes = [wish for wish in wishes if not says("dismisses", wish)]
        if len(wishes) == 1:
            return [tools.SearchProducts(query=wishes[0])]
        things = [self._products.things(wish) if self._wished(wish) else frozenset() for wish in wishes]
        apart = all(things) and len(frozenset().union(*things)) == sum(map(len, things))
        return [tools.SearchProducts(query=wish) for wish in wishes] if apart else []

    def _wished(self, wish: str) -> bool:
        """Whether a part of a sentence says what is wished: more than a syllable, and a brand of some kind."""
        limits = Constraints() if self._table is None else parse(wish, self._table)
        return len(wish) > 1 and not (limits.brands and not limits.categories)

    def _leaning(self, heard: Heard, earlier: str) -> Call | None:
        """What a question asks of the matter of the one before ("and what does it cost?"), where a rule says that."""
        text, asked = heard.text, facets(heard.text)
        first = text if len(text) <= SHORT else _CLAUSE.split(text)[0]  # "ok and sweden? my sister lives there"
        another = says("and_another", first) and len(first) <= SHORT  # "and over-ear ones?" asks the same of these
        of_its_own = way_of_paying(text) or order_numbers(text) or (self.names_products(text) and not another)
        of_goods = heard.likely("product_fact", "colour") and not another
        of_person = heard.intent == "handover" or says("wants_person", text)
        anew = another and asks_of_products(first) and not asked
        of_its_own = of_its_own or anew or wish_in(text) in {"damaged", "refund"}
        if not (asked or another) or of_its_own or of_goods or of_person:
            return None
        matter = facets(earlier) - ASPECTS
        goes_on = bool(matter - asked) and len(text) <= SHORT  # may be asked of the matter of the one before
        if heard.sure >= self._bound and not (asked <= ASPECTS or goes_on):
            return None
        if heard.sure >= CERTAIN and len(asked) > 1:
            return None  # it says itself what it is about
        both = f"{earlier} {first if another else text}"
        joined = self._listener.hear(both)
        told = told_by(joined.hits)
        if another and not asked:
            new = [word for word in (*_HYPHENED.findall(text.lower()), *tokens(text)) if word not in SAID]
            new = [word for word in new if word not in earlier.lower()]
            of_those = any(word in whole(hit.passage).lower() for word in new for hit in joined.hits)
            of_those |= says("even_of", first)  # "even a floor lamp?", of whatever rule was told
            return SearchPolicies(query=both) if joined.sure >= self._bound and of_those else None
        same_matter = goes_on and matter <= told and bool((asked & told) - ASPECTS)
        if heard.sure >= self._bound and not asked <= ASPECTS and not same_matter:
            return None
        of_it = asked <= told and bool(facets(earlier) & told)
        fits = joined.sure >= self._bound and (heard.sure < self._bound or of_it or same_matter)
        return SearchPolicies(query=both) if fits else None

    def _ruled(self, turns: Sequence[Turn]) -> str:
        """The shopper's last sentences, back to one that names its matter; '' where no rule answered the last."""
        said: list[str] = []
        for asked, told in list(pairwise(turns))[::-2]:
            text = told.text.lower()
            from_rules = any(p.id in told.sources or without_yes(p.text).lower() in text for p in self._rules)
            if not from_rules or any(s.startswith(("item:", "order:")) for s in told.sources):
                break
            said.insert(0, asked.text)
            if len(said) == RULED_TURNS or facets(asked.text) - ASPECTS:
                break
        return " ".join(said)

    def order_told(self, text: str, turns: Sequence[Turn]) -> str | None:
        """Number of the order just told of, unless a question names goods or a day: then another may be meant."""
        told = dialogue.orders_told(turns)
        return told[0] if len(told) == 1 and not (self.names_products(text) or dates_in(text)) else None

    def names_products(self, text: str) -> bool:
        """Whether a text names a product or a kind of them."""
        table = self._table
        return table is not None and bool(parse(text, table).categories or mentions.named(text, table))

    def _limits(self, text: str) -> bool:
        """Whether a text limits products by what only a change of a list says: a refusal, a colour, a size, a price."""
        limits = Constraints() if self._table is None else parse(text, self._table)
        of_a_kind = bool((COLOURS | SIZE_WORDS).intersection(limits.words) or limits.measures)
        return of_a_kind or bool(limits.not_words or limits.free_of or limits.price_max or limits.not_brands)

    def _not_sold(self, text: str) -> bool:
        """Whether a text looks for a thing that is sold in other shops."""
        return self._table is not None and self._table.sold.knows(parse(text, self._table).no_such)

    def _missing(self, text: str) -> bool:
        """Whether a text looks for a thing that the shop has not (a robot vacuum: 机器人 is what the assistant is)."""
        return self._table is not None and bool(self._table.foreign.missing(text))

    def _unknown(self, text: str) -> bool:
        """Whether all that a text looks for is what no product is or has: a search that goes on would leave it out."""
        limits = Constraints() if self._table is None else parse(text, self._table)
        named = limits.categories or limits.words or limits.sort or self._limits(text)
        return bool(limits.unknown or limits.no_such) and not named

    def _speaks_of_goods(self, text: str, turns: Sequence[Turn]) -> bool:
        """Whether a text names a product, a kind or a word of titles, or finds what was shown too dear."""
        if self._table is None:
            return False
        if (says("too_dear", text) or says_more(text)) and dialogue.focus(turns, self._table):
            return True
        limits = parse(text, self._table)
        if limits.not_words or limits.free_of:
            return True
        return bool(limits.sort or limits.brands) or self._of_titles(text) or self.names_products(text)

    def _of_titles(self, text: str) -> bool:
        """Whether a text has a word of some title."""
        words = set() if self._table is None else set(parse(text, self._table).words)
        return self._table is not None and any(not words.isdisjoint(terms) for terms in self._table.title_terms)

    def _learnt(self, heard: Heard, routed: list[Call], turns: Sequence[Turn], user: str | None) -> list[Call]:
        """What the likeliest tool is called with, where no rule applies to a turn or its reader is sure of another."""
        if self._reader is not None and not self._complains(heard, turns):
            read = self._reading(heard.text, turns)
            if max(read.tools.values()) >= SURE:
                return self._as_read(read, heard, routed, turns, user) or routed
        left = all(is_left(call, heard.text) for call in routed)
        of_shop = all(isinstance(call, SearchPolicies | Reply | tools.GoesWith) for call in routed)
        if not turns and of_shop and self._products is not None and self._looks_for(heard):
            return self._products.called("search_products", heard, turns) or routed
        if not (left or turns):
            return routed
        chances = self._chances(heard, turns)
        if turns and (changed := self._changed(heard, routed, chances, turns)) is not None:
            return changed
        if not left:
            return self._followed(heard, routed, chances, turns, user)
        of_goods = any(isinstance(call, tools.SearchProducts) for call in routed)
        if of_goods and self._not_sold(heard.text):
            return routed
        unanswered = (heard.sure < self._bound or of_goods) and not asks_of_products(heard.text)
        if unanswered and self._complains(heard, turns):
            return self._apology(heard, user)
        tool = max(chances, key=chances.__getitem__)
        own = user is not None and says("mine", heard.text) and chances["order_status"] >= OWN
        own &= chances[tool] < LIKELIEST or heard.intents["order_status"] >= MAYBE  # "what goes with what i bought"
        tool = "order_status" if own else tool
        sure = heard.sure >= (CERTAIN if tool == "order_status" else self._bound)
        if sure or not (own or chances[tool] >= LIKELIEST) or tool in {*map(tool_name, routed), "recommend"}:
            return routed  # a rule alone hears who asks why
        called = self._called(tool, heard, turns, user) or []
        ruled = tool == "order_status" and heard.sure >= self._bound and heard.intent in {"returns", "service"}
        rules = [call for call in routed if isinstance(call, SearchPolicies)] if ruled else []
        return [*called, *rules] or routed  # the order, and the rule on what is to be done

    def _complains(self, heard: Heard, turns: Sequence[Turn]) -> bool:
        """Whether a turn is likely a complaint, as sentences or as written turns tell."""
        return max(heard.probabilities["complaint"], self._likely(heard, turns)[COMPLAINT]) >= UNMET

    def _as_read(
        self, read: Read, heard: Heard, routed: list[Call], turns: Sequence[Turn], user: str | None
    ) -> list[Call] | None:
        """What a turn asks for that its reader is sure of; None where a rule's call is as good, or none can be made."""
        tool = max(read.tools, key=read.tools.__getitem__)
        if tool == "search_policies":
            return self._ruled_by(read, heard, routed, turns)
        names = set(map(tool_name, routed))
        same = tool in names and (tool != "search_products" or self._unknown(heard.text))
        same |= "recommend" in names  # whoever asks why is told why
        same |= not turns and Reply(kind="out_of_scope") in routed and not self.names_products(heard.text)
        same |= tool == "price_history" and not (says("earlier_price", heard.text) or says("on_offer", heard.text))
        if same or tool in LEFT or (self._table is not None and dialogue.only_refers(heard.text, self._table)):
            return None
        if tool == "order_status":
            called = self._called(tool, heard, turns, user)
            ruled = heard.sure >= self._bound and heard.intent in {"returns", "service"}
            return called and [*called, *(call for call in routed if ruled and isinstance(call, SearchPolicies))]
        return None if self._products is None else self._products.as_read(tool, heard, turns, read)

    def _ruled_by(self, read: Read, heard: Heard, routed: list[Call], turns: Sequence[Turn]) -> list[Call] | None:
        """A search of the shop's rules for a turn, with what it goes on with or a part of it; None for no answer."""
        lists = all(isinstance(call, tools.SearchProducts) for call in routed)
        of_pay = any(isinstance(call, tools.Payment) for call in routed)  # whether a way that is named is taken
        if of_pay or (heard.intent == "out_of_scope" and not lists):
            return None
        of_own = says("mine", heard.text) or dates_in(heard.text)
        own = [call for call in routed if isinstance(call, OrderStatus)] if of_own else []
        told = dialogue.told_of(turns, self._table)
        goes_on = read.goes_on >= MEANT and told in {RULE, ORDER}
        earlier = (self._ruled(turns) or last_asked(turns)) if goes_on else ""
        asked = [call.query for call in routed if type(call) is SearchPolicies] or [heard.text]
        said = [f"{earlier} {heard.text}"] if earlier else []
        answered_by = turns[-1].sources if earlier else ()
        repeats = said and any(hit.passage.id in answered_by for hit in self._listener.hear(said[0]).hits[:1])
        if repeats and heard.sure >= self._bound and heard.hits[0].passage.id not in answered_by:
            said = []  # what was told is not asked again
        query = max([*asked, *said], key=lambda query: self._listener.hear(query).sure)
        answered = query if self._listener.hear(query).sure >= self._bound else None
        if answered is None:
            parts = (part for part in _CLAUSES.split(heard.text) if facets(part))
            answered = next((part for part in parts if self._listener.hear(part).sure >= SURE_PART), None)
        if answered is None and lists:
            answered = heard.text  # that no rule says it is more of an answer than a list
        return None if answered is None else [*own, SearchPolicies(query=answered)]

    def _reading(self, text: str, turns: Sequence[Turn]) -> Read:
        assert self._reader is not None
        return self._reader(text, dialogue.as_read(turns, self._table))

    def _changed(
        self, heard: Heard, routed: list[Call], chances: dict[str, float], turns: Sequence[Turn]
    ) -> list[Call] | None:
        """The last search with what a turn adds or takes back, where written turns look for products in such a turn."""
        refined = any(isinstance(call, tools.SearchProducts) and call.refines for call in routed)
        if self._products is None or refined:
            return None
        looks = chances["search_products"] + chances["similar"] >= (WISHES if self._limits(heard.text) else GOES_ON)
        return self._products.goes_on(heard, turns) if looks else None

    def _followed(
        self, heard: Heard, routed: list[Call], chances: dict[str, float], turns: Sequence[Turn], user: str | None
    ) -> list[Call]:
        """What a turn that follows another asks for, where written turns name another tool than a rule does."""
        tool = max(chances, key=chances.__getitem__)
        if chances[tool] < FOLLOWS or tool in map(tool_name, routed) or tool == COMPLAINT:
            return routed
        changes = any(isinstance(call, tools.SearchProducts) and call.refines for call in routed)
        others = says("and_another", heard.text) or says("for_things", heard.text)
        if changes and (self._limits(heard.text) or others):
            return routed  # "no, blue", "in small", "what about silk" change a list, whatever they sound like
        unsaid = Reply(kind="which_product") in routed and asks_of_products(heard.text)  # a search finds it no better
        if (tool == "search_policies" and heard.sure < self._bound) or (tool == "search_products" and unsaid):
            return routed
        of_day = SearchPolicies(query=rule_on("day", dialogue.spoken_in(heard.text))) in routed
        if tool == "order_status" and of_day:  # where an order is was told, and is not asked
            return routed
        of_both = any(isinstance(call, tools.Compare) for call in routed)  # which tells the facts of both
        recoloured = bool(routed) and says("other_colour", heard.text) and says("others", heard.text)
        if tool == "product_facts" and (of_both or recoloured):
            return routed
        of_each = any(isinstance(call, tools.ProductFacts) and len(call.items) > 1 for call in routed)
        if tool == "compare" and of_each and says("which_of", heard.text):
            return routed  # "which is better on battery"
        return self._called(tool, heard, turns, user) or routed

    def likely(self, question: str, turns: Sequence[Turn]) -> list[str]:
        """The tools that a turn may ask for, the likeliest first."""
        chances = self._chances(self._listener.hear(question), turns)
        return [tool for tool in sorted(chances, key=lambda tool: -chances[tool]) if chances[tool] >= MAYBE]

    def _chances(self, heard: Heard, turns: Sequence[Turn]) -> dict[str, float]:
        if self._reader is not None:
            return self._reading(heard.text, turns).tools
        return self._likely(heard, turns)

    def _likely(self, heard: Heard, turns: Sequence[Turn]) -> dict[str, float]:
        """Probability of each tool by the regression over a turn's words and vector."""
        return self._knowledge.tools(heard.text, heard.read.vectors[0], self._situation(turns))

    def _called(self, tool: str, heard: Heard, turns: Sequence[Turn], user: str | None) -> list[Call] | None:
        """A call of this tool for a turn; None where what it needs is not there."""
        text = heard.text
        if tool == "order_status":
            order = self.order_told(text, turns)
            return None if user is None else [OrderStatus(order=order, wish=wish_in(text), question=text)]
        if tool == "search_policies" and heard.intent != "out_of_scope" and not self.names_products(text):
            both = f"{self._ruled(turns)} {text}".strip()
            leans = self._listener.hear(both).sure > heard.sure
            return [SearchPolicies(query=both if leans else text)]
        if tool == COMPLAINT:
            return self._apology(heard, user)
        if tool == "hand_over":
            return [tools.HandOver(reason="asked")]
        return None if self._products is None else self._products.called(tool, heard, turns)

    def _situation(self, turns: Sequence[Turn]) -> Situation:
        """What a turn follows, by the sources of the last answer or, where they were not kept, by its words."""
        if not turns:
            return Situation()
        shown = [] if self._table is None else dialogue.focus(turns, self._table)
        return Situation(dialogue.told_of(turns, self._table) or "other", min(len(shown), 2))

    def _looks_for(self, heard: Heard) -> bool:
        """Whether a sentence looks for products by itself, as surely as written turns can tell."""
        names = self.names_products(heard.text) or self._of_titles(heard.text)
        return names and self._likely(heard, [])["search_products"] >= LOOKS

    def _upset(self, heard: Heard, user: str | None) -> list[Call] | None:
        """An apology, where a sentence is a complaint."""
        angry = heard.speaks_of("anger")
        upset = heard.probabilities["complaint"] + heard.probabilities["abuse"]
        of_goods = not angry and asks_of_products(heard.text) and self._of_titles(heard.text)  # has it a hole?
        if upset < (ANGRY if angry else FURIOUS) or heard.likely("chores") or of_goods or self._looks_for(heard):
            return None
        opened = self._opened(heard, [])
        return [Reply(kind="sorry"), *opened] if opened else self._apology(heard, user)

    def _apology(self, heard: Heard, user: str | None) -> list[Call]:
        """Anger gets an apology, the order looked up, the rule that helps, and a way out."""
        calls: list[Call] = [Reply(kind="sorry")]
        of_goods = sum(heard.intents[intent] for intent in ("delivery", "returns", "order_status"))
        about_goods = of_goods > 0.1 or heard.sure >= self._bound
        wish = wish_in(heard.text)
        if user is not None and (about_goods or wish or says("mine", heard.text)):
            wish_of_it = wish if wish in {"refund", "missing", "return", "cancel"} else ""
            calls.append(OrderStatus(wish=wish_of_it, question=heard.text))
        elif user is None and about_goods and says("own", heard.text) and heard.sure < self._bound:
            calls.append(OrderStatus(wish="missing", question=heard.text))  # signed in, it can be looked up
        parts = sentences(heard.text)[:MAX_PARTS] or [heard.text]
        goods = max(map(self._listener.hear, parts), key=lambda part: part.sure)
        of_it = goods.sure >= self._bound and facets(goods.text) & told_of(goods.hits[0])  # and not of another matter
        if of_it and (about_goods or wish):
            calls.append(SearchPolicies(query=goods.text))
        elif wish and (user is None or wish == "damaged"):
            calls.append(SearchPolicies(query=rule_on(wish, dialogue.spoken_in(heard.text))))
        told = about_goods or wish or len(heard.text) > CURSE or says("person", heard.text)
        way_out: Call = tools.HandOver(reason="complaint") if told else Reply(kind="what_went_wrong")
        return [*calls, way_out]

    def _part(self, heard: Heard, context: str, turns: Sequence[Turn], user: str | None) -> list[Call]:
        text, table = heard.text, self._table
        if opened := self._opened(heard, turns):
            return opened
        numbers = [n for n in order_numbers(text) if table is None or n not in table.row]
        wish = wish_in(text)
        of_orders = wish or heard.intents["order_status"] > 0.1 or says("mine", text) or "order" in text.lower()
        if numbers and (user is not None or of_orders):
            return [OrderStatus(order=number, wish=wish, question=text) for number in numbers]
        looks_for = says("for_things", text)  # another, where one broke
        broken = says("broke_down", text) and not looks_for
        serviced = any(heard.speaks_of(name) for name in SERVICE) and not looks_for
        if says("elsewhere", text) and (broken or serviced):
            return [Reply(kind="out_of_scope")]
        if user is not None and (again := self._order_again(heard, turns)) is not None:
            return [again]
        if user is not None and (of_order := self._of_an_order(heard, wish, turns)):
            return of_order
        used = says("used_for", text) and not says("came", text)
        if broken and (used or (heard.sure < self._bound and says("own", text))):
            own: list[Call] = [OrderStatus(question=text)] if user is not None else []
            repaired = heard.sure >= self._bound and heard.likely("after_warranty")
            return [*own, SearchPolicies(query=text if repaired else rule_on("fault", dialogue.spoken_in(text)))]
        owns = says("mine", text) or self.names_products(text)
        if user is not None and says("reorder", text) and (owns or dialogue.orders_told(turns)):
            return [OrderStatus(question=text)]
        owns |= bool(dialogue.orders_told(turns)) or (says("the_thing", text) and self._of_titles(text))
        if user is not None and says("arrives", text) and owns and heard.theme != "notify_restock":
            return [OrderStatus(wish=wish if wish in {"missing", "return"} else "", question=text)]
        theirs = (owns and says("bought_before", text)) or (says("mine", text) and says("charged", text))
        if user is not None and theirs:
            return [OrderStatus(question=text)]
        if heard.likely("agent") or says("wants_person", text):
            said: list[Call] = [Reply(kind="identity")] if heard.likely("identity") else []
            said += [SearchPolicies(query=text)] if heard.sure >= self._bound and says("asks_something", text) else []
            return [*said, tools.HandOver(reason="asked")]
        if pays := self._of_paying(heard):
            return pays
        chance = heard.probabilities[heard.theme]
        of_goods = self.names_products if chance >= CLEARLY else partial(self._speaks_of_goods, turns=turns)
        chats = heard.theme in SMALL_TALK and not (of_goods(text) or self._missing(text))
        if chats and chance >= (LIKELY if heard.speaks_of_shop else ALONE):
            return [Reply.model_validate({"kind": heard.theme})]
        named, covered = table is not None and mentions.named(text, table), heard.sure >= self._bound
        strangers = (
            not (wish or (covered and facets(text)))
            and heard.theme == "other_people"
            and heard.probabilities["other_people"] >= LIKELY
        )
        if strangers and not says("mine", text) and not says("buyers_say", text) and not named:
            return [Reply(kind="privacy")]
        if heard.probabilities["advice"] >= NO_SHOP and not named:
            return [Reply(kind="out_of_scope")]
        if not named and (damaged := self._of_damage(heard, wish)):
            return damaged
        under_warranty = heard.theme in WARRANTIES and heard.probabilities[heard.theme] >= LIKELY
        if under_warranty and covered and not named and facets(text):
            return [SearchPolicies(query=text)]  # of whatever brand: how many products it has is no answer
        if self._products is not None and not services(text) and (calls := self._products.plan(heard, context, turns)):
            return calls
        return self._shop(heard, wish, turns, user)

    def _opened(self, heard: Heard, turns: Sequence[Turn]) -> list[Call]:
        """The rule on goods of a kind that were opened, else the rule on the state that goods should be in."""
        table, text = self._table, heard.text
        if table is None or not says("opened", text) or says("broke_down", text):
            return []
        if heard.speaks_of("damaged"):  # whoever opens the box sees it
            return [SearchPolicies(query=rule_on("damaged", dialogue.spoken_in(text)))]
        if wish_in(text) not in {"return", "refund"}:
            return []
        kinds = parse(text, table).categories or {table.categories[row] for row in dialogue.focus(turns, table)}
        language = dialogue.spoken_in(text)
        for kind in sorted(kinds):
            query = message("rule_opened", language, kind=table.local_name(kind, language))
            hits = self._listener.hear(query).hits
            if hits and kind in table.kinds_named(whole(hits[0].passage)):
                return [SearchPolicies(query=query)]
        return [SearchPolicies(query=rule_on("condition", language))] if kinds else []

    def _of_paying(self, heard: Heard) -> list[Call]:
        pays = way_of_paying(heard.text) and heard.intents["service"] + heard.intents["delivery"] >= LIKELY
        return [tools.Payment(query=heard.text)] if pays else []

    def _of_damage(self, heard: Heard, wish: str) -> list[Call]:
        text = heard.text
        if wish != "damaged" or not says("came", text):
            return []
        of_it = bool(heard.hits) and wish_in(whole(heard.hits[0].passage)) == wish
        if heard.sure >= self._bound and of_it:
            return [SearchPolicies(query=text)]
        return [SearchPolicies(query=f"{rule_on(wish, dialogue.spoken_in(text))} {text}")]

    def _order_again(self, heard: Heard, turns: Sequence[Turn]) -> Call | None:
        """What is asked of the order told of last: "and the shoes?", "what did it come to?", "what else is in it?"."""
        told = dialogue.orders_told(turns)
        text, names = heard.text, self.names_products(heard.text) or bool(dates_in(heard.text))
        if told and names and says("and_another", text) and len(text) <= SHORT:
            return OrderStatus(wish=wish_in(last_asked(turns)), question=text)
        of_total = asks(text, ["price"]) or says("order_total", text)
        of_total = of_total and not facets(text) - {"cost", "payment"}
        if self._table is not None and of_total and says("own", text):  # what goods cost that were bought before
            names |= self._of_titles(text)
        if told and not names and (of_total or says("order_way", text) or heard.theme == "my_order"):
            return OrderStatus(order=told[0], wish=wish_in(text), question=text)
        return None

    def _of_an_order(self, heard: Heard, wish: Any, turns: Sequence[Turn]) -> list[Call]:
        """A wish for an order that was told of, or when it comes, by its goods ("the lamp, when's that coming")."""
        text = heard.text
        numbers = [number for turn in turns[-ORDERED_TURNS:] for number in dialogue.orders_of(turn)]
        if not numbers or says("for_things", text):
            return []
        last = dialogue.orders_told(turns)
        comes = says("arrives", text) or says("comes_by", text)
        if self.names_products(text):
            wished = wish if wish in {"cancel", "change", "return", "refund"} else ""
            return [OrderStatus(wish=wished, question=text)] if comes or wished else []
        if not last or not (comes or wish in {"cancel", "change"}):
            return []
        return [OrderStatus(order=self.order_told(text, turns), wish="" if wish == "missing" else wish, question=text)]

    # --- the shop -----------------------------------------------------------------------------------------------------

    def _shop(self, heard: Heard, wish: Any, turns: Sequence[Turn], user: str | None) -> list[Call]:
        """What is asked of the shop: of the shopper's own orders where those are meant, else of its rules."""
        text, covered = heard.text, heard.sure >= self._bound
        asks_how = says("asks_how", text)
        tracks = heard.theme == "track_order" and not asks_how
        about_orders = heard.intent == "order_status" and heard.theme != "track_order"
        about_orders |= heard.speaks_of("my_order") and not wish
        after_order = bool(dialogue.orders_told(turns))
        mine = says("mine", text)
        wish = wish or (_WISHES.get(heard.theme, "") if mine and user is not None else "")
        if user is not None and (mine or after_order) and not asks_how:
            of_an_order = wish in {"cancel", "change"} and heard.theme in OF_ORDERS
            of_an_order |= wish == "refund" or (wish == "return" and says("from_order", text))
            if of_an_order or about_orders or tracks or (after_order and wish):
                order = self.order_told(text, turns)
                return [OrderStatus(order=order, wish=wish, question=text)]
        asks_state = tracks or (heard.theme == "my_order" and not asks_how) or (about_orders and not covered)
        if user is None and mine and asks_state:
            return [OrderStatus(question=text)]
        if says("hands_in", text) and "return" in facets(text):
            return [SearchPolicies(query=rule_on("hand_in", dialogue.spoken_in(text)))]
        if wish == "refund" and heard.theme in OF_ORDERS:
            return [SearchPolicies(query=rule_on(wish, dialogue.spoken_in(text)))]
        if says("returns_policy", text):
            rules = (rule_on(name, dialogue.spoken_in(text)) for name in ("return_time", "return"))
            return [SearchPolicies(query=rule) for rule in rules]
        if not covered and says("wants_exchange", text):
            return [SearchPolicies(query=rule_on("exchange", dialogue.spoken_in(text)))]
        if not covered and heard.likely("delivery_day"):
            return [SearchPolicies(query=rule_on("day", dialogue.spoken_in(text)))]
        if wish and not covered and heard.intents["returns"] >= SURELY:
            return [SearchPolicies(query=exception(self._rules, text) or rule_on(wish, dialogue.spoken_in(text)))]
        if not covered and heard.intent == "out_of_scope":
            return [Reply(kind="out_of_scope")]
        return [SearchPolicies(query=text)]


def _query(call: Call | None) -> str:
    """What a call looked up in the shop's rules; '' where it looked elsewhere."""
    return call.query if isinstance(call, SearchPolicies) else ""


def is_left(call: Call, question: str) -> bool:
    """Whether a call is what is left of a turn that no rule applies to."""
    anew = isinstance(call, tools.SearchProducts) and not call.refines
    as_it_is = type(call) is SearchPolicies and call.query in question
    return anew or as_it_is or call == Reply(kind="out_of_scope")
