"""Marketing copy from the catalogue's own words and counted figures: lines, promotions, e-mail subjects, bundles.

Copy may praise nothing: it quotes what the catalogue says of a product, adds a figure that the tables bear out, and for
a bundle says what links its products. A sentence of the catalogue that boasts is not quoted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any

import pandas as pd

from recsys.data import schema
from recsys.data.schema import ITEM
from recsys.errors import BadInput
from recsys.explain import Explainer
from recsys.explain.facts import Facts, Product
from recsys.explain.grounding import limits, unsourced
from recsys.explain.measures import POPULAR_BUYERS, WINDOW, Kind, Measure
from recsys.explain.names import safe_name, short_name
from recsys.explain.statistics import ShopStatistics
from recsys.explain.writer import TEMPLATE

BUNDLE, FORM, SEGMENT = "bundle", "form", "segment"
LINE, PROMOTION, SUBJECT = FORMS = ("line", "promotion", "subject")
#: Characters of an e-mail subject that a telephone shows, and of a quoted sentence.
MAX_SUBJECT, MAX_QUOTE = 78, 160

_BOAST = re.compile(
    r"\b(best|perfect\w*|ideal\w*|ultimate|unbeatable|finest|greatest|amazing|must-have|unrivall?ed|guarantee\w*)\b"
    r"|\b(cheapest|no\.? ?1|number one|premium|superior|exceptional|incredible|you('ll| will) love|right for you)\b"
    r"|!|最[好佳优]|完美|第一",
    re.IGNORECASE,
)
_CJK = re.compile(r"[\u3400-\u9fff]")


def write_copy(explainer: Explainer, table: pd.DataFrame, codes: Sequence[int]) -> pd.DataFrame:
    """Copy for each row of `table`, whose catalogue codes are `codes`: ``item_id, copy, writer``.

    Parameters
    ----------
    table
        ``item_id``, and optionally ``form`` (``line``, ``promotion`` or ``subject``), ``segment`` (of the users table,
        for a subject) and ``bundle``: rows with the same filled ``bundle`` share one text about all of them.

    Raises
    ------
    BadInput
        A ``form`` that is none.
    """
    texts = Copywriter(explainer.statistics)
    bundle, form, segment = (_column(table, name) for name in (BUNDLE, FORM, SEGMENT))
    for row, wanted in enumerate(form):
        if wanted not in {"", *FORMS}:
            raise BadInput(f"copy, row {row + 1}: form {wanted!r} is none of {', '.join(FORMS)}")
    out = [
        "" if name else texts.write(int(code), wanted or LINE, group)
        for name, wanted, group, code in zip(bundle, form, segment, codes, strict=True)
    ]
    for name in dict.fromkeys(filter(None, bundle)):
        rows = [row for row, other in enumerate(bundle) if other == name]
        together = texts.bundle(list(dict.fromkeys(int(codes[row]) for row in rows)))
        for row in rows:
            out[row] = together
    return pd.DataFrame({ITEM: table[ITEM].to_numpy(object), "copy": out, "writer": TEMPLATE})


def _column(table: pd.DataFrame, name: str) -> list[str]:
    return table[name].fillna("").astype(str).str.strip().tolist() if name in table.columns else [""] * len(table)


class Copywriter:
    """Writes copy of one shop."""

    def __init__(self, statistics: ShopStatistics) -> None:
        self._shop = statistics
        self._items = statistics.snapshot.tables.value.items

    def write(self, code: int, form: str = LINE, segment: str = "") -> str:
        """One text about one product; what it says stands in the catalogue or is counted."""
        product = self._shop.product(code)
        if form == SUBJECT:
            text = self._subject(code, product, segment)
        else:
            chinese = bool(_CJK.search(product.name))
            named, said = self._named(code, product), self._quote(code)
            figures = self._figures(code, product, chinese=chinese)
            parts = [named, said, *figures] if form == LINE else [*(figures or [said]), named]
            text = _join(parts, chinese=chinese)
        return text if not self.errors(text, [code]) else self._plain(code)

    def bundle(self, codes: Sequence[int]) -> str:
        """One text about products as a set, and what links them."""
        products = [self._shop.product(code) for code in codes]
        names = [product.name for product in products]
        listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        link = self._link(codes, products) if len(codes) > 1 else ""
        text = f"{listed}{f': {link}' if link else '.'}"
        # Profane titles are the shop's to mend, not ours to advertise.
        return text if not limits(text, "", max_length=10**6) else "One basket."

    def errors(self, text: str, codes: Sequence[int]) -> list[str]:
        """What a text about these products says that neither the catalogue nor the tables do."""
        sources = [str(value) for code in codes for value in self._items.iloc[code].fillna("").tolist()]
        sources += [number for code in codes for number in self._numbers(code)]
        own = text
        for source in sources:
            own = own.replace(source, " ")
        found = limits(text, own, max_length=10**6)
        found += unsourced(text, [*sources, _KNOWN, *self._segments()])
        for code in codes:
            own = own.replace(self._shop.product(code).name, " ")
        return found + (["boasts"] if _BOAST.search(own) else [])

    def _numbers(self, code: int) -> list[str]:
        """Every number that copy may tell of a product."""
        product = self._shop.product(code)
        price = [] if product.price is None else [f"{product.price:,.2f}"]
        rating = [] if product.rating is None else [f"{product.rating:g} {product.scale:g} {product.ratings:,}"]
        by_segment = (str(n) for n in self._segment_buyers(code).values())
        return [f"{product.buyers:,} {product.count:,} {WINDOW}", *price, *rating, *by_segment]

    def _segments(self) -> list[str]:
        users = self._shop.snapshot.tables.value.users
        known = users is not None and schema.SEGMENT in users.columns
        return users[schema.SEGMENT].dropna().astype(str).unique().tolist() if users is not None and known else []

    def _plain(self, code: int) -> str:
        name = self._shop.product(code).name
        return f"{name}." if not limits(name, name) else "One of our products."

    def _named(self, code: int, product: Product) -> str:
        """The name with the attributes that a short name leaves out, and the price."""
        title = safe_name(self._shop.titles[code], 120)
        name = title if len(title) <= 90 and not title.isupper() else product.name
        by = f" by {product.brand}" if product.brand and product.brand.casefold() not in name.casefold() else ""
        price = (
            ""
            if product.price is None
            else (f"，{product.price:,.2f}" if _CJK.search(name) else f", {product.price:,.2f}")
        )
        return f"{name}{'' if _CJK.search(name) else by}{price}"

    def _quote(self, code: int) -> str:
        """The first sentence of the catalogue's own text that says something and does not boast."""
        text = str(self._items[schema.TEXT].iloc[code]) if schema.TEXT in self._items.columns else ""
        title = self._shop.titles[code].casefold()
        for sentence in re.split(r"(?<=[.!?。！？])\s*", safe_name(text, 2_000)):
            said = sentence.strip(" .。")
            long_enough = len(said) + 10 * len(_CJK.findall(said)) >= 15 and len(said) <= MAX_QUOTE
            repeats = said.casefold() in title or title in said.casefold()
            if long_enough and not repeats and not _BOAST.search(sentence):
                return said
        return ""

    def _figures(self, code: int, product: Product, *, chinese: bool) -> list[str]:
        """What the tables count of a product, the most telling first."""
        facts = Facts(item=product, new=self._shop.is_new(code), n_items=self._shop.n_items)
        when = f"in the last {WINDOW} days" if product.recent is not None else "so far"
        zh_when = f"最近{WINDOW}天" if product.recent is not None else "迄今"
        said = {
            Kind.RATED: (
                f"Rated {product.rating or 0:g} of {product.scale:g} on average, from {product.ratings:,} ratings",
                f"平均评分{product.rating or 0:g}（满分{product.scale:g}，共{product.ratings:,}条）",
            ),
            Kind.NEW: ("New in our shop", "本店新品"),
            Kind.POPULAR: (
                f"One of our bestsellers, bought by {product.count:,} shoppers {when}",
                f"热销商品：{zh_when}有{product.count:,}位顾客购买",
            ),
            Kind.TOP_OF_CATEGORY: (
                f"Among the most bought in {product.category}: {product.count:,} shoppers {when}",
                f"在“{product.category}”中销量居前：{zh_when}有{product.count:,}位顾客购买",
            ),
            Kind.BUYERS: (
                f"Bought by {product.count:,} shoppers {when}",
                f"{zh_when}有{product.count:,}位顾客购买",
            ),
        }
        few = {Kind.TOP_OF_CATEGORY, Kind.BUYERS} if product.count < POPULAR_BUYERS else set()  # nothing to print
        told = [kind for kind in said if facts.holds(kind) and kind not in few]
        return [said[kind][chinese] for kind in told[:1]]

    def _subject(self, code: int, product: Product, segment: str) -> str:
        """An e-mail subject: what shoppers of the segment did, else what is true of the product."""
        buyers = self._segment_buyers(code).get(segment, 0)
        lead = [f"{segment[:1].upper()}{segment[1:]}: {buyers:,} of you bought"] if segment and buyers > 1 else []
        facts = Facts(item=product, new=self._shop.is_new(code), n_items=self._shop.n_items)
        where = product.category or "our shop"
        lead += [f"New in {where}"] if facts.new else []
        lead += [f"A bestseller in {where}"] if facts.holds(Kind.POPULAR) or facts.holds(Kind.TOP_OF_CATEGORY) else []
        if product.recent is not None and product.recent >= POPULAR_BUYERS:
            lead += [f"Bought by {product.recent:,} shoppers in {WINDOW} days"]
        lead += [product.category] if product.category else []
        subjects = [f"{first}{' ' if first.endswith('bought') else ': '}{product.name}" for first in lead]
        subjects.append(product.name)
        return next(
            (subject for subject in subjects if len(subject) <= MAX_SUBJECT), short_name(product.name, MAX_SUBJECT)
        )

    def _segment_buyers(self, code: int) -> dict[str, int]:
        """Buyers of an item by segment of the users table."""
        users = self._shop.snapshot.tables.value.users
        if users is None or schema.SEGMENT not in users.columns:
            return {}
        ids = self._shop.snapshot.user_ids[self._shop.records.buyers[code]]
        found: Any = users.loc[users[schema.USER].isin(ids), schema.SEGMENT].dropna().astype(str).value_counts()
        return {str(segment): int(count) for segment, count in found.items()}

    def _link(self, codes: Sequence[int], products: Sequence[Product]) -> str:
        """Why these belong together, '' where the tables say nothing of it."""
        records = self._shop.records
        pairs = [records.measures(a, b) for a, b in pairwise(codes)]
        for kind, said in ((Kind.SAME_ORDER, "ordered together"), (Kind.ALSO_BOUGHT, "bought by the same shoppers")):
            if all(kind in found for found in pairs):
                weakest: Measure = min((found[kind] for found in pairs), key=lambda measure: measure.lower)
                if len(codes) > 2:
                    return f"{weakest.band} {said}."
                rare = products[1 if weakest.of_item else 0].name
                verb = "with" if kind is Kind.SAME_ORDER else "who bought"
                return f"{weakest.band} {said} ({weakest.text} {verb} {rare})."
        brands, categories = {p.brand for p in products}, {p.category for p in products}
        if len(brands) == 1 and None not in brands:
            return f"{'all' if len(codes) > 2 else 'both'} from {brands.pop()}."
        if len(categories) == 1 and None not in categories:
            return f"{'all' if len(codes) > 2 else 'both'} from our {categories.pop()} range."
        if all(Kind.VIEWED_TOGETHER in records.measures(a, b) for a, b in combinations(codes, 2)):
            return "looked at by the same shoppers."
        return ""


#: Words of copy that are names of nothing.
_KNOWN = "Rated New One Among Bought A Often Regularly Sometimes In"


def _join(parts: Sequence[str], *, chinese: bool) -> str:
    stop, space = ("。", "") if chinese else (".", " ")
    return space.join(f"{part[:1].upper()}{part[1:]}{stop}" for part in parts if part)
