"""Returns netted against purchases: what came back was not liked, and the purchase goes with it.

A return cancels the latest earlier purchase of the same shopper and item that has its quantity; where none has, it
takes its pieces off the latest earlier ones. Something taken out of the cart cancels the latest earlier cart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd


@dataclass(frozen=True)
class Netted:
    """What is left of purchases after returns.

    Attributes
    ----------
    gone
        Rows whose whole quantity came back; bool, shape ``(n,)``.
    quantity
        Quantities with the returned pieces taken off; float64, shape ``(n,)``.
    unmatched
        Returns for which no earlier purchase was found, or not one of so many pieces; bool, shape ``(n,)``.
    """

    gone: npt.NDArray[np.bool_]
    quantity: npt.NDArray[np.float64]
    unmatched: npt.NDArray[np.bool_]


def net(
    keys: pd.DataFrame,
    time: npt.NDArray[np.float64],
    quantity: npt.NDArray[np.float64],
    bought: npt.NDArray[np.bool_],
    returned: npt.NDArray[np.bool_],
) -> Netted:
    """Cancel what was bought by what was returned.

    Parameters
    ----------
    keys
        Columns that a return shares with its purchase (shopper and item), ``n`` rows.
    time
        When; rows of one time keep their order. Shape ``(n,)``.
    quantity
        Pieces of each row, above zero; NaN for one purchase, or for a return of all of the purchase it meets.
    bought, returned
        Which rows are purchases, and which are returns.
    """
    left = quantity.copy()
    gone, unmatched = np.zeros(len(keys), bool), np.zeros(len(keys), bool)
    if not returned.any():
        return Netted(gone, left, unmatched)
    pair = keys.groupby(list(keys.columns), sort=False, dropna=False).ngroup().to_numpy()
    concerned = np.flatnonzero((bought | returned) & np.isin(pair, pair[returned]))
    # A return of the same moment as its purchase comes after it.
    concerned = concerned[np.lexsort((concerned, returned[concerned], time[concerned], pair[concerned]))]
    held: list[int] = []
    before = -1
    for row in concerned.tolist():
        if pair[row] != before:
            held, before = [], pair[row]
        if not returned[row]:
            held.append(row)
        else:
            unmatched[row] = not _take(row, held, left, gone)
    return Netted(gone, left, unmatched)


def _take(row: int, held: list[int], left: npt.NDArray[np.float64], gone: npt.NDArray[np.bool_]) -> bool:
    """Take a return off the purchases still held, latest first; whether all of it was found."""
    pieces = left[row]
    exact = next((at for at in reversed(held) if left[at] == pieces), None)
    if exact is None and held and (np.isnan(pieces) or np.isnan(left[held[-1]])):
        exact = held[-1]
    if exact is not None:
        held.remove(exact)
        gone[exact] = True
        return True
    while held and pieces > 0:
        at = held[-1]
        taken = min(pieces, 1.0 if np.isnan(left[at]) else left[at])
        pieces -= taken
        if np.isnan(left[at]) or left[at] - taken <= 0:
            gone[held.pop()] = True
        else:
            left[at] -= taken
    return not pieces > 0
