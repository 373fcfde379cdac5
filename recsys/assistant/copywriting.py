"""Copy from catalogue facts only: a product's description, a promotion line, an e-mail subject for a segment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from recsys.assistant.constraints import ProductTable
from recsys.assistant.grounding import check_answer
from recsys.assistant.safety import gives_orders
from recsys.llm.gpt import Sampling, TextWriter
from recsys.llm.language import language_of, sentences

Kind = Literal["description", "promotion", "subject"]
TEMPLATE = "template"

_LIMITS: dict[Kind, int] = {"description": 600, "promotion": 160, "subject": 70}
_ASKS: dict[Kind, str] = {
    "description": "Write a short product description from these facts, and nothing else:\n{facts}\nDescription:",
    "promotion": "Write one line that advertises this product, using only these facts:\n{facts}\nLine:",
    "subject": "Write an e-mail subject for {segment} about this product, from these facts only:\n{facts}\nSubject:",
}
_PLAIN: dict[str, dict[Kind, str]] = {
    "en": {
        "description": "{title}{by}. {first}",
        "promotion": "{short}{price}: {feature}",
        "subject": "For {segment}: {short}",
    },
    "zh": {
        "description": "{title}{by}。{first}",
        "promotion": "{short}{price}：{feature}",
        "subject": "{segment}专享：{short}",
    },
}


@dataclass(frozen=True)
class Copy:
    """A text, and who worded it: a model's name or ``template``."""

    text: str
    writer: str


def write_copy(
    kind: Kind, row: int, shelves: ProductTable, *, segment: str = "", writer: TextWriter | None = None, seed: int = 0
) -> Copy:
    """Copy for the product in this row of the catalogue.

    Parameters
    ----------
    segment
        Who a ``subject`` is for, such as ``students``.
    writer
        Words it; a text that says more than the facts, or is too long, is replaced by the plain one.
    """
    title = shelves.titles[row]
    facts = _facts(row, shelves)
    if writer is not None and language_of(title) == "en":
        prompt = _ASKS[kind].format(facts=facts, segment=segment or "customers")
        text = writer.write([prompt], Sampling(max_new_tokens=90, stop=("\n\n",)), seeds=seed)[0].strip().strip('"')
        if 0 < len(text) <= _LIMITS[kind] and not check_answer(text, [facts, segment]):
            return Copy(text, writer.name)
    return Copy(_plain(kind, row, shelves, segment)[: _LIMITS[kind]], TEMPLATE)


def _facts(row: int, shelves: ProductTable) -> str:
    lines = [f"Title: {shelves.titles[row]}"]
    if shelves.brands[row]:
        lines.append(f"Brand: {shelves.brands[row]}")
    if shelves.categories[row]:
        lines.append(f"Category: {shelves.categories[row]}")
    if np.isfinite(shelves.prices[row]):
        lines.append(f"Price: {shelves.prices[row]:.2f}")
    said = " ".join(part for part in sentences(shelves.said(row)) if not gives_orders(part))
    return "\n".join([*lines, *([f"Text: {said}"] if said else [])])


def _plain(kind: Kind, row: int, shelves: ProductTable, segment: str) -> str:
    title = shelves.titles[row]
    language = language_of(title)
    said = [part for part in sentences(shelves.said(row)) if not gives_orders(part)]
    brand = shelves.brands[row]
    named = not brand or brand.lower() in title.lower()
    price = shelves.prices[row]
    return (
        _PLAIN[language][kind]
        .format(
            title=title,
            short=title.split(",")[0].split("，")[0],
            by="" if named else f" by {brand}" if language == "en" else f"（{brand}）",
            first=" ".join(said),
            feature=said[0].rstrip("。.") if said else (shelves.categories[row] or title),
            price=f" ({price:.2f})" if np.isfinite(price) else "",
            segment=segment or {"en": "you", "zh": "会员"}[language],
        )
        .strip()
    )
