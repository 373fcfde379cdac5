"""RetailRocket: events, and properties of items as they changed (`item_properties_part*.csv`), one value a row.

Retailrocket recommender system dataset, kaggle.com/datasets/retailrocket/ecommerce-dataset. All values but the
category and the availability are hashed, so there are no titles; what there is of words tells items apart all the same.
"""

from __future__ import annotations

import pandas as pd

from recsys.data.sources.layouts.columns import cells, need, renamed

Notes = dict[str, int | str | float]
Tables = dict[str, pd.DataFrame]

ITEMS = {"item_id": ("itemid",)}
EVENTS = {"user_id": ("visitorid",), "item_id": ("itemid",), "order_id": ("transactionid",)}
_CATEGORY, _AVAILABLE = "categoryid", "available"


def is_properties(columns: set[str]) -> bool:
    """Whether these are the columns of the properties."""
    return {"timestamp", "itemid", "property", "value"} <= columns


def is_events(columns: set[str]) -> bool:
    """Whether these are the columns of the events."""
    return {"timestamp", "visitorid", "event", "itemid"} <= columns


def read(tables: Tables) -> tuple[Tables, Notes]:
    """Items by their latest properties, and events under our names; a title is made of the item's number."""
    out: Tables = {}
    notes: Notes = {}
    if "items" in tables:
        out["items"] = _items(tables["items"])
        notes["titles"] = "made of the items' numbers: this export has none"
    if "interactions" in tables:
        events = tables["interactions"]
        need(events, "RetailRocket's events", who=("visitorid",), item=("itemid",), time=("timestamp",))
        out["interactions"] = renamed(events, EVENTS)
    return out, notes


def _items(table: pd.DataFrame) -> pd.DataFrame:
    need(table, "RetailRocket's properties", item=("itemid",), property=("property",), value=("value",))
    facts = pd.DataFrame({name: cells(table, name) for name in ("itemid", "property", "value")})
    time = pd.to_numeric(cells(table, "timestamp"), errors="coerce")
    facts = facts.loc[time.sort_values(kind="stable").index].dropna()
    facts = facts.drop_duplicates(["itemid", "property"], keep="last")
    plain = facts["property"].isin([_CATEGORY, _AVAILABLE])
    named = facts[plain].set_index(["itemid", "property"])["value"].unstack()  # noqa: PD010
    words = facts[~plain].sort_values("property").groupby("itemid", sort=True)["value"].agg(" ".join)
    out = pd.DataFrame({"text": words}).join(named, how="outer").rename_axis("item_id").reset_index()
    category = cells(out, _CATEGORY)
    title = "Item " + out["item_id"] + (" of category " + category).fillna("")
    return out.rename(columns={_CATEGORY: "category"}).assign(title=title)
