"""Tiny shops: below a handful of shoppers a ranker learns their names, and calls chance a certainty.

Three people who bought five things give a regression that separates them without error: probabilities of 1.0. Counting
who bought what, shrunk to the base rate, promises no more than is known.
"""

from __future__ import annotations

import numpy as np

from recsys.data.events import Events
from recsys.errors import NothingToLearn

#: Shoppers with two different items, and items that shoppers have met after their first, below which nothing is fitted.
SHOPPERS, FURTHER = 10, 60
#: Share of the catalogue that the usual shopper has met above which there is nothing left to choose from.
MET = 0.5


def require_enough(events: Events) -> None:
    """Raise `NothingToLearn`, saying what is missing, unless shoppers have chosen often enough, and among enough."""
    size = max(events.n_items, 1)
    met = np.bincount(np.unique(events.user.astype(np.int64) * size + events.item) // size, minlength=1)
    several, further = int((met > 1).sum()), int(np.maximum(met - 1, 0).sum())
    more = "; more days of events, or views beside purchases, would give it something to learn from"
    if several < SHOPPERS:
        raise NothingToLearn(f"{several} shoppers have met two different items, and a ranker needs {SHOPPERS}{more}")
    if further < FURTHER:
        raise NothingToLearn(f"shoppers have met {further} items after their first, and a ranker needs {FURTHER}{more}")
    if met[met > 0].mean() > MET * size:
        raise NothingToLearn("shoppers have met most of the catalogue, so there is nothing to tell a choice from")
