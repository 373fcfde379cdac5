"""Facts, true sentences and falsehoods for the tests of explanations: all made up here, from seeds."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from recsys.explain import grammar
from recsys.explain.facts import Choice, Facts, Past, Praise, Product
from recsys.explain.measures import BANDS, COUNTED, PAIR, Kind, Measure
from recsys.explain.shared_phrases import head_noun
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


#: Figures of each band: 20 of 40 is often, 8 of 42 regularly, 6 of 50 sometimes.
FIGURES = {"often": (20, 40), "regularly": (8, 42), "sometimes": (6, 50)}


@dataclass(frozen=True)
class Case:
    """One set of facts and another product of the same shop that they do not mention."""

    facts: Facts
    stranger: Product


def case(
    rng: random.Random, kind: Kind | None = None, *, bought: bool | None = None, band: str = "", of_item: bool = False
) -> Case:
    """Consistent facts whose reason is of this kind (any, where none is given); nothing else is true of the pair."""
    kind = kind or rng.choice(list(Kind))
    bought = rng.random() < 0.7 if bought is None else bought
    nouns, materials, styles = rng.sample(NOUNS, 4), rng.sample(MATERIALS, 4), rng.sample(STYLES, 4)
    names = [f"{s} {m} {n}".title() for s, m, n in zip(styles, materials, nouns, strict=True)]
    shared = noun = ""
    if kind is Kind.WORDS:
        names[1] = f"{styles[0]} {materials[0]} {nouns[1]}".title()
        shared = f"{styles[0]} {materials[0]}".title()
    if kind is Kind.NOUN:
        names[1] = f"{styles[1]} {materials[1]} {nouns[0]}".title()
        noun = head_noun(names[0], names[1])
    brands = rng.sample(BRANDS, 4)
    categories = rng.sample(CATEGORIES, 4)
    if kind is Kind.BRAND:
        brands[1] = brands[0]
        if rng.random() < 0.5:  # many titles begin with the brand, and then it is not said again
            names[:2] = [f"{brands[0]} {name}" for name in names[:2]]
    if kind is Kind.CATEGORY:
        categories[1] = categories[0]
    usual = round(rng.uniform(5, 60), 2)
    ratio = {Kind.PRICE: 1.05, Kind.CHEAPER: 0.6}.get(kind, 2.0)
    popular = kind is Kind.POPULAR
    counts = {Kind.POPULAR: rng.randint(120, 900), Kind.TOP_OF_CATEGORY: 45, Kind.BUYERS: 45}.get(kind, 6)
    products = [
        Product(
            name=name,
            brand=brand,
            category=category,
            price=round(usual * (ratio if i == 0 else rng.choice([0.4, 3.0])), 2),
            buyers=counts if i == 0 else rng.randint(61, 119),
            recent=counts // 3 if i == 0 else 25,
            rank=(rng.randint(2, 20) if popular else 700) if i == 0 else 300,
            place=(2 if kind is Kind.TOP_OF_CATEGORY else 30) if i == 0 else 4,
            rating=4.6 if kind is Kind.RATED and i == 0 else None,
            ratings=37 if kind is Kind.RATED and i == 0 else 0,
            praise=Praise("handle", 9, 11, "the handle sits well in the hand")
            if kind is Kind.PRAISED and i == 0
            else None,
        )
        for i, (name, brand, category) in enumerate(zip(names, brands, categories, strict=True))
    ]
    measures = {}
    if kind in COUNTED:
        count, of = FIGURES[band or rng.choice(list(BANDS))]
        measures[kind] = Measure(kind, count, of, 0.001, of_item and kind is not Kind.AFTER, 10 * of)
    because = (
        Past(
            product=products[1],
            item_id="b0",
            bought=bought,
            measures=measures,
            shared=shared,
            noun=noun,
            similar=kind is Kind.SIMILAR,
        ),
        Past(product=products[2], item_id="b1", bought=bought),
    )
    facts = Facts(
        item=products[0],
        because=because,
        choice=Choice(kind, 0 if kind in PAIR else None),
        usual_price=usual,
        new=kind is Kind.NEW,
        taste=4 if kind is Kind.TASTE else 0,
        purchases=9,
        n_items=1000,
    )
    return Case(facts, products[3])


# --- true sentences in other words than the project's own -------------------------------------------------------------

_TRUE: dict[Kind, list[str]] = {
    Kind.SAME_ORDER: [
        "Orders with {b} sometimes hold {i} too.",
        "{i} is sometimes bought along with {b}, which you {had}.",
        "{c} of {o} orders with {r} also include {x}.",
        "People sometimes put {b} and {i} in the same basket.",
        "You {had} {b}, and customers sometimes add {i} to it.",
    ],
    Kind.AFTER: [
        "You {had} {b}; some customers later bought {i}.",
        "Some people who bought {b} came back for {i}.",
        "{i} is sometimes bought after {b}, which you {had}.",
    ],
    Kind.ALSO_BOUGHT: [
        "{c} customers bought both {b} and {i}.",
        "Other shoppers who own {b} also chose {i}.",
        "Some people who bought {b} also picked {i}.",
        "You {had} {b}. {c} shoppers bought both it and {i}.",
        "{i} was chosen by others who bought {b}.",
    ],
    Kind.VIEWED_TOGETHER: [
        "Some shoppers who looked at {b} also viewed {i}.",
        "{i} was viewed by people who looked at {b}, too.",
        "You {had} {b}, and some customers looked at both it and {i}.",
    ],
    Kind.WORDS: [
        "Like {mine}, {i} has {s} in its name.",
        "{i} and {mine} have {s} in common.",
        "You {had} {b}; {i} shares {s} with it.",
    ],
    Kind.NOUN: [
        "You {had} {b}; {i} is one more of our {n}.",
        "{i} and {mine} are both {n}.",
    ],
    Kind.BRAND: [
        "You {had} {b} by {brand}, and {i} is from the same brand.",
        "{i} is also made by {brand}, the maker of {mine}.",
        "{i} comes from {brand}, just like {mine}.",
        "Since you {had} {b}, here is another product from {brand}: {i}.",
    ],
    Kind.CATEGORY: [
        "You {had} {b}, and {i} is from the same category, {category}.",
        "{i} is in {category} too, just like {mine}.",
        "Here is more from {category}, the category of {mine}: {i}.",
    ],
    Kind.SIMILAR: [
        "{i} is quite similar to {b}, which you {had}.",
        "You {had} {b}; {i} is a similar product.",
        "{i} closely resembles {mine}.",
        "If you want something similar to {mine}, consider {i}.",
    ],
    Kind.TASTE: [
        "You have bought {t} products from {category}, and {i} is one more.",
        "{t} of your {p} purchases are from {category}, just like {i}.",
    ],
    Kind.POPULAR: [
        "{i} is one of our bestsellers.",
        "{i} is popular: {recent} shoppers bought it in the last 30 days.",
        "With {recent} buyers in the past 30 days, {i} is in demand.",
        "{buyers} customers have bought {i} in total.",
        "{i} is among our most popular products.",
    ],
    Kind.TOP_OF_CATEGORY: [
        "{i} is one of the bestsellers in {category}.",
        "{i} is among the most popular products in {category}: {recent} shoppers bought it in the last 30 days.",
    ],
    Kind.RATED: [
        "{i} is rated 4.6 of 5 by its buyers.",
        "{i} has 37 ratings with an average of 4.6 out of 5.",
    ],
    Kind.PRAISED: [
        "Have a look at {i}: it is praised for its handle in 9 of the 11 reviews that speak of it.",
        "{i} is praised for its handle in 9 of the 11 reviews that speak of it, “the handle sits well in the hand”.",
    ],
    Kind.NEW: ["{i} has just arrived in our shop.", "{i} is a new arrival.", "Meet a newcomer in our range: {i}."],
    Kind.PRICE: ["{i} is in your usual price range.", "At {price}, {i} costs about what you usually spend."],
    Kind.CHEAPER: [
        "{i} is cheaper than what you normally buy.",
        "At {price}, {i} costs less than you usually pay.",
        "{i} is priced below your usual range.",
    ],
    Kind.BUYERS: ["{recent} shoppers bought {i} in the last 30 days.", "{buyers} customers have bought {i} so far."],
}


def true_sentences(rng: random.Random, count: int) -> Iterator[tuple[str, Case]]:
    """Paraphrases that follow from their facts, in no wording of the project's grammar on purpose."""
    kinds = list(_TRUE)
    for n in range(count):
        kind = kinds[n % len(kinds)]
        now = case(rng, kind)
        yield fill(rng.choice(_TRUE[kind]), now.facts), now


def fill(text: str, facts: Facts) -> str:
    """Put the facts into a sentence of this module."""
    past = facts.because[0] if facts.because else None
    item = facts.item
    values = {
        "i": quoted(item.name),
        "brand": item.brand,
        "category": item.category,
        "buyers": item.buyers,
        "recent": item.recent,
        "price": item.price,
        "t": facts.taste,
        "p": facts.purchases,
    }
    if past:
        b = quoted(past.product.name)
        values |= {"b": b, "s": quoted(past.shared), "n": f"{past.noun}s", "had": "bought" if past.bought else "viewed"}
        values["mine"] = f"your {b}" if past.bought else f"the {b} you viewed"
        for measure in past.measures.values():
            rare, common = (values["i"], b) if measure.of_item else (b, values["i"])
            values |= {"c": measure.count, "o": measure.of, "r": rare, "x": common}
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
        assert plan is not None
        return fill_form(grammar.sentence(plan, rng), plan.values), now
    return fill(rng.choice(_TRUE[now.facts.choice.kind]), now.facts), now


def _swapped_product(rng: random.Random) -> tuple[str, Case] | None:
    text, now = _true(rng, set(PAIR))
    name = rng.choice([now.facts.item.name, now.facts.because[0].product.name])
    return text.replace(name, now.stranger.name), now


def _wrong_brand(rng: random.Random) -> tuple[str, Case] | None:
    text, now = _true(rng, {Kind.BRAND})
    if now.facts.item.brand not in text:
        own = rng.choice(
            [
                "{i} is also by {x}, like {mine}.",
                "You {had} {b} by {x}, and {i} is by {x} too.",
                "{x} makes {i} and {mine}.",
            ]
        )
        return fill(own.replace("{x}", now.stranger.brand), now.facts), now
    return text.replace(now.facts.item.brand, now.stranger.brand), now


def _wrong_number(rng: random.Random) -> tuple[str, Case] | None:
    text, now = _true(rng, {*COUNTED, Kind.POPULAR, Kind.PRICE, Kind.TASTE, Kind.RATED, Kind.BUYERS})
    found = list(re.finditer(r"\d[\d,.]*\d|\d", text))
    if not found:
        return None
    spot = rng.choice(found)
    value = float(spot.group(0).replace(",", ""))
    wrong = rng.choice([value + rng.randint(1, 9), value * 2, value * 10, max(value - 1, 0) if value > 1 else 7])
    shown = f"{wrong:.2f}" if "." in spot.group(0) else f"{int(wrong)}"
    # Another true number of the facts in the wrong place would be a different test.
    facts = now.facts
    figures = {n for p in facts.because for m in p.measures.values() for n in (m.count, m.of, m.of_other)}
    if float(shown) in {facts.item.buyers, facts.item.recent, 30, value, facts.taste, facts.purchases} | figures:
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
    text, now = _true(rng, {*PAIR, Kind.TASTE, Kind.NEW})
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
    now = case(rng, Kind.SIMILAR, bought=True)
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
    text, now = _true(rng, set(PAIR))
    item, other = now.facts.item.name, now.facts.because[0].product.name
    if item not in text or other not in text or _symmetric(text, item, other):
        return None
    return text.replace(item, "\0").replace(other, item).replace("\0", other), now


def _symmetric(text: str, item: str, other: str) -> bool:
    """Whether the sentence stays true when the two change places: "A and B are often bought together".

    What other shoppers did with both is looked up by kind and direction, so "some who bought A bought B, too" is true
    of B and A as well; only what it says of the reader may not change places.
    """
    if "you" not in text.lower() and re.search(r"shoppers|customers|people|others|orders", text, re.IGNORECASE):
        return True
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
    now = case(rng, rng.choice([Kind.BRAND, Kind.WORDS, Kind.CATEGORY]))
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
