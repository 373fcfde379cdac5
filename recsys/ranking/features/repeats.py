"""Repeat features: how often, how regularly and how long ago this shopper met the item before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from recsys.data.catalogue import Candidates
from recsys.data.histories import Profile
from recsys.ranking.features.base import Block, TrainingContext, log_gap

#: Shoppers that the shop's own rate of coming back counts for, beside those of an item.
PRIOR = 5.0
#: Days between purchases below which no interval is told, and how many purchases it takes.
TOLD_DAYS, TOLD_TIMES = 2, 3


def rows_met(profile: Profile, codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Row of the history that holds each item, -1 for an item that the shopper has not met; shape ``(len(codes),)``."""
    if not len(profile) or not len(codes):
        return np.full(len(codes), -1, np.int64)
    order = np.argsort(profile.items, kind="stable")
    at = order[np.minimum(np.searchsorted(profile.items[order], codes), len(order) - 1)]
    return np.where((profile.items[at] == codes) & (codes >= 0), at, -1)


class BuyingAgain(Block):
    """Personal frequency, recency and interval of an item; all columns are 0 for an item not met before.

    The interval is what a staple is told by: something bought monthly is due after a month, not the day after
    (personal frequency: Hu et al. 2020; time since the last purchase against the usual interval: Bhagat et al. 2018).
    """

    name = "buying again"
    meaning = "how often and how regularly this shopper has met the item before, and whether it is due"
    columns = (
        "met",
        "log_count",
        "once",
        "log_purchases",
        "weight_each",
        "rate",
        "log_rate",
        "log_rate_since_first",
        "log_visits_since",
        "log_days_since",
        "log_days_since_squared",
        "due_in_days",
        "due_in_days_squared",
        "due_in_visits",
        "due_in_visits_squared",
        "log_gap",
        "log_visits",
        "log_items",
        "log_basket",
        "log_days_between_visits",
        "returned_to",
        "returned_to_x_log_count",
    )
    #: Logarithm of the share of an item's shoppers who met it on two days or more, shape ``(n_items + 1,)``.
    returned_to: NDArray[np.float32]

    @override
    def fit(self, context: TrainingContext) -> None:
        histories, n = context.histories, len(context.catalogue)
        met = np.bincount(histories.items, minlength=n + 1)
        again = np.bincount(histories.items[histories.counts > 1], minlength=n + 1)
        usual = (again.sum() + 1.0) / (met.sum() + 2.0)
        self.returned_to = np.log((again + PRIOR * usual) / (met + PRIOR)).astype(np.float32)

    @override
    def transform(self, profile: Profile, candidates: Candidates) -> NDArray[np.float32]:
        out = np.zeros((len(candidates), len(self.columns)), np.float32)
        at = rows_met(profile, candidates.codes)
        met = at >= 0
        if not met.any():
            return out
        row = at[met]
        count = profile.counts[row].astype(np.float64)
        age, steps = profile.ages[row].astype(np.float64), profile.steps[row].astype(np.float64)
        visits = float(profile.first_steps.max()) + 1.0
        days = max(float(profile.first_ages.max() - profile.ages.min()), 0.0)
        log_age, log_count = np.log1p(np.maximum(age, 0)), np.log(count)
        due_days = _due(age, profile.first_ages[row], count, 3.0)
        due_visits = _due(steps, profile.first_steps[row], count, 1.0)
        returned_to = self.returned_to[candidates.codes[met]]
        ones = np.ones(len(row))
        out[met] = np.stack(
            [
                ones,
                log_count,
                count == 1,
                np.log1p(profile.purchases[row]),
                profile.weights[row] / count,
                count / visits,
                np.log((count + 0.5) / (visits + 2.0)),
                np.log((count + 0.2) / (profile.first_steps[row] + 2.0)),
                np.log1p(steps),
                log_age,
                np.square(log_age) / 10,
                due_days,
                np.square(due_days),
                due_visits,
                np.square(due_visits),
                ones * log_gap(profile),
                ones * np.log(visits),
                ones * np.log(len(profile)),
                ones * np.log(profile.counts.sum() / visits),
                ones * np.log1p(days / max(visits - 1.0, 1.0)),
                returned_to,
                returned_to * log_count,
            ],
            axis=1,
        )
        return out

    @override
    def describe(self, profile: Profile, candidates: Candidates) -> list[str | None]:
        at = rows_met(profile, candidates.codes)
        return [_regular(profile, int(row)) if row >= 0 else None for row in at]


def _due(
    since: NDArray[np.float64], first: NDArray[np.number], count: NDArray[np.float64], slack: float
) -> NDArray[np.float64]:
    """Logarithm of the time since the last meeting over the usual time between two; 0 for what was met once."""
    between = (first - since) / np.maximum(count - 1, 1)
    return np.where(count > 1, np.log((np.maximum(since, 0) + slack) / (between + slack)), 0.0)


def _regular(profile: Profile, row: int) -> str | None:
    """The usual interval of what was only ever bought, where there is one."""
    times = int(profile.purchases[row])
    if times < TOLD_TIMES or times != profile.counts[row]:
        return None
    days = round(float(profile.first_ages[row] - profile.ages[row]) / (times - 1))
    return f"is something you buy about every {days} days ({times} times so far)" if days >= TOLD_DAYS else None
