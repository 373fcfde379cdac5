"""Tools over single products: their facts, side by side or one by one, and the rules that apply to them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from recsys.assistant.asking import ASKS, UNITS_ASKED
from recsys.assistant.dialogue import without_references
from recsys.assistant.opinions import opinions
from recsys.assistant.safety import gives_orders
from recsys.assistant.tools import Compare, Context, Fact, ProductFacts, Result
from recsys.data import schema
from recsys.llm.language import sentences, tokens
from recsys.serving.search import ProductSearch, ProductTable, parse
from recsys.serving.search.query import measures_in

_PIECES = re.compile(r"\d[\d.,]*\s+[^\W\d]+|\S+")
"""Words of a title; a measure and its unit are one."""


def compare(context: Context, asked: Compare) -> Result:
    """Products side by side: each with its price, then what they share and which is cheaper."""
    table = table_of(context)
    rows = [table.row[i] for i in asked.items if i in table.row]
    prices = table.prices[rows]
    facts = []
    for row, price in zip(rows, prices, strict=True):
        about = {"item": table.titles[row], "brand": table.brands[row], "fact": table.said(row).rstrip("。.")}
        facts.append(_cited(table, row, context.say("compare_line", price=money(price), **about)))
    if len(rows) > 1:
        same = set.intersection(*(set(_features(table, row)) for row in rows))
        kind = table.kind_terms({table.categories[row] for row in rows})  # that both are shoes was known
        shared = [part for part in _features(table, rows[0]) if part in same and not kind.issuperset(tokens(part))]
        facts += (
            [_cited(table, rows[0], context.say("compare_same", features=context.listed(shared)))] if shared else []
        )
        if np.isfinite(prices).all():
            row, difference = rows[int(prices.argmin())], float(prices.max() - prices.min())
            key = "compare_cheaper" if difference else "compare_same_price"
            said = context.say(key, item=table.titles[row], difference=money(difference))
            facts.append(_cited(table, row, said))
    return Result(tuple(facts), "product")


def _cited(table: ProductTable, row: int, text: str) -> Fact:
    return Fact(text, f"item:{table.ids[row]}")


def _features(table: ProductTable, row: int) -> list[str]:
    """Brand and the parts of a title: what comes between commas, or between spaces in Chinese."""
    brand, title = table.brands[row], table.titles[row]
    parts = [part.strip() for part in title.removeprefix(brand).replace("，", ",").split(",")]
    head, *rest = parts
    return [part for part in [brand, *_PIECES.findall(head), *rest] if part]


def product_facts(context: Context, asked: ProductFacts) -> Result:
    """Price, stock, brand, or what of the description answers; what it does not say is said."""
    if (said_of_it := opinions(context, asked)) is not None:
        return said_of_it
    table = table_of(context)
    rows = [table.row[i] for i in asked.items if i in table.row]
    told = [_fact(context, row, asked.question) for row in rows]
    said = any(known for _, known in told)
    lead = "" if len(rows) < 2 or not said else context.say("which_of", n=len(rows))
    if asked.brand and said:
        lead = context.say("of_brand", brand=asked.brand, n=table.brands.count(asked.brand))
    texts = [text for text, _ in told] if said or len(rows) < 2 else [context.say("not_said_of_these", n=len(rows))]
    open_ = _left_open(table, rows, asked.question) if said else []
    note = context.say("not_said_all", wishes=context.listed(open_)) if len(open_) > 1 else ""
    facts = tuple(Fact(text, f"item:{table.ids[row]}") for row, text in zip(rows, texts, strict=False))
    done = said and not note
    return Result(facts, "product", lead, note, found=True, passes_on=not done, confidence=1.0 if done else 0.0)


def _left_open(table: ProductTable, rows: Sequence[int], question: str) -> list[str]:
    """What is asked besides a price, a stock, a brand, and stands nowhere in the products' texts."""
    if not any(pattern.search(question) for pattern in ASKS.values()):
        return []
    for pattern in ASKS.values():
        question = pattern.sub(" ", question)
    wanted = parse(without_references(question), table)
    said = frozenset().union(*(table.terms[row] for row in rows))
    return [word for word in dict.fromkeys([*wanted.words, *wanted.unknown]) if word not in said]


def _fact(context: Context, row: int, question: str) -> tuple[str, bool]:
    """What answers a question about a product, and whether anything does."""
    table, title = table_of(context), table_of(context).titles[row]
    if asks(question, "price"):
        price = table.prices[row]
        known = bool(np.isfinite(price))
        said = context.say("price" if known else "price_unknown", item=title, price=f"{price:.2f}")
        more = _sentence(context, row, question)
        return f"{said} {context.say('from_description', item=title, fact=more)}" if more else said, known
    if asks(question, "stock") and schema.AVAILABLE in table.table:
        return context.say("available" if table.available[row] else "unavailable", item=title), True
    if asks(question, "brand") and table.brands[row]:
        return context.say("brand", item=title, brand=table.brands[row]), True
    about = _sentence(context, row, question)
    if about is None and (asks(question, "about") or not parse(_unnamed(table, row, question), table)):
        about = table.said(row) or None
    if about is None:
        return context.say("not_said", item=title), False
    return context.say("from_description", item=title, fact=about), True


def _unnamed(table: ProductTable, row: int, question: str) -> str:
    """A question without the title and the id of the product it is about."""
    return re.sub(f"{re.escape(table.ids[row])}|{re.escape(table.titles[row])}", " ", question, flags=re.IGNORECASE)


def asks(question: str, what: str) -> bool:
    """Whether a question asks for a product's price, stock, brand, or what it is like."""
    return ASKS[what].search(question) is not None


def _sentence(context: Context, row: int, question: str) -> str | None:
    """The sentence of the product's text that shares a telling word with the question, or None."""
    table = table_of(context)
    named = set(tokens(table.canonical(f"{table.brands[row]} {table.categories[row]}"))) | table.kind_terms(
        {table.categories[row]}
    )
    asked = [w for w in parse(question, table).words if w not in named and w not in _spoken(table, row, question)]
    parts = [table.titles[row], *(part for part in sentences(table.said(row)) if not gives_orders(part))]
    counted = [sum(w in tokens(table.translated(part)) for w in asked) for part in parts]
    units = {unit for unit, pattern in UNITS_ASKED.items() if pattern.search(question)}
    measured = [bool(units & {m.unit for m in measures_in(part)}) for part in parts]
    best = int(np.argmax([c + m for c, m in zip(counted, measured, strict=True)]))
    if not counted[best] and not measured[best]:
        return None
    return parts[best].rstrip("。.") + ("。" if parts[best].endswith("。") else ".")


def _spoken(table: ProductTable, row: int, question: str) -> set[str]:
    """Words of the question that only name the product: those of its title, where the question gives several."""
    shared = set(tokens(table.canonical(question))) & set(table.title_terms[row])
    return shared if len(shared) > 2 else set()


def applying(table: ProductTable, row: int, rule: str) -> str:
    """A rule without the clauses whose measures do not hold of the product: "up to 14 inches" is not for one of 16."""
    title = table.titles[row]
    own = {m.unit for m in measures_in(title)}

    def holds(clause: str) -> bool:
        bounds = (m for m in measures_in(clause) if m.unit in own and m.least != m.most)
        return all(bound.holds(title) for bound in bounds)

    clauses = (c for sentence in sentences(rule) for c in re.split(r"(?<=[;；])\s*", sentence))
    return " ".join(c[:1].upper() + c[1:] for c in clauses if holds(c)) or rule


def money(value: float) -> str:
    """An amount without idle zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value == int(value) else f"{value:.2f}"


def table_of(context: Context) -> ProductTable:
    """The catalogue, without which no tool over products is called."""
    return search_of(context).table


def search_of(context: Context) -> ProductSearch:
    """Search of the catalogue."""
    assert context.search is not None, "tools over products need a catalogue"
    return context.search
