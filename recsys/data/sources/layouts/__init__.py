"""Export layouts of shop systems: which one a table is, by its columns, and its rows as rows of the data contract.

Only what needs rows reshaped is here: cells to be filled down, nested records, properties as rows. Columns that merely
have another name are the vocabulary's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recsys.data.sources.layouts import ga4, magento, online_retail, retailrocket, shopify, woocommerce
from recsys.data.sources.layouts.columns import read_as
from recsys.data.sources.layouts.keys import agree
from recsys.errors import BadInput

Notes = dict[str, int | str | float]
Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True, eq=False)
class Layout:
    """One system's exports.

    Attributes
    ----------
    name : str
        What `--format` calls it.
    items, interactions : callable
        Whether a table with these (lower-case) column names is this system's catalogue, or its events.
    read : callable
        Both tables, where they are this system's, to those of the data contract and counts of what was left out.
    columns : dict
        Of each table: our column -> theirs that it is read from.
    whole : bool
        Whether a catalogue made of the events is all of it, or only what the events speak of.
    """

    name: str
    items: Callable[[set[str]], bool]
    interactions: Callable[[set[str]], bool]
    read: Callable[[Tables], tuple[Tables, Notes]]
    columns: Mapping[str, Mapping[str, Sequence[str]]]
    whole: bool = True


_LAYOUTS = (
    Layout(
        "online-retail",
        online_retail.matches,
        online_retail.matches,
        online_retail.read,
        {"items": online_retail.EVENTS, "interactions": online_retail.EVENTS},
    ),
    Layout(
        "shopify",
        shopify.is_products,
        shopify.is_orders,
        shopify.read,
        {"items": shopify.ITEMS, "interactions": shopify.EVENTS},
    ),
    Layout(
        "woocommerce",
        woocommerce.is_products,
        woocommerce.is_orders,
        woocommerce.read,
        {"items": woocommerce.ITEMS, "interactions": woocommerce.EVENTS},
    ),
    Layout(
        "magento",
        magento.is_products,
        magento.is_orders,
        magento.read,
        {"items": magento.ITEMS, "interactions": magento.EVENTS},
    ),
    Layout("ga4", ga4.matches, ga4.matches, ga4.read, {"items": ga4.EVENTS, "interactions": ga4.EVENTS}, whole=False),
    Layout(
        "retailrocket",
        retailrocket.is_properties,
        retailrocket.is_events,
        retailrocket.read,
        {"items": retailrocket.ITEMS, "interactions": retailrocket.EVENTS},
    ),
)
#: Note of a catalogue that is only what the events speak of: one that is live already is the better one.
FROM_EVENTS = "made of what the events say of products"
NAMES = tuple(layout.name for layout in _LAYOUTS)


def arrange(
    tables: Tables, format: str, places: Mapping[str, Path | str]
) -> tuple[Tables, Notes, dict[str, dict[str, str]]]:
    """Tables as read -> tables of the data contract where their layout is a known one.

    Parameters
    ----------
    tables : dict
        `items` and `interactions` as they were found.
    format : str
        `auto`, `own`, or one of `NAMES`.
    places : mapping
        Where each came from, for messages.

    Returns
    -------
    tuple of dict, dict and dict
        The tables; counts of what was left out; of each table that was given, the columns read under another name,
        theirs -> ours.

    Raises
    ------
    BadInput
        A table is not in the layout that was named, or is in a known layout but cannot be used.
    """
    found = {name: _layout(name, table, format) for name, table in tables.items()}
    out: Tables = {name: table for name, table in tables.items() if found[name] is None}
    notes: Notes = {"format": " + ".join(dict.fromkeys(layout.name if layout else "own" for layout in found.values()))}
    for layout in dict.fromkeys(layout for layout in found.values() if layout):
        theirs = [name for name in tables if found[name] is layout]
        try:
            read, left_out = layout.read({name: tables[name] for name in theirs})
        except BadInput as error:
            raise BadInput(f"{' and '.join(str(places[name]) for name in theirs)}: {error}") from None
        # A catalogue that a layout makes of its events does not replace one that was given.
        out |= {name: table for name, table in read.items() if name not in tables or found[name] is layout}
        notes |= left_out
        if "items" in read and "items" not in tables and not layout.whole:
            notes["items"] = FROM_EVENTS
    if chosen := agree(out):
        notes["item_ids"] = f"column {chosen!r} of the items, which the events use"
    columns = {name: read_as(tables[name], layout.columns[name]) for name, layout in found.items() if layout}
    return out, notes, columns


def _layout(name: str, table: pd.DataFrame, format: str) -> Layout | None:
    columns = {str(column).strip().lower() for column in table.columns}
    if format == "own":
        return None
    if format != "auto":
        return next(layout for layout in _LAYOUTS if layout.name == format)
    return next((layout for layout in _LAYOUTS if getattr(layout, name)(columns)), None)
