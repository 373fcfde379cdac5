"""Facts, true sentences and falsehoods for the tests of explanations: all made up here, from seeds."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from recsys.explain import grammar
from recsys.explain.facts import OFTEN, TOGETHER, Facts, Kind, Past, Product
from recsys.explain.shared_phrases import Names
from recsys.explain.slot_templates import TONES, Plan, quoted
from recsys.explain.slot_templates import fill as fill_form


def _words(text: str) -> list[str]:
    return text.split()


MATERIALS = _words(
    """
    enamel bamboo copper linen velvet walnut porcelain leather felt ceramic steel willow marble denim cork
    """
)
NOUNS = _words(
    """
    teapot lantern notebook stapler garland shampoo lipstick doormat birdhouse hairbrush candle mug binder apron
    puzzle
    """
)
STYLES = _words("retro spotted striped floral vintage nautical scented glittery quilted woven painted")
BRANDS = _words("Oakfield Brindle Marlowe Kestrel Hollis Tansy Verity Lumen Pavot Quillon")
CATEGORIES = _words("Kitchen Garden Stationery Bathroom Nursery Lighting")


# A style is said of one product in twenty at most, so that it says something of two of them.
_NAMES = Names([*(f"{s} {m} {n}" for s in STYLES for m in MATERIALS for n in NOUNS), *["Thing"] * 3_000])


@dataclass(frozen=True)
class Case:
    """One set of facts and another product of the same shop that they do not mention."""

    facts: Facts
    stranger: Product


def case(rng: random.Random, kind: Kind | None = None) -> Case:
    """Consistent facts whose first purchase (or, for kinds about the item, the item) has this kind of evidence."""
    nouns, materials, styles = rng.sample(NOUNS, 4), rng.sample(MATERIALS, 4), rng.sample(STYLES, 4)
    names = [f"{s} {m} {n}".title() for s, m, n in zip(styles, materials, nouns, strict=True)]
    if kind is Kind.WORDS or (kind is None and rng.random() < 0.3):
        names[1] = f"{styles[0]} {materials[1]} {nouns[1]}".title()
    brands = [rng.choice(BRANDS) for _ in names]
    same_brand = kind is Kind.BRAND
    while (brands[0] == brands[1]) != same_brand or brands[3] in brands[:3]:
        brands[1], brands[3] = (brands[0] if same_brand else rng.choice(BRANDS)), rng.choice(BRANDS)
    categories = [rng.choice(CATEGORIES) for _ in names]
    if (categories[0] == categories[1]) != (kind is Kind.CATEGORY):
        categories[1] = categories[0] if kind is Kind.CATEGORY else next(c for c in CATEGORIES if c != categories[0])
    usual = round(rng.uniform(5, 60), 2)
    ratio = (
        {Kind.PRICE: 1.05, Kind.CHEAPER: 0.6}.get(kind, rng.choice([0.5, 1.1, 1.9]))
        if kind
        else rng.choice([0.5, 1.0, 2.0])
    )
    popular = kind is Kind.POPULAR or (kind is None and rng.random() < 0.5)
    buyers = rng.randint(120, 900) if popular else rng.randint(30, 60)
    products = [
        Product(
            name=name,
            brand=brand,
            category=category,
            price=round(usual * (ratio if i == 0 else rng.choice([0.4, 3.0])), 2),
            buyers=buyers if i == 0 else rng.randint(61, 119),
            recent=buyers // 3 if i == 0 else 25,
            rank=(rng.randint(2, 20) if popular else rng.randint(600, 900)) if i == 0 else 300,
        )
        for i, (name, brand, category) in enumerate(zip(names, brands, categories, strict=True))
    ]
    together = (
        rng.randint(OFTEN, 19)
        if kind is Kind.OFTEN
        else rng.randint(TOGETHER, OFTEN - 1)
        if kind is Kind.TOGETHER
        else 0
    )
    because = tuple(
        Past(
            product=product,
            bought=kind is not Kind.VIEWED,
            together=together if i == 0 else 0,
            shared=_NAMES.shared(products[0].name, product.name),
            similar=kind is Kind.SIMILAR and i == 0,
            link=kind if kind in PAIR and i == 0 else Kind.BOUGHT,
        )
        for i, product in enumerate(products[1:3])
    )
    because = because[: rng.choice([1, 2])] if kind is not Kind.VIEWED else because[:1]
    if kind in {Kind.POPULAR, Kind.NEW, Kind.PRICE, Kind.CHEAPER, Kind.TASTE, Kind.PICK}:
        because = ()
    facts = Facts(
        item=products[0],
        because=because,
        usual_price=usual,
        new=kind is Kind.NEW,
        fits=kind is Kind.TASTE,
        n_items=1000,
    )
    extras = [k for k in (Kind.POPULAR, Kind.NEW, Kind.PRICE, Kind.CHEAPER) if facts.holds(k)]
    extra = (kind,) if kind in extras else tuple(rng.sample(extras, min(len(extras), 1)))
    return Case(replace(facts, extra=() if kind in {Kind.TASTE, Kind.PICK} else extra), products[3])


PAIR = {Kind.OFTEN, Kind.TOGETHER, Kind.WORDS, Kind.BRAND, Kind.CATEGORY, Kind.SIMILAR, Kind.BOUGHT, Kind.VIEWED}


# --- true sentences in other words than the project's own -------------------------------------------------------------

_HAD = [
    "Because you bought {b}",
    "Since you picked up {b}",
    "You already own {b}",
    "As you ordered {b}",
    "Having bought {b}",
    "You purchased {b} earlier",
    "{b} is in your order history",
    "You have {b} at home already",
]
_REC = [
    "we think {i} is a good match",
    "{i} is worth a look",
    "we would suggest {i}",
    "{i} could be a nice addition",
    "you might like {i}",
    "have a look at {i}",
    "{i} could be a natural next step",
    "consider {i} next",
    "{i} came to mind",
    "our suggestion is {i}",
]
_TRUE: dict[Kind, list[str]] = {
    Kind.OFTEN: [
        "Shoppers often put {b} and {i} in the same basket.",
        "{i} is regularly bought along with {b}.",
        "{t} shoppers who bought {b} also bought {i}.",
        "People who buy {b} frequently buy {i} as well.",
        "{b} and {i} often go together in one order.",
        "You own {b}, and customers often add {i} to it.",
        "In our sales data, {i} is frequently ordered with {b}.",
    ],
    Kind.TOGETHER: [
        "{t} customers bought both {b} and {i}.",
        "Other shoppers who own {b} also chose {i}.",
        "People with your {b} also picked {i}.",
        "We suggest {i}: {t} shoppers bought it together with {b}.",
        "{i} was chosen by others who bought {b}.",
    ],
    Kind.WORDS: [
        "Like your {b}, {i} has {s} in its name.",
        "{i} and your {b} have {s} in common.",
        "You bought {b}; {i} shares the word {s} with it.",
        "The word {s} links {i} to your purchase of {b}.",
    ],
    Kind.BRAND: [
        "You bought {b} by {brand}, and {i} is from the same brand.",
        "{i} is also made by {brand}, the maker of your {b}.",
        "Since you own {b}, here is another product from {brand}: {i}.",
        "{i} comes from {brand}, just like your {b}.",
    ],
    Kind.CATEGORY: [
        "You bought {b}, and {i} is from the same category, {category}.",
        "{i} is in {category} too, just like your {b}.",
        "Here is more from {category}, the category of your {b}: {i}.",
    ],
    Kind.SIMILAR: [
        "{i} is quite similar to {b}, which you bought.",
        "You bought {b}; {i} is a similar product.",
        "{i} closely resembles your {b}.",
        "If you want something similar to your {b}, consider {i}.",
    ],
    Kind.BOUGHT: [
        "We recommend {i} because of your purchase of {b}.",
        "Your order of {b} is the reason we show you {i}.",
    ],
    Kind.VIEWED: ["You looked at {b}, so {i} may be interesting too.", "Because you viewed {b}, we suggest {i}."],
    Kind.POPULAR: [
        "{i} is one of our bestsellers.",
        "{i} is popular: {r} shoppers bought it in the last 30 days.",
        "With {r} buyers in the past 30 days, {i} is in demand.",
        "{n} customers have bought {i} in total.",
        "{i} is among our most popular products.",
    ],
    Kind.NEW: [
        "{i} has just arrived in our shop.",
        "{i} is a new arrival.",
        "Meet a newcomer in our range: {i}.",
        "{i} is new here.",
    ],
    Kind.PRICE: [
        "{i} is in your usual price range.",
        "At {p}, {i} costs about what you usually spend.",
        "{i} is close to what you normally pay.",
    ],
    Kind.CHEAPER: [
        "{i} is cheaper than what you normally buy.",
        "At {p}, {i} costs less than you usually pay.",
        "{i} is priced below your usual range.",
    ],
    Kind.TASTE: [
        "{i} suits what you have bought so far.",
        "Your past orders as a whole point to {i}.",
        "{i} fits your order history.",
    ],
    Kind.PICK: ["Our pick for you: {i}.", "Why not take a look at {i}?", "You might like {i}."],
}


def true_sentences(rng: random.Random, count: int) -> Iterator[tuple[str, Case]]:
    """Paraphrases that follow from their facts, in no wording of the project's grammar on purpose."""
    kinds = list(_TRUE)
    for n in range(count):
        kind = kinds[n % len(kinds)]
        now = case(rng, kind)
        if kind in PAIR - {Kind.VIEWED} and rng.random() < 0.35:
            text = f"{rng.choice(_HAD)}, {rng.choice(['and ', 'so ', ''])}{rng.choice(_REC)}."
            text = text.replace("You already own {b}, we", "You already own {b}, so we")
        else:
            text = rng.choice(_TRUE[kind])
        yield fill(text, now.facts), now


def fill(text: str, facts: Facts) -> str:
    """Put the facts into a sentence of this module."""
    past = facts.because[0] if facts.because else None
    values = {
        "i": quoted(facts.item.name),
        "brand": facts.item.brand,
        "category": facts.item.category,
        "n": facts.item.buyers,
        "r": facts.item.recent,
        "p": facts.item.price,
    }
    if past:
        values |= {"b": quoted(past.product.name), "t": past.together, "s": past.shared}
    return text.format(**values)


# --- falsehoods -------------------------------------------------------------------------------------------------------


def falsehoods(what: str, rng: random.Random, count: int) -> Iterator[tuple[str, Case]]:
    """Sentences that are wrong in one stated way."""
    make = _FALSE[what]
    made = 0
    while made < count:
        found = make(rng)
        if found is not None:
            made += 1
            yield found


def _true(rng: random.Random, kinds: set[Kind]) -> tuple[str, Case]:
    now = case(rng, rng.choice(sorted(kinds)))
    if rng.random() < 0.5:
        plan = Plan.of(now.facts, rng.choice(TONES))
        return fill_form(grammar.sentence(plan, rng), plan.values), now
    return fill(rng.choice(_TRUE[now.facts.because[0].link if now.facts.because else _own(now.facts)]), now.facts), now


def _own(facts: Facts) -> Kind:
    return next(k for k in (Kind.NEW, Kind.POPULAR, Kind.TASTE, Kind.CHEAPER, Kind.PRICE, Kind.PICK) if facts.holds(k))


def _swapped_product(rng: random.Random) -> tuple[str, Case] | None:
    text, now = _true(rng, PAIR)
    name = rng.choice([now.facts.item.name, now.facts.because[0].product.name])
    return text.replace(name, now.stranger.name), now


def _wrong_brand(rng: random.Random) -> tuple[str, Case] | None:
    text, now = _true(rng, {Kind.BRAND})
    if now.facts.item.brand not in text:
        own = rng.choice(
            [
                "{i} is also by {x}, like your {b}.",
                "You bought {b} by {x}, and {i} is by {x} too.",
                "{x} makes {i} and your {b}.",
            ]
        )
        return fill(own.replace("{x}", now.stranger.brand), now.facts), now
    return text.replace(now.facts.item.brand, now.stranger.brand), now


def _wrong_number(rng: random.Random) -> tuple[str, Case] | None:
    text, now = _true(rng, {Kind.OFTEN, Kind.TOGETHER, Kind.POPULAR, Kind.PRICE})
    found = list(re.finditer(r"\d[\d,.]*\d|\d", text))
    if not found:
        return None
    spot = rng.choice(found)
    value = float(spot.group(0).replace(",", ""))
    wrong = rng.choice([value + rng.randint(1, 9), value * 2, value * 10, max(value - 1, 0) if value > 1 else 7])
    shown = f"{wrong:.2f}" if "." in spot.group(0) else f"{int(wrong)}"
    # Another true number of the facts in the wrong place would be a different test.
    facts = now.facts
    if float(shown) in {facts.item.buyers, facts.item.recent, 30, value} | {p.together for p in facts.because}:
        return None
    return text[: spot.start()] + shown + text[spot.end() :], now


_INVENTED = [
    "It is waterproof.",
    "It comes with a two-year warranty.",
    "It is handmade in Italy.",
    "It is organic.",
    "Shipping is free.",
    "It is dishwasher safe.",
    "It is 20% off.",
    "It is made of solid oak.",
    "It is perfect for birthdays.",
    "It will make your kids happy.",
    "It is award-winning.",
    "It lasts for years.",
    "It is soft and durable.",
    "It has excellent reviews.",
    "It is rated five stars.",
    "It smells of roses.",
    "Only a few are left.",
    "It is eco-friendly.",
    "It is great for camping.",
    "Experts love it.",
    "It is the best quality.",
    "It comes in gold.",
    "It is easy to clean.",
    "It is ideal for teachers.",
    "It ships today.",
    "It is on sale.",
    "It is a limited edition.",
    "You will love its elegant design.",
]
_ADJECTIVES = _words(
    """
    waterproof organic handmade luxurious durable elegant lightweight stylish genuine premium wireless washable
    foldable golden
    """
)


def _invented_attribute(rng: random.Random) -> tuple[str, Case] | None:
    text, now = _true(rng, PAIR | {Kind.TASTE, Kind.NEW})
    if rng.random() < 0.6:
        return f"{text} {rng.choice(_INVENTED)}", now
    name = quoted(now.facts.item.name)
    return text.replace(name, f"the {rng.choice(_ADJECTIVES)} {name}", 1), now


_COMPARED = [
    ("{i} costs {w} than what you usually pay.", "price"),
    ("Because you bought {b}, here is {i}, which is {p} than what you usually buy.", "price"),
    ("{i} is {p} than {b}, which you bought.", "pair"),
    ("{i} costs {w} than your {b}.", "pair"),
    ("{i} is {c} popular than your {b}.", "crowd"),
    ("{i} was bought by {m} shoppers than {b}.", "crowd"),
    ("{i} is priced {a} what you usually spend.", "price"),
]


def _wrong_direction(rng: random.Random) -> tuple[str, Case] | None:
    now = case(rng, Kind.BOUGHT)
    facts = now.facts
    text, about = rng.choice(_COMPARED)
    other = facts.because[0].product
    step = {"price": facts.price_step or 0, "pair": 1 if facts.item.price > other.price else -1}.get(
        about, 1 if facts.item.count > other.count else -1
    )
    lie = -step if step else rng.choice([-1, 1])
    words = {
        "w": "more" if lie > 0 else "less",
        "p": rng.choice(["pricier", "more expensive"]) if lie > 0 else rng.choice(["cheaper", "less expensive"]),
        "c": "more" if lie > 0 else "less",
        "m": "more" if lie > 0 else "fewer",
        "a": "above" if lie > 0 else "below",
    }
    for slot, word in words.items():
        text = text.replace(f"{{{slot}}}", word)
    return fill(text, facts), now


def _confused(rng: random.Random) -> tuple[str, Case] | None:
    text, now = _true(rng, PAIR - {Kind.VIEWED})
    item, other = now.facts.item.name, now.facts.because[0].product.name
    if item not in text or other not in text or _symmetric(text, item, other):
        return None
    return text.replace(item, "\0").replace(other, item).replace("\0", other), now


def _symmetric(text: str, item: str, other: str) -> bool:
    """Whether the sentence stays true when the two change places: "A and B are often bought together"."""
    a, b = quoted(item), quoted(other)
    pairs = [f"{x} {joint} {y}" for x, y in ((a, b), (b, a)) for joint in ("and", "together with", "and your")]
    return any(pair in text for pair in pairs) and "you" not in text.replace("your usual", "").replace(
        "you usually", ""
    ).replace("for you:", "")


_HYPE = [
    "{i} is a bestseller.",
    "{i} is one of our most popular products.",
    "{i} is very popular with other shoppers.",
    "Everyone is buying {i}.",
    "{i} is our number one product.",
    "Hundreds of shoppers bought {i}.",
    "{i} is trending right now.",
    "Most customers buy {i}.",
    "{i} is in high demand.",
    "{i} is a favourite of our shoppers.",
    "Many shoppers bought {i} in the last 30 days.",
    "{i} is a crowd-pleaser.",
    "{i} is flying off the shelves.",
    "Thousands of people own {i}.",
    "{i} is our best-selling product.",
    "Because you bought {b}, you might like {i}, a popular choice.",
    "You own {b}; {i} is among our bestsellers.",
    "{i} is popular, and you bought {b}.",
]


def _false_popularity(rng: random.Random) -> tuple[str, Case] | None:
    now = case(rng, rng.choice([Kind.BOUGHT, Kind.BRAND, Kind.WORDS, Kind.CATEGORY]))
    return fill(rng.choice(_HYPE), now.facts), now


_FALSE = {
    "swapped product": _swapped_product,
    "wrong brand": _wrong_brand,
    "wrong number": _wrong_number,
    "invented attribute": _invented_attribute,
    "wrong direction of comparison": _wrong_direction,
    "bought and recommended confused": _confused,
    "false popularity": _false_popularity,
}
