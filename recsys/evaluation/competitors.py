"""Competing methods on the same split: kNN, ALS, BPR, LightFM, EASE, sequence models, and text with its decay tuned.

Each is tuned on an inner split of the training events, as a careful user would. What is best for the top of the list is
often not what is best for the whole order, so a peer may enter twice: tuned for nDCG@10, and (``name @auc``) for
per-user AUC. Methods that need a package (`implicit`, `rectools`, `lightfm`) are left out where it is not installed.
"""

from __future__ import annotations

import importlib.util
import itertools
import logging
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys.data.catalogue import ItemFeatures
from recsys.data.events import Events
from recsys.errors import DISTRIBUTION, BadInput
from recsys.evaluation import baselines, sequence_models
from recsys.evaluation.baselines import Scores
from recsys.evaluation.splits import Holdout, Measured, hold_out, measure
from recsys.progress import progress_bar
from recsys.ranking.features import TrainingContext
from recsys.settings import EvaluationSettings

log = logging.getLogger(__name__)

Params = Mapping[str, Any]

DENSE_ITEMS = 20_000
"""EASE inverts a dense items x items matrix; above this it is left out."""
TUNING_USERS = 1_000
_APART = f"pip install '{DISTRIBUTION}[rectools]', with pandas 2 and numpy 1 in an environment of its own"
#: What to say where a package is not installed.
_WHY = {
    "implicit": f"needs the package implicit: pip install '{DISTRIBUTION}[peers]'",
    "lightfm": f"needs the package lightfm: {_APART}",
    "rectools": f"needs the package rectools: {_APART}",
}


@dataclass(frozen=True)
class PeerInput:
    """What a peer may learn from, and the users it will be asked about, sorted."""

    facts: ItemFeatures
    events: Events
    now: float
    seed: int
    users: NDArray[np.int64]


@dataclass(frozen=True)
class Peer:
    """A method, and the parameters worth trying."""

    name: str
    fit: Callable[..., Scores]
    grid: tuple[Params, ...]


def _grid(**choices: Sequence[Any]) -> tuple[Params, ...]:
    return tuple(dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values()))


def user_items(events: Events) -> sparse.csr_array:
    """Ones where a user has met an item, float32, shape ``(n_users, n_items)``."""
    ones = np.ones(len(events), np.float32)
    met = sparse.csr_array((ones, (events.user, events.item)), shape=(events.n_users, events.n_items))
    met.sum_duplicates()
    met.data[:] = 1
    return met


def ease(past: PeerInput, ridge: float) -> Scores:
    """The closed-form linear autoencoder with a zero diagonal (Steck, WWW 2019)."""
    met = user_items(past.events)
    gram = (met.T @ met).toarray()
    gram[np.diag_indices_from(gram)] += ridge
    weights = np.linalg.inv(gram)
    weights /= -np.diag(weights)
    np.fill_diagonal(weights, 0)
    return lambda user: np.asarray((met[[user]] @ weights), np.float64).ravel()


def nearest(past: PeerInput, kind: str, neighbours: int, **params: float) -> Scores:
    """Item-kNN of `implicit`: cosine or BM25 weighted."""
    from implicit import nearest_neighbours as nn

    model = {"cosine": nn.CosineRecommender, "bm25": nn.BM25Recommender}[kind](K=neighbours, **params)
    met = user_items(past.events)
    with warnings.catch_warnings(action="ignore"):  # it remarks on matrices that it converts itself
        model.fit(sparse.csr_matrix(met), show_progress=False)
    similarity = sparse.csr_array(model.similarity)
    return lambda user: (met[[user]] @ similarity).toarray().ravel().astype(np.float64)


def factors(past: PeerInput, kind: str, **params: Any) -> Scores:
    """Matrix factorisation of `implicit`: ALS (Hu et al., 2008) or BPR (Rendle et al., 2009)."""
    from implicit.als import AlternatingLeastSquares
    from implicit.bpr import BayesianPersonalizedRanking

    threads = 1 if kind == "bpr" else 0  # BPR's threads race: two runs would differ
    with warnings.catch_warnings(action="ignore"), threadpool_limits(1, user_api="blas"):
        model = {"als": AlternatingLeastSquares, "bpr": BayesianPersonalizedRanking}[kind](
            **params, random_state=past.seed, num_threads=threads
        )
        model.fit(sparse.csr_matrix(user_items(past.events)), show_progress=False)
    users, items = np.asarray(model.user_factors), np.asarray(model.item_factors)
    return lambda user: (items @ users[user]).astype(np.float64)


def warp(past: PeerInput, epochs: int) -> Scores:
    """Matrix factorisation of LightFM under the WARP loss (Kula 2015; Weston et al. 2011)."""
    from lightfm import LightFM

    model = LightFM(no_components=64, loss="warp", random_state=past.seed)
    model.fit(sparse.coo_matrix(user_items(past.events)), epochs=epochs, num_threads=1)  # threads would race
    items = np.arange(past.events.n_items)
    return lambda user: model.predict(int(user), items, num_threads=1).astype(np.float64)


def text(past: PeerInput, kind: str, half_life: float) -> Scores:
    """Similarity of an item's words or vector to the history's, older visits counting less."""
    histories = TrainingContext.as_of(past.facts, past.events, past.now, half_life).histories
    score = {"tfidf": baselines.tfidf_cosine, "embedding": baselines.embedding_cosine}[kind]
    return score(past.facts, histories)


def available(n_items: int) -> tuple[list[Peer], dict[str, str]]:
    """The peers that can be run for a catalogue of this size, and why the others cannot."""
    decays = (0.5, 1.5, 4.0, 1e6)
    found = [
        Peer("TF-IDF tuned", partial(text, kind="tfidf"), _grid(half_life=decays)),
        Peer("embedding tuned", partial(text, kind="embedding"), _grid(half_life=decays)),
    ]
    skipped: dict[str, str] = {}
    if n_items <= DENSE_ITEMS:
        found.append(Peer("EASE", ease, _grid(ridge=(100.0, 300.0, 1000.0))))
    else:
        skipped["EASE"] = f"inverts a matrix of {n_items} x {n_items}; run up to {DENSE_ITEMS} items"
    near = {"neighbours": (20, 100, 400)}
    als = {"iterations": (12,), "factors": (64, 128), "alpha": (1.0, 10.0, 40.0), "regularization": (0.05, 1.0)}
    bpr = {"iterations": (100, 300), "factors": (64,), "learning_rate": (0.05,), "regularization": (0.01, 0.1)}
    epochs = _grid(epochs=sequence_models.EPOCHS)
    optional = {
        ("implicit",): [
            Peer("item-kNN", partial(nearest, kind="cosine"), _grid(**near)),
            Peer("BM25-kNN", partial(nearest, kind="bm25"), _grid(**near, K1=(0.5, 1.2), B=(0.2, 0.75))),
            Peer("ALS", partial(factors, kind="als"), _grid(**als)),
            Peer("BPR", partial(factors, kind="bpr"), _grid(**bpr)),
        ],
        ("lightfm",): [Peer("LightFM", warp, _grid(epochs=(10, 30, 100)))],
        ("rectools", "pytorch_lightning"): [
            Peer(name, partial(sequence_models.fit, kind=name), epochs) for name in sequence_models.MODELS
        ],
    }
    for packages, peers in optional.items():
        if all(importlib.util.find_spec(package) is not None for package in packages):
            found += peers
        else:
            skipped |= dict.fromkeys((peer.name for peer in peers), _WHY[packages[0]])
    return found, skipped


@dataclass(frozen=True)
class Tuned:
    """What tuning chose: parameters that did best for nDCG@10 and for per-user AUC on the inner split."""

    ndcg: Params
    auc: Params


def tune(peer: Peer, past: PeerInput, settings: EvaluationSettings) -> Tuned:
    """Try the peer's grid on an inner split of `past`; the first choice where the past cannot be split again."""
    if len(peer.grid) == 1:
        return Tuned(peer.grid[0], peer.grid[0])
    few = settings.model_copy(update={"max_users": min(settings.max_users, TUNING_USERS)})
    try:
        inner = hold_out(past.events, few, past.seed)
    except BadInput:
        return Tuned(peer.grid[0], peer.grid[0])
    within = PeerInput(past.facts, inner.train, inner.now, past.seed, inner.users)
    tried: list[tuple[float, float]] = []
    for params in peer.grid:
        figures = measure(peer.fit(within, **params), inner).per_user
        tried.append((float(np.nanmean(figures["ndcg@10"])), float(np.nanmean(figures["auc"]))))
    ndcg, auc = np.argmax(tried, axis=0)
    log.info("%s: nDCG@10 %.4f with %s", peer.name, tried[ndcg][0], peer.grid[ndcg])
    return Tuned(peer.grid[ndcg], peer.grid[auc])


def run(
    peers: Iterable[Peer],
    facts: ItemFeatures,
    holdout: Holdout,
    settings: EvaluationSettings,
    seed: int,
    *,
    progress: bool = False,
) -> dict[str, tuple[Measured, Params]]:
    """Tune, fit and measure each peer; names of those tuned for AUC end in ``@auc``."""
    past = PeerInput(facts, holdout.train, holdout.now, seed, holdout.users)
    out: dict[str, tuple[Measured, Params]] = {}
    with progress_bar(progress) as bar:
        for peer in bar.track(list(peers), description="tuning peers"):
            tuned = tune(peer, past, settings)
            out[peer.name] = measure(peer.fit(past, **tuned.ndcg), holdout), tuned.ndcg
            if tuned.auc != tuned.ndcg:
                out[f"{peer.name} @auc"] = measure(peer.fit(past, **tuned.auc), holdout), tuned.auc
    return out


__all__ = ["DENSE_ITEMS", "Peer", "PeerInput", "Tuned", "available", "ease", "run", "tune", "user_items"]
