"""Online experiments: variants compared on what shoppers did after they saw their lists, at any time one likes to look.

A shopper is the unit: assigned once by a hash (`recsys.serving.experiment`), counted from their first exposure on. The
confidence sequence is the asymptotic one of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas ("Time-uniform central
limit theory and asymptotic confidence sequences", Annals of Statistics, 2024), which covers the true difference at all
looks together; the usual interval covers it at one look that was fixed beforehand. The exposures themselves are tested
for a sample ratio mismatch, which says that an experiment is broken whatever its outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from recsys.data.columns import EVENT, ITEM, PURCHASE, TIME, USER
from recsys.data.event_log import EVENTS, EXPOSURES, EventLog
from recsys.data.events import DAY
from recsys.data.protection import Protection
from recsys.data.pseudonyms import Pseudonyms, named
from recsys.errors import BadInput

ALPHA = 0.05
#: Shoppers of a variant from which the confidence sequence is read; it holds for growing numbers.
ENOUGH = 100
#: A sample ratio this unlikely says that the assignment or the logging is broken.
MISMATCH = 0.001
VARIANT, EXPERIMENT, SHOWN, TEAMS, SHARES = "variant", "experiment", "items", "teams", "shares"


@dataclass(frozen=True)
class Difference:
    """One variant against the first.

    Attributes
    ----------
    value
        Difference of the means per shopper.
    low, high
        Interval of a look that was fixed beforehand (normal, of the two means).
    always_low, always_high
        Confidence sequence: holds at all looks together.
    """

    variant: str
    value: float
    low: float
    high: float
    always_low: float
    always_high: float

    @property
    def decided(self) -> bool:
        """Whether the difference is there, however often one has looked."""
        return self.always_low > 0 or self.always_high < 0


@dataclass(frozen=True)
class Online:
    """An experiment so far.

    Attributes
    ----------
    table
        One row per variant: ``variant, shoppers, exposures, outcomes, mean, low, high``.
    differences
        Every other variant against the first.
    mismatch
        p-value of the shoppers' numbers, were they drawn in the shares that were meant.
    interleaved
        Of interleaved lists: shoppers' net preference of the second ranker; None where there were none.
    """

    experiment: str
    outcome: str
    table: pd.DataFrame
    differences: tuple[Difference, ...]
    mismatch: float
    interleaved: Difference | None = None

    @property
    def advice(self) -> str:
        """What to do now, in a sentence."""
        if self.mismatch < MISMATCH:
            return f"stop: shoppers are not split as they were meant to be (p = {self.mismatch:.1g}); mend that first"
        found = [*self.differences, *([self.interleaved] if self.interleaved else [])]
        decided = [one for one in found if one.decided]
        if not decided:
            return "go on: no difference is sure yet, however often you look"
        best = max(decided, key=lambda one: one.value)
        if best.value > 0:
            return f"stop: {best.variant} is better"
        return f"stop: {', '.join(one.variant for one in decided)} is worse; keep the first variant"


def compare(artifacts: Path, experiment: str, *, outcome: str = PURCHASE, days: float = 7.0) -> Online:
    """Compare the variants of an experiment from the logs of the service.

    Parameters
    ----------
    outcome
        Kind of event that counts: of every shopper the number of such events with an item that was shown to them.
    days
        How long after an item was last shown an event with it is its outcome.

    Raises
    ------
    BadInput
        The log has no exposures of this experiment.
    """
    # A shopper shown something while ids were kept in clear is the one who bought it under a pseudonym.
    hidden = Protection.live(artifacts).pseudonyms
    shown = _exposures(artifacts, experiment, hidden)
    bought = named(EventLog.of(artifacts, EVENTS).read()[0], hidden)
    events = pd.DataFrame(bought, columns=[USER, ITEM, EVENT, TIME])
    events = events[events[EVENT] == outcome]
    hits = _hits(shown, events, days)
    plain = shown[~shown["interleaved"]]
    interleaved = shown[shown["interleaved"]]
    per_user = plain.groupby([USER, VARIANT], sort=False).size().rename("exposures").reset_index()
    per_user["outcomes"] = per_user[USER].map(hits[~hits["interleaved"]].groupby(USER).size()).fillna(0.0)
    names = list(dict.fromkeys(shown[SHARES].iloc[-1])) if len(plain) else []
    values = {name: per_user.loc[per_user[VARIANT] == name, "outcomes"].to_numpy(np.float64) for name in names}
    table = pd.DataFrame([_row(name, per_user[per_user[VARIANT] == name], values[name]) for name in names])
    first = names[0] if names else ""
    return Online(
        experiment,
        outcome,
        table,
        tuple(difference(name, values[first], values[name]) for name in names[1:]),
        _mismatch([len(values[name]) for name in names], list(shown[SHARES].iloc[-1].values())) if names else 1.0,
        _preference(hits, interleaved),
    )


def difference(name: str, one: NDArray[np.float64], other: NDArray[np.float64], alpha: float = ALPHA) -> Difference:
    """Difference of two means, with the interval of one look and the confidence sequence of all."""
    value = float(other.mean() - one.mean()) if len(one) and len(other) else float("nan")
    variance = _variance_of_mean(one) + _variance_of_mean(other)
    z = float(stats.norm.ppf(1 - alpha / 2))
    half = z * np.sqrt(variance)
    always = _sequence(variance, len(one) + len(other), alpha) if min(len(one), len(other)) >= ENOUGH else np.inf
    return Difference(name, value, value - half, value + half, value - always, value + always)


def _sequence(variance: float, n: int, alpha: float) -> float:
    """Half width of the asymptotic confidence sequence, tightest where a test of `ENOUGH` times 10 shoppers looks.

    Equation 9 of the paper with ``t = n`` and the variance of one shopper, ``n`` times that of the mean.
    """
    sigma2 = variance * n
    best = 20.0 * ENOUGH
    rho2 = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / best
    if sigma2 == 0:
        return 0.0
    inside = 2 * (n * rho2 + 1) / (n**2 * rho2) * np.log(np.sqrt(n * rho2 + 1) / alpha)
    return float(np.sqrt(sigma2 * inside))


def _exposures(artifacts: Path, experiment: str, hidden: Pseudonyms | None) -> pd.DataFrame:
    rows = [row for row in EventLog.of(artifacts, EXPOSURES).read()[0] if row.get(EXPERIMENT) == experiment]
    known = named(rows, hidden)
    if not known:
        why = "were logged under another key" if rows else "are logged; has the service run with it in [experiment]?"
        raise BadInput(f"{experiment!r}: {'all exposures' if rows else 'no exposures'} {why}")
    shown = pd.DataFrame(known)
    shown["interleaved"] = shown[TEAMS].notna() if TEAMS in shown else False
    return shown


def _hits(shown: pd.DataFrame, events: pd.DataFrame, days: float) -> pd.DataFrame:
    """Events with an item that the same shopper was shown so many days before at most, with the last showing's team."""
    columns = [USER, ITEM, "shown", "interleaved", "team"]
    rows = [
        (user, item, when, mixed, team)
        for user, items, when, mixed, teams in zip(
            shown[USER],
            shown[SHOWN],
            shown[TIME],
            shown["interleaved"],
            shown[TEAMS] if TEAMS in shown else [None] * len(shown),
            strict=True,
        )
        for item, team in zip(items, teams if isinstance(teams, list) else [None] * len(items), strict=True)
    ]
    seen = pd.DataFrame(rows, columns=columns).sort_values("shown", kind="stable")
    if not len(events):
        return seen.iloc[:0]
    kinds = {USER: object, ITEM: object}
    found = pd.merge_asof(
        events[[USER, ITEM, TIME]].astype({**kinds, TIME: np.float64}).sort_values(TIME, kind="stable"),
        seen.astype({**kinds, "shown": np.float64}),
        left_on=TIME,
        right_on="shown",
        by=[USER, ITEM],
        tolerance=days * DAY,
    )
    return found[found["shown"].notna()].astype({"interleaved": bool})


def _row(name: str, users: pd.DataFrame, outcomes: NDArray[np.float64]) -> dict[str, Any]:
    mean = float(outcomes.mean()) if len(outcomes) else float("nan")
    half = float(stats.norm.ppf(1 - ALPHA / 2)) * np.sqrt(_variance_of_mean(outcomes))
    return {
        VARIANT: name,
        "shoppers": len(users),
        "exposures": int(users["exposures"].sum()),
        "outcomes": int(outcomes.sum()),
        "mean": mean,
        "low": mean - half,
        "high": mean + half,
    }


def _preference(hits: pd.DataFrame, interleaved: pd.DataFrame) -> Difference | None:
    """Net preference of interleaved lists: per shopper, outcomes of the second team less those of the first."""
    if not len(interleaved):
        return None
    names = list(interleaved[SHARES].iloc[-1])
    mixed = hits[hits["interleaved"]]
    net = mixed.assign(net=np.where(mixed["team"] == names[1], 1.0, -1.0)).groupby(USER)["net"].sum()
    users = interleaved[USER].drop_duplicates()
    values = users.map(net).fillna(0.0).to_numpy(np.float64)
    return difference(names[1], np.zeros(len(values)), values)


def _mismatch(counts: Sequence[int], shares: Sequence[float]) -> float:
    if not sum(counts):
        return 1.0
    expected = np.array(shares) / sum(shares) * sum(counts)
    return float(stats.chisquare(counts, expected).pvalue)


def _variance_of_mean(values: NDArray[np.float64]) -> float:
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0
