"""Bounded influence: what one account, one account's day and one day of the shop may weigh in statistics.

A robot or a bulk import must not decide what all others are shown. Weights are scaled, no event is dropped: a
wholesaler who orders a lot on many days is a customer, and bounds are multiples of what the busiest hundredth of
accounts and days really do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from recsys.data.events import DAY, Events
from recsys.data.vocabulary import plain

#: An account's day, and an account, weigh at most so many times those of the busiest hundredth, or so much at least.
OF_A_DAY, OF_ALL = (10.0, 100.0), (20.0, 1_000.0)
#: A day of the shop weighs at most this many times the median day, where it holds this share of all and there are so
#: many days with events: Black Friday is below, an import of years of orders under one date is not.
DAY_TIMES, DAY_SHARE, DAYS = 20.0, 0.1, 14
#: Accounts and days that are named; the rest are counted.
NAMED = 5
#: Ids that people give accounts they try things with.
TRIALS = frozenset({"test", "tester", "testuser", "demo", "demouser", "dummy", "qa", "admin"})


@dataclass(frozen=True)
class Bounded:
    """Events with bounded weights, and what was bounded in words."""

    events: Events
    said: list[str]


def bounded(events: Events, users: NDArray[np.object_]) -> Bounded:
    """Scale the weights of accounts and days beyond any honest one's; the same events where there are none.

    Parameters
    ----------
    users
        Ids of the users, row = code.
    """
    said = _trials(events, users)
    if not len(events):
        return Bounded(events, said)
    weight = events.weight.astype(np.float64)
    day = np.floor(events.time / DAY).astype(np.int64) if events.absolute else np.zeros(len(events), np.int64)
    scale = np.ones(len(events))
    if events.absolute:
        _, visit = np.unique(np.stack([events.user, day]), axis=1, return_inverse=True)
        scale *= _factors(visit, weight, *OF_A_DAY)
    scale *= _factors(events.user, weight * scale, *OF_ALL)
    before, after = (np.bincount(events.user, w, minlength=len(users)) for w in (weight, weight * scale))
    over = np.flatnonzero(after < before * 0.999)
    for code in over[np.argsort(-before[over], kind="stable")][:NAMED]:
        said.append(
            f"user_id {str(users[code])!r} does as much as many shoppers together: in popularity and training its "
            f"{int((events.user == code).sum()):,} events weigh as {after[code]:,.0f}"
        )
    if len(over) > NAMED:
        said.append(f"{len(over) - NAMED:,} more accounts are bounded in the same way")
    if events.absolute:
        scale *= _days(day, weight * scale, said)
    if (scale == 1.0).all():
        return Bounded(events, said)
    return Bounded(replace(events, weight=(weight * scale).astype(np.float32)), said)


def _factors(
    group: NDArray[np.integer], weight: NDArray[np.float64], times: float, least: float
) -> NDArray[np.float64]:
    """What each row's weight is multiplied by, so that no group weighs more than its bound."""
    total = np.bincount(group, weight)
    usual = float(np.quantile(total[total > 0], 0.99, method="lower")) if (total > 0).any() else 0.0
    bound = max(times * usual, least)
    return np.minimum(1.0, bound / np.maximum(total, 1e-9))[group]


def _days(day: NDArray[np.int64], weight: NDArray[np.float64], said: list[str]) -> NDArray[np.float64]:
    """What each row's weight is multiplied by, so that no day of the shop weighs more than its bound."""
    names, place = np.unique(day, return_inverse=True)
    total = np.bincount(place, weight)
    bound = DAY_TIMES * float(np.median(total))
    over = (total > bound) & (total > DAY_SHARE * total.sum()) & (len(names) >= DAYS)
    for at in np.flatnonzero(over)[:NAMED]:
        date = datetime.fromtimestamp(float(names[at]) * DAY, UTC).date().isoformat()
        said.append(
            f"{date} holds {total[at] / total.sum():.0%} of all events, as an import under one date does: "
            f"they weigh as {bound:,.0f}, {DAY_TIMES:.0f} times a usual day"
        )
    return np.where(over, bound / np.maximum(total, 1e-9), 1.0)[place]


def _trials(events: Events, users: NDArray[np.object_]) -> list[str]:
    """Accounts whose ids say that somebody tried things; only said, for a shopper may be called Test."""
    named = [code for code, name in enumerate(users) if plain(str(name).partition("@")[0]) in TRIALS]
    counts = np.bincount(events.user, minlength=len(users))
    return [
        f"user_id {str(users[code])!r} looks like a trial account; its {int(counts[code]):,} events are learnt from, "
        "leave them out of the file if they are none of a shopper's"
        for code in named[:NAMED]
        if counts[code]
    ]
