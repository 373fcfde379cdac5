"""Tiny shops: below a handful of shoppers a ranker learns their names, and calls chance a certainty.

Three people who bought five things give a regression that separates them without error: probabilities of 1.0. Counting
who bought what, shrunk to the base rate, promises no more than is known.
"""

from __future__ import annotations

import numpy as np

from recsys.data.events import Events
from recsys.errors import NothingToLearn

#: Shoppers with two different items below which nothing is fitted.
SHOPPERS = 10


def require_enough(events: Events) -> None:
    """Raise `NothingToLearn`, saying what is missing, unless enough shoppers have met two different items."""
    pairs = np.unique(events.user.astype(np.int64) * max(events.n_items, 1) + events.item)
    several = int((np.bincount(pairs // max(events.n_items, 1)) > 1).sum()) if len(pairs) else 0
    if several < SHOPPERS:
        raise NothingToLearn(
            f"{several} shoppers have met two different items, and a ranker needs {SHOPPERS}; "
            "more days of events, or views beside purchases, would give it something to learn from"
        )
