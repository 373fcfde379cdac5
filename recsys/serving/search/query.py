"""Slot filling for product search: prices, kinds, brands, measures and wishes of a sentence, in English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsys.llm.dictionary import senses
from recsys.llm.language import tokens
from recsys.serving.search import properties
from recsys.serving.search.amounts import in_digits, prices_in, without_prices
from recsys.serving.search.colours import COLOURS
from recsys.serving.search.heads import FOR, LIKES, first_wished, headed, wished, without_story
from recsys.serving.search.measures import Measure, measures_in, people_in, without_measures
from recsys.serving.search.product_table import ProductTable
from recsys.serving.search.said import SAID
from recsys.serving.search.spelling import singular
from recsys.serving.search.superlatives import PATTERN as _MOST_OF
from recsys.serving.search.superlatives import Superlative, superlative_in

_NOT = (
    r"(?:\bnot (?:really |much of |keen on |into |a fan of |from |by |an? |in )*"
    r"|\b(?:does|do)n['’]?t (?:really )?(?:like|want|need) |\bcan(?:['’]?t|not) (?:have|eat|stand) "
    r"|\b(?:hates?|dislikes?|allergic to) |\b(?:is|are)n['’]?t |\bno |\bother than |\bexcept |\bwithout |\bbut not "
    r"|\banything but "
    r"|(?:不要|不想要|不需要|不喜欢|不爱[吃喝]?|讨厌|不能吃|除了|不是|别要|不含|不带|无(?!线|论|法)|没(?=[\u3400-\u9fff]{1,4}的))\s*(?:[看用玩穿戴]\s*)?)"
    r"(?:(?:a|an|the|any|those|these|whole|added|made of|made from|in) )*"
)
_REFUSED = re.compile(
    rf"{_NOT}((?:[a-z-]+(?: or | and )?){{1,3}}|[\u3400-\u9fff]{{1,6}}?(?=的|[^\u3400-\u9fff]|$))", re.IGNORECASE
)
_DROPPED = re.compile(
    r"\b(?:does|do)n['’]?t (?:really )?(?:have|need) to be ((?:[a-z-]+ ?){1,2})|\bnever mind (?:the |about )?([a-z-]+)"
    r"|\b(?:forget|not bothered about) (?:the |about )?([a-z-]+)"
    r"|(?:[\u3400-\u9fff]不)?([\u3400-\u9fff]{1,4}?)(?:都|也)?(?:无所谓|随便|不重要)了?|不一定要([\u3400-\u9fff]{1,4})",
    re.IGNORECASE,
)
"""What is no wish any more."""
_WANTED = re.compile("(想要|想买|需要|要买)(?=[\u3400-\u9fff])")
_HARMED = re.compile(r"对([\u3400-\u9fff]{1,6}?)(?:有点|严重|会)?过敏")
"""What somebody is allergic to, they do not want."""
_FOR_ANOTHER = re.compile(
    r"\b(?:for|to go with|that fits|compatible with|matching) (?:my|our|his|her|their|some(?:one|body)|people)\b"
    r"|\b(?:that|which) ",
    re.IGNORECASE,
)
_FOR_THE = re.compile(
    r"\b(?P<thing>[a-z]+) for (?:my|our|his|her|their|an?|the) (?:(?:new|old|little) )?(?P<other>[a-z]+)\b",
    re.IGNORECASE,
)
_PRESENT = frozenset({"gift", "present", *tokens("pressie prezzie")})
"""Words of an occasion; beside what somebody likes they say nothing of the product."""
_WORDS = re.compile(r"[a-z][a-z'-]*|[\u3400-\u9fff]+")
_WISH = re.compile(r"\b(?:with|without|in|for|has|have|made|of)\b", re.IGNORECASE)
_CLAUSE = re.compile(r"[.;!?。；！？…]+|,(?!\d)|，")
_AND = re.compile(r"\b(?:and|or)\b|[,，、和与或]|以及|还有", re.IGNORECASE)
_CHEAP = re.compile(
    r"\bcheap(?:est|er)?\b|\b(?:less|least|not too|not very|not so) expensive\b|\baffordable\b"
    r"|\blowest[ -]?priced?\b|最低价|价格最低|便宜|别太贵|不要太贵|实惠",
    re.IGNORECASE,
)
_PRAISED = re.compile(
    r"\b(?:best|highest|top|better)[ -]?(?:rated|reviewed|reviews?|ratings?)\b|\bpraised (?:the )?(?:most|highly)\b"
    r"|\b(?:most|best) (?:praised|loved|liked|rated)\b"
    r"|(?:评价|口碑|评分|评论)(?:最好|最高|更好|比较好|好(?!不好|吗|么))|好评(?:最)?多|最受好评",
    re.IGNORECASE,
)
_OPPOSITE = {
    "heavy": "light",
    "big": "compact",
    "large": "compact",
    "bulky": "compact",
    "loud": "quiet",
    "noisy": "quiet",
}
_OPPOSITE |= {"重": "轻便", "大": "小", "吵": "静音"}
_NOT_TOO = re.compile(
    rf"\bnot (?:too |so |very |that )({'|'.join(k for k in _OPPOSITE if k.isascii())})\b"
    rf"|(?:不要|别|不)太({'|'.join(k for k in _OPPOSITE if not k.isascii())})(?:的)?",
    re.IGNORECASE,
)
_DEAR = re.compile(r"\b(?:most expensive|priciest|dearest)\b|最贵", re.IGNORECASE)
_SORTED = re.compile("|".join(pattern.pattern for pattern in (_PRAISED, _CHEAP, _DEAR, _MOST_OF)), re.IGNORECASE)
_ASKED_WITH = re.compile(r"[a-z]$|[哪几]")
_FREE_OF = re.compile(r"\b([a-z]+)[ -]free\b")
_BARE = re.compile(r"(?<![a-z\d.,-])(\d{2,6})(?![\d.,]*\d|\s?[a-z%\"”″+-])", re.IGNORECASE)
"""A number with nothing behind it."""
_ID = re.compile(r"\b(?=[a-z-]*\d)(?=\d*[a-z])[a-z\d-]{4,}\b")
_CONTAINER = "bag|pack|packet|box|bottle|tin|jar|tub|sack"
_PACKED = re.compile(rf"\b(?:{_CONTAINER}|pair)(?:e?s)? of(?= [a-z])", re.IGNORECASE)
"""Words of what a thing comes in; beside a kind they say nothing of it."""
_LARGE_PACK = re.compile(
    r"(?<=[a-z])(?:,| in)? (?:an? |the )?(?:(big(?:gest)?|larg(?:e|est))|small(?:est)?) "
    rf"(?:{_CONTAINER})(?:e?s)?\b(?! of)",
    re.IGNORECASE,
)
"""How much of a thing is wanted, by what it comes in."""
SIZE_WORDS = frozenset({"small", "medium", "large"})
"""Sizes; alone they say of no thing what it is."""
_SIZE = re.compile(
    r"\b(?:size|eu|uk)\s?(\d{2}|x{0,3}[sml])\b|(\d{2}|x{0,3}[sml])\s?(?:码|号)|(?<![a-z])(x{1,3}[sl])(?![a-z])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Constraints:
    """What must hold of a product that is looked for; None or empty where nothing was asked."""

    price_max: float | None = None
    price_min: float | None = None
    categories: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()
    not_brands: frozenset[str] = frozenset()
    measures: tuple[Measure, ...] = ()
    """Numbers with units that the product's text must have."""
    words: tuple[str, ...] = ()
    """Further terms of the sentence that the catalogue knows."""
    names: tuple[str, ...] = ()
    """Those that name the thing among others of its kind: a mug of mugs and teapots."""
    not_words: tuple[str, ...] = ()
    """Terms that no title may have."""
    free_of: tuple[str, ...] = ()
    """What a product's text must say it is free of."""
    unknown: tuple[str, ...] = ()
    """Wishes no product of the shop speaks of."""
    sort: str = ""
    """``price`` (cheapest first), ``-price``, ``opinion`` (praised most first), ``measure`` (by `superlative`), or ''
    for the nearest first."""
    superlative: Superlative | None = None
    """The most or the least of a measure, which comes first."""
    dropped: tuple[str, ...] = ()
    """Terms of what an earlier turn asked for and is no wish any more."""
    no_such: str = ""
    """The kind of product that is looked for, where the shop has none of it."""

    def __bool__(self) -> bool:
        return self != Constraints()

    @property
    def vague(self) -> bool:
        """Whether nothing narrows down which products are meant, but perhaps a price."""
        return not (self.categories or self.words or self.brands or self.measures or self.free_of)

    def over(self, earlier: Constraints) -> Constraints:
        """These constraints, with what an earlier turn asked for where this one says nothing.

        Another kind of product begins anew, unless none was named before; a word of this turn takes the place of one
        it excludes.
        """
        if self.categories and earlier.categories and self.categories != earlier.categories:
            return self
        words = self.words if self.words and not self.categories else (*earlier.words, *self.words)
        for group in (SIZE_WORDS, COLOURS):  # a size takes the place of a size, and not of the thing
            if self.words and group.issuperset(self.words):
                words = (*(word for word in earlier.words if word not in group), *self.words)
        given = {name: value for name, value in vars(self).items() if value not in (None, frozenset(), (), "")}
        units = {measure.unit for measure in self.measures}
        kept = tuple(measure for measure in earlier.measures if measure.unit not in units)
        given |= {
            "measures": (*kept, *self.measures),
            "words": tuple(dict.fromkeys(word for word in words if word not in {*self.not_words, *self.dropped})),
            "names": tuple(word for word in (self.names or earlier.names) if word not in self.dropped),
        }
        merged = replace(earlier, **{"unknown": (), **given})
        if self.price_min is not None and self.price_max is None and (earlier.price_max or 0) <= self.price_min:
            merged = replace(merged, price_max=None)
        return merged


def refined(said: Constraints, earlier: Constraints, table: ProductTable) -> Constraints:
    """What a turn says over what was looked for; words of before stay where a product has them beside the new."""
    ends = table.last_words.intersection(said.words)
    if ends and not ends & {*earlier.words, *earlier.names} and table.last_words & {*earlier.words, *earlier.names}:
        earlier = replace(earlier, words=(), names=())  # a headlamp, after a lantern of the same kind
    merged = said.over(earlier)
    if not (said.words and earlier.words) or said.categories - earlier.categories:
        return merged
    gone = {*said.not_words, *said.dropped, *merged.words}
    groups = [group for group in (SIZE_WORDS, COLOURS) if not group.isdisjoint(said.words)]
    kinds = merged.categories
    of_kind = [terms for terms, kind in zip(table.terms, table.categories, strict=True) if not kinds or kind in kinds]
    most = max((len(terms.intersection(said.words)) for terms in of_kind), default=0)
    having = [terms for terms in of_kind if len(terms.intersection(said.words)) == most]
    kept: list[str] = []
    for word in earlier.words:
        if word in gone or any(word in group for group in groups):
            continue
        if fewer := [terms for terms in having if word in terms]:
            kept, having = [*kept, word], fewer
    return replace(merged, words=(*kept, *merged.words))


def in_own_units(wanted: Constraints, table: ProductTable) -> Constraints:
    """A wish with "16g" for gigabytes where nothing of its kind states grams, and something gigabytes."""
    kinds = wanted.categories
    of_kind = (t for t, kind in zip(table.canonical_texts, table.categories, strict=True) if kind in kinds)
    if not kinds or all(m.unit != "g" for m in wanted.measures):
        return wanted
    units = {m.unit for text in of_kind for m in measures_in(text)}
    if "g" in units or "gb" not in units:
        return wanted
    meant = tuple(replace(m, unit="gb") if m.unit == "g" else m for m in wanted.measures)
    return replace(wanted, measures=meant)


def matching(table: ProductTable, asked: Constraints) -> NDArray[np.int64]:
    """Rows of the products that meet every constraint; of its words, as many as any product has."""
    keep = np.ones(len(table.ids), bool)
    if asked.price_max is not None:
        keep &= table.prices <= asked.price_max  # an unknown price is no promise
    if asked.price_min is not None:
        keep &= table.prices >= asked.price_min
    if asked.categories:
        keep &= np.array([c in asked.categories for c in table.categories])
    if asked.brands:
        keep &= np.array([b in asked.brands for b in table.brands])
    if asked.not_brands:
        keep &= np.array([b not in asked.not_brands for b in table.brands])
    if asked.not_words:
        hyphened = [word for word in asked.not_words if "-" in word]
        has = [
            bool(terms & set(asked.not_words)) or any(word in title for word in hyphened)
            for terms, title in zip(table.title_terms, map(str.lower, table.titles), strict=True)
        ]
        keep &= ~np.array(has, bool)
    for word in asked.free_of:
        keep &= np.array([k and table.promises(row, word) for row, k in enumerate(keep)])
    for measure in asked.measures:
        # An age shuts out what is made for others; few products say for whom they are.
        fits = (lambda text, of=measure: not of.contradicted(text)) if measure.unit == "age" else measure.holds
        keep &= np.array([k and fits(text) for k, text in zip(keep, table.canonical_texts, strict=True)])
    if asked.categories and (colours := COLOURS.intersection(asked.words)):
        keep &= np.array([bool(terms & colours) for terms in table.terms])
    if asked.words:
        held = np.array([sum(word in terms for word in asked.words) for terms in table.terms])
        # What it is counts more than how it is.
        names = {*asked.names, *(w for w in asked.words if table.ending_in(w) & asked.categories)}  # a wok of pans
        held += 2 * np.array([len(names & title) for title in table.title_terms])
        best = int(held[keep].max(initial=0))
        if asked.categories or asked.sort not in {"", "measure"}:  # without a kind, words and meaning rank
            keep &= held == best
    return np.flatnonzero(keep)


def parse(
    sentence: str, table: ProductTable, *, strict: bool = False, no_brands: frozenset[str] = frozenset()
) -> Constraints:
    """Constraints named in a sentence.

    Parameters
    ----------
    strict
        Chinese words that no product speaks of are wishes also beside a kind or brand, where many are only verbs.
    no_brands
        Brands that are not meant by what they are called for short.
    """
    sentence = _joined(_WANTED.sub(r"\1 ", _HARMED.sub(r"不要\1", sentence)), table)
    whole_sentence = sentence
    given_up = " ".join(part for found in _DROPPED.findall(sentence) for part in found)
    sentence = _DROPPED.sub(" ", sentence)
    missing = table.foreign.missing(without_story(sentence))
    sentence = table.in_english(in_digits(sentence))
    sentence = _of_a_pack(sentence, table)
    opposites = [_OPPOSITE[(en or zh).lower()] for en, zh in _NOT_TOO.findall(sentence)]
    sentence = _NOT_TOO.sub(" ", sentence)
    text = table.canonical(sentence)
    low, high = prices_in(sentence, at_most=not _PRESENT.isdisjoint(tokens(text)))
    brands, not_brands = (found - no_brands for found in brands_in(text, table))
    named = SAID | _of(brands | not_brands)
    for name in not_brands:  # and what follows the brand is no more refused
        text = re.sub(f"{_NOT}{re.escape(name)}", " ", text, flags=re.IGNORECASE)
    refused = dict.fromkeys(w for found in _REFUSED.findall(text) for w in _whole_words(found) if w not in named)
    for _, name in properties.named(text):  # no polka dots are neither polkas nor dots
        if refused.keys() & set(tokens(name)[:1]):
            refused |= dict.fromkeys(tokens(name))
    # What some are said to be free of ("no silicones") has to be said; of the rest it is enough that it is not named.
    promised = [*refused, *_FREE_OF.findall(text)]
    free_of = tuple(w for w in dict.fromkeys(promised) if any(table.promises(row, w) for row in range(len(table.ids))))
    not_words = tuple(w for w in refused if w not in free_of and ("-" in w or w in table.words))
    called = [call for name in brands | not_brands for call in table.brands_called[name]]
    others = table.foreign.others(without_refused(text))

    def cleaned(said: str) -> str:
        said = without_refused(said)
        for name in [*called, *others]:
            said = re.sub(re.escape(name), " ", said, flags=re.IGNORECASE)
        return _MOST_OF.sub(" ", said)  # of phones, "the most storage" is no box for food

    bare, asked = without_refused(sentence), without_story(sentence)
    naming = wished(bare, table)
    wanted = cleaned(text)
    wish = cleaned(table.canonical(table.sold.without_missing(naming)))
    said = tokens(_FOR_ANOTHER.split(wish)[0])
    first = first_wished(naming, table)
    whole = first or table.kinds(tokens(wish))
    categories = whole if len(whole) == 1 else table.kinds(said) or whole  # a toy for my dog is a dog's toy
    if strangers := _strangers(brands, categories, text, table):
        return parse(whole_sentence, table, strict=strict, no_brands=no_brands | strangers)
    by_words, categories = categories, categories if first else headed(wish, categories, table)
    liked = [table.kinds(tokens(part)) for part in _AND.split(LIKES.split(wanted)[-1])] if LIKES.search(text) else []
    categories = frozenset().union(categories, *liked)
    measures = tuple(dict.fromkeys(measures_in(text)))
    if categories and not any(m.unit == "people" for m in measures):
        of_kind = (own for own, kind in zip(table.canonical_texts, table.categories, strict=True) if kind in categories)
        measures += people_in(sentence, of_kind)
    measures = measures or _bare_measures(without_prices(text), categories, table)
    rest = _SIZE.sub(" ", without_measures(without_prices(_PACKED.sub(" ", wanted) if categories else wanted)))
    lacks = tuple(f"{w} free" for w in _FREE_OF.findall(rest) if w not in free_of)
    rest = " ".join([_ID.sub(" ", _SORTED.sub(" ", _FREE_OF.sub(" ", rest))), *opposites])
    free = [
        w
        for w in dict.fromkeys(table.whole.terms(rest))
        if not w.isdigit() and w not in SAID and not _ASKED_WITH.match(w)
    ]
    beside = [w for w in free if w not in _PRESENT]
    free = beside if liked or categories or any(w in table.words for w in beside) else free
    kind_terms = table.kind_terms(categories | by_words | table.kinds(tokens(wanted)))
    own_words = set(tokens(table.mended(sentence)))
    told = set(tokens(table.canonical(asked)))
    titled = table.titled.keys() - COLOURS - SIZE_WORDS
    free = [w for w in free if w in told or w in titled or w not in table.words]  # of a story, what titles have
    called = [w for w in free if w in kind_terms and w in own_words]
    names = [w for w in called if any(w in title for title in table.title_terms)]
    ones = [singular(f"{w}s") for w in called if w not in names]  # titles have a scarf, categories scarves
    free = [w for w in free if w not in kind_terms and (w.isascii() or len(w) > 1)]
    free += [w for w in ones if any(w in title for title in table.title_terms)]
    names = [w for w in names if not table.of_all(w, categories)] if len(categories) == 1 else []
    if len(categories) == 1:  # a sleeping bag is no sleeping mat
        spoken = f" {table.mended(sentence)} "
        longest = max(
            (n for n, c in table.long_names.items() if c in categories and f" {n}" in spoken), key=len, default=""
        )
        names += [w for w in tokens(longest) if w not in names]
    own_words |= set(tokens(text))
    whole_name = any("&" not in name and own_words.issuperset(tokens(name)) for name in categories)
    names = [] if whole_name else names  # who asks for coffee machines means any of them
    whole_words = set(tokens(sentence))  # of 羽绒服有吗, what is left behind 羽绒 is no word
    unspoken = [w for w in free if w not in table.words and w in whole_words and not w.isascii() and len(w) > 1]
    if not (categories or brands):  # what the catalogue speaks of in English only: 实验 are experiments
        english = {word: _in_catalogue(word, table) for word in unspoken}
        free += [means for means in english.values() if means]
        unspoken = [word for word in unspoken if not english[word]]
    sizes = tuple(f"size {size.upper()}" for size in sizes_in(sentence) if len(size) == 1 or size not in table.words)
    foreign = () if (categories or brands) and not strict else (*others, *unspoken)
    chat = _chat(sentence, table)
    unheard = (w for w in free if not (w in table.words or w in COLOURS or w in chat) and w.isascii() and len(w) > 3)
    unknown = (*sizes, *lacks, *foreign, *unheard)
    sorts = (("opinion", _PRAISED), ("-price", _DEAR), ("price", _CHEAP))
    superlative = superlative_in(sentence)
    for_somebody = liked or not _PRESENT.isdisjoint(tokens(text))  # then other words say for whom
    if not (missing or for_somebody) and _missing(sentence, table):
        missing = _missing(asked, table)
    if categories and naming != bare and not _missing(naming, table):
        missing = ""  # a pan, to cook beef
    sort = next((name for name, pattern in sorts if pattern.search(sentence)), "measure" if superlative else "")
    return Constraints(
        high,
        low,
        categories,
        brands,
        not_brands,
        measures,
        tuple(w for w in free if (w in table.words or w in COLOURS) and w not in not_words),
        tuple(w for w in names if w not in not_words),
        not_words,
        free_of,
        unknown,
        sort,
        superlative,
        tuple(w for w in tokens(table.canonical(table.in_english(given_up))) if w not in SAID),
        missing,
    )


def _bare_measures(text: str, categories: frozenset[str], table: ProductTable) -> tuple[Measure, ...]:
    """Numbers without a unit that products of these kinds state in one: of frying pans 28, of power banks 20000."""
    numbers = {float(number) for number in _BARE.findall(text)}
    if not numbers:
        return ()
    of_kind = (own for own, kind in zip(table.canonical_texts, table.categories, strict=True) if kind in categories)
    stated = {m.unit: m for text in of_kind for m in measures_in(text) if m.least == m.most and m.least in numbers}
    return tuple(replace(m, of="") for m in stated.values()) if len(stated) == 1 else ()


def _chat(sentence: str, table: ProductTable) -> frozenset[str]:
    """Words of clauses that the catalogue knows no word of, where it knows some of another: "blimey, a red one?"."""
    clauses = [set(tokens(part)) - SAID for part in _CLAUSE.split(sentence) if not _WISH.search(part)]
    known = [not clause.isdisjoint(table.words) or not clause.isdisjoint(table.kind_rates) for clause in clauses]
    strange = (clause for clause, knows in zip(clauses, known, strict=True) if not knows)
    return frozenset().union(*strange) if any(known) else frozenset()


def _strangers(brands: frozenset[str], categories: frozenset[str], text: str, table: ProductTable) -> frozenset[str]:
    """Brands named for short that have nothing of a kind whose titles have that word: of puzzles, a harbour."""
    if not (brands and categories):
        return frozenset()
    rows = [row for row, category in enumerate(table.categories) if category in categories]
    own = {table.brands[row] for row in rows}
    spoken = frozenset().union(*(table.title_terms[row] for row in rows))

    def strange(brand: str) -> bool:
        short = set() if brand.lower() in text else set(tokens(brand)) & set(tokens(text))
        return brand not in own and not spoken.isdisjoint(short)

    return frozenset(filter(strange, brands))


def _in_catalogue(word: str, table: ProductTable) -> str:
    """The first English sense of a Chinese word, where it is one term that products speak of; ''."""
    terms = tokens(next(iter(senses(word)), ""))
    return terms[0] if len(terms) == 1 and terms[0] in table.words and terms[0] not in SAID else ""


def _of_a_pack(sentence: str, table: ProductTable) -> str:
    """A sentence with "the biggest" for "the biggest bag" of something that was named before: no bag is wanted."""
    found = _LARGE_PACK.search(sentence)
    before = set(tokens(sentence[: found.start()])) - SAID if found else set()
    if found is None or not before & table.words.keys():
        return sentence
    return f"{sentence[: found.start()]} {'biggest' if found[1] else 'smallest'} {sentence[found.end() :]}"


def sizes_in(sentence: str) -> tuple[str, ...]:
    """Sizes of clothes and shoes that a sentence names."""
    return tuple(next(filter(None, found)).lower() for found in _SIZE.findall(sentence))


def both_ends(sentence: str) -> bool:
    """Whether the cheapest and the dearest are asked for in one."""
    return _CHEAP.search(sentence) is not None and _DEAR.search(sentence) is not None


def without_refused(text: str) -> str:
    """A text without what it says is not wanted."""
    return _REFUSED.sub(" ", text)


def content(sentence: str, table: ProductTable) -> str:
    """What a sentence is about, for its meaning: without what it refuses, amounts, and words that anybody says."""
    text = table.mended(table.in_english(in_digits(sentence)))
    text = without_prices(without_refused(_NOT_TOO.sub(" ", text)))
    words = [word for word in _WORDS.findall(text) if not SAID.issuperset(tokens(word))]
    return " ".join(words) or sentence


def _missing(text: str, table: ProductTable) -> str:
    """The thing that is looked for, where the shop has none and no title has all words of its name; ''.

    It stands before what it is for, where that says more than anybody says: of "bikes for kids", the bikes.
    """
    looked_for = next((part for part in FOR.split(text) if not SAID.issuperset(tokens(part))), "")
    name = table.sold.missing(looked_for, table.kind_rates.keys())
    said = set(tokens(table.canonical(name)))  # wireless headphones are "Headphones, Wireless"
    return "" if said and any(said <= terms for terms in table.title_terms) else name


def _joined(sentence: str, table: ProductTable) -> str:
    """A sentence in which a thing for another is called by both: food for my cat is cat food.

    What is sold by its name alone stays so, where the shop has none for the other: of a bag for my gym, a bag.
    """

    def compound(found: re.Match[str]) -> str:
        name = f"{singular(found['other'].lower())} {found['thing']}"
        alone = table.sold.knows(found["thing"]) and table.sold.missing(name)
        return name if table.sold.knows(name) and not alone else found.group()

    return _FOR_THE.sub(compound, sentence)


def _whole_words(text: str) -> list[str]:
    """Search terms, those with a hyphen whole: "in-ear" refuses no over-ear headphones."""
    hyphened = re.findall(r"[a-z]+(?:-[a-z]+)+", text)
    return hyphened + tokens(re.sub(r"[a-z]+(?:-[a-z]+)+", " ", text))


def _of(names: Iterable[str]) -> set[str]:
    return {word for name in names for word in tokens(name)}


def brands_in(text: str, table: ProductTable) -> tuple[frozenset[str], frozenset[str]]:
    """Brands that a text in lower case names, and those that it refuses ("not from Kestrel")."""
    wanted: set[str] = set()
    refused: set[str] = set()
    for name in table.brand_names:
        called = "|".join(map(re.escape, table.brands_called[name]))
        match = re.search(rf"(?<![a-z0-9])(?:{called})(?![a-z0-9])", text)
        if match:
            (refused if re.search(f"{_NOT}$", text[: match.start()], re.IGNORECASE) else wanted).add(name)
    return frozenset(wanted), frozenset(refused)
