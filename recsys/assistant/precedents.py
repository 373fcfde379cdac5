"""k-nearest-neighbour choice of a tool among example turns, for turns that no rule of the router applies to.

Such a turn ends as a search of the rules or of the catalogue, whatever it wants. Example turns of each tool, compared
by their vectors (`precedents.toml`), tell then what was meant; each rule of the router is surer than they are.
"""

from __future__ import annotations

import tomllib
from functools import cache, cached_property
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from recsys.assistant.hearing import Heard
from recsys.assistant.listener import Listener

NEAREST, SHARPNESS = 6, 4
"""Examples that vote, and the power of their cosine that each votes with."""
FOLLOWS = 0.15
"""What is added to the cosine of an example that follows the same kind of answer as the turn."""
SHARE = 0.5
"""Share of the votes from which a tool is taken."""


class Precedents:
    """Example turns by the tool that answers them, read by the listener of the shop."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def tool(self, heard: Heard, state: str, *, signed_in: bool) -> str:
        """The tool that most of the nearest examples ask for; '' where they disagree, or the language is not read.

        Parameters
        ----------
        state
            What the last answer told of: ``after_order``, ``after_products``, ``after_rule``; else ``any``.
        signed_in
            Without a login there is no order to look up.
        """
        if not heard.vector.any():
            return ""
        follow = np.array([FOLLOWS * (s == state) for _, s, _ in _examples()], np.float32)
        barred = [s not in {"any", state} or (t == "order_status" and not signed_in) for t, s, _ in _examples()]
        cosine = np.where(barred, 0.0, self._vectors @ heard.vector + follow)
        votes: dict[str, float] = {}
        for at in np.argsort(-cosine)[:NEAREST]:
            tool = _examples()[at][0]
            votes[tool] = votes.get(tool, 0.0) + max(0.0, float(cosine[at])) ** SHARPNESS
        best = max(votes, key=votes.__getitem__)
        return best if votes[best] >= SHARE * sum(votes.values()) > 0 else ""

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        return self._listener.vectors([text for _, _, text in _examples()])


@cache
def _examples() -> list[tuple[str, str, str]]:
    """Tool, state and text of each example."""
    source = resources.files(__package__).joinpath("precedents.toml").read_text(encoding="utf-8")
    read = tomllib.loads(source).items()
    return [(tool, state, text) for tool, states in read for state, texts in states.items() for text in texts]
