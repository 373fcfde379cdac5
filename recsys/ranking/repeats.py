"""Repeat weights: a second logistic regression for what the shopper has met before, on the scale of the first.

What makes somebody buy a thing again (frequency, interval, whether it is still sold) is not what makes them buy a new
one, so pairs of both kinds have weights of their own, over the same blocks. New pairs are scored as if there were no
others: a list without repeats does not change by an ulp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.data.catalogue import Candidates
from recsys.data.events import Events
from recsys.data.histories import Profile
from recsys.ranking.features.base import Block, TrainingContext
from recsys.ranking.features.fitting import fit_blocks
from recsys.ranking.features.popularity import LastVisitPopularity, Popularity, Recency
from recsys.ranking.features.repeats import BuyingAgain, rows_met
from recsys.ranking.regression import Regression, TrainingSplit
from recsys.ranking.sampling import Pairs
from recsys.ranking.windows import later_windows
from recsys.settings import TrainingConfig

#: Blocks that tell what is bought again: of the shopper and item together, and of what sells now.
KINDS: tuple[type[Block], ...] = (Popularity, Recency, LastVisitPopularity, BuyingAgain)
#: Shoppers of a window that are learnt from, and repeat purchases below which nothing is learnt.
SHOPPERS, LEAST = 2_000, 50


@dataclass(frozen=True)
class RepeatWeights:
    """Weights of pairs met before; arrays as in `Ranker`, in its order of blocks, zeros for blocks that are not read.

    Attributes
    ----------
    weights, offsets
        One array and one number per block.
    intercept
        Logit of the usual pair met before.
    facts_of_fit
        Numbers about the training.
    """

    weights: tuple[NDArray[np.float64], ...]
    offsets: NDArray[np.float64]
    intercept: float
    facts_of_fit: dict[str, Any]

    @classmethod
    def fit(
        cls, blocks: Sequence[Block], context: TrainingContext, config: TrainingConfig, seed: int
    ) -> RepeatWeights | None:
        """Learn from the shoppers who came back; None where too few things are met again to learn from.

        Parameters
        ----------
        blocks
            The ranker's, `BuyingAgain` among them.
        context
            The present.
        """
        read = [type(block) in KINDS for block in blocks]
        kinds = [type(block) for block in blocks if type(block) in KINDS]
        pairs = repeat_pairs(context, kinds, config, seed)
        if pairs is None or pairs.bought.sum() < LEAST or pairs.bought.all():
            return None
        model = Regression.fit(TrainingSplit.of(pairs, seed), config.strengths)
        sizes = [len(block.columns) for block in blocks]
        weights, means = np.zeros((2, sum(sizes)))
        weights[np.repeat(read, sizes)], means[np.repeat(read, sizes)] = model.weights, model.means
        parts = [np.split(values, np.cumsum(sizes)[:-1]) for values in (weights, means)]
        offsets = np.array([w @ m for w, m in zip(*parts, strict=True)])
        facts = {
            "pairs": len(pairs.bought),
            "again": int(pairs.bought.sum()),
            "strength": model.strength,
            "calibration": {"slope": model.slope, "shift": model.shift},
        }
        return cls(tuple(parts[0]), offsets, model.intercept, facts)

    def contributions(
        self, blocks: Sequence[Block], profile: Profile, candidates: Candidates, intercept: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Rows of the candidates that were met, and what each block adds to their logits above `intercept`."""
        rows = np.flatnonzero(rows_met(profile, candidates.codes) >= 0)
        parts = np.zeros((len(rows), len(blocks)))
        if not len(rows):
            return rows, parts
        met = candidates.take(rows)
        for at, (block, weights, offset) in enumerate(zip(blocks, self.weights, self.offsets, strict=True)):
            if weights.any():
                parts[:, at] = block.score(profile, met, weights) - offset
            if isinstance(block, BuyingAgain):
                parts[:, at] += self.intercept - intercept  # that it was met is this block's to say
        return rows, parts


def repeat_pairs(
    context: TrainingContext, kinds: Sequence[type[Block]], config: TrainingConfig, seed: int
) -> Pairs | None:
    """Labelled pairs of shoppers who came back and things they had met before; None where nobody came back.

    Each shopper gives at most `config.negatives` pairs, so that a wholesaler with 500 lines counts for no more than
    a household counts for. The probability is set on those who also met something new, whom new pairs speak of.
    """
    rng = np.random.default_rng(seed)
    features, bought, importance, window, shopper = [], [], [], [], []
    shoppers = 0
    columns: tuple[str, ...] = ()
    for number, (past, after) in enumerate(_moments(context, config)):
        blocks = fit_blocks(kinds, past)
        columns = tuple(column for block in blocks for column in block.columns)
        histories, catalogue = past.histories, past.catalogue
        users = np.unique(after.user[after.weight > 0])
        users = users[np.diff(histories.indptr)[users] > 0]
        for user in rng.permutation(users)[:SHOPPERS].tolist():
            profile = histories.profile(user, catalogue, np.zeros(catalogue.vectors.shape[1], np.float32))
            later = after.item[after.indptr[user] : after.indptr[user + 1]]
            pick = rng.permutation(len(profile))[: config.negatives]
            candidates = Candidates.of(catalogue, profile.items[pick])
            features.append(np.concatenate([b.transform(profile, candidates) for b in blocks], axis=1))
            bought.append(np.isin(candidates.codes, later))
            fresh = not np.isin(later, profile.items).all()
            importance.append(np.full(len(pick), len(profile) / len(pick) * (1.0 if fresh else 1e-6), np.float32))
            window.append(np.full(len(pick), number, np.int32))
            shopper.append(np.full(len(pick), shoppers, np.int32))
            shoppers += 1
    if not features:
        return None
    labels = np.concatenate(bought)
    ones = np.ones(len(labels), np.float32)
    return Pairs(
        columns, np.concatenate(features), labels, ones, np.concatenate(importance),
        np.concatenate(window), np.concatenate(shopper), np.ones(len(labels), bool),
    )  # fmt: skip


def _moments(context: TrainingContext, config: TrainingConfig) -> list[tuple[TrainingContext, Events]]:
    """Moments to learn from, latest first: the stretches of later time, or everyone's last visit without times."""
    events = context.events
    if events.absolute:
        return [(past, after) for past, after, _ in later_windows(context, config)]
    latest = events.steps == 0
    before = events.where(~latest)
    return [(context.earlier(before, before.end, config.half_life), events.where(latest))] if len(before) else []
