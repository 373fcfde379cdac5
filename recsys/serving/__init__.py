"""Serving: who gets what from a published version. Nothing here writes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from recsys.serving.live import recommend
    from recsys.serving.recommender import Recommender
    from recsys.serving.rules import Rules

__all__ = ["Recommender", "Rules", "recommend"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__, submod_attrs={"live": ["recommend"], "recommender": ["Recommender"], "rules": ["Rules"]}
)
