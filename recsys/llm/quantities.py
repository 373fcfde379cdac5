"""Quantities in a text: amounts, durations, times of day, dates, weekdays and percentages, with their bounds.

Two texts say the same amount in many ways ("two weeks", "14 days"; "2 pm", "14:00"; 九折, "10% off"): each becomes a
range of one unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SPELLED = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "fourteen": 14, "fifteen": 15, "eighteen": 18, "twenty": 20, "thirty": 30,
    "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100,
    "thousand": 1000, "a": 1, "an": 1, "half": 0.5,
}  # fmt: skip
HAN_DIGITS = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"两": 2}
"""What number words and Chinese digits are worth."""
_MONTHS = [
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
]  # fmt: skip
_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

_UNITS = (
    (r"(?:working|business)[ -]days?|个?工作日", "working day", 1.0),
    (r"minutes?|分钟", "minute", 1.0),
    (r"hours?|个?小时", "minute", 60.0),
    (r"days?|天|日内|日(?=之内|以内)", "day", 1.0),
    (r"weekly|weeks?|周|个?星期", "day", 7.0),
    (r"monthly|months?|个?月", "month", 1.0),
    (r"years?|annual|年", "month", 12.0),
    (r"%|per ?cent", "%", 1.0),
    (r"折", "off", 10.0),
    (r"inch(?:es)?|英寸|寸", "inch", 1.0),
    (r"gb", "gb", 1.0),
    (r"tb", "gb", 1024.0),
    (r"mah", "mah", 1.0),
    (r"watts?|w(?![a-z])|瓦", "watt", 1.0),
    (r"ml|millilit(?:re|er)s?|毫升", "ml", 1.0),
    (r"lit(?:re|er)s?|l(?![a-z])|升", "ml", 1000.0),
    (r"mm|毫米", "mm", 1.0),
    (r"cm|厘米", "mm", 10.0),
    (r"kg|公斤|千克", "gram", 1000.0),
    (r"g(?![a-z])|grams?|克", "gram", 1.0),
    (r"hz", "hz", 1.0),
    (r"persons?|people|人", "person", 1.0),
)
_UNIT = "|".join(pattern for pattern, _, _ in _UNITS)
_NUMBER = (
    r"(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|(?<![a-z])(?:"
    + "|".join(w for w in SPELLED if w not in {"a", "an", "half", "one"})
    + r")(?![a-z])"
    r"|(?<![a-z])(?:one|an?)(?=[ -](?:minute|hour|day|week|month|year|working|business|full|further)s?)"
    r"|(?<![下第次])[一二三四五六七八九十两]{1,7}(?=个|天|日内|日以内|年|月|周|小时|分钟|张|款|件|折|人|英寸|至|到|工作日))"
)
_TIME = (
    r"(?:\d{1,2}[:：]\d{2}(?: ?[ap]\.?m\b\.?)?|\d{1,2} ?[ap]\.?m\b\.?"
    r"|(?:(?:早上?|上午|中午|下午|晚上?)的?)?(?:\d{1,2}|十?[一二两三四五六七八九十])点钟?)"
)
_OF_MONTH = r"(?<!\d)(?:3[01]|[12]\d|0?[1-9])(?!\d)"
_DATE = (
    rf"(?:(?:\d{{4}}-\d{{2}}-\d{{2}})|(?:\d{{4}}年)?\d{{1,2}}月{_OF_MONTH}日?"
    rf"|{_OF_MONTH}(?:st|nd|rd|th)?(?: of)? (?:{'|'.join(_MONTHS)})(?![a-z])(?:,? \d{{4}})?"
    rf"|(?<![a-z])(?:{'|'.join(_MONTHS)}) {_OF_MONTH}(?:st|nd|rd|th)?(?:,? \d{{4}})?)"
)
_DAY = rf"(?:(?:{'|'.join(_DAYS)})s?|(?:周|星期)[一二三四五六日天])"
_BEFORE = (
    r"(?P<least>at least|a minimum of|no less than|more than|over|above|longer than|exceed(?:s|ing)?|from|reach(?:es)?"
    r"|once|beyond|comes? to|amounts? to|totals?|超过|至少还有|至少|满|高于|不低于|大于)"
    r"|(?P<most>within|up to|under|below|less than|at most|no more than|no later than|not later than|maximum of"
    r"|not more than|until|before|by|in|不超过|最多还有|最多|少于|低于|不到)|(?P<exact>exactly|precisely|正好|刚好)"
    r"|(?P<plain>for only|only|just|仅|只)"
)
_AFTER = (
    r"(?P<least_>or more|or above|and above|以上|起)|(?P<most_>之内|以内|内|以下|及以下|or less|or smaller|and below"
    r"|or below|之前|以前|前)|(?P<plain_>only)"
)
_TO = r"\s*(?:-|–|~|to|through|until|till|至|到)\s*"
_OR = r"\s*(?:-|–|~|to|or|and|through|until|till|至|到|或)\s*"
_FILL = (
    r"(?:\s*(?:the|about|around|another|further|roughly|the first|an order of|a total of|your order reaches)\s+|需要?)?"
)
QUANTITY = (
    rf"(?:(?<![a-z])(?:(?P<later_>after|later than)(?=\s*{_TIME})|{_BEFORE})\s*{_FILL})?"
    rf"(?:(?P<date>{_DATE})|(?P<from>{_TIME})(?:{_OR}(?P<till>{_TIME}))?"
    rf"(?P<later>\s*(?:之后|以后|过后|后))?"
    rf"|(?P<first>{_DAY})(?:{_TO}(?P<last>{_DAY}))?"
    rf"|(?:[€£$¥]\s?)?(?P<low>{_NUMBER})(?:(?:{_OR}|[\s-]*(?:{_UNIT}){_TO})(?P<high>{_NUMBER}))?"
    rf"[\s-]*(?:(?:full|further|more|additional|calendar|whole)\s+)?(?:(?P<unit>{_UNIT})(?![a-z]))?)(?:\s*(?:{_AFTER}))?"
)


@dataclass(frozen=True)
class Quantity:
    """A range of one unit and how it is bounded: ``=``, ``<`` (at most), ``>`` (at least) or ``!`` (exactly)."""

    unit: str
    low: float
    high: float
    bound: str = "="

    @property
    def limits(self) -> bool:
        """Whether it is a condition: an amount from or up to which, a time by which."""
        return (self.unit in {"", "%"} and self.bound in "<>") or (self.unit == "time" and self.low == self.high)

    @property
    def measures(self) -> bool:
        """Whether it is a property of a thing, such as its size, and not a price, a time or a share."""
        return self.unit in {"inch", "gb", "mah", "watt", "ml", "mm", "gram", "hz", "person"}

    def says(self, other: Quantity) -> bool:
        """Whether a source's quantity says this one."""
        if self.unit != other.unit or self.bound == "!" != other.bound:
            return False
        if self.unit == "date":
            return self.low % 10_000 == other.low % 10_000 and (self.low < 10_000 or self.low == other.low)
        if self.measures and self.bound == "=" and other.bound == "<" and self.high <= other.low:
            return True  # a size within the limit
        if (self.low, self.high) != (other.low, other.high):
            return False
        durations = {"minute", "day", "working day", "month", "inch"}
        return self.bound == other.bound or (
            {self.bound, other.bound} == {"=", "<"} and (self.unit in durations or self.unit in {"time", "date"})
        )


def quantity(match: re.Match[str]) -> Quantity:
    """The quantity that a match of `QUANTITY` stands for."""
    said = match.groupdict()
    bound = (
        "!"
        if said["exact"]
        else ">"
        if said["least"] or said["least_"] or said["later"] or said["later_"]
        else "<"
        if said["most"] or said["most_"]
        else "="
    )
    if said["date"]:
        day = _date(said["date"])
        return Quantity("date", day, day)
    if said["from"]:
        low, high = _time(said["from"]), _time(said["till"] or said["from"])
        return Quantity("time", low, high, "=" if said["till"] else bound)
    if said["first"]:
        return Quantity("weekday", _day(said["first"]), _day(said["last"] or said["first"]))
    low, high = _number(said["low"]), _number(said["high"] or said["low"])
    name, factor = next(
        ((n, f) for pattern, n, f in _UNITS if said["unit"] and re.fullmatch(pattern, said["unit"])), ("", 1.0)
    )
    if name == "off":  # Chinese discounts say what is left to pay, in tenths
        return Quantity("%", 100 - high * factor, 100 - low * factor)
    return Quantity(name, low * factor, high * factor, "=" if said["high"] else bound)


def _number(text: str) -> float:
    if text[0].isdigit():
        return float(text.replace(",", "").rstrip("."))
    if text in SPELLED:
        return float(SPELLED[text])
    tens, _, ones = text.partition("十")
    if "十" not in text:
        return float("".join(str(HAN_DIGITS[c]) for c in text))
    return 10.0 * (HAN_DIGITS[tens] if tens else 1) + (HAN_DIGITS[ones] if ones else 0)


def _time(text: str) -> float:
    spelled = re.search(r"[一二两三四五六七八九十]+", text)
    hour, minute = [*([str(int(_number(spelled[0])))] if spelled else []), *re.findall(r"\d+", text), "0"][:2]
    later = 12 if re.search(r"p\.?m|下午|晚", text) and int(hour) < 12 else 0
    return 60.0 * (int(hour) + later) + int(minute)


_MONTH = "|".join(f"{name}|{name[:3]}" for name in _MONTHS)


def dates_in(text: str) -> list[tuple[int, int]]:
    """Months and days that a text names, in English (also "4 Feb") or Chinese, whatever their year."""
    spelled = re.sub(r"(月\d{1,2})号", r"\1日", text.lower())
    spelled = re.sub(rf"\b({_MONTH})\b\.?", lambda m: _MONTHS[_month(m[1]) - 1], spelled)
    days = (int(_date(found)) for found in re.findall(_DATE, spelled))  # as 20260204
    return [(day // 100 % 100, day % 100) for day in days]


def _month(name: str) -> int:
    """Number of a month by its name, or its first three letters."""
    return next(n for n, month in enumerate(_MONTHS, 1) if month.startswith(name[:3]))


def months_in(text: str) -> list[int]:
    """Months that a text names without a day: "in feb", 二月."""
    named = re.findall(rf"\b(?:in|last|from|of) ({_MONTH})\b(?!\.? \d{{1,2}}\b)", text.lower())
    counted = re.findall(r"(?<![\d.个])(\d{1,2}|[一二三四五六七八九十]{1,2})月(?:份|的|里|买|下|订|\W|$)", text)
    return [*map(_month, named), *(n for month in counted if 1 <= (n := int(_number(month))) <= 12)]


def _date(text: str) -> float:
    """Days as yyyymmdd; without a year as mmdd."""
    month = next((n for n, name in enumerate(_MONTHS, 1) if name in text), 0)
    numbers = [int(n) for n in re.findall(r"\d+", text)]
    year = next((n for n in numbers if n > 31), 0)
    rest = [n for n in numbers if n <= 31]
    day = rest[-1]
    return float(year * 10_000 + (month or rest[0]) * 100 + day)


def _day(text: str) -> float:
    name = text.removesuffix("s")
    return float(_DAYS.index(name) if name in _DAYS else "一二三四五六日天".index(text[-1]) % 7)
