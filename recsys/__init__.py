"""Recommendations a shop can stand behind, from product text and shopping histories.

>>> from recsys import Recommender
>>> rec = Recommender.load("artifacts")          # doctest: +SKIP
>>> rec.recommend("12347", k=10)                 # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recsys.serving.live import recommend
    from recsys.serving.recommender import Recommender

__all__ = ["Recommender", "recommend"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Importing torch takes seconds; `import recsys` and the light modules should not pay for it.
    if name in __all__:
        from recsys.serving import live

        return getattr(live, name)
    raise AttributeError(f"module 'recsys' has no attribute {name!r}")
