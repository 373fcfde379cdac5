"""What a turn refers to: products spoken of before, "it", "the cheaper one", "the second"."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys.assistant.constraints import ProductTable
from recsys.assistant.messages import message
from recsys.assistant.orders import order_numbers
from recsys.errors import BadInput

MAX_TURNS = 40
MAX_QUESTION = 2_000
"""Characters of a question that are read."""

_CHEAPER = re.compile(r"\b(?:the )?(?:cheap(?:er|est)|least expensive|less expensive)\b|便宜", re.IGNORECASE)
_DEARER = re.compile(
    r"\b(?:the )?(?:dear(?:er|est)|more expensive|most expensive|priciest|pricier)\b|更贵|最贵", re.IGNORECASE
)
_ORDINALS = (
    re.compile(r"\b(?:the )?(?:first|1st|number one|no\. ?1)(?: one)?\b|第一", re.IGNORECASE),
    re.compile(r"\b(?:the )?(?:second|2nd|number two|no\. ?2)(?: one)?\b|第二", re.IGNORECASE),
    re.compile(r"\b(?:the )?(?:third|3rd|number three|no\. ?3)(?: one)?\b|第三", re.IGNORECASE),
)
_LAST = re.compile(r"\bthe last(?: one)?\b|最后", re.IGNORECASE)
_IT = re.compile(
    r"\b(?:it|its|it's|this|that|this one|that one|the product|the item|one)\b|它|这款|这个|那个|那款|这台|那台",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"\b(?:anything|something|any|others?|else|alternatives?|more)\b|别的|其他|有没有|还有", re.IGNORECASE
)

_NUMBERED = re.compile(r"\d+\. ")


@dataclass(frozen=True)
class Turn:
    """One thing said: `role` is ``user`` or ``assistant``."""

    role: str
    text: str
    sources: tuple[str, ...] = ()


def read_history(history: Sequence[Turn | Mapping[str, Any] | str] | None) -> list[Turn]:
    """The latest `MAX_TURNS` turns, from chat messages (``role, content``), strings (alternating) or `Turn`s.

    Raises
    ------
    BadInput
        A turn has neither text nor content.
    """
    turns: list[Turn] = []
    for at, entry in enumerate(history or ()):
        if isinstance(entry, Turn):
            turns.append(entry)
        elif isinstance(entry, str):
            turns.append(Turn("assistant" if at % 2 else "user", entry[:MAX_QUESTION]))
        elif isinstance(entry, Mapping) and isinstance(text := entry.get("content", entry.get("text")), str):
            sources = tuple(str(s) for s in entry.get("sources", ()))
            turns.append(Turn(str(entry.get("role", "user")), text[: 4 * MAX_QUESTION], sources))
        else:
            raise BadInput(f"history: turn {at} needs 'role' and 'content'")
    return turns[-MAX_TURNS:]


def products_in(text: str, shelves: ProductTable) -> list[int]:
    """Rows of the products whose title or id stands in a text, in the order they appear."""
    low = text.lower()
    found = [(low.find(title.lower()), -len(title), row) for row, title in enumerate(shelves.titles) if title]
    found = sorted(entry for entry in found if entry[0] >= 0)
    ids = [(m.start(), 0, shelves.row[m.group()]) for m in re.finditer(r"[\w-]{4,}", text) if m.group() in shelves.row]
    rows, end = [], -1
    for at, length, row in sorted(found + ids):
        if at >= end:  # "Red Mug Large" is not also "Red Mug"
            rows.append(row)
            end = at - length
    return list(dict.fromkeys(rows))


def _listed(text: str, shelves: ProductTable) -> list[int]:
    """The products of a numbered list; what a reason says of others ("goes with ...") is none of them."""
    lines = [products_in(line, shelves)[:1] for line in text.splitlines() if _NUMBERED.match(line)]
    return [row for rows in lines for row in rows]


def focus(turns: Sequence[Turn], shelves: ProductTable) -> list[int]:
    """Rows of the products the latest turn about products spoke of."""
    for turn in reversed(turns):
        cited = [shelves.row[s[5:]] for s in turn.sources if s.startswith("item:") and s[5:] in shelves.row]
        rows = cited or _listed(turn.text, shelves) or products_in(turn.text, shelves)
        if rows:
            return rows
    return []


def referred(question: str, turns: Sequence[Turn], shelves: ProductTable) -> list[int]:
    """Rows of the products a question is about: named in it, or referred to from the turns before; [] for none."""
    named = products_in(question, shelves)
    if named:
        return named
    rows = focus(turns, shelves)
    if not rows:
        return []
    for place, pattern in enumerate(_ORDINALS):
        if pattern.search(question) and place < len(rows):
            return [rows[place]]
    if _LAST.search(question):
        return [rows[-1]]
    prices = shelves.prices[rows]
    if np.isfinite(prices).any() and not _OTHERS.search(question):
        if _CHEAPER.search(question):
            return [rows[int(np.nanargmin(prices))]]
        if _DEARER.search(question):
            return [rows[int(np.nanargmax(prices))]]
    return [rows[0]] if _IT.search(question) else []


def wants_cheaper(question: str) -> bool:
    """Whether a question asks for other products that cost less."""
    return bool(_CHEAPER.search(question) and _OTHERS.search(question))


def summary(question: str, turns: Sequence[Turn], shelves: ProductTable | None, language: str, limit: int = 3) -> str:
    """For the colleague who takes over: the shopper's last questions, and the products and orders spoken of."""
    asked = [*[turn.text for turn in turns if turn.role == "user"][-limit:], question]
    said = " / ".join(" ".join(text.split())[:200] for text in asked)
    rows = [] if shelves is None else products_in(question, shelves) or focus(turns, shelves)
    numbers = dict.fromkeys(number for text in asked for number in order_numbers(text))
    parts = [message("summary", language, summary=said)]
    if rows and shelves is not None:
        parts.append(
            message("summary_products", language, products="; ".join(shelves.titles[row] for row in rows[:limit]))
        )
    if numbers:
        parts.append(message("summary_orders", language, orders=", ".join(numbers)))
    return "\n".join(parts)


def parse_history(value: Any) -> list[Any]:
    """History of a table's cell: a list, JSON of one, or text with one turn a line; [] where it is empty.

    Raises
    ------
    BadInput
        It is none of these.
    """
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return []
    if isinstance(value, str):
        if not value.strip().startswith("["):
            return [line for line in value.splitlines() if line.strip()]
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise BadInput(
                f"history: not JSON ({error.msg}); give a list of messages with 'role' and 'content'"
            ) from None
    if not isinstance(value, list | tuple | np.ndarray):
        raise BadInput(f"history: a {type(value).__name__}; give a list of messages with 'role' and 'content'")
    return list(value)
