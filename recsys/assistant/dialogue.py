"""Conversation state: turns, the products they showed, and what a new turn refers to among them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from recsys.assistant.messages import message
from recsys.assistant.patterns import pattern, says
from recsys.assistant.plans import ORDER, PRODUCTS, RULE, SHOWN, read_before
from recsys.data.orders import order_numbers
from recsys.data.personal import mask_personal
from recsys.errors import BadInput
from recsys.llm.language import tokens, word_list
from recsys.serving.search import ProductTable
from recsys.serving.search.colours import COLOURS
from recsys.serving.search.mentions import MOST_MEANT, named, products_in

MAX_TURNS = 40
MAX_QUESTION = 2_000
"""Characters of a question that are read."""

PLACES = ("first", "second", "third")
_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"(?<![A-Za-z0-9])[A-Za-z][A-Za-z'-]+(?![A-Za-z0-9])")
_NUMBERED = re.compile(r"\d+\. ")


@dataclass(frozen=True)
class Turn:
    """One thing said: `role` is ``user`` or ``assistant``."""

    role: str
    text: str
    sources: tuple[str, ...] = ()


def spoken_in(question: str) -> str:
    """Language to answer in: Chinese from as many characters as English words on, names and brands being English."""
    han, latin = len(_HAN.findall(question)), len(_WORD.findall(question))
    return "zh" if han and han >= latin else "en"


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


def _listed(text: str, table: ProductTable) -> list[int]:
    """The products of a numbered list; what a reason says of others ("goes with ...") is none of them."""
    lines = [products_in(line, table)[:1] for line in text.splitlines() if _NUMBERED.match(line)]
    return [row for rows in lines for row in rows]


def lists(turns: Sequence[Turn], table: ProductTable) -> list[list[int]]:
    """Rows of the products that each turn showed or named, latest first; turns without products are left out."""
    found = []
    for turn in reversed(turns):
        cited = [table.row[s[5:]] for s in turn.sources if s.startswith("item:") and s[5:] in table.row]
        rows = cited or _listed(turn.text, table) or products_in(turn.text, table)
        if rows:
            found.append(rows)
    return found


def orders_of(turn: Turn) -> list[str]:
    """Numbers of the orders that a turn told of, by its sources or, where they were not kept, by its words."""
    if not turn.sources and turn.role != "user":
        return order_numbers(turn.text)
    return [source.removeprefix("order:") for source in turn.sources if source.startswith("order:")]


def orders_told(turns: Sequence[Turn]) -> list[str]:
    """Numbers of the orders that the last turn told of."""
    return orders_of(turns[-1]) if turns else []


def told_of(turns: Sequence[Turn], table: ProductTable | None) -> str:
    """What the last turn told of, by its sources or, where they were not kept, by its words: '' for none of them."""
    if not turns:
        return ""
    last = turns[-1]
    if orders_of(last):
        return ORDER
    if table is not None and lists([last], table):
        return PRODUCTS
    return RULE if last.sources else ""


def before_shopper(turns: Sequence[Turn], table: ProductTable | None) -> list[int]:
    """Rows of the list that the latest products spoken of stand in, as many as a planner is told of."""
    of_products = [turn for turn in turns if not orders_of(turn)]
    shown = [] if table is None else lists(of_products, table)
    if not shown:
        return []
    whole = longer(shown)[0]
    return list(dict.fromkeys(whole if set(shown[0]) <= set(whole) else shown[0]))[:SHOWN]


def as_read(turns: Sequence[Turn], table: ProductTable | None) -> str:
    """What a planner reads of these turns, without what is personal."""
    said = [mask_personal(turn.text) for turn in turns if turn.role == "user"]
    titles = [_priced(row, table) for row in before_shopper(turns, table)] if table is not None else []
    return read_before(said, titles, told_of(turns, table))


def _priced(row: int, table: ProductTable) -> str:
    """A product's title and price."""
    price = table.prices[row]
    return table.titles[row] + (f" {price:.2f}" if np.isfinite(price) else "")


def focus(turns: Sequence[Turn], table: ProductTable) -> list[int]:
    """Rows of the products the latest turn about products spoke of."""
    return next(iter(lists(turns, table)), [])


def shown(turns: Sequence[Turn], table: ProductTable) -> set[int]:
    """Rows of every product the assistant has shown."""
    return {row for rows in lists([t for t in turns if t.role != "user"], table) for row in rows}


def referred(question: str, turns: Sequence[Turn], table: ProductTable) -> list[int]:
    """Rows of the products a question is about: named in it, or referred to from the turns before; [] for none."""
    if rows := named(question, table):
        return rows
    before = lists(turns, table)
    if not before:
        return []
    rows, long = before[0], longer(before)[0]
    places = _places(question)
    if says("several", question) and len(places) < 2 and (says("two", question) or not says("superlative", question)):
        return long[-2:] if says("last_two", question) else long[:2] if says("two", question) else long
    if places:
        return _pointed(places, before)
    if says("last", question):
        return [long[-1]]
    among = long if says("most", question) else rows
    prices = table.prices[among]
    if np.isfinite(prices).any() and not says("others", question):
        if says("cheapest_one", question):
            return [among[int(np.nanargmin(prices))]]
        if says("dearest_one", question):
            return [among[int(np.nanargmax(prices))]]
    kinds = table.kinds_named(question)
    of_kind = [row for row in rows if table.categories[row] in kinds]  # "the jacket" of an order of two things
    meant = says("it", question) or (len(of_kind) == 1 < len(rows) and says("definite", question))
    return (of_kind or rows)[:1] if meant else []


def called(question: str, turns: Sequence[Turn], table: ProductTable) -> list[int]:
    """Rows of "the train one", "the 14 inch one": the first shown with that in its title, else others of their kind."""
    before = lists(turns, table)
    if number := pattern("the_number").search(question):
        stands = re.compile(rf"(?<![\d.]){re.escape(next(filter(None, number.groups())))}(?![\d.])")
        if rows := [row for shown in before for row in shown if stands.search(table.titles[row])]:
            return rows[:1]
    found = pattern("the_one").search(question.lower())
    said = set(tokens(table.canonical(next(filter(None, found.groups())))) if found else ())
    if not said or not said <= table.words.keys():
        return []
    rows = [row for shown in before for row in shown if said <= table.title_terms[row]]
    if rows or not (before or len(said) > 1):
        return rows[:1]
    kinds = {table.categories[row] for row in before[0]} if before else set(table.categories)
    others = [row for row, terms in enumerate(table.title_terms) if table.categories[row] in kinds and said <= terms]
    of_colour = said & (COLOURS | word_list("said_when_looking"))
    return others if not of_colour and len(others) <= MOST_MEANT else []


def pointed(question: str, turns: Sequence[Turn], table: ProductTable) -> list[int]:
    """Rows of the products that a question points at by their place in the last list, whatever was told of since."""
    return _pointed(_places(question), lists(turns, table))


def _pointed(places: Sequence[int], before: Sequence[list[int]]) -> list[int]:
    return [rows[place] for place in places if (rows := next((r for r in longer(before) if len(r) > place), []))]


def _places(question: str) -> list[int]:
    """Places in a list that a question names, from 0."""
    return [place for place, name in enumerate(PLACES) if says(name, question)]


def longer(before: Sequence[list[int]]) -> Sequence[list[int]]:
    """Lists of several products, latest first; all where none is."""
    return [rows for rows in before if len(rows) > 1] or before


def picks_one(question: str) -> bool:
    """Whether a question says which of several products it means: by its place, or by its price."""
    return any(says(name, question) for name in (*PLACES, "last", "cheapest_one", "dearest_one"))


def only_refers(question: str, table: ProductTable) -> bool:
    """Whether a turn says nothing but which product it means: "and the second?" repeats the question before."""
    for row in products_in(question, table):
        for name in (table.titles[row], table.ids[row]):
            question = re.sub(re.escape(name), "", question, flags=re.IGNORECASE)
    return not without_references(question).strip()


@cache
def _references() -> re.Pattern[str]:
    names = (*PLACES, "last", "several", "cheapest_one", "dearest_one", "fillers")
    return re.compile("|".join(pattern(name).pattern for name in names), re.IGNORECASE)


def without_references(question: str) -> str:
    """A question without the words that say which of the products shown is meant."""
    return _references().sub("", question)


def without_prices(question: str) -> str:
    """A question without the words that say by its price which of the products shown is meant."""
    for name in ("cheapest_one", "dearest_one"):
        question = pattern(name).sub(" ", question)
    return question


def summary(question: str, turns: Sequence[Turn], table: ProductTable | None, language: str, limit: int = 3) -> str:
    """For the colleague who takes over: the shopper's last questions, and the products and orders spoken of."""
    asked = [*[turn.text for turn in turns if turn.role == "user"][-limit:], question]
    said = " / ".join(" ".join(text.split())[:200] for text in asked)
    rows = [] if table is None else products_in(question, table) or focus(turns, table)
    numbers = dict.fromkeys(number for text in asked for number in order_numbers(text))
    parts = [message("summary", language, summary=said)]
    if rows and table is not None:
        titles = "; ".join(table.titles[row] for row in rows[:limit])
        parts.append(message("summary_products", language, products=titles))
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
