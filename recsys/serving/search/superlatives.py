"""Superlatives of a measure ("the biggest", 最轻的): which products state the most or the least of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from recsys.serving.search.measures import SMALLER, measures_in

_SIZE = ("piece", "inch", "ml", "people", "cm", "g", "gb", "mm")
"""Units in which a thing is large or small, the one that tells most of its kind first."""
_PIECES = "(?<![\\d一二两三四五六七八九十百几])[片块粒]数?"
"""What a puzzle has; after a number it is money (21块多)."""
_ENDS = r"(?=一?点|些|的|[^\u3400-\u9fff]|$)"
_WAYS = (
    (1, _SIZE, r"\bwhich\b.{0,24}\b(?:bigger|larger|roomier)\b|哪[^,，?？]{0,6}(?:更|比较)?大(?!小|家|人|概|促|约)"),
    (-1, _SIZE, r"\bwhich\b.{0,24}\b(?:smaller|tinier)\b|哪[^,，?？]{0,6}(?:更|比较)?小(?!时|朋友|孩|区)"),
    (1, ("g",), r"\bwhich\b.{0,24}\bheavier\b|哪[^,，?？]{0,6}(?:更|比较)?重(?!要|新|启)"),
    (-1, ("g",), r"\bwhich\b.{0,24}\blighter\b|哪[^,，?？]{0,6}(?:更|比较)?轻(?!松)"),
    (1, _SIZE, r"\b(?:biggest|largest|roomiest)\b|最大(?!限|程)"),
    (-1, _SIZE, r"\b(?:smallest|tiniest)\b|最小(?!限|程)"),
    (1, ("g",), r"\bheaviest\b|最重(?!要)"),
    (-1, ("g",), r"\blightest\b|最轻"),
    (1, ("inch",), r"屏幕?(?:要|能)?大(?!小)|大屏|\b(?:big|bigger|large|larger) (?:screen|display)\b"),
    (1, _SIZE, r"大(?:包|袋|瓶|罐|桶|盒)(?=装|的|$)"),
    (-1, _SIZE, r"小(?:包|袋|瓶|罐|桶|盒)(?=装|的|$)"),
    (1, ("hz",), r"高刷(?:新率?)?|\b(?:high|highest|fast|fastest) refresh(?: rate)?\b"),
    (1, ("cm",), r"\btallest\b|最高(?=的|[^\u3400-\u9fff]|$)"),
    (1, ("piece",), rf"\b(?:the )?(?:most|more) (?:pieces|parts)\b|{_PIECES}(?:最|更)?多{_ENDS}"),
    (-1, ("piece",), rf"\b(?:the )?(?:fewest|fewer|least|less) (?:pieces|parts)\b|{_PIECES}(?:最|更)?少{_ENDS}"),
    (1, ("gb ssd", "gb"), r"\b(?:the )?(?:most|biggest) (?:storage|space|ssd|disk)\b|(?:存储|硬盘|储存)(?:空间)?最大"),
    (
        1,
        ("gb ssd", "gb"),
        r"\bwhich\b.{0,24}\b(?:more|bigger) (?:storage|space|ssd|disk)\b|哪.{0,8}(?:存储|硬盘|储存).{0,3}大",
    ),
    (
        1,
        ("gb ram", "gb"),
        r"\bwhich\b.{0,24}\bmore (?:memory|ram)\b|哪.{0,8}内存.{0,3}大|\b(?:the )?(?:most|biggest) (?:memory|ram)\b"
        r"|内存最大",
    ),
)
_MOST = {"more": "most", "fewer": "fewest", "less": "fewest"}
"""What is said of the first where more or less is asked for."""
STATED = 0.5
"""Share of the products that have to state a measure for it to order them."""
AS_LARGE = 2.0
"""How many times as large as a product the largest may be, for it to be shown as large."""
PATTERN = re.compile("|".join(way for *_, way in reversed(_WAYS)), re.IGNORECASE)
"""What says so in a sentence."""


@dataclass(frozen=True)
class Superlative:
    """The most or the least of a measure.

    Attributes
    ----------
    sign
        1 for the most, -1 for the least.
    units
        Units of the measure, the one that counts most first.
    said
        The words of the sentence.
    """

    sign: int
    units: tuple[str, ...]
    said: str

    def order(self, texts: Sequence[str]) -> list[int]:
        """Places of the texts that state the measure, the most of it first (or the least); none where under half do.

        The first of the units that so many state is the measure.
        """
        return [at for at, _ in self._sizes(texts)]

    def nearly(self, texts: Sequence[str]) -> list[int]:
        """Places of `order` without those that state less than half as much as the first (or more than twice)."""
        sizes = self._sizes(texts)
        return [at for at, size in sizes if max(size, sizes[0][1]) <= AS_LARGE * min(size, sizes[0][1])]

    def _sizes(self, texts: Sequence[str]) -> list[tuple[int, float]]:
        """Places of the texts that state the measure, in the order of `order`, with what each states."""
        stated = [_stated(text) for text in texts]
        for unit in self.units:
            sizes = [(at, own[unit]) for at, own in enumerate(stated) if unit in own]
            if len(sizes) >= max(1.0, STATED * len(texts)):
                return sorted(sizes, key=lambda place: -self.sign * place[1])
        return []


def superlative_in(sentence: str) -> Superlative | None:
    """The superlative of a sentence, or None."""
    for sign, units, way in reversed(_WAYS):  # "the most storage" is said before "the largest"
        if found := re.search(way, sentence, re.IGNORECASE):
            first, _, rest = found.group().lower().removeprefix("the ").partition(" ")
            return Superlative(sign, units, f"{_MOST.get(first, first)} {rest}".strip())
    return None


def _stated(text: str) -> dict[str, float]:
    """The largest measure of each unit, and of what it is of, that a text states exactly; large units in small ones."""
    found: dict[str, float] = {}
    for measure in measures_in(text):
        unit, many = SMALLER.get(measure.unit, (measure.unit, 1.0))
        if measure.unit in {"people", "age"} or measure.least == measure.most:
            for of in dict.fromkeys((unit, f"{unit} {measure.of}".rstrip())):  # 8 GB of RAM beside 1 TB of SSD
                found[of] = max(found.get(of, 0.0), measure.most * many)
    return found
