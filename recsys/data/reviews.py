"""The table of reviews: what shoppers wrote of items, checked like every other table.

A review needs an item and words. Who wrote it, the stars, the time and the language are used where they are there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from recsys.data.columns import ITEM, LANGUAGE, RATING, REVIEW, TIME, USER
from recsys.data.interactions import reject_unknown
from recsys.data.markup import without_markup
from recsys.data.parsing import as_ids
from recsys.data.report import TableReport
from recsys.data.times import as_times
from recsys.data.validation import MAX_TEXT, MAX_TITLE, Checked, Dialect, Sieve

#: Column that a night adds: how well a review speaks of the item, 0 to 1; missing where it repeats another one.
OPINION = "opinion"


def check_reviews(
    raw: pd.DataFrame,
    known_items: Collection[str] | None = None,
    source: str = "reviews",
    *,
    dialect: Dialect | None = None,
    report: TableReport | None = None,
) -> Checked:
    """Validate a table of reviews: `item_id`, `review`; optional `user_id`, `rating`, `timestamp`, `language`.

    Returns
    -------
    Checked
        Sorted by `item_id`, `timestamp`, `review`. `timestamp` is UTC seconds and `rating` a number, each NaN where it
        is not known; `user_id` and `language` are text, missing where not known. An exact repeat of a row is left out.
    """
    sieve = Sieve(raw, "reviews", [ITEM, REVIEW], source, dialect, report)
    hint = reject_unknown(sieve, sieve.ids(ITEM), known_items)
    sieve.texts([REVIEW], MAX_TEXT)
    sieve.texts([LANGUAGE], MAX_TITLE)
    table = sieve.table
    table[REVIEW], changed = without_markup(table[REVIEW])
    sieve.count("markup", changed)
    sieve.reject((table[REVIEW].str.strip() == "").to_numpy(), "missing_review", "review is missing")
    if USER in table:
        table[USER] = as_ids(table[USER])
    if RATING in table:
        sieve.amounts([RATING])
    _read_times(sieve)
    same = [name for name in (ITEM, REVIEW, USER, TIME, RATING) if name in table]
    sieve.reject(table.duplicated(same).to_numpy() & sieve.good, "duplicates", "the same row again", bad=False)
    return sieve.result([ITEM, TIME, REVIEW], None, hint)


def _read_times(sieve: Sieve) -> None:
    """UTC seconds of each review; what cannot be read, and ordinals, are unknown times."""
    if TIME not in sieve.table:
        sieve.table[TIME] = np.nan
        sieve.report.times = "no timestamp column: the trend of opinion is not known"
        return
    times = as_times(sieve.table[TIME])
    sieve.unread(TIME, times.unreadable)
    sieve.table[TIME] = np.full(len(times.seconds), np.nan) if times.unit == "order" else times.seconds
    sieve.report.times = times.unit


@dataclass(frozen=True)
class Opinions:
    """Opinions of coded items, one a counted review.

    Attributes
    ----------
    item
        Codes, int32, shape ``(n,)``.
    time
        UTC seconds, NaN where not known; float64, shape ``(n,)``.
    score
        How well the review speaks of the item, 0 to 1; float32, shape ``(n,)``.
    """

    item: NDArray[np.int32]
    time: NDArray[np.float64]
    score: NDArray[np.float32]

    @classmethod
    def from_table(cls, table: pd.DataFrame, items: ArrayLike) -> Opinions | None:
        """Code a table of scored reviews; None where no known item has one that counts."""
        item = pd.Index(items, dtype=object).get_indexer(pd.Index(table[ITEM], dtype=object)).astype(np.int32)
        score = table[OPINION].to_numpy(np.float32, na_value=np.nan)
        counts = (item >= 0) & np.isfinite(score)
        found = cls(item[counts], table[TIME].to_numpy(np.float64, na_value=np.nan)[counts], score[counts])
        return found if len(found) else None

    def __len__(self) -> int:
        return len(self.item)

    def before(self, now: float) -> Opinions:
        """What was written before `now`; a review without a time always was."""
        keep = ~(self.time >= now)
        return Opinions(**{name: array[keep] for name, array in self.arrays.items()})

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in ("item", "time", "score")}
