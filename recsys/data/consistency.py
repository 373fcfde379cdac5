"""Consistency of an opened snapshot: every array has the rows, and every code the target, that the others say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from recsys.data.bounds import ascending, checking, codes, csr, rows

if TYPE_CHECKING:
    from recsys.data.snapshot import Snapshot

HISTORY_ARRAYS = ("indptr", "items", "ages", "steps", "weights", "recency")
#: What versions of before repeats were learnt lack; it is counted again from their events.
REPEAT_ARRAYS = ("counts", "purchases", "first_ages", "first_steps")


def check(shop: Snapshot, directory: Path) -> None:
    """Compare the lengths and codes of all arrays.

    Raises
    ------
    ArtifactError
        Some contradict each other.
    """
    n, users, facts, histories, events = (
        len(shop.item_ids), len(shop.user_ids), shop.facts, shop.histories, shop.events
    )  # fmt: skip
    terms = facts.terms
    with checking(directory):
        rows(n, shop.available, facts.vectors, facts.brand, facts.category, facts.price, *shop.item_pool.arrays)
        rows(users, *shop.history_pool.arrays)
        csr(terms.indptr, terms.indices, n, terms.shape[1], terms.data)
        if (said := events.dislikes) is not None:
            rows(len(said), said.item, said.time, said.barred)
            codes(said.user, users)
            ascending(said.user)
            codes(said.item, n)
        if (written := events.opinions) is not None:
            rows(len(written), written.item, written.time, written.score)
            codes(written.item, n)
        if shop.picture_pool is not None:
            rows(n, *shop.picture_pool.arrays)
        if shop.products is not None:
            rows(n, shop.products)
            codes(shop.products, n)
        rows(len(events), events.item, events.time, events.weight, events.purchases)
        codes(events.user, users)
        ascending(events.user)
        codes(events.item, n)
        others = [getattr(histories, name) for name in (*HISTORY_ARRAYS[2:], *REPEAT_ARRAYS)]
        csr(histories.indptr, histories.items, users, n, *others)
