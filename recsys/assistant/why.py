"""Why a product is recommended to the shopper who asks, as the explanations of its score tell it."""

from __future__ import annotations

from collections.abc import Sequence

from recsys.assistant.tools import Context
from recsys.data import schema
from recsys.explain.facts import Kind
from recsys.explain.slot_templates import Plan
from recsys.explain.templates import template

_OF_A_PAST = frozenset({Kind.TASTE, Kind.PRICE, Kind.CHEAPER})
"""Kinds that speak of what the shopper bought without naming it."""

_OF_MANY = frozenset({Kind.OFTEN, Kind.TOGETHER, Kind.POPULAR})
"""Kinds that say what shoppers do, whatever this one bought."""


def reasons(context: Context, rows: Sequence[int], *, least: bool = False) -> list[str]:
    """One sentence a product from the evidence of its score, '' where there is nothing to say of it.

    A shopper in a chat does not wait for a writer: the sentences are the plain ones, true by construction.

    Parameters
    ----------
    least
        Say at least that it is a suggestion, where the evidence holds nothing more.
    """
    recommender, table = context.recommender, context.table
    if recommender is None or recommender.ranker is None or table is None or not rows:
        return [""] * len(rows)
    known = context.user is not None and recommender.lookup.user_code(context.user) is not None
    profile = recommender.lookup.shopper(context.user if known else {}).profile  # type: ignore[arg-type]
    has_past = bool((profile.items >= 0).any())
    told = []
    bought = _bought(context)
    codes = recommender.lookup.codes([table.ids[row] for row in rows]).tolist()
    for evidence in recommender.explainer.evidence(profile, codes):
        plan = Plan.of(evidence.facts, "neutral", "short")
        named = {past.product.name for past in evidence.facts.because[: plan.named] if past.bought}
        if plan.kind not in _OF_MANY and not named <= bought:  # looking often weighs as much as buying, and is not it
            told.append(context.say("you_viewed", item=min(named - bought)))
            continue
        said = least or (plan.kind is not Kind.PICK and (has_past or plan.kind not in _OF_A_PAST))
        text = template(plan, "zh" if context.language == "zh" else "en") if said else ""
        told.append(text[:1].upper() + text[1:])
    return told


def _bought(context: Context) -> set[str]:
    """Names of the products that the shopper bought, of all products where events have no kind."""
    assert context.recommender is not None
    assert context.table is not None
    table = context.table
    events = context.recommender.shop.tables.value.interactions
    if schema.EVENT not in events or context.user is None:
        return set(table.titles)
    mine = events[(events[schema.USER].astype(str) == context.user) & (events[schema.EVENT] == "purchase")]
    return {table.titles[table.row[item]] for item in mine[schema.ITEM].astype(str).unique() if item in table.row}
