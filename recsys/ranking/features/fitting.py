"""Fitting of several blocks, and the features that they make together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from recsys.data.catalogue import Candidates
from recsys.data.histories import Profile
from recsys.ranking.features.base import Block, TrainingContext


def fit_blocks(kinds: Sequence[type[Block]], context: TrainingContext) -> tuple[Block, ...]:
    """One fitted block of each kind."""
    blocks = tuple(kind() for kind in kinds)
    for block in blocks:
        block.fit(context)
    return blocks


def fitted_ahead(kinds: Sequence[type[Block]], contexts: Sequence[TrainingContext]) -> Iterator[tuple[Block, ...]]:
    """Fitted blocks of each context in turn, the next one's made while features are made with this one's.

    To fit is few large products and to make features many small ones, so one thread of each fills two processors.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="recsys-statistics") as ahead:
        fitted = ahead.submit(fit_blocks, kinds, contexts[0])
        for context in contexts[1:]:
            blocks = fitted.result()
            fitted = ahead.submit(fit_blocks, kinds, context)
            yield blocks
        yield fitted.result()


def block_features(blocks: Sequence[Block], profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
    """Features of one shopper and ``m`` candidates by all blocks, in order; shape ``(m, number of columns)``."""
    made: dict[str, NDArray[np.float32]] = {}
    for block in blocks:
        made[block.name] = block.transform_beside(made, profile, candidates)
    return np.concatenate(list(made.values()), axis=1)
