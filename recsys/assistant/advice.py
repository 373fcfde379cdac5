"""Recommendations in conversation: products that meet every constraint named, with the reasons that hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd

from recsys.assistant.constraints import Constraints, ProductTable
from recsys.assistant.dialogue import Turn
from recsys.assistant.messages import message
from recsys.data import schema
from recsys.llm.language import language_of, sentences
from recsys.serving.lookup import User

LENGTH = 3
"""Products named in one answer."""
MAX_REASON = 140
"""Characters of a description's first sentence that make a reason."""
NEAREST = 40
"""Products considered where the sentence names no category, brand, price or word of a title."""


class Ranks(Protocol):
    """What is asked of a recommender (`recsys.serving.recommender.Recommender`)."""

    def recommend(self, user: User, items: Sequence[str] | None = ..., k: int = ...) -> pd.DataFrame:
        """Rank items for a user."""
        ...


@dataclass(frozen=True)
class Advice:
    """Products recommended, best first, the text that says so, and the sentences in it that say why."""

    text: str
    item_ids: tuple[str, ...]
    asked: Constraints
    reasons: tuple[str, ...] = ()


def advise(
    question: str,
    asked: Constraints,
    shelves: ProductTable,
    ranks: Ranks,
    *,
    history: Sequence[str] = (),
    near: Callable[[], Sequence[int]] = tuple,
    why: Callable[[User, Sequence[str]], Sequence[str]] = lambda _, item_ids: [""] * len(item_ids),
) -> Advice:
    """Recommend products for a sentence.

    Parameters
    ----------
    asked
        What must hold of every product named.
    history
        Item ids the user had, oldest first; they make the list personal.
    near
        Rows of products near the sentence in meaning, nearest first; asked where it names nothing of the catalogue.
    why
        A sentence for each product from the evidence of its score, '' where there is none; told after what of the
        product meets the constraints.
    """
    language = language_of(question)
    rows = shelves.matching(asked)
    available = shelves.table[schema.AVAILABLE].to_numpy(bool) if schema.AVAILABLE in shelves.table else None
    had = {shelves.row[i] for i in history if i in shelves.row}
    rows = np.array([r for r in rows if (available is None or available[r]) and r not in had], dtype=np.int64)
    if not (asked.categories or asked.words or (history and not asked)):
        possible = set(rows.tolist())
        rows = np.array([r for r in near() if r in possible][:NEAREST], dtype=np.int64)
    if not len(rows):
        return Advice(message("none_found", language, constraints=_described(asked, language)), (), asked)
    described: User = {"text": question, **({"history": list(history)} if history else {})}
    ranked = ranks.recommend(described, items=[shelves.ids[r] for r in rows])
    chosen = [shelves.row[str(item)] for item in ranked[schema.ITEM][:LENGTH]]
    item_ids = tuple(shelves.ids[row] for row in chosen)
    because = why(described, item_ids)
    lines = [message("found", language)]
    for number, (row, sentence) in enumerate(zip(chosen, because, strict=True), start=1):
        price = f" ({_money(shelves.prices[row])})" if np.isfinite(shelves.prices[row]) else ""
        reason = ", ".join(_reasons(row, asked, shelves, language)) or message("reason_best", language)
        lines.append(message("line", language, n=number, item=shelves.titles[row], price=price, reason=reason))
        lines += [sentence] if sentence else []
    return Advice("\n".join(lines), item_ids, asked, tuple(filter(None, because)))


def earlier_constraints(turns: Sequence[Turn], read: Sequence[Constraints]) -> Constraints:
    """What the shopper asked for in earlier turns, later turns winning; `read` has one entry per turn."""
    total = Constraints()
    for turn, asked in zip(turns, read, strict=True):
        if turn.role == "user" and asked:
            total = asked.over(total)
    return total


def cheaper_than(row: int, asked: Constraints, shelves: ProductTable) -> Constraints:
    """The same kind of product for less."""
    price = shelves.prices[row]
    kind = asked.categories or (frozenset({shelves.categories[row]}) if shelves.categories[row] else frozenset())
    limit = float(np.nextafter(price, 0)) if np.isfinite(price) else asked.price_max
    return replace(asked, price_max=limit, categories=kind, words=())


def _reasons(row: int, asked: Constraints, shelves: ProductTable, language: str) -> list[str]:
    """Only what the catalogue says of this product."""
    reasons = []
    if shelves.categories[row]:
        reasons.append(message("reason_fits", language, category=shelves.categories[row]))
    if asked.brands:
        reasons.append(message("reason_brand", language, brand=shelves.brands[row]))
    if asked.price_max is not None:
        reasons.append(message("reason_price", language, limit=_money(asked.price_max)))
    elif asked.price_min is not None:
        reasons.append(message("reason_from_price", language, limit=_money(asked.price_min)))
    reasons += [message("reason_feature", language, feature=measure) for measure in asked.measures]
    about = sentences(shelves.said(row))
    if about and len(about[0]) <= MAX_REASON:
        reasons.append(about[0].rstrip("。."))
    return reasons


def _described(asked: Constraints, language: str) -> str:
    parts = [*sorted(asked.categories), *asked.words, *sorted(asked.brands)]
    if asked.price_max is not None:
        parts.append(message("constraint_max", language, limit=_money(asked.price_max)))
    if asked.price_min is not None:
        parts.append(message("constraint_min", language, limit=_money(asked.price_min)))
    parts += [str(measure) for measure in asked.measures]
    return ", ".join(parts) or "…"


def _money(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if value == int(value) else f"{value:.2f}"
