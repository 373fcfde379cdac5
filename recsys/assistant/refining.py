"""The last search, changed: "under 700", "no, blue", "anything smaller?", "the cheapest of them", "she likes tea"."""

from __future__ import annotations

import re

from recsys.assistant.asking import Asked
from recsys.assistant.hearing import LIKELY
from recsys.assistant.patterns import SMALL_TALK, asks_of_products, says_more, units_asked
from recsys.assistant.tools import Call, SearchProducts
from recsys.llm.language import word_list
from recsys.serving.search import Constraints, ProductTable, parse
from recsys.serving.search.amounts import in_digits
from recsys.serving.search.measures import measures_in

_BARE = re.compile(r"(?<![a-z\d.])(\d{1,6})(?=的|号|\W*$| one\b)")
SHORT = 8
"""Words of a turn that may be about the turn before it."""
SIZES, WORDS_OF_SIZE = frozenset({"cm", "inch", "ml", "l", "kg", "g", "piece", "people"}), ("small", "medium", "large")
"""Units that say how large a thing is, and the words that do."""


class Refining:
    """Rules for turns that change what was looked for; None where a turn does not."""

    def __init__(self, table: ProductTable) -> None:
        self._table = table

    def ends(self, asked: Asked) -> list[Call] | None:
        """The cheapest, the best rated, those up to a price of a kind that was named before and nothing shown of."""
        limits = asked.limits
        bounded = limits.sort or limits.price_max is not None or limits.price_min is not None
        other = bool(limits.words) and not asked.says("of_those")  # "the cheapest espresso one" is of that kind
        if not bounded or limits.categories or asked.ids or asked.before or other or asked.ruled:
            return None
        earlier = self._of_a_kind(asked)
        search = SearchProducts(query=asked.text, refines=earlier)
        return [search] if earlier else None

    def refined(self, asked: Asked) -> list[Call] | None:
        """Changes of the last search: "under 700", "no, blue", "cheaper", "more"."""
        heard, limits, text = asked.heard, asked.limits, asked.text
        refines = self.refines(asked) if asked.before else []
        long = len(text.split()) > SHORT or len(text) > 40
        if not refines or (long and not asked.says("too_dear")):
            return None
        if (others := self.others(asked, refines)) is not None:
            return others
        if asks_of_products(text) and limits.price_max is None:
            return None
        limited = bounded(limits)
        kinds = parse(" ".join(refines), self._table).categories
        same = limits.categories == kinds if limits.categories else self._fits(limits, kinds)
        narrows = limited or (limits.words and not asked.ruled)
        if not (same and narrows) or limits.unknown or asked.asks("stock") or asked.says("what"):
            return None
        of_it = heard.theme == "product_fact" or (
            heard.theme in {"colour", "size"} and not word_list("colours").intersection(limits.words)
        )
        if of_it and not limited and asked.ids:
            return None
        return [SearchProducts(query=text, refines=refines)]

    def goes_on(self, asked: Asked) -> list[Call] | None:
        """The last search with what a turn adds or takes back, however put; None where it looks for another thing."""
        limits, table = asked.limits, self._table
        if not (refines := self.refines(asked)) or asked.named:
            return None
        if asked.before and (others := self.others(asked, refines)) is not None:
            return others
        kinds = parse(" ".join(refines), table).categories
        named, before = table.things(asked.text), table.things(refines[-1])
        if named and before and named.isdisjoint(before) and not limits.not_words:
            return None
        if limits.categories and kinds:
            same = not limits.categories.isdisjoint(kinds)
        else:
            same = bounded(limits) or self._fits(limits, kinds)
        return [SearchProducts(query=asked.text, refines=refines)] if same else None

    def others(self, asked: Asked, refines: list[str]) -> list[Call] | None:
        """Others in place of those shown: of another size, for less, for more, or simply more of them."""
        limits, text = asked.limits, asked.text
        if numbered := self._numbered(asked):
            return [SearchProducts(query=numbered, refines=refines)]
        if sized := self._sized(asked):
            return [SearchProducts(query=sized, refines=refines)]
        if asked.says("has_any") and not (limits.categories or asked.ids or asked.ruled):
            return [SearchProducts(query=text, refines=refines)]
        if asks_of_products(text) and limits.price_max is None:
            return None
        cheaper = asked.says("too_dear") and not asked.says("earlier_price") and limits.price_max is None
        if cheaper and (not asked.ruled or (not limits.words and not limits.unknown)):
            return [SearchProducts(query=text if limits.words else "", refines=refines, instead="cheaper")]
        if asked.says("dearer") and limits.price_min is None and not asked.ruled and not asked.ids:
            return [SearchProducts(query="", refines=refines, instead="dearer")]
        if asked.heard.likely("more_products") and not (limits.categories or bounded(limits)):
            return [SearchProducts(query=text, refines=refines, instead="others")]
        return None

    def _numbered(self, asked: Asked) -> str:
        """The size that a bare number says ("the 28 one", 28的) of the kind that was shown, as a wish; '' for none."""
        table, number = self._table, _BARE.search(in_digits(asked.text))
        if number is None or asked.limits.measures or asked.limits.price_max is not None:
            return ""
        units = SIZES.union(m.unit for m in parse(" ".join(asked.searched[-1:]), table).measures)
        kind = table.categories[table.row[asked.before[0]]]
        own = (text for text, category in zip(table.canonical_texts, table.categories, strict=True) if category == kind)
        sizes = (m for text in own for m in measures_in(text) if m.unit in units and m.least == m.most)
        return next((str(size) for size in sizes if size.least == float(number[1])), "")

    def _sized(self, asked: Asked) -> str:
        """The next size up or down of the kind that was shown, as a wish; '' where none is asked for or known."""
        larger, table = asked.says("larger"), self._table
        if asked.says("in_size"):
            return " ".join(word for word in WORDS_OF_SIZE if word in asked.limits.words)
        if not larger and not asked.says("smaller"):
            return ""
        row = table.row[asked.before[0]]
        units = units_asked(asked.text) or SIZES  # "more memory" is no larger screen
        than = asked.limits.measures if asked.says("than_that") else ()  # "a bigger bag than 250 g"
        if asked.limits.measures and not than:
            return ""
        shown = [m for m in than or measures_in(table.canonical_texts[row]) if m.unit in units and m.least == m.most]
        same = [r for r, category in enumerate(table.categories) if category == table.categories[row]]
        for own in shown:
            of_kind = [m.least for r in same for m in measures_in(table.canonical_texts[r]) if m.unit == own.unit]
            others = [size for size in of_kind if (size > own.least if larger else size < own.least)]
            if others:
                return f"at least {min(others):g} {own.unit}" if larger else f"at most {max(others):g} {own.unit}"
        named = [size for size in WORDS_OF_SIZE if size in table.title_terms[row]]
        rest = WORDS_OF_SIZE[WORDS_OF_SIZE.index(named[0]) :][1:] if larger and named else ()
        rest = rest or (WORDS_OF_SIZE[: WORDS_OF_SIZE.index(named[0])] if named and not larger else ())
        return " ".join(rest)

    def refines(self, asked: Asked) -> list[str]:
        """The sentences that still hold, or the kind of what was spoken of or asked for."""
        kinds = [self._table.categories[self._table.row[item]] for item in asked.before[:1]]
        return asked.searched or kinds or self._of_a_kind(asked)

    def _of_a_kind(self, asked: Asked) -> list[str]:
        """The last sentence that named a kind of product."""
        said = (asked.context, *(turn.text for turn in reversed(asked.turns) if turn.role == "user"))
        return next(([text] for text in said if parse(text, self._table).categories), [])

    def _fits(self, limits: Constraints, kinds: frozenset[str]) -> bool:
        """Whether words may narrow down these kinds: a colour may, and what one of their products speaks of."""
        table = self._table
        spoken = (terms for terms, kind in zip(table.terms, table.categories, strict=True) if kind in kinds)
        return not kinds or not limits.words or set(limits.words) <= word_list("colours").union(*spoken)

    def more_said(self, asked: Asked) -> list[Call] | None:
        """More of what is looked for: "she likes tea"."""
        heard = asked.heard
        of_else = asked.ruled or heard.theme in SMALL_TALK | {"complaint"} or heard.intents["returns"] >= LIKELY
        more = asked.searched and not of_else and says_more(asked.text)
        search = SearchProducts(query=asked.text, refines=asked.searched)
        return [search] if more else None


def bounded(limits: Constraints) -> bool:
    """Whether a turn bounds what is looked for by more than words: by prices, measures, brands or what it refuses."""
    bounds = (limits.price_max, limits.price_min, limits.measures, limits.brands, limits.not_words, limits.free_of)
    return any(bound not in (None, (), frozenset()) for bound in bounds)
