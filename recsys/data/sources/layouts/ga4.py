"""GA4's BigQuery export: one record an event, its products in the nested `items`, its parameters in `event_params`.

Schema: "[GA4] BigQuery Export schema", support.google.com/analytics/answer/7029846.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from recsys.data.sources.layouts.columns import cells, first_id, need

Notes = dict[str, int | str | float]
Tables = dict[str, pd.DataFrame]

_SEARCHES = ("search", "view_search_results")
EVENTS = {
    "user_id": ("user_id", "user_pseudo_id"),
    "timestamp": ("event_timestamp",),
    "event": ("event_name",),
    "item_id": ("items",),
}
_CATEGORIES = ("item_category5", "item_category4", "item_category3", "item_category2", "item_category")


def matches(columns: set[str]) -> bool:
    """Whether these are the columns of the export, still nested."""
    return {"event_name", "event_timestamp", "items"} <= columns


def read(tables: Tables) -> tuple[Tables, Notes]:
    """One row per event and product; searches with their words; a catalogue from what the events say of products.

    The shopper is `user_id`, else `user_pseudo_id`. Events with neither a product nor a search are left out and
    counted. The catalogue is a fallback for shops that give no items.
    """
    events = pd.concat(list(tables.values()), ignore_index=True)
    need(events, "a GA4 export", name=EVENTS["event"], time=EVENTS["timestamp"], who=EVENTS["user_id"])
    name = cells(events, *EVENTS["event"])
    base = pd.DataFrame(
        {
            "user_id": first_id(events, *EVENTS["user_id"]),
            "timestamp": pd.to_numeric(cells(events, *EVENTS["timestamp"]), errors="coerce") / 1e6,
            "event": name,
            "item": cells(events, *EVENTS["item_id"]).map(_records),
        }
    )
    is_search = name.isin(_SEARCHES)
    searches = base[is_search].drop(columns="item")
    words = cells(events, "event_params")[is_search].map(_words)
    searches = searches.assign(event="search", query=words).dropna(subset=["query"])
    sold = base[~is_search].explode("item", ignore_index=True)
    empty = sold["item"].isna()
    sold = sold[~empty].reset_index(drop=True)
    facts = pd.DataFrame(sold.pop("item").tolist(), index=sold.index, dtype=object)
    lines = sold.assign(
        **{column: cells(facts, column) for column in ("item_id", "quantity")}, price=cells(facts, "price")
    )
    interactions = pd.concat([lines, searches], ignore_index=True)
    return {"interactions": interactions, "items": _catalogue(facts)}, {"events_without_item": int(empty.sum())}


def _catalogue(facts: pd.DataFrame) -> pd.DataFrame:
    """What the latest event with a product says of it."""
    category = cells(facts, _CATEGORIES[0])
    for column in _CATEGORIES[1:]:
        category = category.where(category.notna(), cells(facts, column))
    table = pd.DataFrame(
        {
            "item_id": cells(facts, "item_id"),
            "title": cells(facts, "item_name"),
            "brand": cells(facts, "item_brand"),
            "category": category,
            "price": cells(facts, "price"),
        }
    )
    return table.dropna(subset=["item_id", "title"]).drop_duplicates("item_id", keep="last").reset_index(drop=True)


def _records(cell: Any) -> list[dict[str, Any]]:
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except ValueError:
            return []
    return [part for part in cell if isinstance(part, dict)] if isinstance(cell, list | np.ndarray) else []


def _words(cell: Any) -> str | None:
    """The `search_term` among an event's parameters."""
    for parameter in _records(cell):
        value = parameter.get("value")
        if parameter.get("key") == "search_term" and isinstance(value, dict) and value.get("string_value"):
            return str(value["string_value"])
    return None
