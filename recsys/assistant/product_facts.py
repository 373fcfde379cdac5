"""Tools over single products: their facts, side by side or one by one, and the rules that apply to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from recsys.assistant.dialogue import without_references
from recsys.assistant.opinions import of_sides, opinions
from recsys.assistant.patterns import asks, gives_orders, group, pattern, says, units_asked
from recsys.assistant.tools import Compare, Context, Fact, ProductFacts, Result
from recsys.data import schema
from recsys.llm.language import sentences, tokens
from recsys.serving.search import ProductTable, parse
from recsys.serving.search.colours import COLOURS
from recsys.serving.search.measures import SMALLER, measures_in
from recsys.serving.search.product_table import promise
from recsys.serving.search.query import sizes_in
from recsys.serving.search.said import SAID

MAX_TOLD = 140
"""Characters of a description's first sentence that are told where nothing of it answers."""
MOST_TOLD = 300
"""Characters of a description that is told whole where it may hold an answer."""
LIKELY = 0.5
"""Probability of an answer from which one sentence of a description that answers is enough of it."""
DOUBTFUL, CERTAIN = 0.3, 0.8
"""Probability of an answer below which the words that a question shares with a text are none, and from which the text
answers although they share none."""
_COLOUR = frozenset({"colour", "color"})
_COMMA = re.compile(r"[,，](?!\d{3}\b)")
"""Between the parts of a title; none is within 1,100."""
_PIECES = re.compile(r"\d[\d.,]*\s+[^\W\d]+|\S+")
"""Words of a title; a measure and its unit are one."""


def compare(context: Context, asked: Compare) -> Result:
    """Products side by side: each with its price, then what they share and which is cheaper."""
    table = context.catalogue
    rows = [table.row[i] for i in asked.items if i in table.row]
    prices = table.prices[rows]
    facts = [context.cited(row, _in_short(context, row)) for row in rows]
    if len(rows) > 1:
        same = set.intersection(*(set(_features(table, row)) for row in rows))
        kind = table.kind_terms({table.categories[row] for row in rows})  # that both are shoes was known
        shared = [part for part in _features(table, rows[0]) if part in same and not kind.issuperset(tokens(part))]
        if shared:
            facts.append(context.told(rows[0], "compare_same", features=context.listed(shared)))
        if np.isfinite(prices).all():
            row, difference = rows[int(prices.argmin())], float(prices.max() - prices.min())
            key = "compare_cheaper" if difference else "compare_same_price"
            if not difference or np.count_nonzero(prices == prices.min()) == 1:
                facts.append(context.told(row, key, difference=money(difference)))
        if (unit := pattern("per_unit").search(asked.question)) and np.isfinite(prices).all():
            facts += _by_unit(context, rows, unit)
    return Result(tuple(facts), "product")


def _by_unit(context: Context, rows: Sequence[int], unit: re.Match[str]) -> list[Fact]:
    """What each product costs by its unit, and which costs least; nothing where one says no size."""
    table, asked = context.catalogue, str(unit.lastgroup).rstrip("_")
    small, whole = SMALLER.get(asked, (asked, 1.0))
    each = []
    for row in rows:
        sizes = [(m.least, *SMALLER.get(m.unit, (m.unit, 1.0))) for m in measures_in(table.titles[row])]
        sizes_asked = [size * many / whole for size, name, many in sizes if name == small and size > 0]
        if not sizes_asked:
            return []
        each.append(float(table.prices[row]) / sizes_asked[0])
    priced = zip(rows, each, strict=True)
    facts = [context.told(row, "per_unit", price=f"{price:.2f}", unit=unit.group()) for row, price in priced]
    return [*facts, context.told(rows[int(np.argmin(each))], "least_per_unit", unit=unit.group())]


def _features(table: ProductTable, row: int) -> list[str]:
    """Brand and the parts of a title: what comes between commas, or between spaces in Chinese."""
    brand, title = table.brands[row], table.titles[row]
    parts = [part.strip() for part in _COMMA.split(title.removeprefix(brand))]
    head, *rest = parts
    return [part for part in [brand, *_PIECES.findall(head), *rest] if part]


def product_facts(context: Context, asked: ProductFacts) -> Result:
    """Price, stock, brand, or what of the description answers; what it does not say is said."""
    if (said_of_it := opinions(context, asked)) is not None:
        return said_of_it
    table = context.catalogue
    rows = [table.row[i] for i in asked.items if i in table.row]
    told = [_fact(context, row, asked.question) for row in rows]
    said = any(known for _, known in told)
    lead = context.say("of_brand", brand=asked.brand, n=table.brands.count(asked.brand)) if asked.brand and said else ""
    if len(rows) > 1 and not said:
        lead = context.say("not_said_of_these", n=len(rows))
        told = [(context.say("from_description", item=table.titles[row], fact=table.said(row)), False) for row in rows]
    facts = [context.cited(row, text) for row, (text, known) in zip(rows, told, strict=False) if known or not said]
    gone = bool(rows) and schema.AVAILABLE in table.table and not any(table.available[row] for row in rows)
    if gone and says("restocks", asked.question) and (rule := context.rule(context.say("rule_restock"))):
        facts.append(Fact(rule.passage.text, rule.passage.id))
    silent = [table.titles[row] for row, (_, known) in zip(rows, told, strict=False) if not known] if said else []
    if silent:
        facts.append(Fact(context.say("not_said_of_others", items=context.listed(silent))))
    open_ = _left_open(table, rows, asked.question) if said else []
    note = context.say("not_said_all", wishes=context.listed(open_)) if len(open_) > 1 else ""
    done = said and not note
    return Result(tuple(facts), "product", lead, note, passes_on=not done, confidence=1.0 if done else 0.0)


def _left_open(table: ProductTable, rows: Sequence[int], question: str) -> list[str]:
    """What is asked besides a price, a stock, a brand, and stands nowhere in the products' texts."""
    if not asks(question):
        return []
    for asked in group("asks").values():
        question = asked.sub(" ", question)
    wanted = parse(without_references(question), table)
    said = frozenset().union(*(table.terms[row] for row in rows))
    return [word for word in dict.fromkeys([*wanted.words, *wanted.unknown]) if word not in said]


def _in_short(context: Context, row: int) -> str:
    table = context.catalogue
    about = {"item": table.titles[row], "brand": table.brands[row], "price": money(table.prices[row])}
    return context.say("compare_line", fact=table.said(row).rstrip("。.") or context.say("reason_best"), **about)


def _ended(sentence: str) -> str:
    """A sentence with its full stop, in its language."""
    return sentence.rstrip("。.") + ("。" if sentence.endswith("。") else ".")


def _fact(context: Context, row: int, question: str) -> tuple[str, bool]:
    table, title = context.catalogue, context.catalogue.titles[row]
    if not question:
        return _in_short(context, row), True
    if says("how_many_left", question) and schema.AVAILABLE in table.table:
        state = context.say("available" if table.available[row] else "unavailable", item=title)
        return f"{state} {context.say('count_unknown')}", False
    if any(asks(part, ["price"]) and not units_asked(part) for part in _PARTS.split(question)):
        price = table.prices[row]
        known = bool(np.isfinite(price))
        costs = context.say("price" if known else "price_unknown", item=title, price=f"{price:.2f}")
        more = _sentence(context, row, question)
        if asks(question, ["stock"]) and schema.AVAILABLE in table.table:
            more = context.say("available" if table.available[row] else "unavailable", item=title)
        return (f"{costs} {more}" if more and more != _ended(title) else costs), known
    if asks(question, ["stock"]) and schema.AVAILABLE in table.table:
        return context.say("available" if table.available[row] else "unavailable", item=title), True
    if asks(question, ["brand"]) and table.brands[row]:
        return context.say("brand", item=title, brand=table.brands[row]), True
    answered = _answer(context, row, question)
    sides = of_sides(context, table.ids[row], _without_kind(table, row, question)) if says("yes_no", question) else ""
    if answered is not None:
        return (answered if sides in answered else f"{answered} {sides}"), True
    if sides:
        return context.say("from_description", item=title, fact=sides), True
    if (asks(question, ["about"]) or not parse(_unnamed(table, row, question), table)) and (said := table.said(row)):
        return context.say("from_description", item=title, fact=said), True
    about = _quotable(table, row)
    whole = _description(table, row)
    if whole and len(whole) <= MOST_TOLD and context.judge is not None and not _lacks(table, row, question):
        may = context.judge.answers(of_it(table, row, question), [told_of(context, row)])[0] >= DOUBTFUL
        if may:  # what is said then is true, whether it answers or not
            return context.say("said_only", item=title, fact=whole.rstrip("。.")), False
    if about and len(about[0]) <= MAX_TOLD:
        return context.say("not_said_but", item=title, fact=about[0].rstrip("。.")), False
    return context.say("not_said", item=title), False


_WORD = re.compile(r"[a-z][a-z0-9'’-]+", re.IGNORECASE)


def of_it(table: ProductTable, row: int, question: str) -> str:
    """A question with "it" for a product's title or id, as the judge reads it: an id says nothing of what it is."""
    return " ".join(_unnamed(table, row, question, " it ").split())


def _without_kind(table: ProductTable, row: int, question: str) -> str:
    """A question without the words that name the product's kind: of a monitor, "screen" is no side of it."""
    kind = table.kind_terms({table.categories[row]})
    words = table.foreign.cut(_WORD.sub(lambda m: f" {m.group()} ", question))
    return "".join(
        part if kind.isdisjoint(tokens(table.canonical(part))) else " " for run in words for part in _SPACE.split(run)
    )


def told_of(context: Context, row: int) -> str:
    """All that is said of a product, as one text; what gives orders to the assistant answers nothing."""
    table, price = context.catalogue, context.catalogue.prices[row]
    cost = f" {context.say('price', item=table.titles[row], price=f'{price:.2f}')}" if np.isfinite(price) else ""
    said = _description(table, row) if gives_orders(table.said(row)) else table.said(row)
    return f"{table.titles[row]}. {said}{cost}"


def _quotable(table: ProductTable, row: int) -> list[str]:
    """Sentences of a product's description but those that give orders to the assistant."""
    return [part for part in sentences(table.said(row)) if not gives_orders(part)]


def _description(table: ProductTable, row: int) -> str:
    """A product's description without the sentences that give orders; Chinese ones stand without spaces."""
    said, parts = table.said(row), _quotable(table, row)
    return ("" if _HAN.search(said) else " ").join(parts)


def _lacks(table: ProductTable, row: int, question: str) -> bool:
    """Whether a measure or a size is asked that is not stated: of a dress without sizes, its length says nothing."""
    units = units_asked(question)
    if units and not any(m.unit in units for m in measures_in(table.canonical_texts[row])):
        return True
    return any(size not in tokens(table.texts[row]) for size in sizes_in(question))


def _answer(context: Context, row: int, question: str) -> str | None:
    """What title and description say of what is asked, or None.

    What shares words with the question is told where the judge does not doubt it, else the sentence that it takes for
    an answer.
    """
    units = units_asked(question)
    if _lacks(context.catalogue, row, question):
        return None
    if context.judge is None:
        return _by_words(context, row, question)
    table, judge = context.catalogue, context.judge
    title, asked = table.titles[row], of_it(table, row, question)
    (whole,) = judge.answers(asked, [told_of(context, row)])

    def titled() -> bool:
        known = not parse(_unnamed(table, row, question), table, strict=True).unknown
        return known and bool(judge.answers(asked, [title])[0] >= CERTAIN)

    if (answered := _by_words(context, row, question, titled, whole >= CERTAIN)) is not None:
        stated = bool(units) and says("which_of", question)  # which has the most of a measure: each states its own
        return answered if stated or whole >= DOUBTFUL else None
    parts = _quotable(table, row)
    if whole < CERTAIN or not parts:
        return None
    said = judge.answers(asked, [f"{title}. {part}" for part in parts])
    alone = said.max() >= LIKELY and (said >= DOUBTFUL).sum() == 1
    fact = parts[int(said.argmax())] if alone else _description(table, row)
    return context.say("from_description", item=title, fact=_ended(fact))


def _by_words(
    context: Context, row: int, question: str, titled: Callable[[], bool] = lambda: True, certain: bool = False
) -> str | None:
    """What title and description say in words of the question, with a yes or no where it is answered whole; or None.

    A number is asked of the measure of its unit ("for 2 players?" of "2 to 5 players"), unless it only says which
    product is meant ("is the 32 inch monitor back?"). Nothing is a yes that is said with another negation than it is
    asked with ("no silicones" to "does it have silicones?"). A title that shares words answers where it is `titled`;
    words that a text lacks are said to be missing, unless it is `certain` that it answers in others.
    """
    table, title = context.catalogue, context.catalogue.titles[row]
    whole, bare, units = table.canonical_texts[row], _unnamed(table, row, question), units_asked(question)
    measures = [m for m in measures_in(bare) if any(m.unit == own.unit for own in measures_in(whole))]
    said, words = _sentence(context, row, question), _asked_of(table, row, question)
    key, whether = "from_description", says("yes_no", question)
    beside = set(words) - table.title_terms[row]  # "is there BPA in the 750 ml one?" asks no measure
    if beside or units - {m.unit for m in measures} or says("the_number", question):
        measures = []
    if measures:
        fits = all(m.holds(whole) for m in measures)
        stated = {m.unit for m in measures}
        parts = [title, *sentences(table.said(row))]
        said = next(part for part in parts if any(own.unit in stated for own in measures_in(table.translated(part))))
        key = ("yes_fact" if fits else "no_fact") if whether else key
    elif said is not None and whether:
        part = table.translated(said)
        freed = any(promise(word).search(part) for word in words)
        plain = not freed and not says("negated", question)
        missing = [w for w in words if not any(own.startswith(_STEM.sub("", w)) for own in tokens(whole))]
        if missing and len(missing) < len(words) and not certain:
            return f"{context.say(key, item=title, fact=said)} {_missing(context, row, missing)}"
        whole_said = bool(words) and set(words) <= set(tokens(part))
        open_ = whole_said and parse(_unnamed(table, row, question), table, strict=True).unknown  # 能上飞机吗
        key = "yes_fact" if plain and whole_said and not open_ else key
    if said is None:
        return None
    said = _ended(said)
    if said == _ended(title):  # the name says it
        head, *rest = _COMMA.split(title)
        of_units = [m for m in [*_PIECES.findall(head), *rest] if {n.unit for n in measures_in(m)} & units]
        if of_units and not whether:
            return context.say(key, item=title, fact=context.listed(part.strip() for part in of_units))
        if key == "from_description":  # a name answers nothing, but that a colour is asked of it
            parts = rest or _features(table, row)  # a Chinese title has no commas
            of_colour = [part.strip() for part in parts if COLOURS.intersection(tokens(table.canonical(part)))]
            asked = of_colour and not _COLOUR.isdisjoint(words)
            return context.say(key, item=title, fact=context.listed(of_colour)) if asked else None
        return f"{context.say(key.removesuffix('_fact'))} {said}" if measures or titled() else None
    return context.say(key, item=title, fact=said)


def _missing(context: Context, row: int, words: Sequence[str]) -> str:
    """That a description does not speak of these, unless buyers do."""
    sides = of_sides(context, context.catalogue.ids[row], " ".join(words))
    return sides or context.say("not_said_words", wishes=context.listed(words))


_PARTS = re.compile(r"[,，?？;；]|\band\b|还有|另外|(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")
_HAN = re.compile(r"[\u3400-\u9fff]")
_SPACE = re.compile(r"(\s+)")
_STEM = re.compile(r"(?<=[a-z]{4})(?:ing|able)$")


def _unnamed(table: ProductTable, row: int, question: str, instead: str = " ") -> str:
    """A question without the title and the id of the product it is about."""
    return re.sub(f"{re.escape(table.ids[row])}|{re.escape(table.titles[row])}", instead, question, flags=re.IGNORECASE)


def _head(title: str) -> str:
    """A title up to the features that it lists."""
    return re.split(r"[,，(（]", title)[0]


def _sentence(context: Context, row: int, question: str) -> str | None:
    """The sentence of the product's text that shares a telling word with the question, or None."""
    table, asked = context.catalogue, _asked_of(context.catalogue, row, question)
    parts = [table.titles[row], *_quotable(table, row)]
    units = units_asked(question)
    attribute = pattern("attribute").search(question)
    sought = tokens(table.canonical(next(filter(None, attribute.groups()), ""))) if attribute else []
    if _COLOUR & set(asked):
        asked = [*asked, *COLOURS]
    elif (
        not units
        and sought
        and sought[-1] in asked
        and not any(sought[-1] in tokens(table.translated(p)) for p in parts)
    ):
        return None  # of the version of its USB, that it has USB says nothing
    counted = [sum(w in tokens(table.translated(part)) for w in asked) for part in parts]
    measured = [bool(units & {m.unit for m in measures_in(part)}) for part in parts]
    shared = [c + m for c, m in zip(counted, measured, strict=True)]
    head = set(tokens(table.translated(_head(parts[0]))))
    whole = not units and head.isdisjoint(asked)  # a feature that the title lists is told in the sentence on it
    best = max(range(len(parts)), key=lambda at: (shared[at], whole and at > 0, -at))
    if not counted[best] and not measured[best]:
        return None
    return _ended(parts[best])


def _asked_of(table: ProductTable, row: int, question: str) -> list[str]:
    """What a question asks of a product: its words but those that name the product, its kind or its brand.

    Words of the head of its title name it, where the question gives several; features behind a comma are asked for.
    """
    kind = table.kind_terms({table.categories[row]})
    named = set(tokens(table.canonical(f"{table.brands[row]} {table.categories[row]}"))) | kind
    bare = table.canonical(_unnamed(table, row, question))
    head = set(tokens(table.canonical(_head(table.titles[row]))))
    shared = set(tokens(bare)) & head
    by_words = bare == table.canonical(question)  # and neither by its id nor by its whole title
    brand = table.brands[row].lower()
    branded = bool(brand) and brand in question.lower()  # "the Greenhand nordic one"
    named |= shared if by_words and len(shared - kind) + branded > 1 else set()
    wanted = parse(_unnamed(table, row, question), table)
    others = table.kind_terms(wanted.categories - {table.categories[row]})  # "for my laptop" is asked of a charger
    beside = [word for word in tokens(bare) if word in others and word not in SAID]
    words = [
        *wanted.words,
        *beside,
        *wanted.free_of,
        *wanted.not_words,
        *(word for word in wanted.unknown if word.isalpha()),
    ]
    short = [w for w in tokens(bare) if len(w) == 3 and w.isalpha() and w not in SAID and w not in table.words]
    return [word for word in dict.fromkeys([*words, *short]) if word not in named]


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
