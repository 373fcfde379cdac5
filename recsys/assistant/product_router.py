"""Routing of what a turn asks of the catalogue: one rule for each way to ask, the first that applies decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from recsys.assistant import calling, dialogue, opinions, prices, tools
from recsys.assistant.asking import Asked, last_asked, searched
from recsys.assistant.calling import MOST
from recsys.assistant.dialogue import Turn
from recsys.assistant.hearing import LIKELY, SAYS_JUST_THIS, WORDS, Heard, facets, intent_of_theme, whole
from recsys.assistant.knowledge import SHOP_RULES
from recsys.assistant.patterns import (
    OF_PRODUCTS,
    SERVICE,
    asks,
    asks_of_products,
    owned,
    pattern,
    says,
    says_more,
    units_asked,
)
from recsys.assistant.policies import rule_on
from recsys.assistant.prices import PriceQuestion, Reduced
from recsys.assistant.product_facts import of_it, told_of
from recsys.assistant.refining import Refining, bounded
from recsys.assistant.toolbox import tool_name
from recsys.assistant.tools import Call, Context, ProductFacts, Reply, SearchPolicies, SearchProducts
from recsys.assistant.turn_reader import MEANT, Read
from recsys.data.orders import order_numbers
from recsys.llm.language import tokens, word_list
from recsys.serving.search import both_ends, matching, mentions, parse
from recsys.serving.search.colours import COLOURS
from recsys.serving.search.measures import measures_in
from recsys.serving.search.product_search import NEAR_KIND
from recsys.serving.search.said import SAID

RULED = 0.4
"""Probability of a theme of the shop's rules from which a sentence that names products is no search for them."""
SURELY = 0.6
"""Probability that a sentence is about returns from which it is about the shop's rules, whatever it names."""
OF_A_BRAND = 3
"""Products of a brand that are told of where only the brand is named."""
OF_GOODS = 0.62
"""Judged confidence in a rule from which it answers where goods are named or before the shopper."""
TOLD = 0.45
"""Probability that a product's text says what is asked from which it is."""
PROPERTY = 5
"""Characters of a question that says no more than a property."""
LEANS = 60
"""Characters of a question of service that may be asked of what was shown."""
ASKED_OF_GOODS = frozenset({"cost", "stock", "sold_out", "restock"})
"""Concepts of what is asked of goods as they are sold."""
OF_REDUCED = frozenset({"code", "return", "refund", "exchange", "delivery", "loyalty", "gift_card", "payment"})
"""Concepts with which a sentence on reduced goods asks for a rule of the shop."""
_OF_RULES: list[Call] = []
"""What a rule returns that leaves a question to the shop's texts."""


class ProductRouter:
    """Plans calls of the catalogue's tools.

    Parameters
    ----------
    shop
        What tools look things up in.
    """

    def __init__(self, shop: Context) -> None:
        self._shop, self._table, self._bound = shop, shop.catalogue, shop.bound
        self._priced = prices.known(shop) is not None
        titles = (passage.title for passage in shop.knowledge.passages if passage.kind in SHOP_RULES)
        self._ruled = frozenset[str]().union(*map(shop.catalogue.kinds_named, titles))  # kinds with rules of their own
        self._changed = changed = Refining(shop.catalogue)
        self._rules = (
            *(self._not_sold, self._reduced, self._goes_with, self._bare, self._reasons, self._counted),
            *(self._of_the_best, self._in_another, self._opinions),
            *(self._praised_or_alike, self._earlier_prices, self._most_of, self._side_by_side),
            *(self._service, self._again),
            *(self._facts, self._of_brand, self._which, self._told, changed.ends, changed.refined),
            *(changed.more_said, self._facts_of_before, self._rule, self._searched, self._unnamed),
        )

    def plan(self, heard: Heard, context: str, turns: Sequence[Turn]) -> list[Call]:
        """Calls of the catalogue's tools; none where a question is about the shop.

        Parameters
        ----------
        context
            The whole turn, where the question is a later part of it.
        """
        asked = self._asked(heard, context, turns)
        return next((calls for rule in self._rules if (calls := rule(asked)) is not None), _OF_RULES)

    def called(self, tool: str, heard: Heard, turns: Sequence[Turn]) -> list[Call] | None:
        """Calls of this tool for a question, a rule's where one makes them; None where what it needs is not there."""
        return self._called(tool, self._asked(heard, "", turns))

    def as_read(self, tool: str, heard: Heard, turns: Sequence[Turn], read: Read) -> list[Call] | None:
        """Calls of this tool for a turn as it was read; None where a rule of the shop answers, or as `called`."""
        asked = self._asked(heard, "", turns)
        if tool == "search_products":
            return None if asked.says_this or asked.named else self._searched_on(asked, read)
        if tool == "product_facts" and asked.covered:
            return None
        return self._of_those(tool, asked, read) or self._called(tool, asked)

    def _called(self, tool: str, asked: Asked) -> list[Call] | None:
        made = (calls for rule in self._rules if (calls := rule(asked)) and {tool} == set(map(tool_name, calls)))
        if (ruled := next(made, None)) is not None:
            return ruled
        if tool == "goes_with" and (added := self._added(asked, sorted(asked.limits.categories))):
            return added
        described = self._ids(mentions.meant(asked.text, asked.limits, self._table))
        return calling.of_products(tool, asked, self._changed.refines(asked), described, priced=self._priced)

    def _of_those(self, tool: str, asked: Asked, read: Read) -> list[Call] | None:
        """Calls of a tool for the products that a turn was read to mean; None where its words say which."""
        before = dialogue.before_shopper(asked.turns, self._table)
        meant = [self._table.ids[before[place]] for place in read.numbered(len(before))]
        if tool in {"compare", "product_facts"} and (most := self._most_of(replace(asked, ids=meant or asked.ids))):
            return most
        picks = asked.named or asked.limits.sort or dialogue.picks_one(asked.text)  # by words, which are surer
        if picks or not meant or (tool == "compare" and len(meant) == 1):
            return None
        if tool == "product_facts":
            return _facts_of(meant, replace(asked, ids=meant))
        if tool == "compare":
            return [tools.Compare(items=meant, question=asked.text)]
        if tool == "price_history" and self._priced:
            return [PriceQuestion(items=meant[:2])]
        return [tools.Similar(items=meant[:1], question=asked.text)] if tool == "similar" else None

    def _searched_on(self, asked: Asked, read: Read) -> list[Call] | None:
        """A search that goes on with the last one, or one of its own, as the turn was read."""
        refines = self._changed.refines(asked) if read.instead or read.goes_on >= MEANT else []
        for rule in self._rules:
            for call in rule(asked) or []:
                if isinstance(call, SearchProducts) and bool(call.refines) == bool(refines):
                    return [call]
        if refines and asked.before and (others := self._changed.others(asked, refines)):
            return others
        return [SearchProducts(query=asked.text, refines=refines, instead=read.instead if refines else "")]

    def goes_on(self, heard: Heard, turns: Sequence[Turn]) -> list[Call] | None:
        """The last search, changed by what a turn says; None where that looks for another thing, or for none."""
        asked = self._asked(heard, "", turns)
        limits, units = asked.limits, units_asked(asked.text)
        changes = bounded(limits) or limits.words or limits.sort
        bare = asked.covered and not (changes or asked.says("too_dear", "larger", "smaller", "others"))
        bare |= asked.ruled and not bounded(limits)  # "that big cat tree, how would it get here"
        measured = asked.before and units and not limits.measures  # how many it is for is asked of those shown
        return None if bare or measured or asked.says("alike", "other_colour") else self._changed.goes_on(asked)

    def things(self, wish: str) -> frozenset[str]:
        """What products of a wish are called at last (lamp, bag), by its words, else by the nearest kind, if any."""
        if said := self._table.things(wish):
            return said
        near = self._shop.products.nearest.of_kind(wish)
        head = tokens(self._table.kind_of[int(near.argmax())])[-1:] if near.max() >= NEAR_KIND else []
        return frozenset(head)

    def _asked(self, heard: Heard, context: str, turns: Sequence[Turn]) -> Asked:
        """A question as the catalogue reads it."""
        table, text = self._table, heard.text
        limits, named = parse(text, table), mentions.named(text, table) or dialogue.called(text, turns, table)
        bound = OF_GOODS if self._shop.judge is not None and limits.categories else self._bound
        earlier = mentions.named(context, table) if context else []
        of_goods = asks_of_products(text) or asks(text, ["price", "stock"])
        if not (named or earlier or dialogue.picks_one(text)) and of_goods and not says("own", text):
            unsure = heard.sure < bound
            of_goods = unsure or not facets(text) - ASKED_OF_GOODS  # and not how much its delivery is
            of_goods &= bool(units_asked(text)) or not says("counts", text)
            named = mentions.meant(text, limits, table) if of_goods else []
        rows = (named := named or (earlier if heard.theme in OF_PRODUCTS else [])) or dialogue.referred(
            text, turns, table
        )
        rows = rows or earlier or (dialogue.called(context, turns, table) if context else [])
        before = dialogue.focus(turns, table)
        rows = rows or ([] if before else self._counted_one(text, turns))
        told = self._says(text, (rows or before)[:MOST])
        bound = OF_GOODS if self._shop.judge is not None and (rows or before) else bound
        return Asked(
            heard,
            turns,
            named=bool(named),
            ids=self._ids(rows),
            limits=limits,
            before=self._ids(before),
            searched=searched(turns),
            context=context,
            covered=heard.sure >= bound and max(heard.sure, heard.judged) >= told,
            told=told,
        )

    def _counted_one(self, text: str, turns: Sequence[Turn]) -> list[int]:
        """The cheapest, or the dearest, of the products that were only counted: "is the cheaper one adjustable?"."""
        counted = parse(last_asked(turns), self._table) if dialogue.picks_one(text) else None
        if counted is None or not counted.categories or asks(text, ["price"]):
            return []
        rows = [int(row) for row in matching(self._table, counted) if self._table.available[row]]
        sign = -1 if says("dearest_one", text) else 1
        return sorted(rows, key=lambda row: sign * self._table.prices[row])[:1]

    def _says(self, question: str, rows: Sequence[int]) -> float:
        """Probability that what is said of one of these products answers a question; 0 where nobody judges that."""
        if self._shop.judge is None or not rows:
            return 0.0
        asked = ((of_it(self._table, row, question), told_of(self._shop, row)) for row in rows)
        return max(float(self._shop.judge.answers(text, [told])[0]) for text, told in asked)

    def _ids(self, rows: Sequence[int]) -> list[str]:
        return [self._table.ids[row] for row in rows]

    def _not_sold(self, asked: Asked) -> list[Call] | None:
        """A thing that the shop has none of: looked for, asked the price or the stock of, or all that is said."""
        text, name = asked.text, asked.limits.no_such
        of_shown = bool(asked.before) and asked.says("it") and asks_of_products(text)
        if not self._table.sold.knows(name) or asked.named or of_shown or asked.says("own"):
            return None
        bare = SAID.issuperset(tokens(text.lower().replace(name, " ")))
        looked_for = bare or not asks_of_products(text) or asked.asks("price", "stock")
        rule = asked.says_this or (asked.ruled and not (bare or asked.wants or asked.says("for_things")))
        return [SearchProducts(query=text)] if looked_for and not rule else None

    # --- single products ----------------------------------------------------------------------------------------------

    def _praised_or_alike(self, asked: Asked) -> list[Call] | None:
        text, limits = asked.text, asked.limits
        if limits.sort == "opinion" and not asked.named and (limits.categories or limits.brands or asked.before):
            refines = [] if limits.categories else self._changed.refines(asked)
            return [SearchProducts(query=text, refines=refines)]
        recoloured = says("other_colour", text) and (asked.ids or not limits.categories)
        if asked.of_one and (recoloured or says("alike", text)):
            return [tools.Similar(items=asked.of_one, question=text)]
        if asked.of_one and says("same_brand", text):
            brand = self._table.brands[self._table.row[asked.of_one[0]]]
            text = pattern("same_brand").sub(" ", text)
            search = SearchProducts(query=text, refines=asked.searched, brand=brand, instead="others")
            return [search] if brand else None
        return None

    def _reduced(self, asked: Asked) -> list[Call] | None:
        """What costs less than usual, of any kind or of one; of a product that is meant, its price is asked."""
        if not self._priced or not asked.says("on_offer") or asked.named:
            return None
        of_one = asked.ids or (asked.before and asked.says("it"))
        of_goods = asked.kind or asked.wants or asked.says("which_of", "what", "for_things", "has_any", "which_ones")
        ruled = facets(asked.text) & OF_REDUCED or asked.says("own")
        return [Reduced(query=asked.text)] if of_goods and not (of_one or ruled) else None

    def _earlier_prices(self, asked: Asked) -> list[Call] | None:
        if not self._priced or not asked.says("earlier_price"):
            return None
        if asked.of_one:
            return [PriceQuestion(items=asked.ids[:2] or asked.of_one)]
        return None if asked.limits.categories or asked.says_this or asked.ruled else [Reply(kind="which_product")]

    def _reasons(self, asked: Asked) -> list[Call] | None:
        why = asked.heard.likely("why_recommended") or asked.says("why_shown")
        if not why or asked.says_this:
            return None
        if asked.of_one and not asked.limits.categories:
            return [tools.Recommend(items=(asked.ids or asked.before)[:MOST])]
        about_reasons = asked.heard.speaks_of("reason") or not asked.covered or asked.heard.judged < TOLD
        return [tools.Recommend(question=asked.text)] if about_reasons else None

    def _side_by_side(self, asked: Asked) -> list[Call] | None:
        ids, compares = asked.ids, asked.heard.likely("compare") or (asked.named and asked.says("differs", "than"))
        compares |= asked.says("than") and not ids and len(self._on_each_side(asked.text)) > 1
        on_one_side = asked.says("which_of") and asked.limits.words and not (asked.limits.sort or asked.named or ids)
        if on_one_side and len(asked.before) > 1 and not asked.kind:
            return None  # "which is better on battery" is told of each
        if len(ids) == 1 and not asked.named and asked.says("than"):
            other = self._ids(mentions.named(last_asked(asked.turns), self._table)[:1]) or asked.before[:1]
            return [tools.Compare(items=list(dict.fromkeys([*ids, *other])), question=asked.text)]
        if compares and asked.named:
            ids = self._nearest_named(asked.text, ids) if len(ids) > 2 else self._on_each_side(asked.text) or ids
        elif compares and not ids and (both := self._both(asked)):
            ids = both
        elif compares and not (asked.before or ids):
            ids = self._on_each_side(asked.text)
        whole = not dialogue.only_refers(asked.text, self._table)  # "and the second?" asks the last question
        pointed = self._ids(dialogue.pointed(asked.text, asked.turns, self._table)) if compares and whole else []
        others = [item for item in (*pointed, *asked.before[:1]) if item not in ids]
        one_meant = asked.named or len(asked.before) == 1 or dialogue.picks_one(asked.text)
        if compares and whole and len(ids) == 1 and others and one_meant:
            ids = [*ids, others[0]]
        surely = not ids or asked.heard.probabilities["compare"] >= SURELY
        if (
            compares
            and whole
            and surely
            and not (asked.limits.sort or asked.named)
            and len(ids) < 2 <= len(asked.before)
        ):
            ids = asked.before[:2]
        both_named = asked.named and len(mentions.products_in(asked.text, self._table)) >= 2
        if len(ids) >= 2 and (compares or (both_named and not asked.asks("stock"))):
            return [tools.Compare(items=ids[:MOST], question=asked.text)]
        return None

    def _both(self, asked: Asked) -> list[str]:
        """The two products of a kind that a comparison speaks of ("the two down bags"); none where they are not two."""
        if not (asked.says("two") and asked.limits.categories):
            return []
        rows = matching(self._table, asked.limits).tolist()
        return self._ids(rows) if len(rows) == 2 else []

    def _nearest_named(self, text: str, ids: list[str]) -> list[str]:
        """Of products that a comparison names, those whose titles share most with what stands on each side of it."""
        table, found = self._table, list[str]()
        for side in pattern("between").split(text):
            said = set(tokens(table.canonical(side)))
            shared = {item: len(said & table.title_terms[table.row[item]]) for item in ids}
            if (most := max(shared.values())) > 1:
                found += [item for item in ids if shared[item] == most and item not in found]
        return found if len(found) > 1 else ids

    def _on_each_side(self, text: str) -> list[str]:
        """The product that each side of a comparison names or describes, where there are two sides or more."""
        both, found = parse(text, self._table), list[list[int]]()
        for side in pattern("between").split(text):
            limits = parse(side, self._table)
            limits = replace(
                limits,
                brands=limits.brands or (both.brands if len(both.brands) == 1 else frozenset()),
                categories=limits.categories or both.categories,
                measures=limits.measures or both.measures,
                words=limits.words or both.words,
            )
            rows = mentions.named(side, self._table) or mentions.meant(side, limits, self._table)
            rows = rows or (matching(self._table, limits).tolist() if limits.brands else [])
            found += [rows] if rows else []
        firsts = list(dict.fromkeys(rows[0] for rows in found))
        return self._ids(firsts) if len(firsts) > 1 else []

    def _opinions(self, asked: Asked) -> list[Call] | None:
        """What buyers say of the products named or shown: of all of them where none is picked out."""
        if not asked.of_one or not opinions.asked(self._shop, asked.text):
            return None
        of_those = asked.named or asked.ids or asked.says("which_of")
        if not asked.named and (asked.limits.categories or (asked.limits.sort and not of_those)):
            return None
        picked = asked.named or len(asked.ids) > 1 or dialogue.picks_one(asked.text)
        items = asked.ids if picked and asked.ids else asked.before
        return _facts_of(items, asked)

    def _goes_with(self, asked: Asked) -> list[Call] | None:
        """What goes with the products named, with the kinds that the shopper says to have, or with what was shown."""
        heard, text = asked.heard, asked.text
        if asked.named and (sought := self._sought_for(asked)):
            return [SearchProducts(query=sought)]
        likely = heard.likely("goes_with") and not (asks_of_products(text) or says("for_things", text))
        if not (says("completes", text) or likely) or asked.ruled or asked.says_this or says("alike", text):
            return None
        had = owned(text)
        kinds = sorted(parse(had, self._table).categories or self._table.kinds_of_thing(had)) if had else []
        if asked.named or kinds:
            return [tools.GoesWith(items=asked.ids if asked.named else [], kinds=kinds, question=text)]
        named_kinds = sorted(parse(pattern("accessories").sub(" ", text), self._table).categories)
        if added := self._added(asked, named_kinds):
            return added
        if asked.before and (made_for := self._made_for(named_kinds, asked.before[0])):
            return [SearchProducts(query=made_for)]
        items = asked.ids or ([] if named_kinds and says("with_what", text) else asked.before[:1])
        if not items and named_kinds and says("what_to_buy", text):
            return [SearchProducts(query=text)]
        if not (items or named_kinds):
            return [Reply(kind="which_product")] if says("completes", text) else None
        return [tools.GoesWith(items=items, kinds=[] if items else named_kinds, question=text)]

    def _added(self, asked: Asked, kinds: Sequence[str]) -> list[Call] | None:
        """A search for things of a kind that is named to go with what is spoken of: "and a sleeve for it"."""
        table = self._table
        own = {table.categories[table.row[item]] for item in asked.ids or asked.before[:1]}
        if not kinds:  # a headlamp is no kind of its own
            titled = list(zip(table.title_terms, table.categories, strict=True))
            having = [[kind for terms, kind in titled if word in terms] for word in asked.limits.words]
            kinds = min(filter(None, having), key=len, default=[])
        if not (kinds and own and own.isdisjoint(kinds)) or asked.named:
            return None
        return [SearchProducts(query=f"{asked.text} {self._fitting(asked)}".strip())]

    def _sought_for(self, asked: Asked) -> str:
        """What is looked for to go with a product that is named ("what grinder with the espresso machine"); ''."""
        found = pattern("which_with").search(asked.text)
        sought = "" if found is None else found[1]
        things, title = self._table.things(sought), self._table.titles[self._table.row[asked.ids[0]]]
        return sought if things and things.isdisjoint(self._table.things(title)) else ""

    def _made_for(self, kinds: Sequence[str], item: str) -> str:
        """What a kind is called whose things are for such a product (a smartphone case); '' for none."""
        table = self._table
        thing = table.kind_of[table.row[item]].split()[-1:]
        names = {kind for kind, c in zip(table.kind_of, table.categories, strict=True) if c in kinds}
        return min((name for name in names if thing and thing[0] in name.split()[:-1]), default="")

    def _bare(self, asked: Asked) -> list[Call] | None:
        """Nothing but "how much?", "in stock?" or a property (防水不), of what was named or shown."""
        limits, items = asked.limits, asked.ids or asked.of_one
        if asked.before and units_asked(asked.text) and not (limits or asked.kind or asked.named):  # 几个人玩的
            return _facts_of(asked.ids or asked.before, asked)
        property_of = asks_of_products(asked.text) and asked.heard.theme in OF_PRODUCTS and not asked.kind
        if items and property_of and len(asked.text) <= PROPERTY:
            return _facts_of(items, asked)
        limits = replace(limits, sort="") if items and dialogue.picks_one(asked.text) else limits
        too_dear = says("too_dear", asked.text) and not dialogue.picks_one(asked.text)
        more = limits or too_dear or asked.kind or facets(asked.text) - {"cost", "stock"}
        if more or not items or not asked.asks("price", "stock"):
            return None
        return _facts_of(items, asked)

    def _counted(self, asked: Asked) -> list[Call] | None:
        limits, heard, text = asked.limits, asked.heard, asked.text
        of_kinds = bool(limits.categories or limits.brands)
        after = says("counts", text)
        listed = limits.categories and says("which_ones", text) and not after
        of_parts = says("parts_of", text) or says("in_bulk", text) or heard.likely("bulk")
        if says("own", text) or asked.ids or limits.superlative or listed or of_parts:
            return None
        of_series = set(limits.words) if after or len(limits.words) > 1 else set()
        of_series &= set().union(*(title for title in self._table.title_terms if of_series <= title))
        strong = after and (of_kinds or says("of_all", text) or bool(of_series))
        strong |= of_kinds and (both_ends(text) or ("price" in limits.sort and asks_of_products(text)))
        counts = heard.speaks_of("counting") and not asked.wants and of_kinds
        whole = heard.likely("count_products", "which_brands") and not limits.unknown and not asked.says_this
        if asked.before and not of_kinds and not after:
            return None  # "how much?" is asked of what was shown
        return [tools.CatalogueFacts(query=text)] if strong or counts or whole else None

    def _service(self, asked: Asked) -> list[Call] | None:
        """What is done about goods, to return or repair them, is in the shop's rules, whatever kind is named."""
        heard = asked.heard
        sent = "delivery" in facets(asked.text) or heard.theme == "shipping_time" or asked.says("sent_on")
        service = (sent or any(heard.speaks_of(name) for name in SERVICE)) and asked.limits.price_max is None
        of_rules = heard.sure >= self._bound or asked.says("own", "sent_on") or heard.intents["returns"] >= SURELY
        anew = asked.wants and asked.kind and facets(asked.text) <= {"exchange"}  # 想给老公换一整套刀
        if not (service and of_rules) or asked.named or anew or heard.speaks_of("gift"):
            return None
        kinds = {self._table.categories[self._table.row[item]] for item in asked.ids or asked.before}
        leans = len(kinds & self._ruled) == 1 and len(asked.text) <= LEANS and not (asked.kind or asked.says("own"))
        leans &= not any(order_numbers(turn.text) for turn in asked.turns[-1:])
        if leans and (query := self._on_its_kind(min(kinds & self._ruled), asked)):
            return [SearchPolicies(query=query)]
        if asked.before and asked.says("sent_on"):
            return [SearchPolicies(query=f"{rule_on('delivery', dialogue.spoken_in(asked.text))} {asked.text}")]
        return _OF_RULES

    def _on_its_kind(self, kind: str, asked: Asked) -> str:
        """A question with the kind that is spoken of, where the rule that answers it is on that kind; ''."""
        name = self._table.local_name(kind, dialogue.spoken_in(asked.text))
        query = f"{name} {pattern('and_another').sub(' ', asked.text).strip()}"
        heard = asked.heard if self._shop.listener is None else self._shop.listener.hear(query)
        on_it = bool(heard.hits) and kind in self._table.kinds_named(whole(heard.hits[0].passage))
        return query if on_it and heard.sure >= self._bound else ""

    def _again(self, asked: Asked) -> list[Call] | None:
        """The last question, of another product ("and the second?"); of one that was listed, what it is."""
        last = last_asked(asked.turns)
        if not last or not dialogue.only_refers(asked.text, self._table):
            return None
        if not asked.ids:  # of one, there is no second
            return [Reply(kind="which_product")] if dialogue.picks_one(asked.text) else None
        if self._priced and says("earlier_price", last):
            return [PriceQuestion(items=asked.ids[:1])]
        listed = asked.searched and asked.searched[-1] == last and not asks(last)
        return [ProductFacts(items=asked.ids[:1], question="" if listed else last)]

    def _facts(self, asked: Asked) -> list[Call] | None:
        if not asked.named:
            return None
        heard = asked.heard
        of_rules = heard.theme not in OF_PRODUCTS and heard.intent in {"returns", "delivery", "service"}
        rule = asked.covered and (of_rules or asked.says_this)
        row = self._table.row[asked.ids[0]]
        spoken = set(asked.limits.words) & (self._table.terms[row] - self._table.title_terms[row])
        serviced = any(heard.speaks_of(name) for name in SERVICE)
        rule &= not spoken or serviced  # its own text says it, and asks no service
        # Whatever its name, it is returned by the shop's rules.
        rule |= serviced and heard.intents["returns"] >= SURELY and asked.told < TOLD
        if rule and not asked.asks("price", "stock"):
            return _OF_RULES
        return _facts_of(asked.ids, asked)

    def _of_brand(self, asked: Asked) -> list[Call] | None:
        """Something asked of "the Novabook": of those of its products that speak most of it."""
        limits, table = asked.limits, self._table
        if not limits.brands or limits.sort or not asks_of_products(asked.text):
            return None
        brand, *_ = sorted(limits.brands)
        rows = [row for row, name in enumerate(table.brands) if name == brand]
        rows = [row for row in rows if table.categories[row] in limits.categories] or rows
        shared = {row: len(set(limits.words) & table.terms[row]) for row in rows}
        apt = [row for row in rows if shared[row] == max(shared.values())]
        facts = ProductFacts(items=self._ids(apt[:OF_A_BRAND]), question=asked.text, brand=brand)
        return [facts]

    def _most_of(self, asked: Asked) -> list[Call] | None:
        """Of those named or shown, the one that states the most or the least of a measure ("which has more space")."""
        most, among = asked.limits.superlative, asked.ids if len(asked.ids) > 1 else asked.before
        rows = [self._table.row[item] for item in among]
        others = asked.limits.categories - {self._table.categories[row] for row in rows}
        if most is None or len(rows) < 2 or others or not asked.says("which_of", "the_one"):
            return None
        stating = most.order([self._table.canonical_texts[row] for row in rows])
        return [ProductFacts(items=[among[stating[0]]], question="")] if stating else None

    def _which(self, asked: Asked) -> list[Call] | None:
        """Which of those shown: all of them are looked at."""
        limits = asked.limits
        if asked.says("which_of") and "price" in limits.sort and asked.ids and not limits.categories:
            return [ProductFacts(items=asked.ids[:1], question="")]
        chooses = asked.says("which_of") and limits.sort in {"", "measure"} and not limits.categories
        if not chooses or asked.ruled or len(asked.before) < 2:
            return None
        return _facts_of(asked.before, asked)

    def _of_the_best(self, asked: Asked) -> list[Call] | None:
        """What is asked of the one that buyers rate best among those shown."""
        rest, liked = pattern("praised_one").sub(" ", asked.text), self._shop.products.liked
        if rest == asked.text or not liked or len(asked.before) < 2 or asked.kind:
            return None
        best = max(asked.before, key=lambda item: liked.get(item, 0.0))
        return [ProductFacts(items=[best], question=rest if _asks(rest) else "")]

    def _in_another(self, asked: Asked) -> list[Call] | None:
        """The search again with a word that some of those shown lack and others of their kind have ("in silk?")."""
        said, table = set(asked.limits.words), self._table
        recoloured = asked.says("comes_in") and said <= COLOURS
        another = asked.says("and_another", "for_things") or recoloured
        if not (another and said and asked.before) or asked.named or asked.kind:
            return None
        shown = [table.row[item] for item in asked.before]
        kinds = {table.categories[row] for row in shown}
        having = {
            row for row, terms in enumerate(table.title_terms) if said <= terms and table.categories[row] in kinds
        }
        of_those = {table.row[item] for item in asked.ids} if recoloured and asked.ids else set(shown)
        return self._changed.goes_on(asked) if having - of_those and not having.issuperset(shown) else None

    def _told(self, asked: Asked) -> list[Call] | None:
        """What the texts of the products spoken of say, more surely than any rule of the shop does."""
        limits, listed = asked.limits, asked.searched and asked.searched[-1] == last_asked(asked.turns)
        recoloured = bool(limits.words) and word_list("colours").issuperset(limits.words)
        bounds = limits.price_max is not None or bool(limits.sort or limits.brands or limits.categories) or recoloured
        sized = bool(limits.measures) and not asked.ids  # "有大一点的吗 50ml"
        narrows = listed and (sized or asked.wants or not asked.says("asks_something"))  # "with 16 GB" changes a list
        changes = bounds or narrows or asked.says("in_size") or says_more(asked.text)
        changes |= asked.says("too_dear", "dearer") and not asked.says("earlier_price")
        if asked.told < max(TOLD, asked.heard.judged) or asked.covered or changes:
            return None
        return _facts_of(asked.ids or asked.before, asked)

    def _facts_of_before(self, asked: Asked) -> list[Call] | None:
        limits = asked.limits
        asks = asks_of_products(asked.text)
        if asked.ruled or asked.says_this or (limits.categories and not (asked.ids and asks)):
            return None
        of_those = asked.asks("price", "stock", "brand") and not limits
        of_those |= asks and bool(limits.words or limits.free_of) and not asked.covered
        if asked.ids or (asked.before and of_those):
            return _facts_of(asked.ids or asked.before, asked)
        of_its_kind = asked.before and asked.heard.theme in OF_PRODUCTS and limits.unknown
        return _facts_of(asked.ids or asked.before, asked) if of_its_kind else None

    # --- a new search -------------------------------------------------------------------------------------------------

    def _rule(self, asked: Asked) -> list[Call] | None:
        """What is about the shop, or about no shop, is no search."""
        heard, kind = asked.heard, asked.kind
        if asked.says("sold") and asked.limits.unknown and not (heard.speaks_of_shop or asked.covered):
            return None
        searches = heard.intents["recommendation"] + heard.intents["product"]
        wants = asked.wants and (kind or not asked.limits.unknown)  # a copy of one's data is nothing that is sold
        if asked.ruled and not wants and not (kind and searches > heard.intents[intent_of_theme(heard.theme)]):
            return _OF_RULES
        if asked.covered and asked.says("own") and not asked.wants:
            return _OF_RULES
        if asked.covered and not kind:
            nearest = heard.hits[0]
            if nearest.cosine + WORDS * min(nearest.words, 1.0) >= SAYS_JUST_THIS:
                return _OF_RULES
        if heard.theme == "identity" and not (kind or asked.limits.words or asked.limits.no_such):
            return [Reply(kind="identity")]
        elsewhere = heard.intents["out_of_scope"] >= max(LIKELY, searches)
        of_a_rule = heard.intent not in {"product", "recommendation"} and heard.probabilities[heard.theme] >= RULED
        return _OF_RULES if elsewhere or (of_a_rule and not asked.wants) else None

    def _searched(self, asked: Asked) -> list[Call] | None:
        heard, limits = asked.heard, asked.limits
        searches = heard.intents["recommendation"] + heard.intents["product"]
        named_kind = self._table.kinds_named(asked.text) or limits.brands or limits.price_max or limits.measures
        own, asks = asked.says("own"), asks_of_products(asked.text)
        of_kind = asked.kind and ((named_kind and not own) or searches > RULED or not (asked.of_rules or own or asks))
        # Nothing is said that a shop's rules are about, but what shops sell, or words of what this one sells.
        sold = asked.says("sold") and limits.unknown and not heard.speaks_of_shop
        likeliest = heard.theme == "recommend" and not asked.covered and not asks and (limits.words or limits.measures)
        if not (asked.wants or of_kind or sold or likeliest):
            return None
        only_for = asked.wants and says("for_things", asked.text)
        only_for &= not facets(asked.text) or heard.probabilities["recommend"] >= SURELY
        if asked.says_this and not limits.price_max and not only_for:
            return _OF_RULES  # which charger fits my laptop
        fitting = self._fitting(asked)
        return [
            SearchProducts(query=f"{asked.text} {fitting}".strip(), asks=asks_of_products(asked.text) and not fitting)
        ]

    def _fitting(self, asked: Asked) -> str:
        """The size of the product spoken of that things of the kind looked for are made for: of a sleeve "for it"."""
        table, kinds = self._table, asked.limits.categories
        if not (asked.of_one and kinds and asked.says("for_it")) or asked.limits.measures:
            return ""
        row = table.row[asked.of_one[0]]
        own = (text for text, kind in zip(table.titles, table.categories, strict=True) if kind in kinds)
        ranges = {m.unit for title in own for m in measures_in(title) if m.least < m.most}
        sizes = [m for m in measures_in(table.titles[row]) if m.unit in ranges and m.least == m.most]
        return str(sizes[0]) if sizes and table.categories[row] not in kinds else ""

    def _unnamed(self, asked: Asked) -> list[Call] | None:
        if asked.heard.theme not in OF_PRODUCTS or asked.kind or asked.covered or asked.before:
            return None
        if asked.says("sold") and asked.limits.unknown:
            return [SearchProducts(query=asked.text)]
        return [Reply(kind="which_product")]


def _facts_of(items: list[str], asked: Asked) -> list[Call]:
    """What is asked of these; what they are, where a turn only takes one of them ("so the green one then")."""
    text = asked.text
    asks_nothing = not (asked.says("asks_something", "asking", "of_them") or asks(text) or "?" in text)
    if asks_nothing and asked.ids and asked.says("takes") and not units_asked(text):
        text = ""
    elif asked.ids and not asked.named and (bare := dialogue.without_prices(text)) != text and _asks(bare):
        text = bare  # "the cheapest one then, how big is it?" asks no price
    return [ProductFacts(items=items[:MOST], question=text)]


def _asks(text: str) -> bool:
    return asks_of_products(text) or asks(text) or bool(units_asked(text)) or "什么" in text
