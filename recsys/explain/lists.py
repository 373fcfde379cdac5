"""Batch explanation of recommendation lists, resumable: parts that are done are not done again after a stop.

The rows of one shopper never fall into two parts: a list is told as one.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.data.atomic import replacing, write_text
from recsys.data.histories import Profile
from recsys.data.schema import ITEM, USER
from recsys.explain import Explainer, Explanation, choose

#: Rows explained and kept together.
PART_ROWS = 512

Known = tuple[Profile, int | None]
"""A shopper's profile, and their code where the shop knows them."""
Shopper = Callable[[str], Known]
"""Finds a shopper by id."""


def explain_lists(explainer: Explainer, lists: pd.DataFrame, shopper: Shopper) -> list[Explanation]:
    """An explanation for each row of ``user_id, item_id``, in order; the rows of one user are told as one list."""
    index = explainer.statistics.snapshot.item_index
    codes = index.get_indexer(pd.Index(lists[ITEM], dtype=object))
    evidence: list[Any] = [None] * len(lists)
    for user, rows in lists.groupby(USER, sort=False).indices.items():
        profile, known = shopper(str(user))
        found = choose(explainer.evidence(profile, codes[rows].tolist(), user=known))
        for row, piece in zip(rows, found, strict=True):
            evidence[row] = piece
    return explainer.write(evidence, lists[USER].tolist())


def with_reasons(lists: pd.DataFrame, explanations: Sequence[Explanation]) -> pd.DataFrame:
    """`lists` with ``reason`` (missing where nothing worth saying is true), ``kind``, ``because`` and ``writer``.

    ``because`` is a JSON list of the ids of the purchases that the sentence names.
    """
    return lists.assign(
        reason=_texts(e.sentence for e in explanations),
        kind=_texts(e.kind for e in explanations),
        because=[json.dumps(list(e.because)) for e in explanations],
        writer=_texts(e.writer for e in explanations),
    )


def _texts(values: Iterable[str | None]) -> NDArray[np.object_]:
    """Texts as a column in which an empty one is missing."""
    return np.array([value or None for value in values], dtype=object)


def explain_resumably(
    explainer: Explainer, lists: pd.DataFrame, shopper: Shopper, parts: Path, version: str
) -> Iterator[int]:
    """Explain `lists` part by part into the directory `parts`; yields the rows done so far.

    A directory left by a run on the same version, lists and settings is continued; any other is replaced. `collect`
    puts the parts together.
    """
    content = pd.util.hash_pandas_object(lists[[USER, ITEM]], index=False).to_numpy()
    key = {
        "version": version,
        "lists": hashlib.sha256(content.tobytes()).hexdigest(),
        "columns": ["reason", "kind", "because", "writer"],
        "settings": explainer.settings.model_dump(mode="json"),
    }
    mark = parts / "run.json"
    if not mark.is_file() or json.loads(mark.read_text("utf-8")) != key:
        shutil.rmtree(parts, ignore_errors=True)
        parts.mkdir(parents=True)
        write_text(mark, json.dumps(key))
    for start, end in pairwise(_bounds(lists[USER])):
        rows = lists.iloc[start:end].reset_index(drop=True)
        file = parts / f"{start:010d}.parquet"
        if not file.is_file():
            found = explain_lists(explainer, rows, shopper)
            with replacing(file) as written:
                with_reasons(rows, found).to_parquet(written)
        yield start + len(rows)


def collect(parts: Path) -> pd.DataFrame:
    """All parts as one table, in order: the lists with the columns of `with_reasons`."""
    files = sorted(parts.glob("*.parquet"))
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True) if files else pd.DataFrame()


def _bounds(users: pd.Series) -> list[int]:
    """Where parts of about `PART_ROWS` rows begin, and the end: never between two rows of one user."""
    changes = [0, *(np.flatnonzero(users.to_numpy()[1:] != users.to_numpy()[:-1]) + 1).tolist(), len(users)]
    bounds = [0]
    for at in changes:
        if at - bounds[-1] >= PART_ROWS or (at == len(users) and at > bounds[-1]):
            bounds.append(at)
    return bounds
