"""UCI Online Retail and Online Retail II: one file of invoice lines of a gift shop, as csv or xlsx.

Chen, Sain and Guo (2012), "Data mining for the online retail industry", doi 10.24432/C5BW33 and 10.24432/C5CG6D.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from recsys.data.parsing import as_ids, as_text
from recsys.data.sources.files import text_head
from recsys.data.sources.layouts.columns import need, renamed
from recsys.errors import BadInput

EVENTS = {
    "invoice": ("InvoiceNo", "Invoice"),
    "item_id": ("StockCode",),
    "title": ("Description",),
    "quantity": ("Quantity",),
    "timestamp": ("InvoiceDate",),
    "price": ("UnitPrice", "Price"),
    "user_id": ("CustomerID", "Customer ID"),
    "country": ("Country",),
}
_NEEDED = tuple(name for name in EVENTS if name != "country")
#: Products have five digits and up to two letters; POST, D, M, BANK CHARGES, gift_0001_20 and the like are none.
_PRODUCT = r"\d{5}[A-Z]{0,2}"


def matches(columns: set[str]) -> bool:
    """Whether these (lower-case) columns are in this layout."""
    return all(columns & {name.lower() for name in EVENTS[ours]} for ours in _NEEDED)


def matches_text(path: Path) -> bool:
    """Whether a file of text is in this layout; the first edition is not UTF-8."""
    first = text_head(path).partition("\n")[0]
    return matches({cell.strip().strip('"').lower() for cell in first.split(",")})


def read(tables: dict[str, pd.DataFrame]) -> tuple[dict[str, pd.DataFrame], dict[str, int | str | float]]:
    """Read invoice lines into `items` and `interactions`.

    Left out and counted: cancellations (invoices C...) and adjustments (A...), lines without a customer, stock codes
    that are no products, lines with no price or no positive quantity. Lines of one invoice share the invoice's first
    time (shop time, taken as UTC); several lines of one invoice with one product become one. An item's title is its
    most frequent description, its price the median.

    Returns
    -------
    tuple of dict and dict
        Tables and notes.
    """
    for table in tables.values():
        need(table, "Online Retail", **{ours: EVENTS[ours] for ours in _NEEDED})
    lines = pd.concat([renamed(table, EVENTS) for table in tables.values()])
    lines = lines.reset_index(drop=True)
    for column in ("invoice", "item_id", "user_id"):
        lines[column] = as_ids(lines[column])
    lines["item_id"] = lines["item_id"].str.upper()
    for column in ("quantity", "price"):
        lines[column] = pd.to_numeric(lines[column], errors="coerce")
    notes: dict[str, int | str | float] = {"lines": len(lines)}
    for name, bad in {
        "cancellations": lines["invoice"].str.upper().str.startswith(("C", "A"), na=False),
        "without_customer": lines["user_id"].isna(),
        "not_products": ~lines["item_id"].str.fullmatch(_PRODUCT, na=False),
        "zero_prices": ~(lines["price"] > 0),
        "zero_quantities": ~(lines["quantity"] > 0),
    }.items():
        bad = bad.reindex(lines.index)
        notes[name] = int(bad.sum())
        lines = lines[~bad]
    if lines.empty:
        raise BadInput(f"no line is a purchase of a product by a known customer; left out: {notes}.")
    lines = lines.assign(timestamp=_seconds(lines["timestamp"]))
    items = _items(lines)
    interactions = _interactions(lines)
    notes["merged_lines"] = len(lines) - len(interactions)
    return {"items": items, "interactions": interactions}, notes


def _seconds(moments: pd.Series) -> pd.Series:
    """UTC seconds of datetimes (xlsx), ISO text (II) or American text (I, `12/1/2010 8:26`)."""
    times = pd.to_datetime(moments, errors="coerce", format="ISO8601")
    if times.isna().any():
        times = times.fillna(pd.to_datetime(moments, errors="coerce", format="%m/%d/%Y %H:%M"))
    if times.isna().any():
        raise BadInput(f"InvoiceDate {str(moments[times.isna()].iloc[0])[:40]!r} cannot be read.")
    return pd.Series(times.to_numpy("datetime64[s]").astype(np.int64), index=moments.index)


def _items(lines: pd.DataFrame) -> pd.DataFrame:
    named = lines.assign(title=as_text(lines["title"], 1000)[0])
    # Most frequent description, ties by alphabet, so that the order of lines does not matter.
    counts = named[named["title"] != ""].groupby(["item_id", "title"], as_index=False).size()
    counts = counts.sort_values(["item_id", "size", "title"], ascending=[True, False, True])
    titles = counts.drop_duplicates("item_id").set_index("item_id")["title"]
    items = lines.groupby("item_id")["price"].median().round(2).to_frame()
    return items.assign(title=titles).reset_index()[["item_id", "title", "price"]]


def _interactions(lines: pd.DataFrame) -> pd.DataFrame:
    kept = [column for column in ("country",) if column in lines]
    lines = lines.assign(
        timestamp=lines.groupby("invoice")["timestamp"].transform("min"),
        paid=lines["price"] * lines["quantity"],
    )
    wanted = {"timestamp": "first", "quantity": "sum", "paid": "sum"} | dict.fromkeys(kept, "first")
    merged = lines.groupby(["invoice", "user_id", "item_id"], sort=False, as_index=False).agg(wanted)
    merged["price"] = (merged.pop("paid") / merged["quantity"]).round(4)
    merged["event"] = "purchase"
    return merged[["user_id", "item_id", "timestamp", "event", "quantity", "price", "invoice", *kept]]
