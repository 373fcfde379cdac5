"""Tools over the catalogue: search, comparison, facts, recommendations with reasons, and what goes with what."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from recsys.assistant.opinions import opinion_on
from recsys.assistant.product_facts import money, search_of, table_of
from recsys.assistant.safety import gives_orders
from recsys.assistant.tools import (
    CatalogueFacts,
    Context,
    Fact,
    GoesWith,
    Recommend,
    Result,
    SearchProducts,
    Similar,
)
from recsys.assistant.why import reasons
from recsys.assistant.wishes import LOOKS
from recsys.data import schema
from recsys.llm.language import sentences
from recsys.serving.search import Constraints, ProductTable, matching, parse

LENGTH = 3
"""Products named in one answer."""
MOST_ALIKE = 60
"""Products like another among which those are looked for that meet what else is asked."""
_LEADS = {"price": "found_cheapest", "-price": "found_dearest", "opinion": "found_praised"}
MAX_REASON = 140
"""Characters of a description's first sentence that are told with a product in a list."""


def constraints_of(table: ProductTable, asked: SearchProducts) -> Constraints:
    """What a search asks for: its sentence over the sentences it refines, and the filters given beside it."""
    total = Constraints()
    for sentence in asked.refines:
        total = parse(sentence, table).over(total)
    total = parse(asked.query, table, strict=asked.asks).over(total) if asked.query else total
    given: dict[str, object] = {}
    if asked.price_max is not None:
        given["price_max"] = asked.price_max
    if asked.price_min is not None:
        given["price_min"] = asked.price_min
    if asked.brand and (brands := {b for b in table.brand_names if b.lower() == asked.brand.lower()}):
        given["brands"] = frozenset(brands)
    if asked.sort != "relevance":
        given["sort"] = asked.sort
    return replace(total, **given)  # type: ignore[arg-type]


def search_products(context: Context, asked: SearchProducts) -> Result:
    """Hybrid product search; wishes that no product speaks of are said, and so is a kind that the shop has not."""
    table, search = table_of(context), search_of(context)
    wanted = constraints_of(table, asked)
    text = " ".join([*asked.refines, asked.query])
    if not asked.refines and (wanted.no_such or (wanted.vague and wanted.unknown)):
        lead = context.say("not_in_catalogue", words=wanted.no_such or context.listed(wanted.unknown))
        if wanted.categories:
            kinds = (table.local_name(name, context.language) for name in sorted(wanted.categories))
            lead = context.say("nearest_kind", lead=lead, kinds=context.listed(kinds))
        return Result(intent="recommendation", lead=lead, found=False, confidence=0.5)
    praised = wanted.sort == "opinion"
    if praised and not search.liked:
        wanted = replace(wanted, sort="")
    user = context.user if past_of(context) else None
    found = search.find(wanted, text, user, hidden=context.shown if asked.new_only else ())
    if not found.rows:
        lead = context.say("no_more") if asked.new_only else _nothing(context, wanted)
        return Result(intent="recommendation", lead=lead, found=False, confidence=0.5)
    order = found.rows[:LENGTH]
    lacking = [w for w in wanted.words if not any(w in table.terms[row] for row in order)]
    unmet = list(dict.fromkeys([*found.given_up, *lacking, *wanted.unknown]))
    wishes = [table.local_name(wish, context.language) for wish in _phrases(asked.query, unmet)]
    if asked.asks and wishes:  # what is asked of them is not said: a list of them is no answer
        named = context.listed(table.local_name(name, context.language) for name in sorted(wanted.categories)[:LENGTH])
        lead = context.say("kinds_do_not_say", kinds=named or "…", wishes=context.listed(wishes))
        return Result(intent="product", lead=lead, found=False, passes_on=True, confidence=0.0)
    lead = _LEADS.get(wanted.sort, "found")
    note = context.say("unmet", wishes=context.listed(wishes)) if wishes else ""
    note = context.say("no_reviews") if praised and not search.liked else note
    said = reasons(context, order)
    facts: list[Fact] = []
    for n, (row, reason) in enumerate(zip(order, said, strict=True), start=1):
        facts += [_line(context, n, row, wanted), *([_cited(context, row, reason)] if reason else [])]
    lead = context.say(lead)
    return Result(tuple(facts), "recommendation", lead, note, reasons=tuple(filter(None, said)))


def _cited(context: Context, row: int, text: str) -> Fact:
    return Fact(text, f"item:{table_of(context).ids[row]}")


def _phrases(text: str, words: list[str]) -> list[str]:
    """These words of a text, those that stand side by side in it as one: "wide feet", not "wide, feet"."""
    joined: list[str] = []
    for word in words:
        if joined and f"{joined[-1]} {word}" in text.lower():
            joined[-1] += f" {word}"
        else:
            joined.append(word)
    return joined


def past_of(context: Context) -> bool:
    """Whether anything is known of the shopper who asks."""
    if context.recommender is None or context.user is None:
        return False
    code = context.recommender.lookup.user_code(context.user)
    return code is not None and len(context.recommender.shop.seen(code)) > 0


def _nothing(context: Context, wanted: Constraints) -> str:
    return context.say("none_found", constraints=described(wanted, context))


def _line(context: Context, n: int, row: int, wanted: Constraints) -> Fact:
    table = table_of(context)
    price = f" ({money(table.prices[row])})" if np.isfinite(table.prices[row]) else ""
    reason = context.say("clauses").join(_fits(context, row, wanted)) or context.say("reason_best")
    return Fact(context.say("line", n=n, item=table.titles[row], price=price, reason=reason), f"item:{table.ids[row]}")


def _fits(context: Context, row: int, wanted: Constraints) -> list[str]:
    """What of this product meets the wishes, and the first sentence the catalogue says of it."""
    table, found = table_of(context), []
    if table.categories[row] and len(wanted.categories) != 1:  # who asks for laptops knows that these are
        found.append(table.local_name(table.categories[row], context.language))
    if wanted.brands:
        found.append(context.say("reason_brand", brand=table.brands[row]))
    if wanted.price_max is not None:
        found.append(context.say("reason_price", limit=money(wanted.price_max)))
    elif wanted.price_min is not None:
        found.append(context.say("reason_from_price", limit=money(wanted.price_min)))
    if wanted.sort == "opinion" and (opinion := opinion_on(context, table.ids[row])) is not None:
        found.append(context.say("stars", stars=f"{opinion.stars:.1f}", n=opinion.reviews))
    found += [context.say("reason_feature", feature=m) for m in wanted.measures if m.holds(table.canonical_texts[row])]
    about = sentences(table.said(row))
    if about and len(about[0]) <= MAX_REASON and not gives_orders(about[0]):
        found.append(about[0].rstrip("。."))
    return found


def described(wanted: Constraints, context: Context) -> str:
    """Constraints in words."""
    parts = [*(table_of(context).local_name(c, context.language) for c in sorted(wanted.categories)), *wanted.words]
    parts += sorted(wanted.brands)
    if wanted.price_max is not None:
        parts.append(context.say("constraint_max", limit=money(wanted.price_max)))
    if wanted.price_min is not None:
        parts.append(context.say("constraint_min", limit=money(wanted.price_min)))
    return context.listed([*parts, *(str(measure) for measure in wanted.measures)]) or "…"


def similar(context: Context, asked: Similar) -> Result:
    """Products like one of the shop's that meet what else is asked, in looks where those are asked and known."""
    table, recommender = table_of(context), context.recommender
    row = next((table.row[i] for i in asked.items if i in table.row), None)
    if row is None or recommender is None:
        return Result(intent="recommendation", lead=context.say("nothing_similar"), found=False, confidence=0.5)
    item = table.ids[row]
    looks = LOOKS.search(asked.question) is not None and recommender.shop.facts.pictures is not None
    code = int(recommender.lookup.codes([item])[0])
    found: list[str] = []
    if looks:
        found = recommender.shop.item_ids[recommender.pictures.like(code, MOST_ALIKE)].astype(str).tolist()
    if not (looks := len(found) > 0):
        found = recommender.similar(item, MOST_ALIKE)[schema.ITEM].astype(str).tolist()
    wanted = parse(asked.question.replace(item, " ").replace(table.titles[row], " "), table)
    limit = float(table.prices[row]) - 0.01 if wanted.sort == "price" else wanted.price_max
    fits = set(matching(table, replace(wanted, categories=frozenset(), words=(), sort="", price_max=limit)).tolist())
    rows = [table.row[i] for i in found if i in table.row and table.row[i] in fits][:LENGTH]
    if not rows:
        return Result(intent="recommendation", lead=context.say("nothing_similar"), found=False, confidence=0.5)
    facts = tuple(_line(context, n, at, Constraints()) for n, at in enumerate(rows, start=1))
    lead = context.say("similar_looks" if looks else "similar", item=table.titles[row])
    return Result(facts, "recommendation", lead)


def goes_with(context: Context, asked: GoesWith) -> Result:
    """What shoppers take together with these products, of other kinds than theirs."""
    table = table_of(context)
    basket = [i for i in asked.items if i in table.row]
    kinds = {table.categories[table.row[i]] for i in basket}
    recommender = context.recommender
    ranked = (
        []
        if recommender is None or not basket
        else recommender.complete(basket, k=60)[schema.ITEM].astype(str).tolist()
    )
    rows = [table.row[i] for i in ranked if i in table.row and table.categories[table.row[i]] not in kinds]
    rows = list({table.categories[row]: row for row in reversed(rows)}.values())[::-1]  # one of each kind, best first
    near = {table.departments[table.row[i]] for i in basket}
    rows.sort(key=lambda row: table.departments[row] not in near)
    if not rows:
        return Result(intent="recommendation", lead=context.say("nothing_goes_with"), found=False, confidence=0.5)
    facts = tuple(_line(context, n, row, Constraints()) for n, row in enumerate(rows[:LENGTH], start=1))
    return Result(facts, "recommendation", context.say("goes_with", item=table.titles[table.row[basket[0]]]))


def recommend(context: Context, asked: Recommend) -> Result:
    """Products for this shopper with the reasons of their score; or only the reasons."""
    table = table_of(context)
    if not asked.why:
        return search_products(context, SearchProducts(query=asked.text))
    rows = [table.row[i] for i in asked.why if i in table.row]
    said = reasons(context, rows, least=True)
    facts = tuple(
        Fact(_naming(context, row, text), f"item:{table.ids[row]}") for row, text in zip(rows, said, strict=True)
    )
    return Result(facts, "recommendation", reasons=tuple(fact.text for fact in facts))


def _naming(context: Context, row: int, reason: str) -> str:
    """A reason with the product's name before it, where it does not say the name itself."""
    title = table_of(context).titles[row]
    return reason if title.split(",")[0] in reason else context.say("why", item=title, reason=reason)


def why_kind(context: Context, question: str) -> Result | None:
    """Why a kind of product is recommended: what of it the shopper bought, looked at or searched for."""
    table, recommender = table_of(context), context.recommender
    kinds = parse(question, table).categories
    if recommender is None or context.user is None or not kinds:
        return None
    events = recommender.shop.tables.value.interactions
    mine = events[events[schema.USER].astype(str) == recommender.shop.protection.id(context.user)]
    kind_of = mine[schema.ITEM].map(lambda i: table.categories[table.row[i]] if i in table.row else "")
    mine = mine[kind_of.isin(kinds)]
    bought = mine[mine[schema.EVENT] == "purchase"][schema.ITEM].unique() if schema.EVENT in mine else []
    looked = [i for i in mine[schema.ITEM].unique() if i not in set(bought)]
    facts = [Fact(context.say("you_bought", item=table.titles[table.row[i]]), f"item:{i}") for i in bought[:LENGTH]]
    facts += [Fact(context.say("you_viewed", item=table.titles[table.row[i]]), f"item:{i}") for i in looked[:LENGTH]]
    return (
        Result(tuple(facts), "recommendation", context.say("because_of_past"), context.say("switch_off"))
        if facts
        else None
    )


def catalogue_facts(context: Context, asked: CatalogueFacts) -> Result:
    """How many products of a kind there are, of which brands, in which price range; or what the shop sells."""
    table = table_of(context)
    wanted = parse(asked.query, table)
    rows = matching(table, replace(wanted, sort="", unknown=()))
    if not (wanted.categories or wanted.brands or wanted.words):
        departments = [d for d in dict.fromkeys(table.departments) if d] or table.category_names
        names = context.listed(table.local_name(name, context.language) for name in departments)
        return Result((Fact(context.say("sells", kinds=names, n=len(table.ids))),), "product")
    if not len(rows):
        return Result(intent="product", lead=_nothing(context, wanted), found=False)
    brands = Counter(table.brands[row] for row in rows if table.brands[row])
    prices = table.prices[rows]
    what = described(replace(wanted, price_max=wanted.price_max), context)
    facts = [Fact(context.say("count", n=len(rows), what=what))]
    if brands and not wanted.brands:
        facts.append(Fact(context.say("brands", n=len(brands), brands=context.listed(sorted(brands)))))
    if np.isfinite(prices).any():
        facts.append(
            Fact(context.say("prices", low=money(float(np.nanmin(prices))), high=money(float(np.nanmax(prices)))))
        )
    return Result(tuple(facts), "product")
