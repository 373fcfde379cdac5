"""A night: load, embed, train, judge, publish; and where the heavy steps run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from recsys.pipeline.inputs import Inputs
    from recsys.pipeline.runs import embed, nightly, publish, train

__all__ = ["Inputs", "embed", "nightly", "publish", "train"]

# Its modules are imported for their own sake, too; torch and faiss are for who runs a night.
__getattr__, __dir__, _ = lazy_loader.attach(
    __name__, submod_attrs={"inputs": ["Inputs"], "runs": ["embed", "nightly", "publish", "train"]}
)
