"""Recommendations a shop can stand behind, from product text and shopping histories.

>>> from recsys import Recommender
>>> rec = Recommender.load("artifacts")          # doctest: +SKIP
>>> rec.recommend("12347", k=10)                 # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys._public import lazily

if TYPE_CHECKING:
    from recsys.evaluation import evaluate
    from recsys.serving.live import recommend
    from recsys.serving.recommender import Recommender
    from recsys.settings import Settings

__all__ = ["Recommender", "Settings", "evaluate", "recommend"]
__version__ = "0.1.0"

__getattr__ = lazily(
    __name__,
    {
        "Recommender": "recsys.serving.recommender",
        "Settings": "recsys.settings",
        "evaluate": "recsys.evaluation",
        "recommend": "recsys.serving.live",
    },
)
