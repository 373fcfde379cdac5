"""Serving: who gets what from a published version. Nothing here writes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys._public import lazily

if TYPE_CHECKING:
    from recsys.serving.live import recommend
    from recsys.serving.recommender import Recommender
    from recsys.serving.rules import Rules

__all__ = ["Recommender", "Rules", "recommend"]

__getattr__ = lazily(
    __name__,
    {
        "Recommender": "recsys.serving.recommender",
        "Rules": "recsys.serving.rules",
        "recommend": "recsys.serving.live",
    },
)
