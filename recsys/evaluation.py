"""Offline figures on held-out events: one cut in time, frozen negatives, every candidate ranked.

What a model may know ends at the cut. Items a user already had are neither positives nor candidates. Test users,
negatives and resamples are drawn from seeds, so that two runs, or two models, see the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys import metrics
from recsys.baselines import Scores
from recsys.errors import BadInput
from recsys.events import Events
from recsys.metrics import Estimate
from recsys.settings import EvaluationSettings
from recsys.topk import top_k

LIST = 20


@dataclass(frozen=True)
class Holdout:
    """Events before the cut, and what the test users did after it.

    Attributes
    ----------
    train
        Everything a model may learn from.
    now
        The cut (order-only tables: the end of the training events).
    users
        Codes of the test users, sorted.
    positives, negatives
        For each test user, item codes: new items met after the cut, and a frozen uniform draw of items never met.
    """

    train: Events
    now: float
    users: NDArray[np.int64]
    positives: list[NDArray[np.int64]]
    negatives: list[NDArray[np.int64]]


def hold_out(events: Events, settings: EvaluationSettings, seed: int) -> Holdout:
    """Cut the events in time; where no global time exists, each user's last visit is held out."""
    if events.absolute:
        cut = float(np.quantile(events.time, 1 - settings.test_fraction, method="lower"))
        late = events.time >= cut
    else:
        cut = events.end
        late = (events.steps == 0) & (np.diff(events.indptr)[events.user] > 1)
    train, test = events.where(~late), events.where(late)
    if not len(train) or not len(test):
        raise BadInput(
            f"evaluation: {len(events)} events leave nothing on one side of the cut; it needs events at several times"
        )
    seen = _pairs(train)
    test = test.where(~np.isin(_codes(test), seen))
    history = np.bincount(np.unique(seen) // events.n_items, minlength=events.n_users)
    users = np.unique(test.user).astype(np.int64)
    users = users[history[users] >= settings.min_history]
    if not len(users):
        raise BadInput("evaluation: no user has a history before the cut and a new item after it")
    rng = np.random.default_rng(seed)
    if len(users) > settings.max_users:
        users = np.sort(rng.choice(users, settings.max_users, replace=False))
    positives, negatives = [], []
    for user in users:
        new = np.unique(test.item[test.indptr[user] : test.indptr[user + 1]]).astype(np.int64)
        had = train.item[train.indptr[user] : train.indptr[user + 1]]
        positives.append(new)
        negatives.append(_uniform(rng, events.n_items, np.union1d(new, had), settings.negatives))
    return Holdout(train, cut, users, positives, negatives)


def _codes(events: Events) -> NDArray[np.int64]:
    return events.user.astype(np.int64) * events.n_items + events.item


def _pairs(events: Events) -> NDArray[np.int64]:
    return np.unique(_codes(events))


def _uniform(rng: np.random.Generator, n_items: int, excluded: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """`size` distinct codes (fewer if there are not as many) outside `excluded`."""
    free = n_items - len(excluded)
    draw = np.sort(rng.choice(free, min(size, free), replace=False)).astype(np.int64)
    # The j-th free code is j plus the number of excluded codes before it.
    return draw + np.searchsorted(np.sort(excluded) - np.arange(len(excluded)), draw, side="right")


@dataclass(frozen=True)
class Measured:
    """One model on one holdout.

    Attributes
    ----------
    per_user
        Figures of each test user, arrays of shape ``(n_users,)``: ``auc, ndcg@10, recall@10, recall@20``.
    ranks
        For each test user the 1-based rank of each positive among all items the user had not met.
    lists
        Top-10 item codes of each test user.
    row_user, row_label, row_score
        The rows behind pooled figures: positives and negatives of all users.
    """

    per_user: dict[str, NDArray[np.float64]]
    ranks: list[NDArray[np.int64]]
    lists: list[NDArray[np.int64]]
    row_user: NDArray[np.int64]
    row_label: NDArray[np.bool_]
    row_score: NDArray[np.float64]

    def estimates(self, n_items: int, resamples: int, seed: int) -> dict[str, Estimate]:
        """Each figure with its interval; ``coverage@10`` is the share of the catalogue that appears in a top 10."""
        n_users = len(self.lists)
        out = {name: metrics.interval(values, resamples=resamples, seed=seed) for name, values in self.per_user.items()}
        out["pooled_auc"] = metrics.pooled(metrics.pooled_auc(self.row_user, self.row_label, self.row_score), n_users)
        out["coverage@10"] = metrics.pooled(lambda times: self._coverage(times, n_items), n_users)
        return out

    def _coverage(self, times: NDArray[np.int64], n_items: int) -> float:
        drawn = [items for items, t in zip(self.lists, times, strict=True) if t]
        return len(np.unique(np.concatenate(drawn))) / n_items


def measure(scores: Scores, holdout: Holdout) -> Measured:
    """Rank every item for every test user."""
    per_user: dict[str, list[float]] = {"auc": [], "ndcg@10": [], "recall@10": [], f"recall@{LIST}": []}
    ranks, lists, row_score = [], [], []
    for user, positive, negative in zip(holdout.users, holdout.positives, holdout.negatives, strict=True):
        s = np.asarray(scores(int(user)), np.float64)
        per_user["auc"].append(metrics.auc(s[positive], s[negative]))
        row_score += [s[positive], s[negative]]
        train = holdout.train
        unmet = s.copy()
        unmet[train.item[train.indptr[user] : train.indptr[user + 1]]] = -np.inf
        rank = _ranks(unmet, positive)
        per_user["ndcg@10"].append(metrics.ndcg(rank, len(positive), 10))
        for k in (10, LIST):
            per_user[f"recall@{k}"].append(metrics.recall(rank, len(positive), k))
        ranks.append(rank)
        lists.append(top_k(unmet, 10))
    sizes = np.array([(len(p), len(n)) for p, n in zip(holdout.positives, holdout.negatives, strict=True)])
    return Measured(
        per_user={name: np.array(values) for name, values in per_user.items()},
        ranks=ranks,
        lists=lists,
        row_user=np.repeat(np.arange(len(holdout.users)), sizes.sum(axis=1)),
        row_label=np.concatenate([np.repeat([True, False], pair) for pair in sizes]),
        row_score=np.concatenate(row_score),
    )


def _ranks(scores: NDArray[np.float64], items: NDArray[np.int64]) -> NDArray[np.int64]:
    """1-based ranks of `items` by score, ties by code."""
    codes = np.arange(len(scores))
    return np.array(
        [1 + (scores > scores[i]).sum() + ((scores == scores[i]) & (codes < i)).sum() for i in items], dtype=np.int64
    )


def compare(models: Mapping[str, Scores], holdout: Holdout) -> dict[str, Measured]:
    """Measure several models on the same holdout."""
    return {name: measure(scores, holdout) for name, scores in models.items()}
