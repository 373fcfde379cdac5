"""Measures of products and wishes: numbers with a unit, as ranges, in English and Chinese.

"2 to 5 players" is met by four of them, "Age 5+" by six years and not by four: both sides are intervals that overlap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from recsys.llm.quantities import HAN_DIGITS, SPELLED

_MEMORY = re.compile(
    r"(?<=\d)\s?(?:(g)|t)(?=\s*(?:内存|运存|运行内存|存储|固态|硬盘|(?:ram|memory|storage|ssd|disk)\b))", re.IGNORECASE
)
"""Gigabytes and terabytes by their first letter: 32g内存."""
UNIT = (
    r"gb|gigs?|tb|inch(?:es)?|[\"”″]|ml|litres?|kg|kilos?|cm|mm|hz|mah|w|people|ppl|persons?|man|players?|pieces?|pcs|cups?|l|g|v|英寸|寸"
    r"|人|片|块拼图|毫升|升|公斤|千克|厘米|毫米|瓦|克|毫安(?:时)?"
)
_LEAST = r"at least |minimum |至少|more than |over "
_MOST = r"at most |up to |under |less than |below |最多|不超过"
_TO = r"\s*(?:-|–|~|to|至|到)\s*"
_MEASURE = re.compile(
    rf"({_LEAST}|{_MOST})?(?<![\d.])(?:(\d[\d.]*){_TO})?(\d[\d,]*(?:\.\d+)?)(\+)?[\s-]?({UNIT})"
    r"(?![a-z])(?:\s*(?:of\s+)?(ram|memory|ssd|storage|disk|内存|固态))?",
    re.IGNORECASE,
)
_GLUED = re.compile(r"(?<=\d)in\b(?! \d)", re.IGNORECASE)
"""Inches written right behind their number: a 32in screen."""
_AGE = re.compile(
    r"(?:\bage[sd]?:?\s*|\b(?:(?:he|she|who)(?:['’]?s| is| turns?)|turning|turns)\s+)"
    rf"(?:(\d[\d.]*){_TO})?(\d{{1,2}})(\+)?(?![\d.,]*\d|\s*(?:{UNIT})(?![a-z])|%|[a-z])"
    rf"|(?:(\d[\d.]*){_TO})?(\d[\d.]*)()[\s-]*(?:(?:years?|yrs?|y)[\s/-]*(?:olds?|o)\b|(?:周?岁(?:以上)?))",
    re.IGNORECASE,
)
_MONTHS = re.compile(r"(\d+)[\s-]*(?:months?[\s-]*olds?|个月(?:大|的(?:宝宝|婴儿)))", re.IGNORECASE)
_FROM_BIRTH = re.compile(r"\bfrom birth\b|新生儿(?:可用|适用)|初生", re.IGNORECASE)
_SPF = re.compile(r"\bspf[\s-]?(\d+)|防晒指数\s?(\d+)", re.IGNORECASE)
_DIGITS = {"单": 1, "双": 2, "俩": 2, "十": 10} | {digit: n for digit, n in HAN_DIGITS.items() if n}
_WORDS = {word: int(n) for word, n in SPELLED.items() if 1 <= n <= 12 and len(word) > len("an")}
_WRITTEN = re.compile(
    rf"(?<!第)([{''.join(_DIGITS)}])(?=个?人(?!气|物|体|形)|周?岁)"
    rf"|\b({'|'.join(_WORDS)})(?=[ -](?:people|ppl|persons?|man|players?|years?[ -]old|yrs?[ -]old)\b)",
    re.IGNORECASE,
)
_KILOS = (
    (re.compile(r"\bhalf (?:a |of a )?kilo\b|半公斤|一斤(?!半)", re.IGNORECASE), "500 g"),
    (re.compile(r"\b(?:an?|one|by the) kilo(?:gram)?\b|[一1]公斤|[二两2]斤", re.IGNORECASE), "1 kg"),
)
"""Weights that are said without a figure."""
_FAMILY = re.compile(
    rf"(?<!\d)(\d|[两二三四]|{'|'.join(_WORDS)})\s*个?\s*(?:adults?|grown-?ups|大人|成人)\s*(?:and|,|，|\+|&|和|带)?\s*"
    rf"(\d|[一两二三四]|{'|'.join(_WORDS)}|an?)\s*个?\s*(?:kids?|child(?:ren)?|小孩|孩子|儿童|宝宝)",
    re.IGNORECASE,
)
"""Adults and children, who are so many people together."""
_COUPLE = re.compile(
    r"\b(?:me|myself|us)(?:,| and| n| &| \+)?(?: (?:the|my))? (?:wife|husband|partner|girlfriend|boyfriend|gf|bf)\b"
    r"(?:\s*(?:,|and|n|&|\+|with) (?:our |my |the )?(\d|two|three|four|an?)?\s*"
    r"(kids?|child(?:ren)?|daughters?|sons?|boys?|girls?)\b)?"
    r"|一家([两二三四五六])口",
    re.IGNORECASE,
)
"""The shopper with a partner and so many children, or a family of so many."""
SMALLER = {"kg": ("g", 1000.0), "l": ("ml", 1000.0), "tb": ("gb", 1000.0)}
"""Units that are counted in smaller ones, and in how many."""
_SAME = {"memory": "ram", "内存": "ram", "storage": "ssd", "disk": "ssd", "固态": "ssd"}
_SAME |= dict.fromkeys(("inches", '"', "”", "″", "英寸", "寸"), "inch") | {"litre": "l", "升": "l"}
_SAME |= {"人": "people", "man": "people", "person": "people", "player": "people", "ppl": "people"}
_SAME |= {"pcs": "piece", "片": "piece", "块拼图": "piece", "毫升": "ml", "公斤": "kg", "千克": "kg"}
_SAME |= {"kilo": "kg", "gig": "gb", "gigs": "gb"} | {
    "厘米": "cm",
    "毫米": "mm",
    "克": "g",
    "瓦": "w",
    "毫安": "mah",
    "毫安时": "mah",
}


@dataclass(frozen=True)
class Measure:
    """A number with a unit and, where said, what it measures: ``least`` and ``most`` are equal for an exact one."""

    least: float
    most: float
    unit: str
    of: str = ""

    def __str__(self) -> str:
        number = self.least if np.isfinite(self.least) else self.most
        if self.unit == "age" and not self.of:
            upto = "" if self.most == self.least else "+" if np.isinf(self.most) else f"-{self.most:g}"
            return f"age {number:g}{upto}"
        if self.unit == "spf":
            return f"SPF {number:g}"
        return f"{number:g} {self.unit}{' ' + self.of.upper() if self.of else ''}"

    def meets(self, other: Measure) -> bool:
        """Whether two measures are of the same thing and their ranges overlap."""
        if self.unit != other.unit:
            mine, others = self.small(), other.small()
            return mine.unit == others.unit and mine.meets(others)
        same = not self.of or not other.of or self.of == other.of
        if same and self.unit == "inch" and self.least == self.most and other.least == other.most:
            whole = self.least.is_integer() or other.least.is_integer()  # 13.3 inches are called 13
            return self.least == other.least or (whole and int(self.least) == int(other.least))
        return same and self.least <= other.most and other.least <= self.most

    def small(self) -> Measure:
        """The same in the smaller unit that it is counted in, if any: 1 kg is 1000 g."""
        unit, many = SMALLER.get(self.unit, (self.unit, 1.0))
        return replace(self, least=self.least * many, most=self.most * many, unit=unit)

    def holds(self, text: str) -> bool:
        """Whether a text has such a number."""
        return any(self.meets(m) for m in measures_in(text))

    def contradicted(self, text: str) -> bool:
        """Whether a text has numbers of that unit and none of them is such."""
        own = [m for m in measures_in(text) if m.unit == self.unit]
        return bool(own) and not any(self.meets(m) for m in own)


@lru_cache(maxsize=1 << 16)
def measures_in(text: str) -> tuple[Measure, ...]:
    """Every number with a unit in a text."""
    found: list[Measure] = []
    text = _together(text)
    text = _WRITTEN.sub(lambda match: str(_DIGITS.get(match[1] or "") or _WORDS[match[2].lower()]), text)
    text = re.sub(r"(?<=\d)个(?=人)", "", text)
    for bound, low, number, plus, unit, of in _MEASURE.findall(text):
        value, said, unit, of = _number(number), bound.lower(), unit.lower(), of.lower()
        least = -np.inf if said and re.fullmatch(_MOST, said) else _number(low) if low else value
        most = np.inf if plus or (said and re.fullmatch(_LEAST, said)) else value
        singular = _SAME.get(unit, unit.rstrip("s") if len(unit) > 3 else unit)
        found.append(Measure(least, most, _SAME.get(singular, singular), _SAME.get(of, of)))
    for match in _AGE.finditer(text):
        low, high = match[1] or match[4], _number(match[2] or match[5])
        open_ = match[3] or "以上" in match.group()
        found.append(Measure(_number(low) if low else high, np.inf if open_ else high, "age"))
    found += [Measure(int(n) / 12, int(n) / 12, "age") for n in _MONTHS.findall(text)]
    if _FROM_BIRTH.search(text):
        found.append(Measure(0.0, np.inf, "age"))
    return (*found, *(Measure(float(a or b), float(a or b), "spf") for a, b in _SPF.findall(text)))


_FOR_SO_MANY = re.compile(
    rf"\bfor (?:the )?(\d{{1,2}}|{'|'.join(_WORDS)})(?: of us)?"
    r"(?=\s*(?:$|[,.;:!?]|\b(?:and|with|that|which|under|at|in|to|on|max|below|please|around|about)\b))",
    re.IGNORECASE,
)


def people_in(text: str, kind: Iterable[str]) -> tuple[Measure, ...]:
    """For how many people something is wished, where no unit says so ("a tent for 4") and the texts of its kind do."""
    found, couple = _FOR_SO_MANY.search(text), _COUPLE.search(text)
    of_people = [any(m.unit == "people" for m in measures_in(own)) for own in kind] if found or couple else []
    if 2 * sum(of_people) <= len(of_people):
        return ()
    if found is not None:
        many = _counted(found[1])
    elif couple is not None:
        kids = _counted(couple[1] or "1") if couple[2] else 0.0
        many = _counted(couple[3]) if couple[3] else 2 + kids
    return (Measure(many, many, "people"),)


def without_measures(text: str) -> str:
    """A text without its measures."""
    text = _together(text)
    for pattern in (_SPF, _MONTHS, _AGE, _MEASURE, _FOR_SO_MANY, _COUPLE):
        text = pattern.sub(" ", text)
    return text


def _together(text: str) -> str:
    """A text with "two adults and two children" as the number of people they are, kilos in figures, 32in as inches."""
    for said, measure in (*_KILOS, (_GLUED, " inch")):
        text = said.sub(measure, text)
    text = _MEMORY.sub(lambda m: " GB" if m[1] else " TB", text)
    return _FAMILY.sub(lambda m: f" {sum(map(_counted, m.groups())):g} people ", text)


def _counted(word: str) -> float:
    """A number of people, in digits or a word."""
    return float((_DIGITS | _WORDS | {"a": 1, "an": 1}).get(word.lower(), word))


def _number(text: str) -> float:
    return float(text.replace(",", "").rstrip(".") or 0)
