"""Yes and no as shops write it: states of a product in many languages, stock numbers, schema.org names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.data.numbers import to_quantity
from recsys.data.parsing import by_unique
from recsys.data.vocabulary import plain, vocabulary


def as_flags(values: pd.Series, meanings: Mapping[str, bool] | None = None) -> npt.NDArray[np.float64]:
    """Yes as 1.0, no as 0.0, NaN where it is neither or missing; a number says yes above zero.

    Parameters
    ----------
    meanings : mapping, optional
        Plain spellings (`vocabulary.plain`) and what they mean; default: the declared states of a product.
    """
    if pd.api.types.is_numeric_dtype(values):  # bool, too
        numbers = pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isnan(numbers), np.nan, (numbers > 0).astype(np.float64))
    known = vocabulary().availability if meanings is None else meanings
    found: npt.NDArray[np.float64] = by_unique(values, partial(_flag, meanings=known)).astype(np.float64)
    return found


def _flag(value: Any, meanings: Mapping[str, bool]) -> float:
    text = str(value).strip()
    word = plain(text.rstrip("/").rsplit("/", 1)[-1] if "://" in text else text)
    if word in meanings and text not in ("0", "1"):
        return float(meanings[word])
    number = to_quantity(text)
    return np.nan if np.isnan(number) else float(number > 0)
