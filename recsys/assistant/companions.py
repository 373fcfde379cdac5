"""Tool for what goes with something: products of the categories that shoppers take together with its own."""

from __future__ import annotations

from collections.abc import Collection
from weakref import WeakKeyDictionary

from recsys.assistant.patterns import owned, pattern
from recsys.assistant.shopping import line, past_of
from recsys.assistant.tools import Context, GoesWith, Result
from recsys.data import schema
from recsys.llm.language import tokens
from recsys.serving.complements import Complements
from recsys.serving.recommender import Recommender
from recsys.serving.search import Constraints, ProductTable, parse

MOST, MOST_KINDS, ENOUGH = 4, 3, 0.35
"""Products, and categories of them, that are told to go with something; and how strongly, beside the strongest."""


def goes_with(context: Context, asked: GoesWith) -> Result:
    """What shoppers take together with these products or kinds, of kinds that go with theirs; else that none is known.

    The categories are those bought together more often than chance has it; within them the products that this basket
    speaks for come first, one of each kind.
    """
    table = context.catalogue
    basket = [i for i in asked.items if i in table.row]
    own, had = {table.categories[table.row[i]] for i in basket} | set(asked.kinds), owned(asked.question)
    apt = complements_of(context).to(own) if context.recommender is not None else {}
    of_its_own = not basket and not _sold(table, own, had)
    if of_its_own:
        apt = dict.fromkeys(own, 1.0)  # to a cat goes what the shop has for cats
    purpose = pattern("accessories").sub(" ", asked.question)
    for name in parse(purpose, table).categories - own:  # what it is for was said: "camping"
        apt[name] = max(apt.values(), default=1.0) + 1.0
    apt = {name: apt[name] for name in sorted(apt, key=lambda name: -apt[name])[:MOST_KINDS]}
    apt = {name: strength for name, strength in apt.items() if strength >= ENOUGH * max(apt.values())}
    rows = [row for row, kind in enumerate(table.categories) if kind in apt and table.available[row]]
    for_others = {row: table.kinds_named(table.titles[row]) - {table.categories[row]} for row in rows}
    rows = [row for row in rows if not for_others[row] or for_others[row] & own] or rows  # no laptop sleeve for a phone
    has = set(tokens(table.canonical(had))[-1:])
    if not of_its_own:
        rows = [row for row in rows if not has & set(tokens(table.kind_of[row]))] or rows  # not the thing itself again
    called = set(tokens(table.canonical(purpose.replace(had, " ")))) - has
    named = [row for row in rows if called & set(tokens(table.kind_of[row]))]
    of_named = {table.categories[row] for row in named}  # who asks for tea is shown no coffee
    rows = [row for row in rows if row in named or table.categories[row] not in of_named]
    if basket and context.recommender is not None and rows:
        found = context.recommender.complete(basket, k=len(table.ids))[schema.ITEM].astype(str)
        place = {item: at for at, item in enumerate(found)}
        rows.sort(key=lambda row: place.get(table.ids[row], len(place)))
    else:
        rows = context.products.by_probability(rows, context.user if past_of(context) else None)
    seen: dict[str, int] = {}
    order: dict[str, float] = {}
    for row in rows:  # the strongest category first, then the next; again for their second kinds
        head = table.kind_of[row].split()[-1:] or [""]
        kind, name = f"{table.categories[row]}:{head[0]}", table.categories[row]
        if kind not in seen:
            seen[kind] = row
            order[kind] = apt[name] / sum(other.startswith(f"{name}:") for other in seen)
    chosen = [seen[kind] for kind in sorted(seen, key=lambda kind: -order[kind])][:MOST]
    if not chosen:
        return Result.none(context.say("nothing_goes_with"), "recommendation", 0.5)
    facts = tuple(line(context, n, row, Constraints()) for n, row in enumerate(chosen, start=1))
    names = [table.titles[table.row[basket[0]]]] if basket else [table.local_name(n, context.language) for n in own]
    names = names if basket or not had else [had]
    lead = "goes_for" if of_its_own else "goes_with"
    return Result(facts, "recommendation", context.say(lead, item=context.listed(sorted(names))))


def _sold(table: ProductTable, kinds: Collection[str], had: str) -> bool:
    """Whether what a shopper has is a thing of these categories, and not what their things are for."""
    names = [tokens(kind) for kind, c in zip(table.kind_of, table.categories, strict=True) if c in kinds]
    heads = [{name[-1] for name in names if word in name} for word in tokens(table.canonical(had))]
    itself = any(set(tokens(kind)) <= set(tokens(table.canonical(had))) for kind in kinds)
    return not had or itself or not any(heads) or any(len(of) == 1 for of in heads)


_complements: WeakKeyDictionary[Recommender, Complements] = WeakKeyDictionary()


def complements_of(context: Context) -> Complements:
    """Categories that are bought together in the version that is answered from."""
    recommender = context.recommender
    assert recommender is not None
    if recommender not in _complements:
        table = context.catalogue
        events = recommender.shop.tables.value.interactions
        _complements[recommender] = Complements.of(events, table.ids, table.categories)
    return _complements[recommender]
