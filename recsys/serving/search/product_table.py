"""The catalogue as shoppers speak of it: its words, their synonyms and misspellings, and what kind of thing they name.

A question is turned into the catalogue's own words first: synonyms (of another language, too) are replaced by what
they mean, a misspelt word by the known one nearest to it. All matching happens in those words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property, lru_cache
from itertools import groupby

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data import schema
from recsys.data.catalogue import render
from recsys.data.tfidf import words
from recsys.llm.dictionary import installed, is_english, senses
from recsys.llm.language import chinese_segmenter, tokens, word_list
from recsys.serving.search.bm25 import BM25
from recsys.serving.search.colours import of_shades
from recsys.serving.search.compounds import Compounds, two_words
from recsys.serving.search.foreign import Foreign
from recsys.serving.search.kind_names import kind_names
from recsys.serving.search.properties import Properties
from recsys.serving.search.spelling import homophones, one_edit, pinyin, singular
from recsys.serving.search.things import Things

DEPARTMENT = "department"
"""Column of the catalogue that groups categories, where it has one."""
KIND = 0.75
"""Categories within this share of the best one's agreement with a sentence are meant with it."""
NAMES_A_KIND = 0.3
"""Agreement below which a sentence names no kind of product."""
BRAND = 4
"""Letters of a brand's first word beyond which it may stand for the whole."""
READ = 4096
"""Texts whose reading in the catalogue's words is kept."""
_CJK = re.compile(r"[\u3400-\u9fff]+")
_LATIN = re.compile(r"[a-z]{5,}")
_FEATURES = re.compile(r"[,，](?!\d{3}\b)|[:：(（]| with ")
"""What follows the name of the thing in a title."""


class ProductTable:
    """The catalogue's rows and words.

    Parameters
    ----------
    synonyms
        What shoppers say, and what the catalogue calls it.
    common
        Words that are spelt right in any shop, beside the catalogue's own.
    """

    def __init__(
        self, items: pd.DataFrame, synonyms: Mapping[str, str] | None = None, common: Collection[str] = ()
    ) -> None:
        self._common = frozenset(common) | word_list("common")
        self.table = items.reset_index(drop=True)
        self.ids = [str(i) for i in self.table[schema.ITEM]]
        self.titles = [str(t) for t in self.table[schema.TITLE].fillna("")]
        self.brands = self._column(schema.BRAND)
        self.categories = self._column(schema.CATEGORY)
        self.departments = self._column(DEPARTMENT)
        price = self.table[schema.PRICE] if schema.PRICE in self.table else pd.Series(np.nan, self.table.index)
        self.prices = pd.to_numeric(price, errors="coerce").to_numpy(float)
        known = schema.AVAILABLE in self.table
        self.available = self.table[schema.AVAILABLE].to_numpy(bool) if known else np.ones(len(self.table), bool)
        self.row = {item: row for row, item in enumerate(self.ids)}
        general = dict(pair.split("=") for pair in sorted(word_list("chinese"))) if self._english else {}
        titles = " ".join(self.titles).lower()
        spoken = [tuple(pair.split("=")) for pair in sorted(word_list("varieties"))]
        titled = {name for pair in spoken for name in pair if re.search(rf"\b{name}\b", titles)}
        self._slang = {said: means for said, means in spoken if means in titled and said not in titled}
        general |= self._slang
        own = dict(synonyms or {})  # first: what a shop calls its kinds is how they are named to shoppers
        heads = [_FEATURES.split(title.lower())[0] for title in self.titles]
        called = {name.lower(): means.lower() for name, means in own.items()}
        kinds, whole = map(str.lower, self.categories), list(map(str.lower, self.titles))
        self.sold = Things(list(zip(heads, kinds, strict=True)), called, self._english, whole)
        named = {singular(word) for name in (*self.categories, *self.departments) for word in words(name)}
        self.properties = Properties(self.texts, self._english, named)
        things = self.sold.synonyms
        general = {name.replace("-", " "): means for name, means in things.items()} | {**things, **general}
        both = {said.lower(): means.lower() for said, means in {**own, **general, **own}.items()}
        self.synonyms = both | {name: means for name, means in self.properties.synonyms.items() if name not in both}
        self.canonical = lru_cache(maxsize=READ)(self._canonical)  # the shop's rules are read beside each question

    def _column(self, name: str) -> list[str]:
        if name not in self.table:
            return [""] * len(self.table)
        return [str(value).strip() if pd.notna(value) else "" for value in self.table[name]]

    def said(self, row: int) -> str:
        """The product's description; '' where there is none."""
        text = self.table[schema.TEXT].iloc[row] if schema.TEXT in self.table else ""
        return str(text) if pd.notna(text) else ""

    @cached_property
    def _english(self) -> bool:
        """Whether most titles are English: then a Chinese word is looked up by its English."""
        return sum(bool(_CJK.search(title)) for title in self.titles) * 2 < len(self.titles)

    # --- words ------------------------------------------------------------------------------------------------------

    def _canonical(self, text: str) -> str:
        """A text in the catalogue's words: synonyms replaced, longest first, and misspelt words mended."""
        low = homophones(self.mended(text), self._sounds, lambda word: bool(senses(word)))
        if not self.synonyms:
            return low
        runs = [(other, "".join(run)) for other, run in groupby(self.foreign.cut(low), self.foreign.another)]
        return " ".join("".join(run if other else self._synonym.sub(self._means, run) for other, run in runs).split())

    def _means(self, match: re.Match[str]) -> str:
        return f" {self.synonyms[match.group()]} "

    def in_english(self, text: str) -> str:
        """A text in which Chinese names that only a dictionary knows are the catalogue's English ones.

        Where a text names a kind by words that the shop knows, these others only say which half of it is meant.
        """
        if not (self._english and _CJK.search(text)):
            return text
        if kinds := self.kinds(tokens(self.canonical(text))):
            return self.foreign.refined(text, self._apart(kinds))
        return self.foreign.named(text)

    def _apart(self, categories: Collection[str]) -> frozenset[str]:
        """Words that some titles of these categories have and others have not."""
        both = zip(self.title_terms, self.categories, strict=True)
        titles = [title for title, category in both if category in categories]
        return frozenset[str]().union(*titles) - frozenset.intersection(*titles)

    @cached_property
    def foreign(self) -> Foreign:
        """Chinese words by a general dictionary."""
        return Foreign(zip(self.kind_of, self.categories, strict=True), self.synonyms, lambda: self.words)

    @cached_property
    def _synonym(self) -> re.Pattern[str]:
        forms = sorted(self.synonyms, key=len, reverse=True)
        parts = [re.escape(f) if _CJK.search(f) else rf"(?<![a-z]){re.escape(f)}s?(?![a-z])" for f in forms]
        pattern = re.compile("|".join(parts))
        # A plural is its singular's synonym.
        self.synonyms |= {f"{form}s": means for form, means in self.synonyms.items() if not _CJK.search(form)}
        return pattern

    @cached_property
    def _sounds(self) -> Mapping[tuple[str, ...], str]:
        """Chinese names of kinds by their pronunciation: most misspellings sound right."""
        kinds = {name.lower() for name in self.category_names}
        forms = [f for f, means in self.synonyms.items() if means in kinds and len(f) >= 2 and _CJK.fullmatch(f)]
        return {sound: form for form in forms if (sound := pinyin(form))}

    def _spelt(self, word: str) -> str:
        if word in self._spelling or any(stem in self.words for stem in tokens(word)):
            return word
        # The first letter is seldom wrong: an iphone is no misspelt phone.
        if two := two_words(word, self.words, self.texts):
            return two
        right = self._spelling - self._slang.keys()  # what few say is no word that others misspell
        near = [other for other in one_edit(word) if other[0] == word[0] and other in right]
        if near and is_english(word):  # speakers are no misspelt sneakers
            return word
        return max(near, key=lambda other: (other in self.words, other)) if near else word

    @cached_property
    def _spelling(self) -> frozenset[str]:
        """Words that are spelt right: the catalogue's, and common ones."""
        written = {word for text in self.texts for word in _LATIN.findall(text)}
        return frozenset(written | self._common | {w for form in self.synonyms for w in _LATIN.findall(form)})

    @cached_property
    def texts(self) -> list[str]:
        """Everything said of each product, in lower case."""
        columns = (schema.TITLE, schema.BRAND, schema.CATEGORY, schema.TEXT)
        return [text.lower() for text in render(self.table, columns)]

    def translated(self, text: str) -> str:
        """A text of the shop with the meaning of every synonym in it."""
        text = text.lower()
        return f"{text} {self._synonym.sub(self._means, text)}" if self.synonyms else text

    @cached_property
    def canonical_texts(self) -> list[str]:
        """`texts` with the meaning of every synonym in them."""
        return [self.translated(text) if _CJK.search(text) else text for text in self.texts]

    @cached_property
    def _searched(self) -> list[str]:
        """`canonical_texts` with every name by which the catalogue calls their properties."""
        return [" ".join([text, *self.properties.names(row)]) for row, text in enumerate(self.canonical_texts)]

    @cached_property
    def title_terms(self) -> list[frozenset[str]]:
        """Search terms of each title, with the meaning of synonyms and the colour of its shade: navy is blue."""
        both = zip(self.titles, self._canonical_titles, strict=True)
        titles = [(title.lower(), means, frozenset(tokens(means))) for title, means in both]
        return [terms | of_shades(title, terms) | self.whole.of(means) for title, means, terms in titles]

    @cached_property
    def titled(self) -> Mapping[str, list[int]]:
        """Rows of the products whose titles have each term: an inverted index."""
        rows: dict[str, list[int]] = {}
        for row, terms in enumerate(self.title_terms):
            for term in terms:
                rows.setdefault(term, []).append(row)
        return rows

    @cached_property
    def _canonical_titles(self) -> list[str]:
        return [self.translated(title) for title in self.titles]

    @cached_property
    def terms(self) -> list[frozenset[str]]:
        """Search terms of everything said of each product."""
        both = zip(self.title_terms, self._searched, strict=True)
        return [own | self.whole.of(text) | frozenset(tokens(text)) for own, text in both]

    @cached_property
    def whole(self) -> Compounds:
        """The compounds of titles."""
        return Compounds(self._canonical_titles, self.category_names, _NO_KIND)

    @cached_property
    def last_words(self) -> frozenset[str]:
        """What products are called at last: lantern of "LED Camping Lantern"."""
        return frozenset(word for kind in self.kind_of for word in tokens(kind)[-1:])

    def promises(self, row: int, word: str) -> bool:
        """Whether a product is said to be free of something."""
        return promise(word).search(self.canonical_texts[row]) is not None

    @cached_property
    def words(self) -> Mapping[str, int]:
        """How many products speak of each term."""
        counts: dict[str, int] = {}
        for terms in self.terms:
            for term in terms:
                counts[term] = counts.get(term, 0) + 1
        return counts

    @cached_property
    def bm25(self) -> BM25:
        """Word search; a title counts twice."""
        return BM25.fit([f"{t} {c}" for t, c in zip(map(str.lower, self.titles), self._searched, strict=True)])

    @cached_property
    def brand_names(self) -> list[str]:
        """Known brands, longest first."""
        return sorted(set(self.brands) - {""}, key=lambda name: (-len(name), name))

    @cached_property
    def brands_called(self) -> Mapping[str, tuple[str, ...]]:
        """How each brand is called: by its name, or a first word that nothing else is called (Northface Ridge)."""
        firsts = [name.lower().partition(" ")[0] for name in self.brand_names]
        own = [installed() and len(f) > BRAND and firsts.count(f) == 1 and not is_english(f) for f in firsts]
        calls = zip(self.brand_names, firsts, own, strict=True)
        return {name: (name.lower(), first) if alone else (name.lower(),) for name, first, alone in calls}

    @cached_property
    def kind_of(self) -> list[str]:
        """What kind of thing each product is, by the head of its title in the catalogue's words."""
        titles = self.titles
        if self._english:  # a Chinese title names its kind in its first word and the colour in the next
            heads = [_CJK.search(title) for title in titles]
            titles = [
                _CJK.sub(" ", self.translated(head.group())) if head else title
                for head, title in zip(heads, titles, strict=True)
            ]
        return kind_names(titles, self.brands, self.categories)

    # --- kinds of product -------------------------------------------------------------------------------------------

    @cached_property
    def category_names(self) -> list[str]:
        """Names of the categories, sorted."""
        return sorted(set(self.categories) - {""})

    @cached_property
    def kind_rates(self) -> Mapping[str, NDArray[np.float64]]:
        """How strongly each term stands for each category, 0 to 1.

        A word of the category's name stands for it, one of its department's name for each category there, and a
        word of titles as far as the category's titles have it and others' have not.
        """
        place = {name: at for at, name in enumerate(self.category_names)}
        sizes = np.zeros(len(place))
        counts: dict[str, NDArray[np.float64]] = {}
        # Behind the head of a title stand features: "USB-C" is no keyboard.
        heads = [frozenset(tokens(kind)) or title for kind, title in zip(self.kind_of, self.title_terms, strict=True)]
        for name, terms in zip(self.categories, heads, strict=True):
            if name:
                sizes[place[name]] += 1
                for term in terms:
                    counts.setdefault(term, np.zeros(len(place)))[place[name]] += 1
        rates = {t: n / sizes * (n / n.sum()) for t, n in counts.items() if n.sum() >= 2 and not t.isdigit()}
        for name, department in {(c, d) for c, d in zip(self.categories, self.departments, strict=True) if c}:
            for weight, terms_of in ((0.8, tokens(department)), (1.0, tokens(name))):
                for term in terms_of:
                    if len(term) > 2 or not term.isascii():
                        rates.setdefault(term, np.zeros(len(place)))[place[name]] = weight
        return {t: r for t, r in rates.items() if r.max() >= NAMES_A_KIND and t not in _NO_KIND}

    def kinds(self, terms: Iterable[str]) -> frozenset[str]:
        """The categories that a sentence's terms name; none where they name no kind of product."""
        named = [term for term in dict.fromkeys(terms) if term in self.kind_rates]
        if not named:
            return frozenset()
        total = np.sum([self.kind_rates[term] for term in named], axis=0)
        # "cat food" is what cat supplies have, and neither other food nor a cat tree.
        covered = np.array([max(len(held & set(named)) for held in self._held[name]) for name in self.category_names])
        total = np.where(covered == covered.max(), total, 0)
        best = float(total.max())
        return frozenset(name for name, sum_ in zip(self.category_names, total, strict=True) if sum_ >= KIND * best)

    def ending_in(self, term: str) -> frozenset[str]:
        """Categories of the products whose kind a term is called by: hiking backpacks are bags, or camping gear."""
        return self._kind_heads.get(term, frozenset()) - {""}

    @cached_property
    def _kind_heads(self) -> Mapping[str, frozenset[str]]:
        """What kinds of things are called at last, each with the categories of the products called so."""
        heads: dict[str, set[str]] = {}
        for kind, category in zip(self.kind_of, self.categories, strict=True):
            for head in tokens(kind)[-1:]:
                heads.setdefault(head, set()).add(category)
        return {head: frozenset(categories) for head, categories in heads.items()}

    def of_all(self, term: str, categories: Collection[str]) -> bool:
        """Whether all titles of these categories have a term, which then tells none of them apart."""
        titles = zip(self.title_terms, self.categories, strict=True)
        return all(term in title for title, category in titles if category in categories)

    def kinds_of_thing(self, text: str) -> frozenset[str]:
        """Categories of the products whose kind's name has the most words of a text; none where none has any."""
        said = set(tokens(self.canonical(text)))
        shared = [len(said & set(tokens(kind))) for kind in self.kind_of]
        best = max(shared, default=0)
        return frozenset(c for c, n in zip(self.categories, shared, strict=True) if best and n == best)

    def things(self, text: str) -> frozenset[str]:
        """What products are called at last, as far as a text says it: lamp, bag."""
        return frozenset(self._kind_heads.keys() & set(tokens(self.canonical(text))))

    @cached_property
    def long_names(self) -> Mapping[str, str]:
        """Names of kinds, of several words, that are of one category, and what they end in: a sleeping bag."""
        places: dict[str, set[str]] = {}
        for name, category in zip(self.kind_of, self.categories, strict=True):
            words = name.split() if category else []
            for end in (words[at:] for at in range(len(words) - 1) if not at or _NO_KIND.isdisjoint(words[at:])):
                places.setdefault(" ".join(end), set()).add(category)
        return {name: min(of) for name, of in places.items() if len(of) == 1}

    def category_of(self, term: str) -> str:
        """The category that is called by this term alone, or ''."""
        return next((name for name in self.category_names if tokens(name) == [term]), "")

    def compounds(self, text: str) -> bool:
        """Whether a Chinese word of a text ends in a word that the catalogue knows and is another: 头灯 is no 灯."""
        segmenter = chinese_segmenter()
        words = segmenter.cut(text) if segmenter is not None else ()
        return any(
            word not in self.synonyms and any(word[at:] in self.synonyms for at in range(1, len(word)))
            for word in words
            if _CJK.fullmatch(word)
        )

    def mended(self, text: str) -> str:
        """A text with its misspelt words put right."""
        low = self.whole.written(text.lower(), self.words)
        return _LATIN.sub(lambda match: self._spelt(match.group()), low)

    @cached_property
    def _held(self) -> Mapping[str, list[frozenset[str]]]:
        held: dict[str, list[frozenset[str]]] = {}
        for name, department, terms in zip(self.categories, self.departments, self.title_terms, strict=True):
            held.setdefault(name, []).append(terms | set(tokens(f"{name} {department}")))
        return held

    def kinds_named(self, text: str) -> frozenset[str]:
        """Categories whose name, or whose department's, stands in a text; of "Coffee & Tea", either half."""
        said = set(tokens(self.canonical(text)))
        return frozenset(name for name, parts in self._halves.items() if any(part <= said for part in parts))

    @cached_property
    def _halves(self) -> Mapping[str, list[set[str]]]:
        """Words of each half of a category's name and of its department's."""
        wholes = {c: f"{c}&{d}" for c, d in zip(self.categories, self.departments, strict=True) if c}
        return {
            name: [set(part) for half in whole.split("&") if (part := tokens(half))] for name, whole in wholes.items()
        }

    def names_kind(self, word: str) -> bool:
        """Whether a word is of a category's name."""
        return any(term in self._name_terms for term in tokens(word))

    @cached_property
    def _name_terms(self) -> frozenset[str]:
        return frozenset(term for name in self.category_names for term in tokens(name) if term in self.kind_rates)

    def local_name(self, category: str, language: str) -> str:
        """A category's name in a language, where a synonym gives one."""
        return self._chinese.get(category.lower(), category) if language == "zh" else category

    @cached_property
    def _chinese(self) -> Mapping[str, str]:
        return {means: said for said, means in reversed(self.synonyms.items()) if _CJK.search(said)}  # the first said

    def kind_terms(self, categories: Iterable[str]) -> frozenset[str]:
        """Terms that do nothing but name these categories."""
        wanted = set(categories)
        departments = {d for c, d in zip(self.categories, self.departments, strict=True) if c in wanted}
        return frozenset(term for name in wanted | departments for term in tokens(name))


_LISTS = ("colours", "said_when_looking", "said_when_asking", "function_words", "common")
_NO_KIND = frozenset().union(*map(word_list, _LISTS))
"""Words that titles have and that are no kind of thing."""


@lru_cache(maxsize=4096)
def promise(word: str) -> re.Pattern[str]:
    """How a text says that something is free of a thing."""
    name = re.escape(word)
    return re.compile(
        rf"\b(?:no|free (?:of|from)|without|contains no)(?: \w+)? {name}|\b{name}s?[ -](?:free|proof)\b"
        rf"|\b(?:un|non-?){name}|(?:无|不含|不加|零)\s?{name}"
    )
