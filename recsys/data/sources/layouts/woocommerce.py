"""WooCommerce: the product export, and the order lines of its table `wc_order_product_lookup`.

Columns as WooCommerce documents them in "Product CSV Importer and Exporter" and in its analytics tables.
"""

from __future__ import annotations

import pandas as pd

from recsys.data.parsing import as_ids
from recsys.data.sources.layouts.columns import cells, deepest, first_id, need, says

Notes = dict[str, int | str | float]
Tables = dict[str, pd.DataFrame]

ITEMS = {
    "item_id": ("ID", "SKU"),
    "title": ("Name",),
    "text": ("Description", "Short description"),
    "brand": ("Brands", "Brand"),
    "category": ("Categories",),
    "price": ("Sale price", "Regular price"),
    "available": ("In stock?", "Published"),
    "parent_id": ("Parent",),
}
EVENTS = {
    "user_id": ("customer_id",),
    "item_id": ("variation_id", "product_id"),
    "timestamp": ("date_created",),
    "quantity": ("product_qty",),
    "price": ("product_gross_revenue", "product_net_revenue"),
}
_INHERITED = ("title", "text", "brand", "category")


def is_products(columns: set[str]) -> bool:
    """Whether these are the columns of the product export."""
    return {"id", "type", "sku", "name"} <= columns and bool(columns & {"regular price", "in stock?", "published"})


def is_orders(columns: set[str]) -> bool:
    """Whether these are the columns of `wc_order_product_lookup`."""
    return {"order_id", "product_id", "customer_id"} <= columns and bool(columns & {"product_qty", "date_created"})


def read(tables: Tables) -> tuple[Tables, Notes]:
    """Products by ID, variations with their parent's texts; order lines by variation where the catalogue has it.

    A variable product and its variations are the same thing twice: what the orders use is kept, else the product.
    """
    out: Tables = {}
    notes: Notes = {}
    items = _products(tables["items"]) if "items" in tables else None
    if "interactions" in tables:
        known = set(items["item_id"]) if items is not None else None
        out["interactions"] = _orders(tables["interactions"], known)
    if items is not None:
        ordered = set(as_ids(out["interactions"]["item_id"])) if "interactions" in out else set()
        out["items"], notes["doubled_rows"] = _once(items, ordered)
    return out, notes


def _products(table: pd.DataFrame) -> pd.DataFrame:
    need(table, "a WooCommerce product export", id=ITEMS["item_id"][:1], name=ITEMS["title"])
    sku = as_ids(cells(table, "SKU"))
    ids = first_id(table, *ITEMS["item_id"])
    sale, regular = (cells(table, name) for name in ITEMS["price"])
    long, short = (cells(table, name) for name in ITEMS["text"])
    out = table.assign(
        item_id=ids,
        title=cells(table, *ITEMS["title"]),
        text=long.where(long.notna(), short),
        brand=cells(table, *ITEMS["brand"]),
        category=deepest(cells(table, *ITEMS["category"]), ",", ">"),
        price=sale.where(sale.notna(), regular),
        available=~(says(cells(table, "In stock?"), "0", "no") | says(cells(table, "Published"), "0", "-1")),
        parent_id=_parents(cells(table, *ITEMS["parent_id"]), ids, sku),
    )
    # A variation says of itself only what differs.
    parents = out.dropna(subset=["item_id"]).drop_duplicates("item_id").set_index("item_id")
    for column in _INHERITED:
        out[column] = out[column].where(out[column].notna(), out["parent_id"].map(parents[column]))
    return out.assign(parent_id=out["parent_id"].where(out["parent_id"].notna(), out["item_id"]))


def _parents(parent: pd.Series, ids: pd.Series, sku: pd.Series) -> pd.Series:
    """`id:123` or a SKU as the parent's id."""
    text = as_ids(parent)
    by_sku = dict(zip(sku.dropna(), ids[sku.notna()], strict=True))
    number = text.str.extract(r"^id:(\d+)$", expand=False)
    return number.where(number.notna(), text.map(by_sku))


def _once(items: pd.DataFrame, ordered: set[str]) -> tuple[pd.DataFrame, int]:
    kind = cells(items, "Type").fillna("")
    variation, variable = kind.str.contains("variation"), kind.str.contains("variable")
    used = items["item_id"].isin(ordered)
    left_out = variable & ~used if (variation & used).any() else variation
    return items[~left_out].reset_index(drop=True), int(left_out.sum())


def _orders(table: pd.DataFrame, known: set[str] | None) -> pd.DataFrame:
    need(table, "WooCommerce order lines", time=("date_created",), product=("product_id",), buyer=("customer_id",))
    variation, product = (as_ids(cells(table, name)) for name in EVENTS["item_id"])
    is_known = variation.isin(known) if known is not None else variation.notna() & (variation != "0")
    quantity = pd.to_numeric(cells(table, *EVENTS["quantity"]), errors="coerce")
    paid = pd.to_numeric(cells(table, *EVENTS["price"]), errors="coerce")
    return pd.DataFrame(
        {
            "user_id": cells(table, *EVENTS["user_id"]),
            "item_id": variation.where(is_known, product),
            "timestamp": cells(table, *EVENTS["timestamp"]),
            "event": "purchase",
            "quantity": quantity,
            "price": (paid / quantity.where(quantity != 0)).round(4),
            "order_id": cells(table, "order_id"),
        }
    )
