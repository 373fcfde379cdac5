"""Offline figures on held-out events: one cut in time, frozen negatives, every candidate ranked.

What a model may know ends at the cut. Items a user already had are neither positives nor candidates. Test users,
negatives and resamples are drawn from seeds, so that two runs, or two models, see the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recsys.data.events import Events
from recsys.errors import BadInput
from recsys.evaluation import metrics
from recsys.evaluation.baselines import Scores
from recsys.evaluation.metrics import Estimate, Floats
from recsys.ranking.topk import top_k
from recsys.settings import EvaluationSettings

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
    seen = np.unique(_codes(train))
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


def within(events: Events, holdout: Holdout, count: int) -> Holdout:
    """The same holdout, of which only the first `count` events after the cut count; negatives stay as they are.

    Users with nothing new among these events are left out.
    """
    later = np.sort(events.time[events.time >= holdout.now])
    until = later[min(count, len(later)) - 1]
    soon = events.where((events.time >= holdout.now) & (events.time <= until))
    kept = [
        (user, np.intersect1d(positive, soon.item[soon.indptr[user] : soon.indptr[user + 1]]), negative)
        for user, positive, negative in zip(holdout.users, holdout.positives, holdout.negatives, strict=True)
    ]
    kept = [row for row in kept if len(row[1])]
    return replace(
        holdout,
        users=np.array([user for user, _, _ in kept], np.int64),
        positives=[positive for _, positive, _ in kept],
        negatives=[negative for _, _, negative in kept],
    )


def _codes(events: Events) -> NDArray[np.int64]:
    return events.user.astype(np.int64) * events.n_items + events.item


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
    positive, negative
        For each test user the scores of the positives and of the frozen negatives.
    """

    per_user: dict[str, Floats]
    ranks: list[NDArray[np.int64]]
    lists: list[NDArray[np.int64]]
    positive: list[Floats]
    negative: list[Floats]

    @cached_property
    def row_user(self) -> NDArray[np.int64]:
        """Place of each row's user among the test users; rows are the positives and negatives of all users."""
        sizes = [len(p) + len(n) for p, n in zip(self.positive, self.negative, strict=True)]
        return np.repeat(np.arange(len(self.lists)), sizes)

    @cached_property
    def row_label(self) -> NDArray[np.bool_]:
        """Whether each row is a positive."""
        return np.concatenate(
            [np.arange(len(p) + len(n)) < len(p) for p, n in zip(self.positive, self.negative, strict=True)]
        )

    @cached_property
    def row_score(self) -> Floats:
        """Score of each row."""
        return np.concatenate([s for both in zip(self.positive, self.negative, strict=True) for s in both])

    def estimates(self, n_items: int, resamples: int, seed: int) -> dict[str, Estimate]:
        """Each figure with its interval; ``coverage@10`` is the share of the catalogue that appears in a top 10."""
        n_users = len(self.lists)
        out = {name: metrics.interval(values, resamples=resamples, seed=seed) for name, values in self.per_user.items()}
        auc = metrics.pooled_auc(self.row_user, self.row_label, self.row_score)
        out["pooled_auc"] = metrics.pooled(auc, n_users, seed=seed)
        out["coverage@10"] = metrics.pooled(
            lambda times: self._coverage(times, n_items), n_users, seed=seed, centred=True
        )
        return out

    def _coverage(self, times: NDArray[np.int64], n_items: int) -> float:
        drawn = [items for items, t in zip(self.lists, times, strict=True) if t]
        return len(np.unique(np.concatenate(drawn))) / n_items

    def at(self, cutoffs: Sequence[int]) -> dict[str, list[float]]:
        """Mean ``recall`` and ``ndcg`` at each cutoff, for curves."""
        return {
            name: [
                float(np.mean([figure(ranks, len(ranks), k) for ranks in self.ranks if len(ranks)])) for k in cutoffs
            ]
            for name, figure in (("recall", metrics.recall), ("ndcg", metrics.ndcg))
        }

    def of_items(self, keep: Sequence[NDArray[np.bool_]]) -> dict[str, Floats]:
        """The per-user figures where only some positives are relevant (the others neither help nor count as misses).

        Parameters
        ----------
        keep
            For each test user, which positives are relevant; users with none get NaN.
        """
        rows = zip(self.ranks, self.positive, self.negative, keep, strict=True)
        return _figures([(ranks[k], positive[k], negative) for ranks, positive, negative, k in rows])


def measure(scores: Scores, holdout: Holdout) -> Measured:
    """Rank every item for every test user."""
    ranks, lists, positive, negative = [], [], [], []
    train = holdout.train
    for user, liked, others in zip(holdout.users, holdout.positives, holdout.negatives, strict=True):
        s = np.asarray(scores(int(user)), np.float64)
        unmet = s.copy()
        unmet[train.item[train.indptr[user] : train.indptr[user + 1]]] = -np.inf
        ranks.append(_ranks(unmet, liked))
        lists.append(top_k(unmet, 10))
        positive.append(s[liked])
        negative.append(s[others])
    per_user = _figures(list(zip(ranks, positive, negative, strict=True)))
    return Measured(per_user, ranks, lists, positive, negative)


def _figures(users: Sequence[tuple[NDArray[np.int64], Floats, Floats]]) -> dict[str, Floats]:
    """Per-user figures from (ranks of the relevant items, their scores, scores of the negatives)."""
    return {
        "auc": np.array([metrics.auc(positive, negative) for _, positive, negative in users]),
        "ndcg@10": np.array([metrics.ndcg(ranks, len(ranks), 10) for ranks, _, _ in users]),
        **{f"recall@{k}": np.array([metrics.recall(r, len(r), k) for r, _, _ in users]) for k in (10, LIST)},
    }


def _ranks(scores: Floats, items: NDArray[np.int64]) -> NDArray[np.int64]:
    """1-based ranks of `items` by score, ties by code."""
    ordered = np.sort(scores)
    own = scores[items]
    above = len(scores) - np.searchsorted(ordered, own, side="right")
    tied = len(scores) - np.searchsorted(ordered, own, side="left") - above > 1
    earlier = np.zeros(len(items), np.int64)
    for row in np.flatnonzero(tied):
        earlier[row] = np.count_nonzero(scores[: items[row]] == own[row])
    return (1 + above + earlier).astype(np.int64)
