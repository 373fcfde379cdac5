"""Offline evaluation: two tables in, an `Assessment` with data frames, plots and a page out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recsys.evaluation.assessment import evaluate
    from recsys.evaluation.result import Assessment

__all__ = ["Assessment", "evaluate"]


def __getattr__(name: str) -> Any:
    # What evaluates imports the encoder, and that torch; who reads a result should not pay for it.
    if name == "evaluate":
        from recsys.evaluation.assessment import evaluate

        return evaluate
    if name == "Assessment":
        from recsys.evaluation.result import Assessment

        return Assessment
    raise AttributeError(f"module 'recsys.evaluation' has no attribute {name!r}")
