"""Tools over the catalogue: search, comparison, facts, recommendations with reasons, and what goes with what."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recsys.assistant.catalogue import ProductTable
from recsys.assistant.product_facts import money, table_of
from recsys.assistant.query import Constraints, matching, parse
from recsys.assistant.safety import gives_orders
from recsys.assistant.tools import (
    CatalogueFacts,
    Context,
    Fact,
    GoesWith,
    Recommend,
    Result,
    SearchProducts,
)
from recsys.assistant.why import reasons
from recsys.data import schema
from recsys.encoders.universal import for_products
from recsys.llm.language import sentences, tokens

LENGTH = 3
"""Products named in one answer."""
MAX_REASON = 140
"""Characters of a description's first sentence that are told with a product in a list."""
NEAREST = 40
"""Products considered where the sentence names no kind of product."""
_OTHER_SCRIPT = re.compile(r"[\u3400-\u9fff]+")


def constraints_of(table: ProductTable, asked: SearchProducts) -> Constraints:
    """What a search asks for: its sentence over the sentences it refines, and the filters given beside it."""
    total = Constraints()
    for sentence in asked.refines:
        total = parse(sentence, table).over(total)
    total = parse(asked.query, table).over(total) if asked.query else total
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
    """Hybrid product search: filters hold, words and meaning rank, purchase probability breaks ties."""
    table = table_of(context)
    wanted = constraints_of(table, asked)
    rows = _open(context, matching(table, wanted), asked)
    given_up: tuple[str, ...] = ()
    for less in _weaker(wanted):
        if len(rows):
            break
        rows = _open(context, matching(table, less), asked)
        given_up = (
            *(str(m) for m in wanted.measures if m not in less.measures),
            *(wanted.words if not less.words else ()),
        )
    vague = not (wanted.categories or wanted.words or wanted.brands or wanted.measures)
    if (vague or _unknown_kind(asked.query, wanted)) and wanted.unknown and not asked.refines:
        lead = context.say("not_in_catalogue", words=context.listed(wanted.unknown))
        return Result(intent="recommendation", lead=lead, found=False, confidence=0.5)
    if not len(rows):
        return Result(intent="recommendation", lead=_nothing(context, wanted, asked), found=False, confidence=0.5)
    order = _ranked(context, rows, wanted, asked, vague)[:LENGTH]
    told = [table.terms[row] for row in order]
    lacking = [w for w in wanted.words if not any(w in terms for terms in told)]
    unmet = dict.fromkeys([*given_up, *lacking, *wanted.unknown])
    lead = {"price": "found_cheapest", "-price": "found_dearest"}.get(wanted.sort, "found")
    wishes = [table.local_name(wish, context.language) for wish in _phrases(asked.query, list(unmet))]
    note = context.say("unmet", wishes=context.listed(wishes)) if wishes else ""
    said = reasons(context, order)
    facts = [_line(context, n, row, wanted) for n, row in enumerate(order, start=1)]
    mixed = [f for fact, reason, row in zip(facts, said, order, strict=True) for f in _with(fact, reason, table, row)]
    return Result(tuple(mixed), "recommendation", context.say(lead), note, reasons=tuple(filter(None, said)))


def _with(fact: Fact, reason: str, table: ProductTable, row: int) -> list[Fact]:
    return [fact, Fact(reason, f"item:{table.ids[row]}")] if reason else [fact]


def _phrases(text: str, words: list[str]) -> list[str]:
    """These words of a text, those that stand side by side in it as one: "wide feet", not "wide, feet"."""
    joined: list[str] = []
    for word in words:
        if joined and f"{joined[-1]} {word}" in text.lower():
            joined[-1] += f" {word}"
        else:
            joined.append(word)
    return joined


def _unknown_kind(query: str, wanted: Constraints) -> bool:
    """Whether what is looked for, the last of its words, is nothing the catalogue knows: electric guitars."""
    looked_for = [token for token in tokens(query) if token in {*wanted.words, *wanted.unknown}]
    return not (wanted.categories or wanted.brands) and bool(looked_for) and looked_for[-1] in wanted.unknown


def _weaker(wanted: Constraints) -> list[Constraints]:
    """What is looked for instead where nothing fits: without the measures, then without the words."""
    steps = [replace(wanted, measures=())] if wanted.measures else []
    steps += [replace(wanted, words=())] if wanted.words and wanted.categories else []
    return [*steps, replace(wanted, measures=(), words=())] if len(steps) == 2 else steps


def _open(context: Context, rows: NDArray[np.int64], asked: SearchProducts) -> list[int]:
    """Of these rows, what can be bought (and was not shown before, where new ones are wanted)."""
    table = table_of(context)
    hidden = context.shown if asked.new_only else frozenset()
    return [int(r) for r in rows if table.available[r] and r not in hidden]


def _ranked(context: Context, rows: list[int], wanted: Constraints, asked: SearchProducts, vague: bool) -> list[int]:
    table = table_of(context)
    text = " ".join([*asked.refines, asked.query])
    if wanted.sort:
        sign = -1 if wanted.sort == "-price" else 1
        return sorted(rows, key=lambda row: (sign * table.prices[row], table.ids[row]))
    if vague and not text.strip():
        return _by_probability(context, rows)
    known = vague and context.user is not None and _has_past(context)
    if (wanted.categories and not wanted.words) or known:
        return _by_probability(context, rows)
    canonical = table.canonical(text)
    reader = for_products(context.knowledge.reader.encoder)
    like = context.nearest().to(reader.encode([_OTHER_SCRIPT.sub(" ", canonical) or canonical]).vectors[0]).likeness
    words = table.bm25.scores(canonical)
    rows = sorted(rows, key=lambda row: (-(like[row] + words[row]), row))
    return rows if wanted.categories else rows[:NEAREST]


def _by_probability(context: Context, rows: list[int]) -> list[int]:
    table = table_of(context)
    if context.recommender is None:
        return rows
    known = context.user is not None and _has_past(context)
    had = set(_past(context)) if known else set()
    new = [row for row in rows if table.ids[row] not in had] or rows
    ranked = context.recommender.recommend(context.user if known else {}, items=[table.ids[row] for row in new])  # type: ignore[arg-type]
    return [table.row[str(item)] for item in ranked[schema.ITEM]]


def _has_past(context: Context) -> bool:
    return bool(_past(context))


def _past(context: Context) -> list[str]:
    """Ids of what the shopper had an event with, oldest first."""
    shop = context.recommender.shop if context.recommender is not None else None
    if shop is None or context.user is None:
        return []
    code = int(shop.user_index.get_indexer([context.user])[0])
    return [] if code < 0 else [str(shop.item_ids[i]) for i in dict.fromkeys(shop.seen(code).tolist())]


def _nothing(context: Context, wanted: Constraints, asked: SearchProducts) -> str:
    if asked.new_only:
        return context.say("no_more")
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
        return Result(intent="product", lead=_nothing(context, wanted, SearchProducts(query="")), found=False)
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
