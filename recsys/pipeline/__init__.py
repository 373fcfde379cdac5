"""A night: load, embed, train, judge, publish; and where the heavy steps run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recsys.pipeline.inputs import Inputs
    from recsys.pipeline.runs import embed, nightly, publish, train

__all__ = ["Inputs", "embed", "nightly", "publish", "train"]


def __getattr__(name: str) -> Any:
    # Its modules are imported for their own sake, too; torch and faiss are for who runs a night.
    if name in __all__:
        from recsys.pipeline import runs

        return getattr(runs, name)
    raise AttributeError(f"module 'recsys.pipeline' has no attribute {name!r}")
