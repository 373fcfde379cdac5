"""Offline evaluation: two tables in, an `Assessment` with data frames, plots and a page out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from recsys.evaluation.assessment import evaluate
    from recsys.evaluation.result import Assessment

__all__ = ["Assessment", "evaluate"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__, submod_attrs={"assessment": ["evaluate"], "result": ["Assessment"]}
)
