"""Additive attribution of a score and leave-one-out counterfactuals of each past purchase.

The score is linear in its blocks, so the parts of ``logit(item) - mean logit of the shopper's average candidate`` sum
to it exactly, and what every item has in common cancels. A purchase's worth is the drop of the logit when the purchase
is left out of the history with the item statistics held fixed: an exact counterfactual, not a share of a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsys.data.catalogue import Candidates
from recsys.data.histories import Profile
from recsys.explain import grounding
from recsys.explain.choices import choices_of
from recsys.explain.facts import Choice, Facts
from recsys.explain.measures import Kind
from recsys.explain.names import distinct_names, safe_clause
from recsys.explain.statistics import ShopStatistics
from recsys.ranking.ranker import Ranker

#: Smallest worth, in logits (0.05 is 5% of the odds), from which a purchase may be named.
NAMEABLE = 0.05
#: Purchases that may be named for one item, the worthiest first, and the share of the first one's worth they must have.
CONSIDERED, SHARE_OF_FIRST = 4, 0.2
#: A block is a top part when it is among so many of the largest positive ones.
TOP_PARTS = 3
#: Purchases left out together in search of what would change the decision.
MAX_JOINT = 5

EncodeHistory = Callable[[Profile], NDArray[np.float32]]
"""The text vector that a changed history would have, shape ``(dim,)``."""


@dataclass(frozen=True)
class Part:
    """One block's share of a score, in logits, against the shopper's average candidate.

    `kinds` are the kinds of evidence that may put it into words; a block without any is shown in figures only.
    `personal` is whether the block looks at the shopper, or at the item alone.
    """

    block: str
    meaning: str
    value: float
    personal: bool = True
    kinds: tuple[Kind, ...] = ()


@dataclass(frozen=True)
class Purchase:
    """What one item of the history is worth to the score.

    Attributes
    ----------
    item_id
        Its id; None for a product (or sentence) the catalogue does not have.
    row
        Its row in the profile.
    worth
        Drop of the logit when it is left out, the item statistics held fixed.
    text
        The part of `worth` that comes from re-reading the history's text without it; 0 where it was not read again.
    """

    item_id: str | None
    row: int
    worth: float
    text: float = 0.0


@dataclass(frozen=True)
class Evidence:
    """Why one item has the score it has, for one shopper.

    Attributes
    ----------
    item_id
        The item.
    logit, baseline
        Of the item, and the mean over the shopper's average candidate.
    parts
        Every block's part, largest magnitude first; they sum to ``logit - baseline``.
    purchases
        Every item of the history with its worth, the largest first.
    decisive
        The smallest set of purchases found (greedily by worth, at most `MAX_JOINT`) without which the item would score
        no better than the average candidate: what would change the decision. Empty where no such set was found.
    choices
        The reasons that are true and rest on the score, the one with most to say first (`selection`).
    facts
        What a sentence may say, with the reason that is told.
    """

    item_id: str
    logit: float
    baseline: float
    parts: tuple[Part, ...]
    purchases: tuple[Purchase, ...]
    decisive: tuple[str, ...]
    choices: tuple[Choice, ...]
    facts: Facts

    @property
    def top_kinds(self) -> frozenset[Kind]:
        """The kinds of evidence that the largest positive parts stand for."""
        return _kinds(self.top_parts)

    @property
    def top_parts(self) -> list[Part]:
        """The largest positive parts, at most `TOP_PARTS`."""
        return _top(self.parts)

    @property
    def personal(self) -> float:
        """Share of what speaks for the item that is about this shopper, 0 to 1; the rest is about the item alone."""
        return _personal(self.parts)

    @property
    def because(self) -> tuple[str, ...]:
        """Ids of the things of the history that the told reason names."""
        return () if self.facts.named is None else (self.facts.named.item_id,)


def gather(
    statistics: ShopStatistics,
    ranker: Ranker,
    profile: Profile,
    codes: Sequence[int],
    *,
    user: int | None = None,
    encode_history: EncodeHistory | None = None,
) -> list[Evidence]:
    """Evidence for several items of one shopper; the history is gone through once for all of them.

    Parameters
    ----------
    codes
        Catalogue codes of the items.
    user
        The shopper's code, where the shop knows them: tells purchases from looks.
    encode_history
        Reads the text of a changed history. With it, the worth of the purchases that may be named is exact to the last
        term; without it the text is left as it is (its part is the same for all items, so it changes no order).
    """
    candidates = statistics.candidates(codes)
    full = ranker.contributions(profile, candidates)
    baseline = ranker.contributions(profile, statistics.baseline)
    mean, intercept = baseline.mean(axis=0), float(ranker.intercept)
    drops = _leave_one_out(ranker, profile, candidates, full)
    blocks = ranker.blocks
    reader = None if encode_history is None else _Rereader(profile, encode_history)
    names = distinct_names([statistics.titles[code] or "" for code in codes])
    out = []
    for at, code in enumerate(codes):
        difference = full[at] - mean
        order = np.argsort(-np.abs(difference), kind="stable")
        parts = tuple(
            Part(blocks[b].name, blocks[b].meaning, float(difference[b]), blocks[b].personal, blocks[b].evidence_kinds)
            for b in order
        )
        worths = drops[:, at].sum(axis=1) if len(profile) else np.zeros(0)
        order_by_worth = np.argsort(-worths, kind="stable")
        ranked = [Purchase(statistics.item_id(int(profile.items[r])), int(r), float(worths[r])) for r in order_by_worth]
        one = candidates.take([at])
        purchases = _read_again(ranker, profile, one, ranked, reader) if reader else ranked
        logit, base = float(full[at].sum()) + intercept, float(mean.sum()) + intercept
        # What is bought again is no reason for itself: "because you bought X" of X says nothing.
        rows = _nameable([p for p in purchases if p.item_id != str(statistics.snapshot.item_ids[code])])
        facts = statistics.facts(profile, int(code), rows, user, names[at])
        worth = {p.item_id: p.worth for p in purchases}
        row_of = {p.item_id: p.row for p in purchases}
        choices = choices_of(
            facts,
            [worth[past.item_id] for past in facts.because],
            [_moved(ranker, drops[row_of[past.item_id], at]) for past in facts.because],
            _kinds(p for p in parts if p.value > 0),
            _kinds(_top(parts)),
            _personal(parts),
        )
        clause = _said(ranker, _top(parts), profile, one)
        out.append(
            Evidence(
                item_id=str(statistics.snapshot.item_ids[code]),
                logit=logit,
                baseline=base,
                parts=parts,
                purchases=tuple(purchases),
                decisive=_decisive(ranker, profile, one, purchases, base, reader) if logit > base else (),
                choices=choices,
                facts=replace(facts, choice=choices[0] if choices else None, clause=clause),
            )
        )
    return out


def _leave_one_out(
    ranker: Ranker, profile: Profile, candidates: Candidates, full: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What each history row adds to each block of each candidate, shape ``(h, m, n_blocks)``."""
    if not len(profile):
        return np.zeros((0, *full.shape))
    return np.stack([full - ranker.contributions(profile.without(row), candidates) for row in range(len(profile))])


class _Rereader:
    """Histories without some of their rows, the text read again; each read once for all items of a list."""

    def __init__(self, profile: Profile, encode_history: EncodeHistory) -> None:
        self._profile, self._encode = profile, encode_history
        self._read: dict[frozenset[int], NDArray[np.float32]] = {}

    def without(self, rows: Iterable[int]) -> Profile:
        """The shopper had they never met the items of these rows."""
        left_out = frozenset(rows)
        rest = _without(self._profile, left_out)
        if left_out not in self._read:
            self._read[left_out] = self._encode(rest)
        return replace(rest, text=self._read[left_out])


def _without(profile: Profile, rows: Iterable[int]) -> Profile:
    for row in sorted(rows, reverse=True):  # from the end: the numbers of the rows before stay
        profile = profile.without(row)
    return profile


def _read_again(
    ranker: Ranker, profile: Profile, one: Candidates, purchases: Sequence[Purchase], reader: _Rereader
) -> list[Purchase]:
    """Add to the worth of the purchases that may be named what re-reading the history's text without them changes."""
    out = []
    for place, purchase in enumerate(purchases):
        if place < CONSIDERED and purchase.worth >= NAMEABLE:
            old, new = profile.without(purchase.row), reader.without([purchase.row])
            text = float(ranker.logit(old, one)[0] - ranker.logit(new, one)[0])
            purchase = replace(purchase, worth=purchase.worth + text, text=text)
        out.append(purchase)
    return sorted(out, key=lambda p: -p.worth)


def _decisive(
    ranker: Ranker,
    profile: Profile,
    one: Candidates,
    purchases: Sequence[Purchase],
    baseline: float,
    reader: _Rereader | None,
) -> tuple[str, ...]:
    left_out: list[Purchase] = []
    for purchase in purchases[:MAX_JOINT]:
        if purchase.worth <= 0:
            break
        left_out.append(purchase)
        rows = [p.row for p in left_out]
        changed = reader.without(rows) if reader else _without(profile, rows)
        if float(ranker.logit(changed, one)[0]) <= baseline:
            return tuple(p.item_id or "" for p in left_out)
    return ()


def _nameable(purchases: Sequence[Purchase]) -> list[int]:
    """Rows of the history whose loss the score would feel, the worthiest first."""
    least = max(NAMEABLE, SHARE_OF_FIRST * purchases[0].worth) if purchases else NAMEABLE
    return [p.row for p in purchases[:CONSIDERED] if p.worth >= least and p.item_id is not None]


def _top(parts: Iterable[Part]) -> list[Part]:
    return [p for p in sorted(parts, key=lambda p: -p.value)[:TOP_PARTS] if p.value > 0]


def _personal(parts: Iterable[Part]) -> float:
    """Share of personal blocks in the sum of the positive parts."""
    positive = [part for part in parts if part.value > 0]
    return sum(part.value for part in positive if part.personal) / max(sum(part.value for part in positive), 1e-9)


def _kinds(parts: Iterable[Part]) -> frozenset[Kind]:
    """The kinds of evidence that positive parts stand for."""
    return frozenset(kind for part in parts if part.value > 0 for kind in part.kinds)


def _moved(ranker: Ranker, drop: NDArray[np.float64]) -> frozenset[Kind]:
    """The kinds of evidence of the blocks that lose something without one purchase."""
    return frozenset(kind for b in np.flatnonzero(drop > 0) for kind in ranker.blocks[b].evidence_kinds)


def _said(ranker: Ranker, top: Sequence[Part], profile: Profile, one: Candidates) -> str:
    """What the first block among `top` that says something of the item says, '' where none does."""
    block = {block.name: block for block in ranker.blocks}
    known = ranker.product_level(profile, one)
    clauses = (_clause(block[part.block].describe(*known)[0]) for part in top)
    return next(filter(None, clauses), "")


def _clause(said: str | None) -> str:
    """What a block says of the item, '' where it says nothing or what no sentence may hold."""
    clause = safe_clause(said or "")
    return "" if grounding.limits(f"It {clause}.") else clause
