"""Reasons for whole lists, off the request path: in parts, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.data.atomic import replacing, write_text
from recsys.data.histories import Profile
from recsys.data.schema import ITEM, USER
from recsys.explain import Explainer, Explanation

#: Rows explained and kept together.
PART_ROWS = 512

Known = tuple[Profile, int | None]
"""A shopper's profile, and their code where the shop knows them."""
Shopper = Callable[[str], Known]
"""Finds a shopper by id."""


def explain_lists(explainer: Explainer, lists: pd.DataFrame, shopper: Shopper) -> list[Explanation]:
    """An explanation for each row of ``user_id, item_id``, in order; each user's history is gone through once."""
    index = explainer.statistics.snapshot.item_index
    codes = index.get_indexer(pd.Index(lists[ITEM], dtype=object))
    evidence: list[Any] = [None] * len(lists)
    for user, rows in lists.groupby(USER, sort=False).indices.items():
        profile, known = shopper(str(user))
        for row, found in zip(rows, explainer.evidence(profile, codes[rows].tolist(), user=known), strict=True):
            evidence[row] = found
    return explainer.write(evidence)


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
        "settings": explainer.settings.model_dump(mode="json"),
    }
    mark = parts / "run.json"
    if not mark.is_file() or json.loads(mark.read_text("utf-8")) != key:
        shutil.rmtree(parts, ignore_errors=True)
        parts.mkdir(parents=True)
        write_text(mark, json.dumps(key))
    for start in range(0, len(lists), PART_ROWS):
        rows = lists.iloc[start : start + PART_ROWS].reset_index(drop=True)
        file = parts / f"{start:010d}.parquet"
        if not file.is_file():
            found = explain_lists(explainer, rows, shopper)
            with replacing(file) as written:
                rows.assign(reason=[e.sentence for e in found], writer=[e.writer for e in found]).to_parquet(written)
        yield start + len(rows)


def collect(parts: Path) -> pd.DataFrame:
    """All parts as one table, in order: the lists with ``reason`` and ``writer``."""
    files = sorted(parts.glob("*.parquet"))
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True) if files else pd.DataFrame()
