"""Shopify: the product export (one row a variant, the product's own cells only on its first) and the order export.

Columns as Shopify's help describes them in "Using CSV files to import and export products" (both the names of before
2025 and those since) and "Exporting orders".
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from recsys.data.sources.layouts.columns import cells, inherited, need, renamed, says, spelled

Notes = dict[str, int | str | float]
Tables = dict[str, pd.DataFrame]

_HANDLE = ("Handle", "URL handle")
ITEMS = {
    "item_id": ("Variant SKU", "SKU"),
    "title": ("Title",),
    "text": ("Body (HTML)", "Description"),
    "brand": ("Vendor",),
    "category": ("Type", "Product Category"),
    "price": ("Variant Price", "Price"),
}
EVENTS = {
    "user_id": ("Email", "Phone"),
    "item_id": ("Lineitem sku", "Lineitem name"),
    "timestamp": ("Created at", "Paid at"),
    "quantity": ("Lineitem quantity",),
    "price": ("Lineitem price",),
    "currency": ("Currency",),
    "order_id": ("Name",),
}
#: What belongs to one variant or one picture and is never another row's.
_VARIANT = re.compile(
    r"variant|option\d|image|product image|sku$|barcode|price|compare|cost|inventory|item_id|weight|unit price"
)
_OPTIONS = tuple(f"Option{number} Value" for number in (1, 2, 3))


def is_products(columns: set[str]) -> bool:
    """Whether these are the columns of the product export, renamed in part or not."""
    return bool(columns & {"handle", "url handle"}) and bool(
        columns & {"option1 value", "variant sku", "variant price"}
    )


def is_orders(columns: set[str]) -> bool:
    """Whether these are the columns of the order export."""
    return {"name", "lineitem name"} <= columns or {"name", "lineitem sku"} <= columns


def read(tables: Tables) -> tuple[Tables, Notes]:
    """Variants with their product's cells, and order lines with their order's.

    The id is the SKU; a variant without one is called by handle and options, and an order line without one by its
    name, which finds the variant of that title. Cancelled, refunded and voided orders are left out and counted. The
    shopper is the e-mail address, else the phone number.
    """
    out: Tables = {}
    notes: Notes = {}
    if "items" in tables:
        out["items"], notes["image_rows"] = _products(tables["items"])
    if "interactions" in tables:
        out["interactions"], left_out = _orders(tables["interactions"], out.get("items"))
        notes |= left_out
    return out, notes


def _products(table: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    need(table, "a Shopify product export", handle=_HANDLE, variant=(*ITEMS["item_id"], "item_id", *_OPTIONS))
    table = renamed(table, ITEMS)
    handle = cells(table, *_HANDLE)
    shared = [column for column in table.columns if not _VARIANT.match(str(column).strip().lower())]
    table = table.assign(**{column: inherited(table[column], handle) for column in shared})
    evidence = [column for column in ("item_id", "price", spelled(table, _OPTIONS[0])) if column in table]
    pictures = table[evidence].isna().all(axis=1)
    table, handle = table[~pictures].reset_index(drop=True), handle[~pictures].reset_index(drop=True)
    named = handle.str.cat([cells(table, option).fillna("") for option in _OPTIONS], sep="-").str.strip("-")
    single = ~handle.duplicated(keep=False)
    made = named.where(~single, handle)
    ids = cells(table, "item_id")
    return table.assign(item_id=ids.where(ids.notna(), made), parent_id=handle, available=_available(table)), int(
        pictures.sum()
    )


def _available(table: pd.DataFrame) -> pd.Series:
    if "available" in table:
        return table["available"]
    quantity = pd.to_numeric(cells(table, "Variant Inventory Qty", "Inventory quantity"), errors="coerce")
    tracked = cells(table, "Variant Inventory Tracker", "Inventory tracker").notna()
    oversold = says(cells(table, "Variant Inventory Policy", "Continue selling when out of stock"), "continue", "true")
    sold_out = tracked & (quantity <= 0) & ~oversold
    hidden = says(cells(table, "Status"), "archived", "draft") | says(
        cells(table, "Published", "Published on online store"), "false"
    )
    return pd.Series(~(sold_out.fillna(False).to_numpy(dtype=bool) | hidden), index=table.index)


def _orders(table: pd.DataFrame, items: pd.DataFrame | None) -> tuple[pd.DataFrame, Notes]:
    need(table, "a Shopify order export", order=EVENTS["order_id"], buyer=EVENTS["user_id"], time=EVENTS["timestamp"])
    order = cells(table, *EVENTS["order_id"])
    whole = {
        name: inherited(cells(table, name), order)
        for name in (*EVENTS["user_id"], *EVENTS["timestamp"], "Financial Status", "Cancelled at", "Currency")
    }
    sku, name = (cells(table, column) for column in EVENTS["item_id"])
    item = sku.where(sku.notna(), name.map(_by_title(items)).fillna(name) if items is not None else name)
    lines = pd.DataFrame(
        {
            "user_id": whole["Email"].where(whole["Email"].notna(), whole["Phone"]),
            "item_id": item,
            "timestamp": whole["Created at"].where(whole["Created at"].notna(), whole["Paid at"]),
            "event": "purchase",
            "quantity": cells(table, *EVENTS["quantity"]),
            "price": cells(table, *EVENTS["price"]),
            "currency": whole["Currency"],
            "order_id": order,
        }
    )
    cancelled = whole["Cancelled at"].notna().to_numpy()
    returned = says(whole["Financial Status"], "refunded", "voided", "expired") & ~cancelled
    empty = (item.isna() & name.isna()).to_numpy()
    notes = {"cancelled_lines": cancelled, "refunded_lines": returned, "lines_without_item": empty}
    return lines[~(cancelled | returned | empty)].reset_index(drop=True), {
        name: int(np.sum(rows)) for name, rows in notes.items()
    }


def _by_title(items: pd.DataFrame) -> dict[str, str]:
    """An order line's name -> id: `Mug`, or `Mug - Blue / Large` for one of several variants."""
    options = [cells(items, option) for option in _OPTIONS]
    said = pd.concat(options, axis=1).apply(
        lambda row: " / ".join(value for value in row.dropna() if value != "Default Title"), axis=1
    )
    title = cells(items, "title").fillna("")
    full = title.where(said == "", title + " - " + said)
    return dict(zip(full, items["item_id"], strict=True))
