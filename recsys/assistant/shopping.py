"""Tools over the catalogue: search, comparison, facts, recommendations with reasons, and what goes with what."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from recsys.assistant.opinions import number_of_stars, rating
from recsys.assistant.patterns import asks, gives_orders, says, units_asked
from recsys.assistant.product_facts import money, product_facts, told_of
from recsys.assistant.tools import LENGTH, Context, Fact, ProductFacts, Recommend, Result, SearchProducts, Similar
from recsys.assistant.why import reasons
from recsys.data import schema
from recsys.llm.dictionary import senses
from recsys.llm.language import sentences, tokens, word_list
from recsys.serving.search import Constraints, ProductTable, content, in_own_units, matching, parse, properties, refined
from recsys.serving.search.colours import COLOURS
from recsys.serving.search.heads import without_story
from recsys.serving.search.measures import Measure, measures_in
from recsys.serving.search.product_search import Found
from recsys.serving.search.query import SIZE_WORDS, without_refused

MOST_ALIKE = 60
"""Products like another among which those are looked for that meet what else is asked."""
JUDGED = 8
"""Products found, the first ones, of which it is judged whether they say what is asked of their kind."""
SAYS = 0.4
"""Probability from which a product's text says what is asked of its kind."""
_LEADS = {
    "price": "found_cheapest",
    "-price": "found_dearest",
    "opinion": "found_praised",
    "measure": "found_by_measure",
}
MAX_REASON = 140
"""Characters of a description's first sentence that are told with a product in a list."""


def constraints_of(table: ProductTable, asked: SearchProducts) -> Constraints:
    """What a search asks for: its sentence over the sentences it refines, and the filters given beside it."""
    total = Constraints()
    for sentence in asked.refines:
        total = refined(parse(sentence, table), total, table)
    total = refined(parse(asked.query, table, strict=asked.asks), total, table) if asked.query else total
    return replace(
        in_own_units(total, table),
        price_max=total.price_max if asked.price_max is None else asked.price_max,
        price_min=total.price_min if asked.price_min is None else asked.price_min,
        brands=frozenset({asked.brand}) if asked.brand else total.brands,
        sort=total.sort if asked.sort == "relevance" else asked.sort,
    )


def search_products(context: Context, asked: SearchProducts) -> Result:
    """Hybrid product search; wishes that no product speaks of are said, and so is a kind that the shop has not."""
    table, search = context.catalogue, context.products
    asked = _instead(context, asked)
    wanted = constraints_of(table, asked)
    latest = parse(asked.query, table)
    text = content(asked.query if latest.categories else " ".join([*asked.refines, asked.query]), table)
    of_kind = asked.asks and wanted.categories  # what is asked of these is no thing that is looked for
    if not (asked.refines or of_kind) and (wanted.no_such or (wanted.vague and wanted.unknown)):
        lead = context.say("not_in_catalogue", words=wanted.no_such or context.listed(wanted.unknown))
        if wanted.categories:
            kinds = (table.local_name(name, context.language) for name in sorted(wanted.categories))
            lead = context.say("nearest_kind", lead=lead, kinds=context.listed(kinds))
        return Result.none(lead, "recommendation", 0.5)
    praised = wanted.sort == "opinion"
    if praised and not search.liked:
        wanted = replace(wanted, sort="")
    user = context.user if past_of(context) else None
    units = units_asked(asked.query)
    unseen = asked.instead in {"others", "dearer"}
    hidden, limit = context.shown if unseen else (), ""
    wish = "" if asked.asks else asked.query if latest.categories else "\n".join([*asked.refines, asked.query])
    found, lead = search.find(wanted, text, user, hidden=hidden, wish=wish), _LEADS.get(wanted.sort, "found")
    changed = bool(asked.refines) and asked.instead != "cheaper"
    beyond_limit = not found.judged and (not found.rows if unseen else changed)
    if wanted.price_max is not None and beyond_limit:  # there may be more, for more
        short = _short_of(table, latest, wanted, found)
        beyond = replace(wanted, price_min=wanted.price_max + 0.01, price_max=None, sort="price")
        dearer = search.find(beyond, text, user, hidden=hidden) if any(short) else found
        if _short_of(table, latest, wanted, dearer) < short:
            limit, found, lead = money(wanted.price_max), dearer, "found_dearer"
            wanted = replace(wanted, price_max=None, sort="price")
    if not found.rows:
        vague = wanted.vague and not wanted.unknown and wanted.price_max is None
        none = context.say("which_kind") if vague else nothing(context, wanted)
        none = context.say("no_more") if unseen else none
        return Result.none(none, "recommendation", 0.5)
    most = "" if wanted.superlative is None else wanted.superlative.said
    lead = "found" if most in found.given_up else lead  # no text says how large they are
    rows = sorted(found.rows, key=lambda row: not _states(table, row, units)) if units else found.rows
    rows = _saying(context, asked.query, rows) if asked.asks else rows
    order = _varied(table, rows, wanted)[:LENGTH]
    lacking = _lacking(table, wanted.words, order)
    unheard = _lacking(table, [*wanted.unknown, *table.foreign.names(asked.query)], order)
    strange = [w for w in unheard if _before_a_kind(table, w, asked.query)] if says("sold", asked.query) else []
    unmet = [] if found.judged else [*found.given_up, *lacking, *(w for w in unheard if w not in strange)]
    gone = [] if units or not lacking else _sold_out(table, wanted)
    wishes = [table.local_name(wish, context.language) for wish in _wishes(table, asked, wanted, unmet, order)]
    if asked.asks and (wishes or strange or not order):  # what is asked of them is not said: no list answers
        named = context.listed(table.local_name(name, context.language) for name in sorted(wanted.categories)[:LENGTH])
        lead = context.say("kinds_do_not_say", kinds=named or "…")
        return Result.none(lead, "product", 0.0, passes_on=True)
    notes = [context.say("unmet", wishes=context.listed(wishes))] if wishes else []
    notes += [context.say("unheard", words=context.listed(strange))] if strange else []
    notes += [context.say("unavailable", item=table.titles[row]) for row in gone]
    note = "\n".join(notes)
    if units:  # what is asked for is told of each, or that it is not said
        silent = [table.titles[row] for row in order if not _states(table, row, units)]
        note = context.say("not_said_of_others", items=context.listed(silent)) if silent else note
    note = context.say("no_reviews") if praised and not search.liked else note
    said = reasons(context, order)
    facts: list[Fact] = []
    for n, (row, reason) in enumerate(zip(order, said, strict=True), start=1):
        facts += [line(context, n, row, wanted, units), *([context.cited(row, reason)] if reason else [])]
    lead = context.say(lead, limit=limit, most=most)
    if asked.then:
        told = product_facts(context, ProductFacts(items=[table.ids[row] for row in order], question=asked.then))
        facts += told.lines
    return Result(tuple(facts), "recommendation", lead, note, reasons=tuple(filter(None, said)))


def _short_of(table: ProductTable, latest: Constraints, wanted: Constraints, found: Found) -> tuple[bool, int, int]:
    """How much of what is wanted a find is short of: any product, wishes of the last sentence, all wishes."""
    of_latest, of_all = (len(_lacking(table, words, found.rows)) for words in (latest.words, wanted.words))
    return not found.rows, of_latest, of_all + len(found.given_up)


def _lacking(table: ProductTable, words: Sequence[str], rows: Sequence[int]) -> list[str]:
    """Words that none of the first products speaks of, nor of what a dictionary has for them (轻便 is "light")."""
    first = rows[:LENGTH]

    def spoken(word: str) -> bool:
        senses_of = [] if word.isascii() else [tokens(sense) for sense in senses(word)]
        return any(
            word in table.terms[row] or any(s and table.terms[row] >= set(s) for s in senses_of) for row in first
        )

    return [word for word in words if not spoken(word)]


def _sold_out(table: ProductTable, wanted: Constraints) -> list[int]:
    """Products that have every word of a wish in their titles and cannot be bought now."""
    words = {*wanted.words, *wanted.names}
    return [
        row for row in matching(table, wanted).tolist() if not table.available[row] and words <= table.title_terms[row]
    ]


def _saying(context: Context, question: str, rows: Sequence[int]) -> list[int]:
    """Of products that something is asked of, those whose texts say it; all where nobody judges that."""
    if context.judge is None or asks(question):  # price, stock and brand are known of all
        return list(rows)
    near = rows[:JUDGED]
    chances = context.judge.answers(question, [told_of(context, row) for row in near])
    return [row for row, chance in zip(near, chances, strict=True) if chance >= SAYS]


def _instead(context: Context, asked: SearchProducts) -> SearchProducts:
    """A search for what is cheaper, or dearer, than the products shown last, with the price that says so."""
    prices = context.catalogue.prices[list(context.last)]
    if asked.instead not in {"cheaper", "dearer"} or not np.isfinite(prices).any():
        return asked
    if asked.instead == "dearer":
        return asked.model_copy(update={"price_min": float(np.nanmax(prices)) + 0.01, "sort": "price"})
    limit, kind = float(np.nanmin(prices)), context.catalogue.categories[context.last[0]]
    of_kind = np.array([category == kind for category in context.catalogue.categories])
    below = bool((of_kind & (context.catalogue.prices < limit)).any())
    return asked.model_copy(update={"price_max": limit - 0.01 if below else None, "sort": "price"})


def _before_a_kind(table: ProductTable, word: str, text: str) -> bool:
    """Whether a word stands right before what a kind is called, as a brand does."""
    _, _, behind = text.lower().partition(word)
    return bool(table.kinds(tokens(table.canonical(behind.removeprefix("的")))[:1]))


def _states(table: ProductTable, row: int, units: Collection[str]) -> list[Measure]:
    """Measures that a product states in these units."""
    return [measure for measure in measures_in(table.canonical_texts[row]) if measure.unit in units]


def _varied(table: ProductTable, rows: Sequence[int], wanted: Constraints) -> list[int]:
    """Rows with the best of each category first, where several were named without a word of what they should be."""
    if not 2 <= len(wanted.categories) <= LENGTH or wanted.sort or wanted.measures:
        return list(rows)
    firsts = list(
        {table.categories[row]: row for row in reversed(rows) if table.categories[row] in wanted.categories}.values()
    )
    return [*sorted(firsts, key=rows.index), *(row for row in rows if row not in firsts)]


def _wishes(
    table: ProductTable, asked: SearchProducts, wanted: Constraints, unmet: Sequence[str], rows: Sequence[int]
) -> list[str]:
    """Of what no product of a list speaks of, what goods are wished to have, as it is said: a story tells more."""
    text = without_refused(without_story(" ".join([*asked.refines, asked.query])))
    held = frozenset().union(*(table.properties.of[row] for row in rows))
    open_ = {token for word in unmet for token in tokens(word)}

    def is_open(at: int, said: str) -> bool:
        own = set(tokens(table.canonical(table.in_english(said))))
        english = set(filter(str.isascii, own)) or own  # 帆布 stays beside canvas
        told = at in held or any(english <= table.terms[row] for row in rows)
        return not told and (said in asked.query.lower() or not open_.isdisjoint(own))

    wishes = [said for at, said in properties.named(text) if is_open(at, said)]
    both = zip(table.title_terms, table.categories, strict=True)
    titled = (title for title, category in both if category in wanted.categories)
    known = (COLOURS | SIZE_WORDS).union(*titled).difference(tokens(table.canonical(" ".join(wishes))))
    for word in unmet:
        of_goods = word in known or " " in word or not word.isalpha() or _before_a_kind(table, word, text)
        if of_goods and not any(word in wish for wish in wishes):
            wishes.append(word)
    return [
        wish for wish in dict.fromkeys(wishes) if not any(wish in other.lower() for other in wishes if other != wish)
    ]


def past_of(context: Context) -> bool:
    """Whether anything is known of the shopper who asks."""
    if context.recommender is None or context.user is None:
        return False
    code = context.recommender.lookup.user_code(context.user)
    return code is not None and len(context.recommender.shop.seen(code)) > 0


def nothing(context: Context, wanted: Constraints) -> str:
    """That no product meets these wishes."""
    return context.say("none_found", constraints=described(wanted, context))


def line(context: Context, n: int, row: int, wanted: Constraints, units: Collection[str] = ()) -> Fact:
    """One product of a list, with what of it meets the wishes, and what it states in the units that are asked for."""
    table = context.catalogue
    price = f" ({money(table.prices[row])})" if np.isfinite(table.prices[row]) else ""
    met = [*dict.fromkeys(map(str, _states(table, row, units))), *_fits(context, row, wanted)]
    reason = context.say("clauses").join(met) or context.say("reason_best")
    return context.told(row, "line", n=n, price=price, reason=reason)


def _fits(context: Context, row: int, wanted: Constraints) -> list[str]:
    """What of this product meets the wishes, and the first sentence the catalogue says of it."""
    table, found = context.catalogue, []
    if table.categories[row] and len(wanted.categories) != 1:  # who asks for laptops knows that these are
        found.append(table.local_name(table.categories[row], context.language))
    if wanted.brands:
        found.append(context.say("reason_brand", brand=table.brands[row]))
    if wanted.price_max is not None:
        found.append(context.say("reason_price", limit=money(wanted.price_max)))
    elif wanted.price_min is not None:
        found.append(context.say("reason_from_price", limit=money(wanted.price_min)))
    if wanted.sort == "opinion" and (given := rating(context, table.ids[row])) is not None:
        found.append(context.say("stars", stars=number_of_stars(given[0]), n=given[1]))
    stated = measures_in(table.canonical_texts[row])
    met = [next((own for own in stated if m.meets(own)), None) for m in wanted.measures]
    found += dict.fromkeys(context.say("reason_feature", feature=own) for own in met if own is not None)
    about = sentences(table.said(row))
    if about and len(about[0]) <= MAX_REASON and not gives_orders(about[0]):
        found.append(about[0].rstrip("。."))
    return found


def described(wanted: Constraints, context: Context) -> str:
    """Constraints in words."""
    parts = [*(context.catalogue.local_name(c, context.language) for c in sorted(wanted.categories)), *wanted.words]
    parts += sorted(wanted.brands)
    if wanted.price_max is not None:
        parts.append(context.say("constraint_max", limit=money(wanted.price_max)))
    if wanted.price_min is not None:
        parts.append(context.say("constraint_min", limit=money(wanted.price_min)))
    return context.listed([*parts, *(str(measure) for measure in wanted.measures)]) or "…"


def similar(context: Context, asked: Similar) -> Result:
    """Products like one of the shop's that meet what else is asked, in looks where those are asked and known."""
    table, recommender = context.catalogue, context.recommender
    row = next((table.row[i] for i in asked.items if i in table.row), None)
    if row is None or recommender is None:
        return Result.none(context.say("nothing_similar"), "recommendation", 0.5)
    item = table.ids[row]
    looks = says("looks", asked.question) and recommender.shop.facts.pictures is not None
    code = int(recommender.lookup.codes([item])[0])
    found: list[str] = []
    if looks:
        found = recommender.shop.item_ids[recommender.pictures.like(code, MOST_ALIKE)].astype(str).tolist()
    if not (looks := len(found) > 0):
        found = recommender.similar(item, MOST_ALIKE)[schema.ITEM].astype(str).tolist()
    wanted = parse(asked.question.replace(item, " ").replace(table.titles[row], " "), table)
    limit = float(table.prices[row]) - 0.01 if wanted.sort == "price" else wanted.price_max
    fits = set(matching(table, replace(wanted, categories=frozenset(), words=(), sort="", price_max=limit)).tolist())
    if recoloured := says("other_colour", asked.question):  # the same kind of thing, of which another colour is told
        named = word_list("colours")
        head, own = table.kind_of[row].split()[-1:], named & table.title_terms[row]
        fits = {r for r in fits if table.kind_of[r].split()[-1:] == head and (named & table.title_terms[r]) - own}
    rows = [table.row[i] for i in found if i in table.row and table.row[i] in fits]
    rows = ([r for r in rows if table.categories[r] == table.categories[row]] or rows)[:LENGTH]
    if not rows and recoloured:
        return Result.none(context.say("not_said", item=table.titles[row]), "product", 0.0, passes_on=True)
    if not rows:
        return Result.none(context.say("nothing_similar"), "recommendation", 0.5)
    facts = tuple(line(context, n, at, Constraints()) for n, at in enumerate(rows, start=1))
    lead = "other_colours" if recoloured else "similar_looks" if looks else "similar"
    return Result(facts, "recommendation", context.say(lead, item=table.titles[row]))


def recommend(context: Context, asked: Recommend) -> Result:
    """The reasons of the score of products; or of a kind, what of it the shopper bought, looked at or searched for."""
    if not asked.items:
        return _past_with(context, asked.question)
    table = context.catalogue
    rows = [table.row[i] for i in asked.items if i in table.row]
    facts = []
    for row, reason in zip(rows, reasons(context, rows, least=True), strict=True):
        named = table.titles[row].split(",")[0] in reason
        facts.append(context.cited(row, reason) if named else context.told(row, "why", reason=reason))
    return Result(tuple(facts), "recommendation", reasons=tuple(fact.text for fact in facts))


def _past_with(context: Context, question: str) -> Result:
    table, recommender = context.catalogue, context.recommender
    kinds = parse(question, table).categories or set(table.categories)
    facts: list[Fact] = []
    if recommender is not None and context.user is not None:
        events = recommender.shop.tables.value.interactions
        mine = events[events[schema.USER].astype(str) == recommender.shop.protection.id(context.user)]
        of_kind = [i in table.row and table.categories[table.row[i]] in kinds for i in mine[schema.ITEM]]
        mine = mine[of_kind][::-1]  # the latest first
        bought = mine[mine[schema.EVENT] == "purchase"][schema.ITEM].unique() if schema.EVENT in mine else []
        looked = [i for i in mine[schema.ITEM].unique() if i not in set(bought)]
        facts = [context.told(table.row[i], "you_bought") for i in bought[:LENGTH]]
        facts += [context.told(table.row[i], "you_viewed") for i in looked[:LENGTH]]
    if (rule := context.rule(context.say("rule_switch_off"))) is not None:
        facts.append(Fact(rule.passage.text, rule.passage.id))
    known = any(fact.source.startswith("item:") for fact in facts)
    lead = "because_of_past" if known else "nothing_known" if context.user else "sign_in_for_reasons"
    return Result(tuple(facts), "recommendation", context.say(lead))
