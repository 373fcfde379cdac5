"""Categories that are bought together: association rules over shoppers' baskets, by how far chance is exceeded.

Single products are bought together too seldom to tell; their categories are not. What is merely popular is taken with
everything as often as chance has it, and is no complement (Brin et al., 1997, "Beyond market baskets").
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from recsys.data import schema

_STRAY, _SHOPPERS = 4.0, 5
"""Standard deviations above chance, and shoppers, from which two categories go together."""


@dataclass(frozen=True)
class Complements:
    """How strongly categories go together: standard deviations above chance, 0 where it is not told."""

    names: tuple[str, ...]
    strength: NDArray[np.float64]

    @classmethod
    def of(cls, events: pd.DataFrame, ids: Sequence[str], categories: Sequence[str]) -> Complements:
        """Learn them from what each shopper bought, or met where nothing says what was bought."""
        names = tuple(sorted(set(categories) - {""}))
        place = {name: at for at, name in enumerate(names)}
        kind = dict(zip(ids, categories, strict=True))
        bought = events[events[schema.EVENT].astype(str) == "purchase"] if schema.EVENT in events else events
        column = bought[schema.ITEM].astype(str).map(kind).map(place)
        user = pd.factorize(bought[schema.USER].astype(str))[0]
        known = column.notna().to_numpy()
        n = int(user.max(initial=-1)) + 1
        at = (user[known], column[known].astype(int))
        met = sparse.csr_array((np.ones(int(known.sum())), at), shape=(n, len(names)))
        met.data = np.minimum(met.data, 1)
        met.sum_duplicates()
        met.data[:] = 1
        both = (met.T @ met).toarray()
        single = both.diagonal()
        chance = np.outer(single, single) / max(n, 1)
        strength = (both - chance) / np.sqrt(np.maximum(chance, 1e-9))
        strength[(strength < _STRAY) | (both < _SHOPPERS)] = 0
        np.fill_diagonal(strength, 0)
        return cls(names, strength)

    def to(self, categories: Collection[str]) -> dict[str, float]:
        """Categories that go with these, and how strongly, the strongest first."""
        rows = [at for at, name in enumerate(self.names) if name in categories]
        if not rows:
            return {}
        total = self.strength[rows].sum(axis=0)
        total[rows] = 0
        return {self.names[at]: float(total[at]) for at in np.argsort(-total, kind="stable") if total[at] > 0}
