"""How far from the truth is forecast demand, and how often do its intervals hold, beside naive forecasts?"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.cli._benchmarks.race import machine
from recsys.errors import NothingToLearn
from recsys.forecast.backtest import HORIZON, forecast, mase, plan
from recsys.forecast.demand import LEAST_WEEKS, Demand
from recsys.forecast.models import RIVALS

#: Weeks before the end at which it is asked what comes, and weeks with a sale that an item needs.
CUTS, LEAST_SOLD = (8, 16, 24), 5
OURS = "chosen by the backtest"


def bench_forecast(interactions: pd.DataFrame, *, size: int = 1_000, seed: int = 7) -> dict[str, Any]:
    """Forecast the best sellers and slow items at moments of the past, by what was known then.

    Parameters
    ----------
    interactions
        A checked table of purchases.
    size
        Items: half of them those that sold most, half drawn from the slower half of all.

    Returns
    -------
    dict
        JSON-ready; ``mase`` of each forecast and how often intervals ``held``, over all items, best sellers and slow
        ones; both at each of the ``cuts``, too, with the ``seconds`` that choosing, calibrating and forecasting took
        (of the clock, and of the processor: on a busy machine the latter are the ones to read).

    Raises
    ------
    NothingToLearn
        There are too few weeks of purchases, or too few items.
    """
    demand, best = _chosen(Demand.of(interactions), size, seed)
    weeks = demand.sold.shape[1]
    cuts = [cut for cut in CUTS if weeks - cut >= LEAST_WEEKS]
    if not cuts:
        raise NothingToLearn(f"forecast: {weeks} whole weeks of purchases; judging takes {LEAST_WEEKS + CUTS[0]}")
    rows = []
    for cut in cuts:
        then = demand.until(cut)
        there = np.flatnonzero(then.sold.any(axis=1))
        known, truth = then.take(there), demand.sold[there, weeks - cut :][:, :HORIZON]
        start, processor = time.perf_counter(), time.process_time()
        settled = plan(known)
        ahead = forecast(known, settled)
        seconds, processor = time.perf_counter() - start, time.process_time() - processor
        said = {OURS: ahead.median} | {name: rival(known.sold, HORIZON) for name, rival in RIVALS.items()}
        table = {name: mase(truth, one, known.sold) for name, one in said.items()}
        for level, (low, high) in ahead.bands.items():
            table[f"{level:.0%}"] = ((truth >= low) & (truth <= high)).mean(axis=1)
        rows.append(pd.DataFrame(table).assign(best=best[there], cut=cut, seconds=seconds, processor=processor))
    return _found(pd.concat(rows, ignore_index=True), len(demand.item_ids), weeks)


def _chosen(demand: Demand, size: int, seed: int) -> tuple[Demand, NDArray[np.bool_]]:
    """Half best sellers, half slow ones; and which are which."""
    order = np.argsort(-demand.sold.sum(axis=1), kind="stable")
    slow = order[len(order) // 2 :]
    slow = slow[(demand.sold[slow] > 0).sum(axis=1) >= LEAST_SOLD]
    half = min(size // 2, len(order) // 2, len(slow))
    if half < 1:
        raise NothingToLearn(f"forecast: no slow item of {len(order)} was sold in {LEAST_SOLD} weeks")
    slow = np.random.default_rng(seed).permutation(slow)[:half]
    return demand.take(np.concatenate([order[:half], slow])), np.arange(2 * half) < half


def _found(table: pd.DataFrame, items: int, weeks: int) -> dict[str, Any]:
    models, levels = [OURS, *RIVALS], [name for name in table.columns if str(name).endswith("%")]
    parts = {"all": table, "best sellers": table[table["best"]], "slow": table[~table["best"]]}

    def means(part: pd.DataFrame, names: list[str]) -> dict[str, float]:
        return {name: float(part[name].mean()) for name in names}

    overall = means(table, models)
    rival = min(RIVALS, key=lambda name: overall[name])
    held = {name: means(part, levels) for name, part in parts.items()}
    seconds, processor = float(table["seconds"].max()), float(table["processor"].max())
    shares = ", ".join(f"{held[name]['80%']:.1%} of {name}" for name in held)
    return {
        "machine": machine(),
        "items": items,
        "weeks": weeks,
        "mase": {name: means(part, models) for name, part in parts.items()},
        "held": held,
        "cuts": [
            {
                "weeks_before_the_end": int(cut),
                "seconds": round(float(part["seconds"].iloc[0]), 1),
                "processor_seconds": round(float(part["processor"].iloc[0]), 1),
            }
            | {"mase": means(part, models), "held": means(part, levels)}
            for cut, part in table.groupby("cut")
        ],
        "line": f"forecast: MASE {overall[OURS]:.3f}, {1 - overall[OURS] / overall[rival]:.1%} below {rival} "
        f"({overall[rival]:.3f}); 80% intervals held {shares} weeks; {items} items in {seconds:.0f} s "
        f"({processor:.0f} of processor)",
    }
