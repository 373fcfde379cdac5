"""Where heavy steps run: in this process, or on a Ray cluster. The steps and their results are the same."""

from __future__ import annotations

from recsys.errors import BadInput, require
from recsys.pipeline.engine import Engine

NAMES = ("local", "ray")


def engine(name: str) -> Engine:
    """The engine of this name, ``local`` or ``ray``.

    Raises
    ------
    BadInput
        There is no such engine, or its extra is not installed.
    """
    if name == "local":
        return Engine()
    if name != "ray":
        raise BadInput(f"engine {name!r}: expected one of {', '.join(NAMES)}")
    require("ray.data", "ray")
    from recsys.pipeline.ray import Cluster

    return Cluster()
