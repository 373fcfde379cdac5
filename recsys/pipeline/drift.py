"""Drift between two nights: how far catalogue texts, features and scores have moved from the live version's.

Each night keeps the distributions of one sample, as shares of the bins of the version before it, so that nothing of an
older version has to be run again. The measure is the population stability index, the symmetric Kullback-Leibler
divergence over bins (Siddiqi 2006, "Credit Risk Scorecards"): below 0.1 nothing happened, above 0.25 much did.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.data.atomic import write_text
from recsys.data.catalogue import Candidates, render
from recsys.data.snapshot import Snapshot
from recsys.pipeline.night import Night
from recsys.ranking.ranker import Ranker
from recsys.ranking.recipe import training_recipe

log = logging.getLogger(__name__)

FILE = "drift.json"
#: Population stability index above which a quantity is named in a warning.
MOVED = 0.25
#: Shoppers and items of the sample; the same ones every night, while they are there.
USERS, ITEMS = 200, 500
_BINS, _CATEGORIES, _NAMED = 10, 20, 6
#: A block of more columns than these holds a vector.
_FEW = 16
#: Beginnings of the names of what a ranker gives.
_LEARNT = ("feature ", "score")

Floats = NDArray[np.float64]
Distributions = dict[str, dict[str, Any]]


def quantities(
    shop: Snapshot, ranker: Ranker | None, template: tuple[str, ...]
) -> dict[str, Floats | NDArray[np.object_]]:
    """What is watched: values of numbers, or names, of a sample of items and shoppers.

    Parameters
    ----------
    template
        Columns of an item's text, as the encoder reads it.

    Returns
    -------
    dict
        `words of a text`, `price`, `category` of items; `history` of shoppers (products known of each); features and
        `score`, the log-odds, of every sampled shopper with every sampled item. Features along principal directions of
        the texts are left out: these turn with every catalogue, and that is no drift.
    """
    items, users = _sample(shop.item_ids, ITEMS), _sample(shop.user_ids, USERS)
    table = shop.tables.value.items.iloc[items]
    found: dict[str, Any] = {
        "words of a text": np.array([len(text.split()) for text in render(table, template)], np.float64),
        "price": shop.facts.price[items].astype(np.float64),
        "history": np.diff(shop.histories.indptr)[users].astype(np.float64),
    }
    if "category" in table:
        found["category"] = table["category"].fillna("").astype(str).to_numpy(object)
    if ranker is not None and len(items) and len(users):
        candidates = Candidates.of(shop.facts, items)
        profiles = [shop.profile(int(user)) for user in users]
        for block in ranker.blocks:
            if len(block.columns) <= _FEW:
                known = [ranker.product_level(profile, candidates) for profile in profiles]
                values = np.concatenate([block.transform(*pair) for pair in known])
                found |= {f"feature {block.name}: {name}": values[:, n] for n, name in enumerate(block.columns)}
        found["score"] = np.concatenate([ranker.logit(profile, candidates) for profile in profiles])
    return found


def distributions(found: Mapping[str, Any]) -> Distributions:
    """Each quantity as bins and the share of the sample in each; missing values are a bin of their own."""
    return {name: _binned(values, _bins(values)) for name, values in found.items() if len(values)}


def indices(before: Distributions, found: Mapping[str, Any]) -> dict[str, float]:
    """Population stability index of each quantity that both nights have, over the earlier night's bins."""
    return {
        name: round(_psi(before[name], _binned(values, before[name]["bins"])), 4)
        for name, values in found.items()
        if name in before and len(values)
    }


def measure(night: Night, shop: Snapshot, ranker: Ranker | None) -> dict[str, float]:
    """Indices of tonight's candidate beside the live version; what moved much is warned of.

    Features and scores are measured only where both nights have the same settings: others give other scores.
    """
    found = quantities(shop, ranker, night.settings.encoder.template)
    save(distributions(found), night.draft.path)
    if night.live is None:
        return {}
    same = night.live.manifest.get("recipe") == training_recipe(night.settings)
    moved = indices(load(night.live.path), {k: v for k, v in found.items() if same or not k.startswith(_LEARNT)})
    if far := {name: value for name, value in moved.items() if value > MOVED}:
        said = ", ".join(f"{name} {value:.2f}" for name, value in sorted(far.items(), key=lambda one: -one[1])[:_NAMED])
        log.warning(
            "much has moved since version %s (population stability index above %g): %s", night.live.id, MOVED, said
        )
    return moved


def refusal(moved: Mapping[str, float], bound: float) -> str:
    """Why the gate refuses scores that moved further than the bound; '' if they did not."""
    score = moved.get("score", 0.0)
    if score <= bound:
        return ""
    rest = sorted((name for name in moved if name != "score"), key=lambda name: -moved[name])[:3]
    return (
        f"refused: scores have moved from the live version's, population stability index {score:.2f}, more than "
        f"gate.max_drift = {bound:g} allows; most of all moved {', '.join(f'{n} {moved[n]:.2f}' for n in rest)}. "
        f"If the tables are right, set RECSYS_GATE__MAX_DRIFT={score + 0.5:.1f} for one run"
    )


def save(told: Distributions, directory: Path) -> None:
    """Write the distributions into a version."""
    write_text(directory / FILE, json.dumps(told))


def load(directory: Path) -> Distributions:
    """The distributions of a version; empty for one that was published before they were kept."""
    path = directory / FILE
    told: Distributions = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return told


def _sample(ids: NDArray[np.object_], size: int) -> NDArray[np.int64]:
    """Codes of the ids with the smallest hashes: whoever is in it stays in it, whatever comes and goes beside."""
    keys = [hashlib.blake2b(str(one).encode(), digest_size=8).digest() for one in ids]
    return np.sort(np.array(sorted(range(len(ids)), key=keys.__getitem__)[:size], np.int64))


def _bins(values: NDArray[Any]) -> list[Any]:
    """Inner edges between deciles for numbers, the commonest names for names."""
    if values.dtype == object:
        names, counts = np.unique(values.astype(str), return_counts=True)
        return [str(name) for name in names[np.argsort(-counts, kind="stable")][:_CATEGORIES]]
    known = values[np.isfinite(values)]
    if not len(known):
        return []
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1]))
    return [float(edge) for edge in edges]


def _binned(values: NDArray[Any], bins: list[Any]) -> dict[str, Any]:
    if values.dtype == object:
        place = {name: n for n, name in enumerate(bins)}
        codes = np.array([place.get(str(value), len(bins)) for value in values])
    else:
        codes = np.where(np.isfinite(values), np.searchsorted(bins, values, side="left"), len(bins) + 1)
    counts = np.bincount(codes, minlength=len(bins) + 2)
    return {"bins": bins, "shares": (counts / len(values)).tolist(), "n": len(values)}


def _psi(before: Mapping[str, Any], now: Mapping[str, Any]) -> float:
    """Half a case in every bin keeps an empty one finite."""
    shares = [
        (np.asarray(one["shares"]) * one["n"] + 0.5) / (one["n"] + 0.5 * len(one["shares"])) for one in (before, now)
    ]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
