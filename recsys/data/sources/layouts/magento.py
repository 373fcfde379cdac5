"""Magento 2 (Adobe Commerce): the `catalog_product` export, and order lines of `sales_order_item` with their order.

Columns as Adobe documents them in "Product attributes" (data transfer) and in the sales module's schema.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from recsys.data.sources.layouts.columns import cells, deepest, first_id, need, says, spelled
from recsys.errors import BadInput

Notes = dict[str, int | str | float]
Tables = dict[str, pd.DataFrame]

ITEMS = {
    "item_id": ("sku",),
    "title": ("name",),
    "text": ("description", "short_description"),
    "brand": ("brand", "manufacturer"),
    "category": ("categories",),
    "available": ("is_in_stock", "product_online"),
}
EVENTS = {
    "user_id": ("customer_id", "customer_email"),
    "item_id": ("sku",),
    "timestamp": ("created_at",),
    "quantity": ("qty_ordered",),
    "order_id": ("order_id", "increment_id"),
}
_JOIN = (
    "SELECT o.customer_id, o.customer_email, i.sku, i.qty_ordered, i.price, i.created_at, i.parent_item_id "
    "FROM sales_order_item i JOIN sales_order o ON o.entity_id = i.order_id"
)


def is_products(columns: set[str]) -> bool:
    """Whether these are the columns of the product export."""
    return {"sku", "product_type"} <= columns and bool(columns & {"store_view_code", "attribute_set_code"})


def is_orders(columns: set[str]) -> bool:
    """Whether these are the columns of `sales_order_item`."""
    return {"sku", "qty_ordered"} <= columns


def read(tables: Tables) -> tuple[Tables, Notes]:
    """Products by SKU, one row each; order lines by SKU, once each.

    Rows of further store views only translate, and the second line of a configurable product repeats the first: both
    are left out and counted. What was cancelled or refunded of a line is not in its quantity.
    """
    out: Tables = {}
    notes: Notes = {}
    if "items" in tables:
        out["items"], notes["store_view_rows"] = _products(tables["items"])
    if "interactions" in tables:
        out["interactions"], left_out = _orders(tables["interactions"])
        notes |= left_out
    return out, notes


def _products(table: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    need(table, "a Magento product export", sku=ITEMS["item_id"], name=ITEMS["title"])
    translated = cells(table, "store_view_code").notna()
    table = table[~translated].reset_index(drop=True)
    long, short = (cells(table, name) for name in ITEMS["text"])
    sold_out = says(cells(table, "is_in_stock"), "0", "0.0", "no", "false")
    disabled = says(cells(table, "product_online"), "0", "2", "disabled")
    sku = cells(table, "sku")
    out = table.assign(
        item_id=sku,
        title=cells(table, *ITEMS["title"]),
        text=long.where(long.notna(), short),
        category=deepest(cells(table, *ITEMS["category"]), ",", "/"),
        available=~(sold_out | disabled),
        parent_id=sku.map(_parents(table)).fillna(sku),
    )
    brand = cells(table, *ITEMS["brand"])
    attributes = cells(table, "additional_attributes").astype("string")
    named = attributes.str.extract(r"(?:^|,)(?:brand|manufacturer)=([^,]*)", expand=False)
    return out.assign(brand=brand.where(brand.notna(), named)), int(translated.sum())


def _parents(table: pd.DataFrame) -> dict[str, str]:
    """SKU of a variant -> SKU of its configurable product (`sku=A-S,size=S|sku=A-M,size=M`)."""
    told = cells(table, "configurable_variations").astype("string")
    children = told.str.extractall(r"(?:^|\|)sku=([^,|]+)")[0]
    parents = cells(table, "sku").reindex(children.index.get_level_values(0))
    return dict(zip(children, parents, strict=True))


def _orders(table: pd.DataFrame) -> tuple[pd.DataFrame, Notes]:
    need(table, "Magento order lines", sku=EVENTS["item_id"], time=EVENTS["timestamp"])
    if spelled(table, *EVENTS["user_id"]) is None:
        raise BadInput(f"Magento's sales_order_item does not say who bought; export it with its order: {_JOIN}")
    repeated = cells(table, "parent_item_id").notna().to_numpy()

    def number(name: str) -> pd.Series:
        return pd.to_numeric(cells(table, name), errors="coerce").astype(np.float64)

    gone = number("qty_canceled").fillna(0) + number("qty_refunded").fillna(0)
    quantity = number("qty_ordered") - gone
    undone = (quantity <= 0).to_numpy() & ~repeated
    lines = pd.DataFrame(
        {
            "user_id": first_id(table, *EVENTS["user_id"]),
            "item_id": cells(table, "sku"),
            "timestamp": cells(table, *EVENTS["timestamp"]),
            "event": "purchase",
            "quantity": quantity,
            "price": cells(table, "price"),
            "order_id": cells(table, *EVENTS["order_id"]),
        }
    )
    notes: Notes = {"repeated_lines": int(repeated.sum()), "undone_lines": int(undone.sum())}
    return lines[~(repeated | undone)].reset_index(drop=True), notes
