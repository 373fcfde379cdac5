"""Resolution of what a model plans: products by their names, orders by what was told, rules by the way of asking."""

from __future__ import annotations

from collections.abc import Sequence

from recsys.assistant import dialogue, tools
from recsys.assistant.dialogue import Turn
from recsys.assistant.patterns import wish_in
from recsys.assistant.prices import PriceQuestion
from recsys.assistant.router import Router
from recsys.assistant.tools import Call, Context, OfProducts, Reply, SearchProducts
from recsys.serving.search import mentions, parse

MOST = 4
"""Products that one question may be about."""


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

    def calls(self, planned: Sequence[Call], turns: Sequence[Turn], user: str | None) -> list[Call]:
        """What to look up for a plan, in its order."""
        found = [call for asked in planned for call in self._resolved(asked, turns, user)]
        return list({repr(call): call for call in found}.values())

    def _resolved(self, asked: Call, turns: Sequence[Turn], user: str | None) -> list[Call]:
        if isinstance(asked, tools.OrderStatus):
            return [self._of_order(asked, turns)]
        if isinstance(asked, tools.SearchPolicies):
            return self._router.rules(asked.query)
        if isinstance(asked, OfProducts) and self._table is not None:
            return self._of_products(asked, user)
        return [asked]

    def _of_order(self, asked: tools.OrderStatus, turns: Sequence[Turn]) -> Call:
        """An order's question: of the one told of last, unless it names another."""
        told = dialogue.orders_told(turns)
        names = self._table is not None and bool(
            parse(asked.question, self._table).categories or mentions.named(asked.question, self._table)
        )
        order = asked.order or (told[0] if len(told) == 1 and not names else None)
        wish = asked.wish or wish_in(asked.question)
        return asked.model_copy(update={"order": order, "wish": wish, "told": order in told})

    def _of_products(self, asked: OfProducts, user: str | None) -> list[Call]:
        table, text = self._table, asked.question
        assert table is not None
        if isinstance(asked, tools.Recommend):
            return [asked]
        ids = asked.items or [table.ids[row] for row in mentions.named(text, table) or mentions.meant(text, table)]
        if isinstance(asked, tools.Compare) and len(ids) == 1:
            ids = list(dict.fromkeys([*ids, *(table.ids[row] for row in mentions.named(text, table))]))
        if isinstance(asked, tools.GoesWith) and not asked.items:
            kinds = sorted(parse(text, table).categories)
            return [asked.model_copy(update={"kinds": kinds})] if kinds else [SearchProducts(query=text)]
        if len(ids) >= (2 if isinstance(asked, tools.Compare) else 1):
            return [asked.model_copy(update={"items": ids[:MOST]})]
        if isinstance(asked, PriceQuestion):
            return [Reply(kind="which_product")]
        return self._router.plan(text, [], user)
