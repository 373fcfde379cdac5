"""Offline evaluation: two tables in, an `Assessment` with data frames, plots and a page out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys._public import lazily

if TYPE_CHECKING:
    from recsys.evaluation.assessment import evaluate
    from recsys.evaluation.result import Assessment

__all__ = ["Assessment", "evaluate"]

__getattr__ = lazily(__name__, {"Assessment": "recsys.evaluation.result", "evaluate": "recsys.evaluation.assessment"})
