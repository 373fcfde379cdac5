"""Reason selection: which true reason is told of each item of a list, chosen together.

Rows explained one by one all hang on the same strong purchase. A list is therefore told as one: a purchase is named at
most twice, kinds of evidence are spread, no two rows say the same, and a row where nothing worth saying is true stays
without a reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from recsys.explain.evidence import Evidence
from recsys.explain.facts import Choice, Facts
from recsys.explain.measures import Kind

#: Reasons of one list that may name one purchase, and what a kind loses each time the list has used it.
PER_PURCHASE, REPEATED = 2, 0.7
#: Second facts of one kind in one list.
PER_EXTRA = 1


def choose(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The evidence of one shopper's list with the reasons chosen together.

    Rows with the fewest reasons to choose from go first, so that as few as possible are left without one.
    """
    out = list(evidence)
    named: Counter[str] = Counter()
    kinds: Counter[Kind] = Counter()
    extras: Counter[Kind] = Counter()
    told: set[tuple[str, Kind, str | None]] = set()
    clauses: set[str] = set()
    for row in sorted(range(len(out)), key=lambda row: (len(out[row].choices), row)):
        facts = out[row].facts

        def open_to(choice: Choice, facts: Facts = facts) -> bool:
            past = _past(choice, facts)
            # Two products of one name get two reasons: nobody could tell the sentences apart.
            return _told(choice, facts) not in told and (past is None or named[past] < PER_PURCHASE)

        best = max(
            filter(open_to, out[row].choices),
            key=lambda choice: choice.weight * REPEATED ** kinds[choice.kind],
            default=None,
        )
        if best is not None:
            kinds[best.kind] += 1
            told.add(_told(best, facts))
            if (past := _past(best, facts)) is not None:
                named[past] += 1
            if best.extra is not None and extras[best.extra] >= PER_EXTRA:
                best = replace(best, extra=None)
            elif best.extra is not None:
                extras[best.extra] += 1
        clause = "" if facts.clause in clauses else facts.clause  # what is said beside a reason is said once a list
        if best is not None:
            clauses.add(clause)
        out[row] = replace(out[row], facts=replace(facts, choice=best, clause=clause))
    return out


def _past(choice: Choice, facts: Facts) -> str | None:
    """Id of the thing of the history that a choice names."""
    return None if choice.named is None else facts.because[choice.named].item_id


def _told(choice: Choice, facts: Facts) -> tuple[str, Kind, str | None]:
    """What a sentence says: of which name, what kind, beside what."""
    return facts.item.name.casefold(), choice.kind, _past(choice, facts)
