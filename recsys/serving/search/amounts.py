"""Amounts to be paid in a sentence, in English and Chinese: the least, the most, or about how much."""

from __future__ import annotations

import re

from recsys.llm.quantities import HAN_DIGITS, SPELLED
from recsys.serving.search.measures import UNIT

_CURRENCY = r"(?:[$£€¥￥]|eur|usd|gbp|rmb)?\s?"
# A number begins once and ends soon, however many digits a shopper leans on.
_NUMBER = (
    rf"{_CURRENCY}(?<!\d)(?<!\d[.,])(\d[\d,]{{0,14}}(?:\.\d+)?)"
    rf"(?![\d.,]*\d|[\s-]*(?:{UNIT}|%|个|年|天|t-?shirts?)(?![a-z]))"
)
_MONEY = "euros?|pounds?|dollars?|quid|bucks"
_PAID = rf"{_NUMBER}(?:\s*(?:{_MONEY})\b)?"
_MAX = re.compile(
    r"(?:under|below|less than|at most|(?:not )?up to|no more than|not (?:more|over|above|exceeding)(?: than)?"
    r"|(?:nothing|none|never|not|n['’]t|dont|cant|wont) (?:[a-z]+ ){0,4}?(?:over|above|past|beyond|more than)"
    r"|maximum(?: of)?|max\.?|limit(?: of| is)?|cheaper than|within"
    r"|budget(?: is| of|:)?|spend (?:more than )?|<=?|(?<!不)[低少]于|[不别](?:要|能|可)?(?:超过?|高于|多于)"
    r"|最[多高]|顶多|撑死|封顶|上限(?:是|为)?"
    r"|控制在|预算(?:是|为)?)了?"
    rf"\s*(?:about |is |only )?{_PAID}",
    re.IGNORECASE,
)
_MAX_AFTER = re.compile(
    rf"{_NUMBER}\s*(?:元|块钱?|{_MONEY})?\s*"
    r"(?:or less|at most|maximum|max|budget|tops|以下|以内|之内|内|封顶|顶天|为限)",
    re.IGNORECASE,
)
_MIN = re.compile(
    rf"(?:over|above|more than|at least|no less than|from|minimum(?: of)?|starting at"
    rf"|[高多]于|不[低少]于|至少|起码|最[少低]|超过)\s*{_PAID}",
    re.IGNORECASE,
)
_MIN_AFTER = re.compile(
    rf"{_NUMBER}\s*(?:元|块钱?)?\s*(?:or more|or above|and up|and above|upwards|及?以上|往上|起(?=$|[步的\W]))",
    re.IGNORECASE,
)
_SOME = re.compile(r"(\d+)[多几]\s?(?:块|元)")
TENS = 100
"""Amount from which 多 ("some more") is of hundreds: 二十多块 is up to 30, 三百多块 up to 400."""
_BETWEEN = re.compile(
    rf"(?:between\s*{_NUMBER}\s*(?:and|to|-)\s*{_NUMBER}|{_NUMBER}\s*(?:元|块)?\s*(?:到|至|-)\s*{_NUMBER})",
    re.IGNORECASE,
)
_AROUND = re.compile(
    rf"(?:around|about|roughly|approximately|大约|大概|左右)\s*{_PAID}|\b(?:like|say) {_NUMBER}\s*(?:{_MONEY})\b"
    rf"|{_NUMBER}\s*(?:元|块钱?)?\s*(?:左右|上下)",
    re.IGNORECASE,
)
_AROUND_SHARE = 0.2

_HUNDREDS = re.compile(
    r"(?:([一二两三四五六七八九十])(万))?(?:零)?(?:([一二两三四五六七八九])?(千)(?!万))?(?:零)?(?:([一二两三四五六七八九])?(百))?(?:零)?(?:([一二三四五六七八九])?(十))?([一二三四五六七八九])?"
)
_VALUE = HAN_DIGITS | {"": 1, "十": 10}


_TENS = "|".join(word for word, n in SPELLED.items() if 20 <= n < 100)
_MANY = "|".join(word for word, n in SPELLED.items() if 2 <= n <= 12)
_SPELT = re.compile(
    rf"(?<![a-z-])(?:(?P<many>an?|one|{_MANY}) (?P<hundreds>hundred|thousand)(?: (?:and )?(?P<more>{_TENS}))?"
    rf"|(?P<tens>{_TENS})(?:[ -](?P<ones>{_MANY}))?)(?![a-z-])",
    re.IGNORECASE,
)
"""English amounts from twenty up."""


def _spelt(match: re.Match[str]) -> int:
    many, hundreds, more, tens, ones = (int(SPELLED.get((word or "").lower(), 0)) for word in match.groups())
    return many * hundreds + more + tens + ones


def in_digits(text: str) -> str:
    """A text with amounts that are spelt in digits: thirty is 30, a hundred 100, 一百五 150, 2万 20000."""

    def digits(match: re.Match[str]) -> str:
        units = {2 * n + 1: unit for n, unit in enumerate((10_000, 1000, 100, 10)) if match[2 * n + 2]}
        behind_another = match.start() > 0 and match.string[match.start() - 1] in "万千百十"
        if not units or behind_another:
            return match.group()
        whole = sum(_VALUE[match[at] or ""] * unit for at, unit in units.items())
        closed = "零" in match.group()  # 一千五 is 1,500, 一千零五 1,005
        last = 1 if closed else max(min(units.values()) // 10, 1)
        return str(whole + (_VALUE[match[9]] * last if match[9] else 0))

    text = _SPELT.sub(lambda match: str(_spelt(match)), text)
    text = re.sub(r"(\d+(?:\.\d+)?)\s?万", lambda match: f"{float(match[1]) * 10_000:.0f}", text)
    return _HUNDREDS.sub(digits, text)


def prices_in(sentence: str, *, at_most: bool = False) -> tuple[float | None, float | None]:
    """The least and the most that is to be paid; None where a sentence does not say.

    Parameters
    ----------
    at_most
        "Around 80" is no least, as of a present, which may well cost less.
    """
    if match := _SOME.search(sentence):
        low = float(match[1])
        return low, low + (10 if low < TENS else 100)
    if match := _BETWEEN.search(sentence):
        low, high = sorted(_value(group) for group in match.groups() if group)
        return low, high
    if (match := _AROUND.search(sentence)) and not _MAX.search(sentence.replace(match.group(), "")):
        value = _value(next(filter(None, match.groups())))
        # "a budget of about 200" is a limit, "about 200" a price
        capped = re.search(r"budget|预算", sentence, re.IGNORECASE)
        floor = None if capped or at_most else value * (1 - _AROUND_SHARE)
        return floor, value * (1 if capped else 1 + _AROUND_SHARE)
    most = _MAX.search(sentence) or _MAX_AFTER.search(sentence)
    rest = _MAX.sub(" ", sentence)  # "no more than 50" also reads "more than 50"
    least = _MIN.search(rest) or _MIN_AFTER.search(rest)
    return (_value(least[1]) if least else None), (_value(most[1]) if most else None)


def without_prices(text: str) -> str:
    """A text without its amounts to be paid."""
    for pattern in (_SOME, _BETWEEN, _AROUND, _MAX, _MAX_AFTER, _MIN, _MIN_AFTER):
        text = pattern.sub(" ", text)
    return text


def _value(number: str) -> float:
    return float(number.replace(",", ""))
