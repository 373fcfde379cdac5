"""Locale-aware number parsing: prices, quantities and their currencies as shops write them.

The decimal sign is decided by the whole column: ``1.299`` is a thousand beside ``12,50`` and a unit beside ``12.50``.
What stays ambiguous is missing, never guessed.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.data.parsing import by_unique
from recsys.data.vocabulary import vocabulary

#: Digits with whatever stands between them; ``.–`` and ``,-`` say that there are no cents.
_NUMBER = r"\d(?:[\d.,'’ ]*\d)?"
_PRICE = re.compile(
    rf"(?P<before>[^\d\s.,()+-][^\d()+-]*?)?\s*(?P<sign>[-+])?\s*(?P<number>{_NUMBER}|[.,]\d+)(?:[.,]\s?-+)?"
    r"\s*(?P<kilo>k(?![a-z]))?\s*(?P<after>[^\d\s,()+-][^\d()+-]*)?",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_QUANTITY = re.compile(r"(?P<open>\()?\s*(?P<sign>[-+])?\s*(?P<number>\d[\d.,' ]*?)\s*(?P<minus>-)?\s*(?P<shut>\))?")
_UNIT = re.compile(r"\s*(?:x|×|[^\W\d_]{1,12}\.?)\s*$")
_DASHES = str.maketrans({"−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "﹣": "-", "\u00a0": " ", "\u202f": " "})
#: Currencies with three decimals: ``1.299`` of them says nothing about thousands.
_THREE_DECIMALS = frozenset({"KWD", "BHD", "OMR", "JOD", "TND"})
#: Currencies without decimals: the mark of ``1,299`` of them can only be that of thousands.
_NO_DECIMALS = frozenset({"JPY", "YEN-OR-YUAN", "KRW", "VND", "IDR"})


@dataclass(frozen=True)
class Amounts:
    """A column of numbers, read.

    Attributes
    ----------
    numbers
        float64; NaN where there is none, where it cannot be read or where it could be two numbers.
    currency
        Code of the currency written beside each number, '' where there is none.
    decimal
        ``"."``, ``","`` or ``". and ,"`` where numbers were text, else ''.
    unreadable
        Cells that hold something that is no number, or that could be two.
    """

    numbers: npt.NDArray[np.float64]
    currency: npt.NDArray[np.object_]
    decimal: str
    unreadable: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Token:
    """A number as written: its digits with separators, what currency stands beside it, and where."""

    digits: str
    currency: str
    form: str
    factor: float


def read_amounts(values: pd.Series, currencies: Mapping[str, str]) -> Amounts:
    """Numbers of a column with the currency of each; infinite and negative ones cannot be read.

    Parameters
    ----------
    currencies : mapping
        A spelling in lower case -> its code.
    """
    if pd.api.types.is_numeric_dtype(values):
        numbers = pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
        return _checked(values, numbers, np.full(len(values), "", object), "")
    try:
        codes, uniques = pd.factorize(values)
    except TypeError:  # lists and other unhashable cells
        codes, uniques = pd.factorize(values.astype(object).map(_cell))
    cells = [_token(_cell(cell), currencies) for cell in np.asarray(uniques, dtype=object)]
    signs = _decimal_signs(cell for cell in cells if isinstance(cell, _Token))
    found = np.array([_value(cell, signs) for cell in cells] + [np.nan], dtype=np.float64)
    coins = np.array([cell.currency if isinstance(cell, _Token) else "" for cell in cells] + [""], dtype=object)
    used = sorted({sign for sign in signs.values() if sign in (".", ",")})
    return _checked(values, found[codes], coins[codes], " and ".join(used))


def as_amounts(values: pd.Series) -> npt.NDArray[np.float64]:
    """Numbers of 0 or more, also when written as ``"1.299,00"``; NaN where unreadable."""
    return read_amounts(values, vocabulary().currencies).numbers


def as_quantities(values: pd.Series) -> npt.NDArray[np.float64]:
    """Signed numbers: ``"-1,00"``, ``"1-"``, ``"(1)"`` and ``"-1 pc"`` are all minus one; NaN where unreadable."""
    if pd.api.types.is_numeric_dtype(values):
        return pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
    result: npt.NDArray[np.float64] = by_unique(values, to_quantity).astype(np.float64)
    return result


def _checked(
    values: pd.Series, numbers: npt.NDArray[np.float64], coins: npt.NDArray[np.object_], decimal: str
) -> Amounts:
    numbers = np.where(np.isfinite(numbers) & (numbers >= 0), numbers, np.nan)
    return Amounts(numbers, coins, decimal, np.isnan(numbers) & values.notna().to_numpy())


def _cell(value: Any) -> Any:
    if isinstance(value, str | bytes | list | dict | tuple):
        return str(value)
    if value is None or pd.isna(value):
        return None
    try:
        return str(float(value))
    except (TypeError, ValueError, OverflowError):  # a date is no number, nor is one that no float can hold
        return str(value)


def _token(cell: str, currencies: Mapping[str, str]) -> _Token | float:
    """A number whose separators are still to be understood, or the number itself where nothing is open."""
    text = unicodedata.normalize("NFKC", cell.translate(_DASHES)).strip()
    if _PLAIN.fullmatch(text) and ("e" in text.lower() or "." not in text):
        return float(text)
    match = _PRICE.fullmatch(text)
    if match is None or match["sign"] == "-":
        return np.nan
    beside = [(match[side] or "").strip().lower() for side in ("before", "after")]
    if any(word and word not in currencies for word in beside) or (
        all(beside) and len({*map(currencies.get, beside)}) > 1
    ):
        return np.nan
    word = beside[0] or beside[1]
    form = f"{beside[0]}#{beside[1]}"
    return _Token(re.sub(r"['’ ]", "", match["number"]), currencies.get(word, ""), form, 1e3 if match["kilo"] else 1.0)


def _sign_of(token: _Token) -> str:
    """The decimal sign that a number shows by itself, '' where it could be either or there is none."""
    digits = token.digits
    dots, commas = digits.count("."), digits.count(",")
    if dots and commas:
        last = "." if digits.rindex(".") > digits.rindex(",") else ","
        return last if digits.count(last) == 1 else ""
    if dots + commas == 0:
        return ""
    mark, other = (".", ",") if dots else (",", ".")
    whole, *groups = digits.split(mark)
    if len(groups) > 1:
        return other  # 1.299.000: only thousands repeat
    grouped = len(groups[0]) == 3 and 1 <= len(whole) <= 3 and whole != "0"
    return "" if grouped else mark


def _decimal_signs(tokens: Iterable[_Token]) -> dict[str, str]:
    """The decimal sign of each form of writing: by its own numbers, else by those of the whole column."""
    votes: dict[str, Counter[str]] = {}
    for token in tokens:
        votes.setdefault(token.form, Counter())[_sign_of(token)] += 1
    own = {form: {sign for sign in count if sign} for form, count in votes.items()}
    whole = set().union(*own.values()) if own else set()
    signs = {}
    for form, mine in own.items():
        known = mine or whole
        signs[form] = next(iter(known)) if len(known) == 1 else "" if known else _usual(form)
    return signs


def _usual(form: str) -> str:
    """Where no number of the column shows its decimal sign: all of them have three digits after the only mark."""
    return "?" if form == "#" else "thousands"


def _value(cell: _Token | float, signs: Mapping[str, str]) -> float:
    if not isinstance(cell, _Token):
        return cell
    own, column = _sign_of(cell), signs[cell.form]
    digits = cell.digits
    if own:
        decimal = own
    elif "." not in digits and "," not in digits:
        decimal = "."
    elif cell.currency in _NO_DECIMALS:
        decimal = "," if "." in digits else "."
    elif column in (".", ","):
        decimal = column
    elif column == "thousands" and cell.currency not in _THREE_DECIMALS:
        decimal = "," if "." in digits else "."
    elif column == "?":
        decimal = "."  # 1.299 as programs write it, 1,299 as people do
    else:
        return np.nan
    thousands = "," if decimal == "." else "."
    whole, _, rest = digits.partition(decimal)
    groups = whole.split(thousands)
    if (len(groups) > 1 and not _grouped(groups)) or thousands in rest or decimal in rest:
        return np.nan  # 12.50.15: a date, a version, two numbers
    return float(f"{''.join(groups) or '0'}.{rest or '0'}") * cell.factor


def _grouped(groups: Sequence[str]) -> bool:
    """Whether digits are grouped as thousands, or as lakhs: 1,29,900."""
    *rest, last = groups[1:]
    return len(last) == 3 and (all(len(group) == 3 for group in rest) or all(len(group) == 2 for group in rest))


def to_quantity(value: Any) -> float:
    """One signed number, with or without a unit; NaN where it cannot be read."""
    text = unicodedata.normalize("NFKC", str(value).translate(_DASHES)).strip()
    if _PLAIN.fullmatch(text):
        return float(text)
    match = _QUANTITY.fullmatch(text) or _QUANTITY.fullmatch(_UNIT.sub("", text))
    if match is None or bool(match["open"]) != bool(match["shut"]):
        return np.nan
    token = _Token(re.sub(r"[' ]", "", match["number"]), "", "#", 1.0)
    # A quantity of 1,000 or 1.000 is one piece with its decimals in some systems and a thousand in others: three
    # zeros after a single digit are decimals, as every system that writes them writes all of its quantities.
    mark = re.fullmatch(r"(\d+)[.,](0+)", token.digits)
    amount = float(mark[1]) if mark else _value(token, {"#": _sign_of(token) or "."})
    minuses = (match["sign"] == "-") + bool(match["minus"]) + bool(match["open"])
    return np.nan if minuses > 1 else -amount if minuses else amount
