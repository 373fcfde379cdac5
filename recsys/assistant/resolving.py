"""Resolution of what a model plans: products by their names, orders by what was told, rules by the way of asking."""

from __future__ import annotations

from collections.abc import Sequence

from recsys.assistant import dialogue, tools
from recsys.assistant.calling import MOST
from recsys.assistant.dialogue import Turn
from recsys.assistant.patterns import wish_in
from recsys.assistant.prices import PriceQuestion
from recsys.assistant.router import Router
from recsys.assistant.tools import Call, Context, OfProducts, Reply, SearchProducts
from recsys.serving.search import mentions, parse


class Resolver:
    """Turns a model's calls into calls that can be looked up.

    Parameters
    ----------
    shop
        What tools look things up in.
    router
        Reads what a call leaves open: each question of a plan is complete in itself.
    """

    def __init__(self, shop: Context, router: Router) -> None:
        self._table, self._router = shop.table, router

    def calls(self, planned: Sequence[Call], question: str, turns: Sequence[Turn]) -> list[Call]:
        """What to look up for a plan, in its order."""
        found = [call for asked in planned for call in self._resolved(asked, question, turns)]
        return list({repr(call): call for call in found}.values())

    def _resolved(self, asked: Call, question: str, turns: Sequence[Turn]) -> list[Call]:
        if isinstance(asked, tools.OrderStatus):
            return [self._of_order(asked, turns, question)]
        if isinstance(asked, tools.SearchPolicies):
            return self._router.rules(asked.query)
        if isinstance(asked, OfProducts) and self._table is not None:
            return self._of_products(asked)
        return [asked]

    def _of_order(self, asked: tools.OrderStatus, turns: Sequence[Turn], question: str) -> Call:
        """A question about the order that the shopper named, else about the one told of last, if it names no goods."""
        said = " ".join([*(turn.text for turn in turns if turn.role == "user"), question])
        number = asked.order if asked.order and asked.order in said else None
        order = number or self._router.order_told(asked.question, turns)
        wish = wish_in(asked.question) or wish_in(question) or asked.wish
        return asked.model_copy(update={"order": order, "wish": wish, "told": order in dialogue.orders_told(turns)})

    def _of_products(self, asked: OfProducts) -> list[Call]:
        """What is asked of products that were shown or are named; nothing where neither says which."""
        table, text = self._table, asked.question
        assert table is not None
        if isinstance(asked, tools.Recommend):
            return [asked]
        ids = asked.items or [
            table.ids[row] for row in mentions.named(text, table) or mentions.meant(text, parse(text, table), table)
        ]
        if isinstance(asked, tools.Compare) and len(ids) == 1:
            ids = list(dict.fromkeys([*ids, *(table.ids[row] for row in mentions.named(text, table))]))
        if isinstance(asked, tools.GoesWith) and not asked.items:
            kinds = sorted(parse(text, table).categories)
            return [asked.model_copy(update={"kinds": kinds})] if kinds else [SearchProducts(query=text)]
        if len(ids) >= (2 if isinstance(asked, tools.Compare) else 1):
            return [asked.model_copy(update={"items": ids[:MOST]})]
        if isinstance(asked, PriceQuestion):
            return [Reply(kind="which_product")]
        return []
