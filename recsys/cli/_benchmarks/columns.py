"""Planted columns: how much of what drives choice own columns recover, and what columns of pure chance cost.

A colour for each item and a region for each shopper are drawn at random, and purchases outside of the region's own
colour are thinned. An oracle that knows the odds says what there is to gain; the ranker sees the two columns only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data.attributes import AttributeSpace
from recsys.data.catalogue import Candidates
from recsys.data.histories import Histories
from recsys.data.snapshot import Snapshot
from recsys.evaluation import metrics
from recsys.evaluation.baselines import Scores
from recsys.evaluation.splits import hold_out, measure
from recsys.ranking.ranker import Ranker, RankerTrainer
from recsys.settings import Settings

#: Values of the planted columns, and how many times rather a shopper takes an item of their region's colour.
VALUES, ODDS = 6, 4.0
_FIGURES = ("auc", "ndcg@10")


def bench_columns(shop: Snapshot, settings: Settings, *, shoppers: int, seed: int = 7) -> dict[str, Any]:
    """Plant columns in a shop's own events and measure, paired over shoppers of later time.

    Histories are read as the mean of their items' vectors, so that no text is encoded.

    Returns
    -------
    dict
        ``gains``: of each contender over the one named, AUC and nDCG@10 with 95% intervals.
    """
    rng = np.random.default_rng(seed)
    n_items = len(shop.item_ids)
    stay = np.zeros(len(shop.user_ids), bool)
    stay[rng.permutation(len(stay))[:shoppers]] = True
    events = shop.events.of_users(stay)
    colour, region = rng.integers(0, VALUES, n_items), rng.integers(0, VALUES, events.n_users)
    own = colour[events.item] == region[events.user]
    events = events.where(own | (rng.random(len(events)) < 1 / ODDS))
    items = pd.DataFrame({"colour": [f"colour {c}" for c in colour], **_chance(rng, n_items)})
    people = pd.DataFrame({"region": [f"region {r}" for r in region]})
    people["chance_group"] = [f"group {g}" for g in rng.integers(0, 5, events.n_users)]
    facts = replace(shop.facts, own=AttributeSpace.fit(items).attributes(items))
    events = replace(events, shoppers=AttributeSpace.fit(people).attributes(people))
    holdout = hold_out(events, settings.evaluation, seed)

    def texts(histories: Histories, users: NDArray[np.integer]) -> NDArray[np.float32]:
        nothing = np.zeros(facts.vectors.shape[1], np.float32)
        return np.stack([histories.profile(int(user), facts, nothing).mean for user in users])

    trainer = RankerTrainer.prepare(facts, holdout.train, texts, settings.training, seed=seed)
    histories = Histories.build(holdout.train, holdout.now, settings.training.half_life)
    everything = Candidates.of(facts)

    def scores(ranker: Ranker, oracle: float = 0.0) -> Scores:
        def of(user: int) -> NDArray[np.float64]:
            profile = histories.profile(user, facts, texts(histories, np.array([user]))[0])
            return ranker.logit(profile, everything) + oracle * (colour == region[user])

        return of

    names = [b.name for b in trainer.blocks if b.name.startswith(("column ", "shoppers' "))]
    chance = [name for name in names if "chance" in name]

    def figures(without: Sequence[str], oracle: float = 0.0) -> dict[str, NDArray[np.float64]]:
        return measure(scores(trainer.ranker(without=without), oracle), holdout).per_user

    found = {
        "none": figures(names),
        "oracle": figures(names, float(np.log(ODDS))),
        "planted": figures(chance),
        "planted and chance": figures([]),
        "chance": figures([name for name in names if name not in chance]),
    }
    pairs = (("oracle", "none"), ("planted", "none"), ("chance", "none"), ("planted and chance", "planted"))
    gains = {
        f"{ours} over {theirs}": {
            name: metrics.interval(found[ours][name] - found[theirs][name], seed=seed).__dict__ for name in _FIGURES
        }
        for ours, theirs in pairs
    }
    means = {who: {name: float(values[name].mean()) for name in _FIGURES} for who, values in found.items()}
    planted, oracle = (gains[f"{who} over none"]["auc"]["value"] for who in ("planted", "oracle"))
    return {
        "shop": {"items": n_items, "shoppers": events.n_users, "events": len(events), "tested": len(holdout.users)},
        "pairs": len(trainer.split.pairs.bought),
        "figures": means,
        "gains": gains,
        "line": f"columns: of an oracle's AUC gain of {oracle:.3f} the ranker has {planted:.3f}; columns of chance "
        f"cost {-gains['chance over none']['auc']['value']:+.4f}",
    }


def _chance(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """Columns that say nothing: numbers, categories, lists."""
    return {
        "chance_amount": rng.normal(size=rows),
        "chance_word": [f"word {k}" for k in rng.integers(0, 12, rows)],
        "chance_list": ["|".join(f"tag {k}" for k in rng.choice(40, 3, replace=False)) for _ in range(rows)],
    }
