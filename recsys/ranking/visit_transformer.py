"""Causal transformer over visits: one vector for what a shopper is likely to meet next, read from all visits in order.

It answers what sums over a history cannot: what the visits say together, and which of them still matter. A visit is
one token, the mean of the items first met in it, so that nothing depends on the order inside a basket and a shopper of
a thousand purchases costs as much as their visits. An item is what its [CLS] vector says plus a learnt part of its own,
shrunk to nothing where it has sold little: a product of today has a place at once.

Sources: SASRec (Kang & McAuley 2018); sampled softmax over all positions in place of BERT4Rec's masks (Klenitskiy &
Vasilev 2023, "Turning Dross Into Gold Loss"; Petrov & Macdonald 2023, gSASRec; eSASRec, 2025); distances as linear
biases of the attention, which need no table of positions (Press et al. 2022, ALiBi).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.data.histories import Profile

#: Numbers of a vector, heads of the attention, and latest visits that are read.
SIZE, HEADS, VISITS = 64, 2, 50
_EPSILON = 1e-5

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class VisitTransformer:
    """A trained transformer of one layer, as arrays: reading a history needs no torch.

    Attributes
    ----------
    items
        Vectors of the catalogue's items, and of one that says nothing; shape ``(n_items + 1, SIZE)``.
    reader, reader_bias
        How the vector of a text becomes that of an item nobody has met; shapes ``(dim, SIZE)`` and ``(SIZE,)``.
    usual
        Vectors of items as they are met, popular ones more than once: what a fit is compared with.
    usual_shopper
        Mean direction of what shoppers are likely to meet next, shape ``(SIZE,)``.
    before, middle, after
        Scale and shift of the layer normalisations, shape ``(2, SIZE)``.
    attend, attend_bias, join, join_bias
        Queries, keys and values in one product, and what the heads found back in one vector.
    widen, widen_bias, narrow, narrow_bias
        The feed-forward part.
    passes
        How many times the visits were gone over, shape ``(1,)``: newer statistics are learnt as long.
    """

    items: Floats
    reader: Floats
    reader_bias: Floats
    usual: Floats
    usual_shopper: Floats
    before: Floats
    middle: Floats
    after: Floats
    attend: Floats
    attend_bias: Floats
    join: Floats
    join_bias: Floats
    widen: Floats
    widen_bias: Floats
    narrow: Floats
    narrow_bias: Floats
    passes: Floats

    def item_vectors(self, codes: NDArray[np.integer], text: Floats) -> Floats:
        """Vectors of items by code; of a product the catalogue does not have (-1), by its text alone.

        Parameters
        ----------
        codes, text
            Codes, shape ``(m,)``, and encoder vectors, shape ``(m, dim)``.
        """
        found = self.items[codes]
        unknown = np.flatnonzero(np.asarray(codes) < 0)
        if len(unknown):
            found[unknown] = text[unknown] @ self.reader + self.reader_bias
        return found

    def shopper(self, profile: Profile) -> Floats:
        """What this shopper is likely to meet next, as a direction among items; shape ``(SIZE,)``."""
        order = np.argsort(-profile.first_steps, kind="stable")
        steps = profile.first_steps[order]
        starts = np.flatnonzero(np.r_[True, np.diff(steps) != 0])[-VISITS:]
        first = starts[0]
        items = self.item_vectors(profile.items[order[first:]], profile.facts.vectors[order[first:]])
        sizes = np.diff(np.r_[starts, len(order)])
        return self._read(np.add.reduceat(items, starts - first) / sizes[:, None].astype(np.float32))

    def _read(self, visits: Floats) -> Floats:
        """The layer, for the latest visit: only its row is asked for."""
        width = SIZE // HEADS
        seen = _normalised(visits, self.before)
        query = seen[-1] @ self.attend[:, :SIZE] + self.attend_bias[:SIZE]
        keys, values = np.split(seen @ self.attend[:, SIZE:] + self.attend_bias[SIZE:], 2, axis=1)
        distance = np.arange(len(visits) - 1, -1, -1, dtype=np.float32)
        found = np.empty(SIZE, np.float32)
        for head, slope in enumerate(slopes()):
            part = slice(head * width, (head + 1) * width)
            weights = keys[:, part] @ query[part] / np.float32(np.sqrt(width)) - slope * distance
            weights = np.exp(weights - weights.max())
            found[part] = weights @ values[:, part] / weights.sum()
        state = visits[-1] + found @ self.join + self.join_bias
        wide = np.maximum(_normalised(state, self.middle) @ self.widen + self.widen_bias, 0)
        return np.asarray(_normalised(state + wide @ self.narrow + self.narrow_bias, self.after), np.float32)

    def fit(self, shopper: Floats, items: Floats) -> Floats:
        """Log-lift of meeting each item next, over what the shop's shoppers meet; shape ``(m,)``."""
        usual = self.usual @ shopper
        peak = usual.max()
        return np.asarray(items @ shopper - (peak + np.log(np.exp(usual - peak).mean())), np.float32)

    def state(self) -> dict[str, NDArray[Any]]:
        """All arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def restored(cls, state: Mapping[str, NDArray[Any]]) -> VisitTransformer:
        """Inverse of `state`.

        Raises
        ------
        ValueError
            Arrays do not fit each other.
        """
        arrays = {field.name: np.asarray(state[field.name], np.float32) for field in fields(cls)}
        dim = len(arrays["reader"])
        wide = arrays["widen"].shape[-1]
        wanted = {
            "reader": (dim, SIZE), "reader_bias": (SIZE,), "before": (2, SIZE), "middle": (2, SIZE), "after": (2, SIZE),
            "attend": (SIZE, 3 * SIZE), "attend_bias": (3 * SIZE,), "join": (SIZE, SIZE), "join_bias": (SIZE,),
            "widen": (SIZE, wide), "widen_bias": (wide,), "narrow": (wide, SIZE), "narrow_bias": (SIZE,),
            "usual_shopper": (SIZE,), "passes": (1,),
        }  # fmt: skip
        wrong = [name for name, shape in wanted.items() if arrays[name].shape != shape]
        wrong += [name for name in ("items", "usual") if arrays[name].shape[1:] != (SIZE,) or not len(arrays[name])]
        if wrong:
            raise ValueError(f"arrays of the sequence block have other shapes: {', '.join(wrong)}")
        return cls(**{name: _kept(state[name], array) for name, array in arrays.items()})


def _kept(stored: NDArray[Any], array: Floats) -> Floats:
    """The stored array itself, which may be a memory map, where it is of the right type already."""
    return stored if stored.dtype == np.float32 else array


def slopes() -> Floats:
    """How fast each head forgets: the first not at all, the others each half as fast as the one before."""
    return np.array([0.0, *(0.5**head for head in range(HEADS - 1))], np.float32)


def _normalised(x: Floats, scale: Floats) -> Floats:
    """Layer normalisation (Ba et al. 2016) of the last axis."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + _EPSILON) * scale[0] + scale[1]
