"""User histories: what each shopper bought, when, and with which features, as the ranker reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.data.attributes import Attributes
from recsys.data.catalogue import ItemFeatures
from recsys.data.dislikes import Dislikes
from recsys.data.events import DAY, Events


@dataclass(frozen=True)
class Profile:
    """User profile: one shopper's history as distinct items, from oldest to latest.

    Attributes
    ----------
    items
        Catalogue codes, -1 for a product (or sentence) the catalogue does not have; int64, shape ``(h,)``.
    ages
        Days before now of the latest event with each item (0 where no global time exists); float32, shape ``(h,)``.
    steps
        Visits between that event and the shopper's latest one, 0 for the latest; int32, shape ``(h,)``.
    weights
        Summed event weights of each item; float32, shape ``(h,)``.
    facts
        Facts of the items, ``h`` rows.
    text
        [CLS] vector of the history rendered as text, unit length; float32, shape ``(dim,)``.
    recency
        Weight of each item in the shopper's mean vector, summing to 1 (empty history: empty); float32, ``(h,)``.
    counts, purchases
        How often each item was met, and how often it was bought; int32, shape ``(h,)``.
    first_ages, first_steps
        Days and visits since the first time, as `ages` and `steps` are since the last; float32 and int32, ``(h,)``.
    disliked
        Facts of what they disliked and have not come back to; None for nothing.
    own
        What the shop's users table says of them, one row; None for nothing.
    """

    items: NDArray[np.int64]
    ages: NDArray[np.float32]
    steps: NDArray[np.int32]
    weights: NDArray[np.float32]
    facts: ItemFeatures
    text: NDArray[np.float32]
    recency: NDArray[np.float32]
    counts: NDArray[np.int32]
    purchases: NDArray[np.int32]
    first_ages: NDArray[np.float32]
    first_steps: NDArray[np.int32]
    disliked: ItemFeatures | None = None
    own: Attributes | None = None

    def __len__(self) -> int:
        return len(self.items)

    @property
    def mean(self) -> NDArray[np.float32]:
        """Recency-weighted mean of the item vectors, shape ``(dim,)``; zeros for an empty history."""
        return self.recency @ self.facts.vectors

    def without(self, row: int) -> Profile:
        """Leave-one-out profile: the shopper without the item of this row; the text vector is left as it is."""
        keep = np.arange(len(self)) != row
        rest = self.recency[keep]
        return replace(
            self,
            items=self.items[keep],
            ages=self.ages[keep],
            steps=self.steps[keep],
            weights=self.weights[keep],
            facts=self.facts.take(np.flatnonzero(keep)),
            recency=rest / rest.sum() if len(rest) else rest,
            counts=self.counts[keep],
            purchases=self.purchases[keep],
            first_ages=self.first_ages[keep],
            first_steps=self.first_steps[keep],
        )


@dataclass(frozen=True)
class Histories:
    """Histories of all users as CSR arrays; rows of user ``u`` are ``indptr[u]:indptr[u + 1]``, oldest first.

    One row per distinct (user, item); at most `LIMIT` latest items of a user, so that a robot's history costs no more
    than a keen shopper's.
    """

    indptr: NDArray[np.int64]
    items: NDArray[np.int32]
    ages: NDArray[np.float32]
    steps: NDArray[np.int32]
    weights: NDArray[np.float32]
    recency: NDArray[np.float32]
    counts: NDArray[np.int32]
    purchases: NDArray[np.int32]
    first_ages: NDArray[np.float32]
    first_steps: NDArray[np.int32]
    dislikes: Dislikes | None = None
    shoppers: Attributes | None = None

    LIMIT = 500

    @classmethod
    def build(
        cls, events: Events, now: float, half_life: float, products: NDArray[np.int32] | None = None
    ) -> Histories:
        """Collapse events (all of them must be before `now`) into histories.

        Parameters
        ----------
        now
            The moment of asking, in the events' time.
        half_life
            Visits after which an item counts half in the mean vector.
        products
            Product of each item: what was met of one product is one row, of the variant met last.
        """
        # Events are sorted by user and time, so the last row of each (user, item) is its latest event.
        met = events.item if products is None else products[events.item]
        pair = events.user.astype(np.int64) * max(events.n_items, 1) + met
        _, group = np.unique(pair, return_inverse=True)
        weights = np.bincount(group, events.weight, minlength=group.max(initial=-1) + 1).astype(np.float32)
        last, first = np.zeros((2, len(weights)), np.int64)
        last[group] = np.arange(len(group))  # later rows overwrite earlier ones
        first[group[::-1]] = np.arange(len(group))[::-1]
        counts = np.bincount(group, minlength=len(weights))
        purchases = np.bincount(group[events.purchases], minlength=len(weights))
        order = np.argsort(last, kind="stable")
        last, first, weights = last[order], first[order], weights[order]
        user, steps = events.user[last], events.steps[last]
        ends = np.searchsorted(user, np.arange(events.n_users), side="right")
        keep = ends[user] - np.arange(len(user)) <= cls.LIMIT
        last, first, weights = last[keep], first[keep], weights[keep]
        counts, purchases = counts[order][keep], purchases[order][keep]
        user, steps = user[keep], steps[keep]
        ages, first_ages = ((now - events.time[at]) / DAY * events.absolute for at in (last, first))
        share = 0.5 ** (steps / half_life)
        total = np.bincount(user, share, minlength=events.n_users)
        return cls(
            indptr=np.searchsorted(user, np.arange(events.n_users + 1)).astype(np.int64),
            items=events.item[last],
            ages=ages.astype(np.float32),
            steps=steps.astype(np.int32),
            weights=weights,
            recency=(share / total[user]).astype(np.float32),
            counts=counts.astype(np.int32),
            purchases=purchases.astype(np.int32),
            first_ages=first_ages.astype(np.float32),
            first_steps=events.steps[first].astype(np.int32),
            dislikes=standing(events, now),
            shoppers=events.shoppers,
        )

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def profile(self, user: int, facts: ItemFeatures, text: NDArray[np.float32]) -> Profile:
        """One user's profile; `facts` are the whole catalogue's, `text` the user's history-text vector."""
        rows = slice(self.indptr[user], self.indptr[user + 1])
        items = self.items[rows].astype(np.int64)
        return Profile(
            items,
            self.ages[rows],
            self.steps[rows],
            self.weights[rows],
            facts.take(items),
            text,
            self.recency[rows],
            self.counts[rows],
            self.purchases[rows],
            self.first_ages[rows],
            self.first_steps[rows],
            self._disliked(user, facts),
            None if self.shoppers is None else self.shoppers.take([user]),
        )

    def _disliked(self, user: int, facts: ItemFeatures) -> ItemFeatures | None:
        if self.dislikes is None:
            return None
        rows = self.dislikes.of(user)[-self.LIMIT :]
        return facts.take(self.dislikes.item[rows]) if len(rows) else None

    def texts(self, titles: Sequence[str], max_words: int, users: Iterable[int] | None = None) -> list[str]:
        """History texts of `users` (default: all), as `history_text` makes them."""
        return [
            history_text([titles[i] for i in self.items[self.indptr[u] : self.indptr[u + 1]]], max_words)
            for u in (range(len(self)) if users is None else users)
        ]


def standing(events: Events, now: float) -> Dislikes | None:
    """Dislikes said before `now` that the shopper has not taken back by coming back to the item."""
    said = events.dislikes
    if said is None:
        return None
    n = max(events.n_items, 1)
    pairs, at = np.unique(events.user.astype(np.int64) * n + events.item, return_inverse=True)
    last = np.full(len(pairs) + 1, -np.inf)
    np.maximum.at(last, at, events.time)
    pair = said.user.astype(np.int64) * n + said.item
    place = np.minimum(np.searchsorted(pairs, pair), max(len(pairs) - 1, 0))
    liked = np.where(pairs[place] == pair, last[place], -np.inf) if len(pairs) else np.full(len(said), -np.inf)
    return said.where((said.time >= liked) & ((said.time <= now) | (not events.absolute)))


def history_text(titles: Sequence[str], max_words: int) -> str:
    """A history (oldest first) as text, most recent first, cut to about what the encoder reads; '' if empty."""
    parts: list[str] = []
    count = 0
    for title in reversed(titles):
        parts.append(title)
        count += _words(title)
        if count >= max_words:
            break
    return "; ".join(parts)


def word_counts(titles: Iterable[str]) -> NDArray[np.int64]:
    """Words of each title, as `history_text` counts them."""
    return np.array([_words(title) for title in titles], np.int64)


def _words(title: str) -> int:
    # Titles without spaces (Chinese) must not count as one word.
    return max(len(title.split()), len(title) // 8)


def after_visit(
    profile: Profile,
    facts: ItemFeatures,
    items: NDArray[np.int64],
    weights: NDArray[np.float32],
    half_life: float,
    bought: NDArray[np.bool_] | None = None,
) -> Profile:
    """Profile after one more visit, which is going on now; its text vector is left as it is.

    What was met before and is met again counts where it is met last, with the weights of both.

    Parameters
    ----------
    facts
        Features of the whole catalogue.
    items, weights
        Distinct codes that are met now, and what the events with each say about taste; shape ``(m,)``.
    bought
        Which of them are bought; by default all.
    """
    row = {int(item): at for at, item in enumerate(profile.items)}
    old = np.array([row.get(int(item), -1) for item in items], np.int64)

    def both(earlier: NDArray[Any], new: NDArray[Any] | int, otherwise: int = 0) -> NDArray[Any]:
        """Values of the rows that stay, then those of the items met now: their earlier ones and what is new."""
        had = np.append(earlier, otherwise).astype(earlier.dtype)[old]
        return np.concatenate([earlier[stay], (had + new).astype(earlier.dtype)])

    before = {int(item): float(weight) for item, weight in zip(profile.items, profile.weights, strict=True)}
    weights = weights + np.array([before.get(int(item), 0.0) for item in items], np.float32)
    stay = np.flatnonzero(~np.isin(profile.items, items))
    stay = stay[max(len(stay) + len(items) - Histories.LIMIT, 0) :]
    steps = np.concatenate([profile.steps[stay] + 1, np.zeros(len(items), np.int32)]).astype(np.int32)
    share = (0.5 ** (steps / half_life)).astype(np.float32)
    return replace(
        profile,
        items=np.concatenate([profile.items[stay], items]),
        ages=np.concatenate([profile.ages[stay], np.zeros(len(items), np.float32)]),
        steps=steps,
        weights=np.concatenate([profile.weights[stay], weights]).astype(np.float32),
        facts=ItemFeatures.concat(profile.facts.take(stay), facts.take(items)),
        recency=share / share.sum(),
        counts=both(profile.counts, 1),
        purchases=both(profile.purchases, 1 if bought is None else bought.astype(np.int32)),
        first_ages=both(profile.first_ages, 0),
        first_steps=both(profile.first_steps + 1, 0),
    )


def ad_hoc_profile(
    facts: ItemFeatures,
    items: NDArray[np.int64],
    text: NDArray[np.float32],
    half_life: float,
    *,
    one_visit: bool = False,
) -> Profile:
    """Profile of an unknown shopper, from a list of items (oldest first) or from a sentence (one item with code -1).

    With `one_visit` the items were taken together, otherwise one visit each.
    """
    n = len(items)
    steps = np.zeros(n, np.int32) if one_visit else np.arange(n - 1, -1, -1, dtype=np.int32)
    share = (0.5 ** (steps / half_life)).astype(np.float32)
    return Profile(
        items=items,
        ages=np.zeros(n, np.float32),
        steps=steps,
        weights=np.ones(n, np.float32),
        facts=facts,
        text=text,
        recency=share / share.sum() if n else share,
        counts=np.ones(n, np.int32),
        purchases=np.ones(n, np.int32),
        first_ages=np.zeros(n, np.float32),
        first_steps=steps,
    )
