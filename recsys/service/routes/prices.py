"""Endpoints of prices and demand: what is cheaper than usual, and one item's prices and forecast."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from starlette.responses import Response

from recsys.data.columns import ITEM, TITLE
from recsys.data.validation import MAX_ID
from recsys.forecast import published
from recsys.forecast.outlook import drops, price_path
from recsys.forecast.prices import DAY, PriceHistory, prices_of, sales_of
from recsys.service.access import needs
from recsys.service.bodies import K
from recsys.service.problems import problems
from recsys.service.replies import OutlookReply, PriceDropsReply
from recsys.service.rows import plain, reply, version_of
from recsys.service.state import Service, service_of
from recsys.serving.recommender import Recommender

router = APIRouter(tags=["supply"])
_NO_PRICES = "this version has no table of prices: run `recsys nightly --prices F`"


@router.get(
    "/price-drops",
    response_model=PriceDropsReply,
    responses=problems(404, 503),
    dependencies=[Depends(needs("recommend"))],
)
async def price_drops(request: Request, k: K = 20) -> Response:
    """Items on sale: at least 5% below the median of their own last 90 days, greatest drop first."""
    service = service_of(request)
    rec = service.served.rec

    def found() -> Response:
        history = prices_of(rec.shop)
        if history is None:
            raise HTTPException(404, _NO_PRICES)
        table = drops(history, rec.shop.tables.value.items, int(rec.shop.now // DAY))
        codes = rec.lookup.codes(table[ITEM].tolist())
        table = table[rec.shop.available[codes]].head(k)
        rows = [{**row, TITLE: rec.title(row[ITEM])} for row in table.to_dict("records")]
        return reply({"version": version_of(rec), "items": rows})

    return await service.slow.run(found)


@router.get(
    "/insight/outlook",
    response_model=OutlookReply,
    responses=problems(404, 503),
    dependencies=[Depends(needs("admin"))],
)
async def outlook(request: Request, item_id: Annotated[str, Query(min_length=1, max_length=MAX_ID)]) -> Response:
    """One item's prices and past sales, and its weekly demand with the forecast of `recsys forecast --keep`."""
    service = service_of(request)
    rec = service.served.rec

    def found() -> Response:
        code = int(rec.lookup.codes([item_id])[0])
        kept = kept_forecast(service, rec)
        history = prices_of(rec.shop)
        if kept is None and history is None:
            raise HTTPException(404, f"{_NO_PRICES}, or `recsys forecast --keep` for its demand")
        weeks = [] if kept is None else _rows(kept.of(item_id).drop(columns=ITEM))
        row = [] if kept is None else _rows(kept.items[kept.items[ITEM] == item_id])
        names = ("elasticity", "elasticity_low", "elasticity_high")
        elastic = {name: row[0].get(name) if row else None for name in names}
        return reply(
            {
                "version": version_of(rec),
                "item_id": item_id,
                "weeks": weeks,
                "mase": {} if kept is None else dict(kept.figures["mase"]),
                "prices": None if history is None else _prices(history, code, int(rec.shop.now // DAY)),
                **elastic,
            }
        )

    return await service.slow.run(found)


def kept_forecast(service: Service, rec: Recommender) -> published.Kept | None:
    """The forecast that was kept of the version that is served."""
    return published.load(service.settings.artifacts, version_of(rec))


def _rows(table: Any) -> list[dict[str, Any]]:
    columns = {str(name): plain(table[name]) for name in table.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _prices(history: PriceHistory, code: int, today: int) -> dict[str, Any] | None:
    mine = history.item == code
    if not mine.any():
        return None
    part = float(history.below_usual(today)[code])
    usual = float(history.usual(today)[code])
    path = price_path(history, today, reduced=part > 0)
    now = float(history.at(today)[code])
    return {
        "steps": [
            {"date": _date(day), "price": float(price)}
            for day, price in zip(history.day[mine], history.price[mine], strict=True)
        ],
        "today": _date(today),
        "usual": None if np.isnan(usual) else usual,
        "below_usual": part,
        "sales": [
            {"start": _date(s.start), "end": None if s.end < 0 else _date(s.end), "price": s.price, "part": s.part}
            for s in sales_of(history, code, today)
        ],
        "path": [] if path is None else (path.quantiles * now).tolist(),
    }


def _date(day: int) -> str:
    return str(np.datetime64(int(day), "D"))
