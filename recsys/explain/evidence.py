"""From a score to evidence: the exact parts of a logit, and the exact worth of each past purchase.

The score is linear in its blocks, so the parts of ``logit(item) - mean logit of the shopper's average candidate`` sum
to it exactly, and what every item has in common cancels. A purchase's worth is the drop of the logit when the purchase
is left out of the history with the item statistics held fixed: an exact counterfactual, not a share of a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsys.data.catalogue import Candidates
from recsys.data.histories import Profile
from recsys.explain import grounding
from recsys.explain.facts import Facts, Kind, Past, safe_clause
from recsys.explain.statistics import ShopStatistics
from recsys.ranking.ranker import Ranker

#: Smallest worth, in logits (0.05 is 5% of the odds), from which a purchase may be named.
NAMEABLE = 0.05
#: Purchases named in one sentence, and the share of the first one's worth that the second must have.
NAMED, SECOND = 2, 0.5
#: A block is a top part when it is among so many of the largest positive ones.
TOP_PARTS = 3
#: Purchases left out together in search of what would change the decision.
MAX_JOINT = 5

_ABOUT_ITEM = {Kind.POPULAR, Kind.NEW, Kind.PRICE, Kind.CHEAPER}

EncodeHistory = Callable[[Profile], NDArray[np.float32]]
"""The text vector that a changed history would have, shape ``(dim,)``."""


@dataclass(frozen=True)
class Part:
    """One block's share of a score, in logits, against the shopper's average candidate.

    `kinds` are the kinds of evidence that may put it into words; a block without any is shown in figures only.
    """

    block: str
    meaning: str
    value: float
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
    facts
        What a sentence may say.
    """

    item_id: str
    logit: float
    baseline: float
    parts: tuple[Part, ...]
    purchases: tuple[Purchase, ...]
    decisive: tuple[str, ...]
    facts: Facts

    @property
    def top_kinds(self) -> frozenset[Kind]:
        """The kinds of evidence that the largest positive parts stand for."""
        return frozenset(kind for part in self.top_parts for kind in part.kinds)

    @property
    def top_parts(self) -> list[Part]:
        """The largest positive parts, at most `TOP_PARTS`."""
        return [p for p in sorted(self.parts, key=lambda p: -p.value)[:TOP_PARTS] if p.value > 0]


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
    personal = np.array([block.personal for block in blocks])
    out = []
    for at, code in enumerate(codes):
        difference = full[at] - mean
        order = np.argsort(-np.abs(difference), kind="stable")
        parts = tuple(
            Part(blocks[b].name, blocks[b].meaning, float(difference[b]), blocks[b].evidence_kinds) for b in order
        )
        worths = drops[:, at].sum(axis=1) if len(profile) else np.zeros(0)
        order_by_worth = np.argsort(-worths, kind="stable")
        ranked = [Purchase(statistics.item_id(int(profile.items[r])), int(r), float(worths[r])) for r in order_by_worth]
        one = candidates.take([at])
        purchases = _read_again(ranker, profile, one, ranked, encode_history) if encode_history else ranked
        logit, base = float(full[at].sum()) + intercept, float(mean.sum()) + intercept
        evidence = Evidence(
            item_id=str(statistics.snapshot.item_ids[code]),
            logit=logit,
            baseline=base,
            parts=parts,
            purchases=tuple(purchases),
            decisive=_decisive(ranker, profile, one, purchases, base, encode_history) if logit > base else (),
            facts=Facts(
                item=statistics.product(int(code)),
                usual_price=statistics.usual_price(profile),
                new=statistics.is_new(int(code)),
                fits=len(profile) > 0 and float(difference[personal].sum()) > 0,
                n_items=statistics.n_items,
            ),
        )
        facts = _sayable(evidence, one, statistics, ranker, profile, drops[:, at], user)
        out.append(replace(evidence, facts=facts))
    return out


def _leave_one_out(
    ranker: Ranker, profile: Profile, candidates: Candidates, full: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What each history row adds to each block of each candidate, shape ``(h, m, n_blocks)``."""
    if not len(profile):
        return np.zeros((0, *full.shape))
    return np.stack([full - ranker.contributions(profile.without(row), candidates) for row in range(len(profile))])


def _read_again(
    ranker: Ranker, profile: Profile, one: Candidates, purchases: Sequence[Purchase], encode_history: EncodeHistory
) -> list[Purchase]:
    """Add to the worth of the purchases that may be named what re-reading the history's text without them changes."""
    out = []
    for place, purchase in enumerate(purchases):
        if place < 2 * NAMED and purchase.worth >= NAMEABLE:
            rest = profile.without(purchase.row)
            text = float(ranker.logit(rest, one)[0] - ranker.logit(replace(rest, text=encode_history(rest)), one)[0])
            purchase = replace(purchase, worth=purchase.worth + text, text=text)
        out.append(purchase)
    return sorted(out, key=lambda p: -p.worth)


def _decisive(
    ranker: Ranker,
    profile: Profile,
    one: Candidates,
    purchases: Sequence[Purchase],
    baseline: float,
    encode_history: EncodeHistory | None,
) -> tuple[str, ...]:
    rest, left_out = profile, list[str]()
    rows = list(range(len(profile)))
    for purchase in purchases[:MAX_JOINT]:
        if purchase.worth <= 0:
            break
        at = rows.index(purchase.row)
        rows.pop(at)
        rest = rest.without(at)
        left_out.append(purchase.item_id or "")
        changed = replace(rest, text=encode_history(rest)) if encode_history else rest
        if float(ranker.logit(changed, one)[0]) <= baseline:
            return tuple(left_out)
    return ()


def _sayable(
    evidence: Evidence,
    one: Candidates,
    statistics: ShopStatistics,
    ranker: Ranker,
    profile: Profile,
    drops: NDArray[np.float64],
    user: int | None,
) -> Facts:
    """The facts with what may be said chosen from what is largest."""
    facts, code = evidence.facts, int(one.codes[0])
    because: list[Past] = []
    for purchase in evidence.purchases:
        if purchase.worth < max(NAMEABLE, SECOND * evidence.purchases[0].worth) or len(because) == NAMED:
            break
        past = statistics.past(profile, purchase.row, code, user)
        # Two products of one name cannot be told apart in a sentence.
        if past is not None and past.product.name.casefold() not in {facts.item.name.casefold(), *_named(because)}:
            because.append(replace(past, link=_link(facts, past, ranker, drops[purchase.row])))
    # A look is named only where no purchase can be.
    bought = [past for past in because if past.bought]
    facts = replace(facts, because=tuple(bought or because[:1]))
    top = evidence.top_parts
    extra = dict.fromkeys(k for part in top for k in part.kinds if k in _ABOUT_ITEM and facts.holds(k))
    block = {block.name: block for block in ranker.blocks}
    clauses = (block[part.block].describe(profile, one)[0] for part in top)
    return replace(facts, extra=tuple(extra), clause=next(filter(None, map(_clause, clauses)), ""))


def _clause(said: str | None) -> str:
    """What a block says of the item, '' where it says nothing or what no sentence may hold."""
    clause = safe_clause(said or "")
    return "" if grounding.limits(f"It {clause}.") else clause


def _named(because: Sequence[Past]) -> set[str]:
    return {past.product.name.casefold() for past in because}


def _link(facts: Facts, past: Past, ranker: Ranker, drop: NDArray[np.float64]) -> Kind:
    """The kind whose block loses most without this purchase, among those that are true of the pair."""
    if not past.bought:
        return Kind.VIEWED
    for block in np.argsort(-drop, kind="stable"):
        if drop[block] <= 0:
            break
        for kind in ranker.blocks[block].evidence_kinds:
            if facts.holds(kind, past):
                return kind
    return Kind.BOUGHT
