"""Recommendations a shop can stand behind, from product text and shopping histories.

>>> from recsys import Recommender
>>> rec = Recommender.load("artifacts")          # doctest: +SKIP
>>> rec.recommend("12347", k=10)                 # doctest: +SKIP
>>> recsys.answer("how long does delivery take?").text  # doctest: +SKIP
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from recsys.assistant.setup import answer
    from recsys.evaluation.assessment import evaluate
    from recsys.serving.live import recommend
    from recsys.serving.recommender import Recommender
    from recsys.settings import Settings

__all__ = ["Recommender", "Settings", "answer", "evaluate", "recommend"]
__version__ = version("shop-recsys")

# Importing torch takes seconds; `import recsys` and the light modules should not pay for it.
__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "assistant.setup": ["answer"],
        "evaluation.assessment": ["evaluate"],
        "serving.live": ["recommend"],
        "serving.recommender": ["Recommender"],
        "settings": ["Settings"],
    },
)
