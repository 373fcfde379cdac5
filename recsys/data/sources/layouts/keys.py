"""Which of a catalogue's ids the events use: SKU, number, handle or barcode. Decided by looking, not by a rule."""

from __future__ import annotations

import pandas as pd

from recsys.data.parsing import as_ids

ITEM = "item_id"
#: Columns that hold an id of the product, in small letters.
_CANDIDATES = {
    *("id", "sku", "variant sku", "handle", "gtin", "ean", "upc", "barcode", "variant barcode", "mpn", "asin"),
    *("product_id", "product id", "productid", "variant_id", "variant id", "item_group_id", "item group id"),
    *("entity_id", "parent_id"),
}
#: The ids of the events must fit the other column so much better before it is taken.
_BETTER, _ENOUGH = 2.0, 0.5


def agree(tables: dict[str, pd.DataFrame]) -> str | None:
    """Give the items the ids that the events use, where another of their columns fits far better than `item_id`.

    Returns
    -------
    str or None
        The column that took `item_id`'s place; `tables` is changed then.
    """
    items, events = tables.get("items"), tables.get("interactions")
    if items is None or events is None or ITEM not in items or ITEM not in events:
        return None
    wanted = set(as_ids(events[ITEM]).dropna().unique())
    if not wanted:
        return None

    def fit(column: str) -> float:
        return len(wanted & set(as_ids(items[column]).dropna())) / len(wanted)

    others = [str(c) for c in items.columns if str(c).strip().lower() in _CANDIDATES]
    now = fit(ITEM)
    if now > _ENOUGH or not others:
        return None
    best = max(others, key=fit)
    if fit(best) < max(_ENOUGH, _BETTER * now) or as_ids(items[best]).dropna().duplicated().any():
        return None
    tables["items"] = items.assign(**{ITEM: items[best].fillna(items[ITEM])})
    return best
