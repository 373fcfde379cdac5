"""Sections of the report on what else a version knows: demand, prices, parcels, reviews, pictures.

A section is there where the version has its tables; nothing of a room is imported for a version without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys.data import snapshot
from recsys.data.columns import ITEM, TITLE
from recsys.data.snapshot import PICTURES, Snapshot

#: Products, aspects and pairs of a section at most.
PRODUCTS, ASPECTS, PAIRS = 4, 5, 20
#: Days of a product's past prices in a plot.
PAST = 180


def sections(version: Path) -> dict[str, Any]:
    """What each section of the page is made of, by name; only of what the version knows.

    Parameters
    ----------
    version
        A version's directory, under ``versions/`` of the artifacts.

    Raises
    ------
    ArtifactError
        A file of it is damaged.
    """
    found: dict[str, Any] = {}
    if (version / "delivery.json").is_file():
        found["delivery"] = _delivery(version)
    if (version.parent.parent / "forecasts" / version.name).is_dir():
        found["demand"] = _demand(version)
    if not (version / "items.parquet").is_file():
        return found
    shop = snapshot.load(version)
    named = dict(zip(shop.item_ids, shop.tables.value.items[TITLE].fillna("").astype(str), strict=True))
    if shop.tables.value.prices is not None and shop.events.absolute:
        found |= _prices(shop, named)
    if shop.tables.value.reviews is not None:
        found |= _opinions(shop, named)
    if (version / f"{PICTURES}.parquet").is_file() and shop.facts.pictures is not None:
        found["pictures"] = _pictures(version, shop, named)
    return found


def _delivery(version: Path) -> dict[str, Any]:
    from recsys.delivery import published
    from recsys.evaluation.report import shop_plots

    known = published.load(version)
    assert known is not None  # the file is there
    place = known.places[0] if known.places else ("", "")
    days = {
        method or "all parcels": published.histogram(known.ordered, method, *place, known.today)
        for method in known.methods[:PRODUCTS] or [""]
        if known.ordered.span(known.today, method, *place) is not None
    }
    plot = shop_plots.parcels(days) if days else ""
    return {"known": known, "place": ", ".join(filter(None, reversed(place))), "plot": plot}


def _demand(version: Path) -> dict[str, Any]:
    from recsys.evaluation.report import shop_plots
    from recsys.forecast import published

    kept = published.load(version.parent.parent, version.name)
    assert kept is not None  # the folder is there
    most = kept.items.sort_values("expected", ascending=False, kind="stable").head(PRODUCTS)
    weeks = {str(row[TITLE]) or str(row[ITEM]): kept.of(row[ITEM]) for row in most.to_dict("records")}
    mase = sorted(kept.figures["mase"].items(), key=lambda one: one[1])
    return {"mase": mase, "figures": kept.figures, "plot": shop_plots.demand(weeks)}


def _prices(shop: Snapshot, named: Mapping[str, str]) -> dict[str, Any]:
    from recsys.evaluation.report import shop_plots
    from recsys.forecast.outlook import drops, price_path
    from recsys.forecast.prices import DAY, prices_of

    history = prices_of(shop)
    assert history is not None  # there is a table, and global time
    today = int(shop.now // DAY)
    below = drops(history, shop.tables.value.items, today)
    path = price_path(history, today, reduced=True)
    if path is None or not len(below):
        return {}
    usual, lines = history.usual(today), {}
    for item in below[ITEM].head(PRODUCTS):
        code = int(shop.item_index.get_indexer([item])[0])
        days = np.arange(today - PAST, today + 1)
        past = [float(history.at(int(day), np.array([code]))[0]) for day in days]
        lines[named[item] or item] = shop_plots.PriceLine(days, np.array(past), float(usual[code]), path.quantiles)
    return {"prices": {"below": len(below), "moves": path.moves, "plot": shop_plots.prices(lines)}}


def _opinions(shop: Snapshot, named: Mapping[str, str]) -> dict[str, Any]:
    from recsys.data.reviews import OPINION
    from recsys.reviews.view import opinion_of

    tables = shop.tables.value
    assert tables.reviews is not None
    counted = tables.reviews[tables.reviews[OPINION].notna()]
    most = counted.groupby(ITEM, observed=True).size().sort_values(ascending=False, kind="stable").index[:PRODUCTS]
    told = [(named.get(str(item), "") or str(item), opinion_of(tables, str(item))) for item in most]
    shown = [{"title": title, "said": said, "aspects": said.aspects[:ASPECTS]} for title, said in told if said]
    return {"opinions": {"reviews": len(counted), "products": shown}} if shown else {}


def _pictures(version: Path, shop: Snapshot, named: Mapping[str, str]) -> dict[str, Any]:
    from recsys.pictures.collect import twins

    table = pd.read_parquet(version / f"{PICTURES}.parquet")
    assert shop.facts.pictures is not None
    same = twins(shop.facts.pictures, table, shop.products)
    pairs = [
        {"one": row.item_id, "title": named[row.item_id], "two": row.twin, "other": named[row.twin], "near": row.cosine}
        for row in same.head(PAIRS).itertuples()
    ]
    read = int((shop.facts.pictures != 0).any(axis=1).sum())
    return {"read": read, "unread": int(table["problem"].notna().sum()), "same": len(same), "pairs": pairs}
