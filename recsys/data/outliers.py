"""Robust bounds on activity: robots are capped, and a guest id that everybody shares is many strangers.

One account must not move what a shop shows to all others. Bounds are of the logarithm of events per account, by median
and median absolute deviation, which the outliers themselves cannot move (Leys et al., 2013).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.data.validation import MAX_ID

#: Deviations above the median beyond which an account is no person's, and events below which none is suspected.
DEVIATIONS, LEAST = 6.0, 1_000
#: A guest id is shared by many where it has this many events, and this many times those of the busiest hundredth.
SHARED, TIMES = 20, 3.0
_DAY = 86_400.0


@dataclass(frozen=True)
class Capped:
    """Accounts beyond the bound: their events before and after, and the rows that are left out."""

    accounts: dict[str, tuple[int, int]]
    left_out: npt.NDArray[np.bool_]
    bound: int


def bound(counts: npt.NDArray[np.int64]) -> int:
    """Most events that one person's account can be believed to have, by those of all accounts."""
    logs = np.log(counts[counts > 0])
    if not len(logs):
        return LEAST
    middle = np.median(logs)
    spread = 1.4826 * np.median(np.abs(logs - middle))
    return max(LEAST, int(np.exp(min(middle + DEVIATIONS * spread, 40.0))))


def cap(
    users: pd.Series, items: pd.Series, events: pd.Series, time: npt.NDArray[np.float64], *, absolute: bool
) -> Capped:
    """Cut accounts beyond the bound: one event of a kind with an item a day, and of these the latest.

    Parameters
    ----------
    absolute
        Whether times can be told apart by day; without, repeats of an item count once.
    """
    codes, names = pd.factorize(users)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    limit = bound(counts)
    beyond = np.flatnonzero(counts > limit)
    left_out = np.zeros(len(users), bool)
    accounts: dict[str, tuple[int, int]] = {}
    for account in beyond[np.argsort(-counts[beyond], kind="stable")].tolist():
        rows = np.flatnonzero(codes == account)
        rows = rows[np.argsort(-time[rows], kind="stable")]
        day = time[rows] // _DAY if absolute else np.zeros(len(rows))
        what = pd.DataFrame({"item": items.to_numpy(object)[rows], "event": events.to_numpy(object)[rows], "day": day})
        kept = rows[~what.duplicated().to_numpy()][:limit]
        left_out[rows] = True
        left_out[kept] = False
        accounts[str(names[account])] = (len(rows), len(kept))
    return Capped(accounts, left_out, limit)


def strangers(
    users: pd.Series, guests: frozenset[str], sessions: Sequence[pd.Series], time: npt.NDArray[np.float64]
) -> tuple[pd.Series, dict[str, tuple[int, int]]]:
    """Guest ids that many people share, with one id for each visit instead.

    Parameters
    ----------
    guests
        Ids, in lower case, that shops give to everybody who has not signed in.
    sessions
        Columns that tell visits apart, best first; without any, events of one moment are one visit.

    Returns
    -------
    tuple of pandas.Series and dict
        The users, and of each id that was split its events and its visits.
    """
    counts = users.value_counts()
    suspects = [name for name in counts.index if str(name).strip().lower() in guests]
    others = counts.drop(suspects)
    usual = float(np.quantile(others, 0.99)) if len(others) else 0.0
    split: dict[str, tuple[int, int]] = {}
    for name in suspects:
        if counts[name] < max(SHARED, TIMES * usual):
            continue
        mine = (users == name).to_numpy(bool, na_value=False)
        visit = pd.Series(time[mine]).astype(str)
        for column in reversed(sessions):
            given = column[mine].reset_index(drop=True)
            visit = given.astype(str).where(given.notna(), visit)
        users = users.copy()
        users[mine] = (f"{name}:" + visit).str.slice(0, MAX_ID).to_numpy(object)
        split[str(name)] = (int(counts[name]), visit.nunique())
    return users, split
