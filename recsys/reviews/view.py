"""What reviews say of one item, read from a version's tables: for the page, the assistant and Python."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data.columns import ITEM, TIME
from recsys.data.events import DAY
from recsys.data.intervals import wilson
from recsys.data.reviews import OPINION
from recsys.data.snapshot import ShopTables

#: Reviews on each side of a moment from which their difference is told, and days that are "lately".
TREND, LATELY = 5, 90
#: Reviews of the usual opinion that are added to each item's own where items are compared.
PRIOR = 5
#: A review praises from this opinion, and blames below it.
MIDDLE = 0.5


@dataclass(frozen=True)
class Quote:
    """Words of one review, and whether they praise."""

    text: str
    praises: bool


@dataclass(frozen=True)
class AspectOpinion:
    """What reviews say of one side of an item.

    Attributes
    ----------
    praised, criticised
        Reviews that do, repeats counted once.
    share, low, high
        Share that praises, and its 95% interval (Wilson).
    quotes
        At most two sentences, word for word.
    """

    aspect: str
    praised: int
    criticised: int
    share: float
    low: float
    high: float
    quotes: tuple[Quote, ...]

    @property
    def stars(self) -> float:
        """1 to 5: the share on the scale of stars."""
        return 1 + 4 * self.share


@dataclass(frozen=True)
class ItemOpinion:
    """What reviews say of an item.

    Attributes
    ----------
    reviews
        How many count.
    praise
        How many of them speak well of it.
    stars
        Their mean opinion, 1 to 5.
    low, high
        95% interval of the share that praises.
    trend
        Mean stars of the last 90 days less those before; None where there are too few on either side.
    aspects
        The most spoken of first.
    """

    reviews: int
    praise: int
    stars: float
    low: float
    high: float
    trend: float | None
    aspects: tuple[AspectOpinion, ...]

    @property
    def share(self) -> float:
        """Share of the reviews that praise."""
        return self.praise / self.reviews


def opinion_of(tables: ShopTables, item_id: str) -> ItemOpinion | None:
    """What reviews say of an item; None where nobody wrote of it, or the shop has no reviews."""
    if tables.reviews is None:
        return None
    own = tables.reviews[(tables.reviews[ITEM].astype(object) == item_id).to_numpy(bool)]
    score = own[OPINION].to_numpy(np.float64, na_value=np.nan)
    counts = np.isfinite(score)
    if not counts.any():
        return None
    latest = float(np.nanmax(tables.reviews[TIME].to_numpy(np.float64, na_value=np.nan), initial=-np.inf))
    praise = int((score[counts] >= MIDDLE).sum())
    low, high = wilson(praise, int(counts.sum()))
    return ItemOpinion(
        reviews=int(counts.sum()),
        praise=praise,
        stars=1 + 4 * float(score[counts].mean()),
        low=low,
        high=high,
        trend=_trend(score[counts], own[TIME].to_numpy(np.float64, na_value=np.nan)[counts], latest),
        aspects=tuple(map(_aspect, _rows(tables.aspects, item_id))),
    )


def liked(reviews: pd.DataFrame) -> dict[str, float]:
    """Mean opinion of each item's reviews, 0 to 1, shrunken to that of all: one happy buyer is no best seller."""
    score = reviews[[ITEM, OPINION]].dropna()
    score = score.assign(**{ITEM: score[ITEM].astype(str)})
    by_item = score.groupby(ITEM)[OPINION].agg(["sum", "size"])
    shrunken = (by_item["sum"] + PRIOR * score[OPINION].mean()) / (by_item["size"] + PRIOR)
    return {str(item): float(value) for item, value in shrunken.items()}


def _rows(aspects: pd.DataFrame | None, item_id: str) -> list[dict[str, object]]:
    if aspects is None:
        return []
    found: list[dict[str, object]] = aspects[(aspects[ITEM].astype(object) == item_id).to_numpy(bool)].to_dict(
        "records"
    )
    return found


def _aspect(row: dict[str, object]) -> AspectOpinion:
    quotes = ((row["quote_1"], row["praises_1"]), (row["quote_2"], row["praises_2"]))
    return AspectOpinion(
        aspect=str(row["aspect"]),
        praised=int(str(row["praised"])),
        criticised=int(str(row["criticised"])),
        share=float(str(row["share"])),
        low=float(str(row["low"])),
        high=float(str(row["high"])),
        quotes=tuple(Quote(str(text), bool(praises)) for text, praises in quotes if text),
    )


def _trend(score: NDArray[np.float64], time: NDArray[np.float64], latest: float) -> float | None:
    late, early = time >= latest - LATELY * DAY, time < latest - LATELY * DAY
    if late.sum() < TREND or early.sum() < TREND:
        return None
    return float(4 * (score[late].mean() - score[early].mean()))
