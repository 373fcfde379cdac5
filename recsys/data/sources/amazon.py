"""Amazon Reviews 2023: products in `meta_*.jsonl[.gz]`, reviews in `*.jsonl[.gz]`, one JSON object per line.

Hou et al. (2024), "Bridging Language and Items for Retrieval and Recommendation", arXiv:2403.03952. Files run to many
gigabytes; they are read line by line, and only the columns below are ever held.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.data.parsing import storable
from recsys.data.sources.files import lines, text_head
from recsys.data.validation import MAX_TEXT
from recsys.errors import BadInput

_CHUNK = 200_000
Row = tuple[Any, ...]


def matches(path: Path) -> bool:
    """Whether the first line of a file is a record of this data set."""
    first = text_head(path).partition("\n")[0]
    try:
        record = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and ("parent_asin" in record or {"asin", "user_id", "rating"} <= record.keys())


def read(meta: Path | None, reviews: Path | None) -> tuple[dict[str, pd.DataFrame], dict[str, int | str | float]]:
    """Read products into `items` and reviews into `interactions`; either file may be missing.

    The id of a product is its `parent_asin` (variants share it). A review is a purchase at the time it was written,
    with its `rating`; `verified_purchase` is kept as a column. Lines that are no JSON object with the ids are left out
    and counted.

    Returns
    -------
    tuple of dict and dict
        Tables and notes.
    """
    tables, notes = {}, {}
    if meta is not None:
        columns = ["item_id", "title", "text", "brand", "category", "price"]
        tables["items"], notes["bad_item_lines"] = _read_lines(meta, _product, columns)
    if reviews is not None:
        columns = ["user_id", "item_id", "timestamp", "rating", "verified_purchase"]
        table, notes["bad_review_lines"] = _read_lines(reviews, _review, columns)
        tables["interactions"] = table.assign(event="purchase", timestamp=table["timestamp"] / 1e3)
    return tables, dict(notes)


def _read_lines(path: Path, parse: Callable[[dict[str, Any]], Row], columns: list[str]) -> tuple[pd.DataFrame, int]:
    chunks: list[pd.DataFrame] = []
    rows: list[Row] = []
    bad, example = 0, ""
    for line in lines(path):
        if not line.strip():
            continue
        try:
            cells = parse(json.loads(line))
            rows.append(tuple(storable(cell) if isinstance(cell, str) else cell for cell in cells))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
            bad += 1
            example = example or f"{type(e).__name__}: {e}"
        if len(rows) == _CHUNK:
            chunks.append(pd.DataFrame(rows, columns=columns))
            rows = []
    chunks.append(pd.DataFrame(rows, columns=columns))
    table = pd.concat([chunk for chunk in chunks if len(chunk)] or chunks, ignore_index=True)
    if table.empty:
        why = f"; the first of {bad:,} bad lines: {example[:120]}" if bad else ""
        raise BadInput(f"{path}: no line is a record of Amazon Reviews 2023 (needs {', '.join(columns[:2])}){why}.")
    return table, bad


def _product(record: dict[str, Any]) -> Row:
    parts = [*_list(record.get("features")), *_list(record.get("description"))]
    categories = _list(record.get("categories"))
    return (
        record["parent_asin"],
        record.get("title"),
        " ".join(parts)[:MAX_TEXT],
        record.get("store"),
        categories[-1] if categories else record.get("main_category"),
        record.get("price"),
    )


def _review(record: dict[str, Any]) -> Row:
    return (
        record["user_id"],
        record.get("parent_asin") or record["asin"],
        float(record["timestamp"]),
        record.get("rating"),
        bool(record.get("verified_purchase", False)),
    )


def _list(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(part) for part in value if part] if isinstance(value, list) else [str(value)]
